"""Keys and sessions: who holds one may enter, and nobody else, whatever they send."""
# ruff: noqa: F811  # fixtures of the store's tests, which run on both databases

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import assume, given
from hypothesis import strategies as st

from api.keys import (
    LOCAL,
    MOST_NAME,
    Caller,
    KeyRefused,
    Scope,
    any_keys,
    caller_of,
    caller_of_session,
    create,
    keys,
    revoke,
    sign_in,
    sign_out,
)
from bowerbird.errors import UsageError
from bowerbird.store.catalog import Catalog
from bowerbird.store.engine import sqlite_url
from bowerbird.store.tables import api_key, session
from tests.store.conftest import catalog, postgres, postgres_url, sqlite, url  # noqa: F401

PAST = timedelta(seconds=-1)
_URL_SAFE = st.sampled_from("ABCXYZabcxyz0189-_")


def end_now(catalog: Catalog, table: sa.Table) -> None:
    """Let what stands there have ended a while ago."""
    with catalog.write() as tx:
        tx.connection.execute(sa.update(table).values(expires_at=datetime.now(UTC) + PAST))


class TestScopes:
    @pytest.mark.parametrize(
        ("held", "covers"),
        [
            ([], []),
            (["search"], ["search"]),
            (["index"], ["search", "index"]),
            (["search", "index"], ["search", "index"]),
            (["admin"], ["search", "index", "admin"]),
        ],
    )
    def test_some_cover_others(self, held: list[str], covers: list[str]) -> None:
        caller = Caller("phone", 1, frozenset(map(Scope, held)))
        assert [each for each in Scope if caller.may(each)] == covers

    def test_whoever_sits_here_may_do_all(self) -> None:
        assert all(LOCAL.may(each) for each in Scope)
        assert LOCAL.key_id is None

    def test_a_scope_of_a_newer_program_opens_nothing(self, catalog: Catalog) -> None:
        token, key = create(catalog, "phone", ["search"])
        with catalog.write() as tx:
            tx.connection.execute(sa.update(api_key).values(scopes="erase search"))
        assert caller_of(catalog, token) == Caller("phone", key.id, frozenset({Scope.SEARCH}))


class TestKeys:
    def test_who_holds_the_token_is_known(self, catalog: Catalog) -> None:
        token, key = create(catalog, " phone ", ["search", Scope.INDEX])
        other, _ = create(catalog, "desk", ["admin"])
        assert caller_of(catalog, token) == Caller("phone", key.id, frozenset({Scope.SEARCH, Scope.INDEX}))
        assert caller_of(catalog, other).name == "desk"  # type: ignore[union-attr]
        assert [each.name for each in keys(catalog)] == ["desk", "phone"]
        assert keys(catalog)[1] == key
        assert key.live
        assert key.expires_at is None

    def test_nobody_else_is(self, catalog: Catalog) -> None:
        first, _ = create(catalog, "phone", ["search"])
        second, _ = create(catalog, "desk", ["search"])
        _, number, secret = first.split("_", 2)
        swapped = f"bb_{number}_{second.split('_', 2)[2]}"
        changed = first[:-1] + ("A" if first[-1] != "A" else "B")
        for wrong in (swapped, changed, f"bb_999_{secret}", f"bb_0{number}_{secret}", first.upper(), secret):
            assert caller_of(catalog, wrong) is None

    def test_what_was_revoked_or_has_ended_opens_nothing(self, catalog: Catalog) -> None:
        token, _ = create(catalog, "phone", ["search"])
        ending, _ = create(catalog, "desk", ["search"], datetime.now(UTC) + timedelta(hours=1))
        assert any_keys(catalog)
        revoke(catalog, "phone")
        assert caller_of(catalog, token) is None
        assert caller_of(catalog, ending) is not None
        end_now(catalog, api_key)
        assert caller_of(catalog, ending) is None
        assert [(each.name, each.live) for each in keys(catalog)] == [("desk", False)]
        assert not any_keys(catalog)

    def test_a_name_is_free_again_when_its_key_is_gone_or_has_ended(self, catalog: Catalog) -> None:
        first, _ = create(catalog, "phone", ["search"])
        with pytest.raises(UsageError, match="there is a key 'phone' already"):
            create(catalog, "phone", ["admin"])
        end_now(catalog, api_key)
        second, _ = create(catalog, "phone", ["search"])
        revoke(catalog, "phone")
        third, _ = create(catalog, "phone", ["search"])
        assert [caller_of(catalog, each) is None for each in (first, second, third)] == [True, True, False]
        assert len(keys(catalog)) == 1

    @pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0b", "\ud800", "a\u2028b", "x" * (MOST_NAME + 1)])
    def test_a_name_can_be_shown_in_a_line(self, catalog: Catalog, name: str) -> None:
        for wrong in (lambda: create(catalog, name, ["search"]), lambda: revoke(catalog, name)):
            with pytest.raises(UsageError, match="one line of 1 to 100 characters"):
                wrong()

    def test_what_looks_the_same_is_the_same_name(self, catalog: Catalog) -> None:
        create(catalog, "e\u0301te\u0301", ["search"])
        revoke(catalog, "\u00e9t\u00e9")
        assert not any_keys(catalog)

    def test_wrong_calls_are_explained(self, catalog: Catalog) -> None:
        create(catalog, "phone", ["search"])
        for call, says in (
            (lambda: create(catalog, "x", []), "without a scope"),
            (
                lambda: create(catalog, "x", ["search", "delete"]),
                "no scope 'delete'; choose from: search, index, admin",
            ),
            (lambda: create(catalog, "x", ["search"], datetime.now(UTC) + PAST), "ended before it began"),
            (lambda: revoke(catalog, "phones"), "no key 'phones'. Did you mean 'phone'"),
            (lambda: sign_in(catalog, "phone"), "bowerbird keys create"),
        ):
            with pytest.raises(UsageError, match=says) as raised:
                call()
            assert "\n" not in str(raised.value)
        assert [each.name for each in keys(catalog)] == ["phone"]


