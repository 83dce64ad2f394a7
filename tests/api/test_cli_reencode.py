"""`bowerbird reencode` as a person would run it; the whole way is in `tests.indexer.test_switch_encoder`."""

from __future__ import annotations

from pathlib import Path

import pytest

from bowerbird.types import SpaceName, SpaceState
from bowerbird.wiring import open_library
from tests.api.conftest import Here
from tests.api.test_cli import bowerbird


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One note, under the built-in encoder."""
    folder = tmp_path_factory.mktemp("reencode")
    (folder / "note.txt").write_text("The tide was out.")
    assert bowerbird("index", folder / "note.txt", "--library", folder / "library", "--encoder", "concepts").code == 0
    return folder / "library"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "no other encoder has been begun; name one with --encoder SPEC"),
        (["--encoder", "concepts"], 2, "is under concepts already; name another encoder"),
        (["--encoder", "minilm"], 2, "minilm reads no pictures; choose concepts or open_clip"),
        (["--encoder", "conepts"], 2, "did you mean concepts?"),
        (["--encoder", "open_clip:ViT-B-32//nowhere/weights.pt"], 3, "no checkpoint at /nowhere/weights.pt"),
        (["--activate"], 2, "nothing has been built to switch to"),
        (["--rollback"], 2, "no earlier encoder is kept to go back to"),
        (["--retire"], 2, "there is nothing to retire"),
        (["--even-so"], 2, "--even-so goes with --activate."),
        (["--activate", "--rollback"], 2, "choose one."),
        (["--library", "/nowhere", "--status"], 3, "there is no library at /nowhere"),
    ],
)
def test_bad_calls_are_told_in_one_line(library: Path, here: Here, arguments: list[str], code: int, said: str) -> None:
    done = here("--library", library, "reencode", *arguments)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_status_tells_what_is_searched_and_built(library: Path, here: Here) -> None:
    assert here("--library", library, "reencode", "--status").out == "searched  concepts\n"
    with open_library(library) as opened, opened.catalog.write() as tx:
        found = opened.needed_spaces("concepts")[SpaceName.JOINT]
        tx.spaces.add(SpaceName.TEXT, found, SpaceState.BUILDING)
        tx.meta.set("spaces", '{"building": [2]}')
    assert "building  concepts: 0 of 1 vectors" in here("--library", library, "reencode", "--status").out
    found = here("--library", library, "reencode", "--status", "--json").json
    assert (found["building"]["missing"], found["building"]["ready"], found["kept"]) == (1, False, None)
    said = here("--library", library, "status").out
    assert "space     text: concepts, " in said
    assert ", building\n" in said
    assert "building  concepts: 0 of 1 vectors" in said
    gone = here("--library", library, "reencode", "--retire", "--json").json
    assert [space["name"] for space in gone["retired"]] == ["text"]
    assert here("--library", library, "reencode", "--status").out == "searched  concepts\n"
