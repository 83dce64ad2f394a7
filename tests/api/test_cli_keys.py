"""`keys` as a person calls it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from api.cli import main
from api.keys import Scope, caller_of, keys, revoke
from bowerbird.store.tables import api_key
from bowerbird.wiring import open_library
from tests.fakes import HashEncoder


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Bowerbird = Callable[..., Done]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys") / "library"
    open_library(folder, create=True, encoder="hash", load=lambda _: HashEncoder()).close()
    return folder


@pytest.fixture
def bowerbird(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bowerbird:
    """The program in this process, with the library of `folder`, which has no keys yet."""
    with open_library(folder) as library:
        for key in keys(library):
            revoke(library, key.name)
    monkeypatch.setenv("BOWERBIRD_LIBRARY", str(folder))

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["bowerbird", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "a fault of ours" not in err
        return Done(int(end.value.code or 0), out, err)

    return run


def test_create_list_revoke(bowerbird: Bowerbird, folder: Path) -> None:
    assert "no keys yet" in bowerbird("keys").err
    days = {f"{datetime.now():%Y-%m-%d}"}
    made = bowerbird("keys", "create", "phone", "--scope", "search", "--scope", "index")
    assert made.code == 0
    assert made.err.splitlines() == ["keep this token as you keep a password: it will not be shown again"]
    (token,) = made.out.splitlines()
    with open_library(folder) as library:
        caller = caller_of(library, token)
        assert caller is not None
        assert caller.scopes == {Scope.SEARCH, Scope.INDEX}
    days.add(f"{datetime.now():%Y-%m-%d}")
    assert bowerbird("keys").out in {f"phone\tindex,search\tmade {day}\tnever ends\n" for day in days}
    assert bowerbird("keys", "list").out == bowerbird("keys").out
    assert bowerbird("keys", "revoke", "phone").err.startswith("revoked the key phone;")
    assert bowerbird("keys").out == ""
    with open_library(folder) as library:
        assert caller_of(library, token) is None


def test_json_has_what_scripts_rely_on(bowerbird: Bowerbird, folder: Path) -> None:
    made = bowerbird("keys", "create", "phone", "--json")
    told = made.json
    assert set(told) == {"version", "token", "key"}
    assert told["version"] == 1
    assert set(told["key"]) == {"name", "scopes", "created_at", "expires_at", "live"}
    assert (told["key"]["scopes"], told["key"]["expires_at"]) == (["search"], None)
    assert told["token"] not in made.err
    with open_library(folder) as library:
        assert caller_of(library, told["token"]) is not None
    assert bowerbird("keys", "--json").json == {"version": 1, "keys": [told["key"]]}
    assert bowerbird("keys", "list", "--json").json == bowerbird("keys", "--json").json


def test_when_it_ends(bowerbird: Bowerbird, folder: Path) -> None:
    before = datetime.now(UTC)
    day = date.today() + timedelta(days=400)
    assert bowerbird("keys", "create", "days", "--expires", "90d").code == 0
    assert bowerbird("keys", "create", "day", "--expires", str(day)).code == 0
    with open_library(folder) as library:
        a_day, in_days = (each.expires_at for each in keys(library))
    assert before <= in_days - timedelta(days=90) <= datetime.now(UTC)
    assert a_day.astimezone().replace(tzinfo=None) == datetime.combine(day, datetime.min.time())
    assert re.search(rf"^day\tsearch\tmade [\d-]+\tends {day}$", bowerbird("keys").out, re.MULTILINE)
    with open_library(folder) as library, library.catalog.write() as tx:
        tx.connection.execute(sa.update(api_key).values(expires_at=before))
    assert [line.split("\t")[3].split()[0] for line in bowerbird("keys").out.splitlines()] == ["ended", "ended"]


def test_the_library_may_be_named_anywhere(bowerbird: Bowerbird, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOWERBIRD_LIBRARY", str(folder / "nowhere"))
    here = ["--library", str(folder)]
    assert bowerbird("keys").code == 3
    assert bowerbird("keys", "create", "x", *here).code == 0
    assert bowerbird("keys", *here, "list").out.startswith("x\t")
    assert bowerbird("keys", "list", *here).out.startswith("x\t")
    assert bowerbird(*here, "keys").out.startswith("x\t")
    assert bowerbird("keys", *here, "revoke", "x").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create"], "NAME"),
        (["create", ""], "a key's name is one line"),
        (["create", "x", "--scope", "all"], "no scope 'all'; choose from: search, index, admin"),
        (["create", "x", "--expires", "soon"], "90d"),
        (["create", "x", "--expires", "99999999d"], "90d"),
        (["create", "x", "--expires", "2027-02-30"], "90d"),
        (["create", "x", "--expires", "0001-01-01"], "--expires"),
        (["create", "x", "--expires", "0d"], "ended before it began"),
        (["create", "x", "--expires", "2001-01-01"], "ended before it began"),
        (["revoke", "x"], "no key 'x'"),
        (["revoke", f"bb_1_{'a' * 43}"], "a key's token, not its name"),
        (["forget", "x"], "forget"),
    ],
)
def test_a_wrong_call_is_told_in_one_line(bowerbird: Bowerbird, arguments: list[str], says: str) -> None:
    done = bowerbird("keys", *arguments)
    assert done.code == 2
    assert says in done.err
    assert len(done.err.splitlines()) == 1
    assert "a" * 43 not in done.err
    assert done.out == ""
    assert bowerbird("keys").out == ""