class TestSessions:
    def test_a_session_may_what_its_key_may_until_it_is_ended(self, catalog: Catalog) -> None:
        token, _ = create(catalog, "phone", ["index"])
        first, second = sign_in(catalog, token), sign_in(catalog, token)
        assert caller_of_session(catalog, first) == caller_of_session(catalog, second) == caller_of(catalog, token)
        for _ in range(2):
            sign_out(catalog, first)
            assert caller_of_session(catalog, first) is None
            assert caller_of_session(catalog, second) is not None
        assert caller_of(catalog, token) is not None

    def test_revoking_the_key_ends_its_sessions_and_no_others(self, catalog: Catalog) -> None:
        tokens = [create(catalog, name, ["search"])[0] for name in ("phone", "desk")]
        phone, desk = (sign_in(catalog, each) for each in tokens)
        revoke(catalog, "phone")
        assert caller_of_session(catalog, phone) is None
        assert caller_of_session(catalog, desk) is not None
        with pytest.raises(KeyRefused):
            sign_in(catalog, tokens[0])

    def test_a_session_ends_by_itself_and_with_its_key(self, catalog: Catalog) -> None:
        token, _ = create(catalog, "phone", ["search"])
        ended = sign_in(catalog, token, lasts=PAST)
        assert caller_of_session(catalog, ended) is None
        lasting = sign_in(catalog, token)
        end_now(catalog, api_key)
        assert caller_of_session(catalog, lasting) is None
        with pytest.raises(KeyRefused):
            sign_in(catalog, token)

    def test_a_key_that_is_revoked_while_one_signs_in_opens_nothing(
        self, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        token, _ = create(catalog, "phone", ["search"])

        def late() -> Any:
            monkeypatch.undo()
            revoke(catalog, "phone")
            return catalog.write()

        monkeypatch.setattr(catalog, "write", late)
        with pytest.raises(KeyRefused):
            sign_in(catalog, token)
        assert not any_keys(catalog)

    def test_it_lasts_for_thirty_days_or_as_one_wishes(self, catalog: Catalog) -> None:
        token, _ = create(catalog, "phone", ["search"])
        for asked, lasts in (({}, timedelta(days=30)), ({"lasts": timedelta(hours=2)}, timedelta(hours=2))):
            before = datetime.now(UTC)
            opened = sign_in(catalog, token, **asked)
            with catalog.read() as tx:
                (ends,) = tx.connection.execute(sa.select(session.c.expires_at)).scalars()
            assert before + lasts <= ends <= datetime.now(UTC) + lasts
            sign_out(catalog, opened)

    def test_a_key_is_no_session_and_a_session_no_key(self, catalog: Catalog) -> None:
        token, key = create(catalog, "phone", ["search"])
        opened = sign_in(catalog, token)
        for each in (token, token.split("_", 2)[2]):
            assert caller_of_session(catalog, each) is None
        for each in (opened, f"bb_{key.id}_{opened}"):
            assert caller_of(catalog, each) is None
            with pytest.raises(KeyRefused):
                sign_in(catalog, each)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Catalog, str, str]]:
    """A catalogue, the token of a key in it, and that of its session."""
    opened = Catalog(sqlite_url(tmp_path_factory.mktemp("keys") / "catalog.db"), create=True)
    token, _ = create(opened, "phone", ["search"])
    yield opened, token, sign_in(opened, token)
    opened.close()


class TestStrangers:
    @given(
        st.text(max_size=60)
        | st.binary(max_size=60)
        | st.none()
        | st.integers()
        | st.builds("bb_{}_{}".format, st.integers(-1, 10**20), st.text(_URL_SAFE, min_size=40, max_size=46))
        | st.text(_URL_SAFE, min_size=43, max_size=43)
    )
    def test_nothing_that_is_made_up_opens(self, known: tuple[Catalog, str, str], said: object) -> None:
        catalog, _, _ = known
        assert caller_of(catalog, said) is None
        assert caller_of_session(catalog, said) is None
        sign_out(catalog, said)

    @given(st.data())
    def test_nothing_that_is_nearly_right_opens(self, known: tuple[Catalog, str, str], data: st.DataObject) -> None:
        catalog, *right = known
        for token, asks in zip(right, (caller_of, caller_of_session), strict=True):
            start, end = sorted((data.draw(st.integers(0, len(token))), data.draw(st.integers(0, len(token)))))
            wrong = token[:start] + data.draw(st.text(_URL_SAFE | st.characters(), max_size=3)) + token[end:]
            assume(wrong != token)
            assert asks(catalog, wrong) is None
            assert asks(catalog, token) is not None

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda token: token.encode(),
            lambda token: token + "\0",
            lambda token: token + "\n",
            lambda token: " " + token,
            lambda token: token[:-1] + "é",
            lambda token: token[:-1] + "\ud800",
            lambda token: token[:3] + "\u0661" + token[4:],
            lambda token: token * 200_000,
            lambda token: "bb_" + "1" * 10_000_000,
            lambda token: "bb_1_" + "a" * 10_000_000,
            lambda token: b"\xff" * 10_000_000,
            lambda token: [token],
        ],
    )
    def test_what_is_no_token_is_refused_without_asking_the_database(
        self, known: tuple[Catalog, str, str], spoil: Callable[[str], Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        catalog, token, opened = known
        asked: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
            asked.append(statement)

        sa.event.listen(catalog.engine, "before_cursor_execute", note)
        try:
            with caplog.at_level(logging.DEBUG):
                assert caller_of(catalog, spoil(token)) is None
                assert caller_of_session(catalog, spoil(opened)) is None
                sign_out(catalog, spoil(opened))
                with pytest.raises(KeyRefused) as raised:
                    sign_in(catalog, spoil(token))
        finally:
            sa.event.remove(catalog.engine, "before_cursor_execute", note)
        assert asked == []
        assert len(str(raised.value)) < 120
        assert caplog.text == ""

    def test_a_stranger_holds_up_no_writer(self, known: tuple[Catalog, str, str]) -> None:
        catalog, token, _ = known
        with catalog.write():  # an indexer is at it
            with pytest.raises(KeyRefused):
                sign_in(catalog, token[:-2] + "__")
            sign_out(catalog, "a" * 43)
            assert caller_of(catalog, token) is not None


class TestSecrecy:
    def test_no_secret_stands_in_the_database(self, tmp_path: Path) -> None:
        opened = Catalog(sqlite_url(tmp_path / "catalog.db"), create=True)
        token, _ = create(opened, "the-name-of-a-key", ["search"])
        with_it = sign_in(opened, token)
        opened.close()
        stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert b"the-name-of-a-key" in stored
        for secret in (token, token.split("_", 2)[2], with_it):
            assert secret.encode() not in stored
            assert secret[:20].encode() not in stored

    def test_no_token_is_repeated(self, catalog: Catalog, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            token, key = create(catalog, "phone", ["search"])
            opened = sign_in(catalog, token)
            said = [repr(each) for each in (key, keys(catalog), caller_of(catalog, token))]
            with catalog.read() as tx:
                said.append(repr(tx.keys.all()))
            for call in (
                lambda: create(catalog, f"my {token}", ["search"]),
                lambda: revoke(catalog, token),
                lambda: sign_in(catalog, opened),
                lambda: sign_in(catalog, token[:-2]),
            ):
                with pytest.raises(UsageError) as raised:
                    call()
                said.append(str(raised.value))
        for secret in (token.split("_", 2)[2][:20], opened[:20]):
            assert secret not in "".join(said) + caplog.text

    def test_no_two_tokens_are_alike(self, catalog: Catalog) -> None:
        made = [create(catalog, f"key {n}", ["search"])[0] for n in range(20)]
        assert len({each.split("_", 2)[2] for each in made}) == 20
        assert len({sign_in(catalog, each) for each in made} | {sign_in(catalog, each) for each in made}) == 40
