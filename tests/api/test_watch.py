"""`bowerbird watch` and `bowerbird roots add` as a person runs them: real processes, the built-in encoder."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bowerbird.wiring import open_library
from tests.api.test_cli import NOTES, bowerbird
from tests.indexer.conftest import PLAIN

Appears = Callable[[Path, bytes], None]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that covers nothing yet."""
    folder = tmp_path_factory.mktemp("empty") / "library"
    open_library(folder, create=True, encoder="concepts").close()
    (folder / "library.toml").write_text(PLAIN)
    return folder


@pytest.fixture
def library(tmp_path: Path, empty: Path) -> Path:
    return Path(shutil.copytree(empty, tmp_path / "library"))


@pytest.fixture
def media(tmp_path: Path) -> Path:
    (tmp_path / "media").mkdir()
    shutil.copy(NOTES / "fern.md", tmp_path / "media")
    return tmp_path / "media"


@contextmanager
def watching(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    call = [Path(sys.executable).parent / "bowerbird", "watch", *arguments]
    watch = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield watch
    finally:
        watch.kill()
        watch.communicate()


@pytest.fixture
def appears(tmp_path: Path) -> Appears:
    """Puts a file there all at once, so that nobody meets half of it."""

    def put(path: Path, content: bytes) -> None:
        (tmp_path / "aside").write_bytes(content)
        (tmp_path / "aside").rename(path)

    return put


def test_it_follows_until_ctrl_c(library, media, appears):
    with watching(media, "--library", library, "--json") as watch:
        assert watch.stdout is not None
        first = json.loads(watch.stdout.readline())
        assert (first["version"], first["paths"], first["indexed"], first["failed"]) == (1, [str(media)], 1, [])
        (media / "new").mkdir()
        appears(media / "new" / "tide.txt", b"The tide was out.")
        (media / "fern.md").unlink()
        appears(media / "new" / "broken.jpg", b"\xff\xd8\xff")
        runs: list[dict] = []  # one, unless the machine takes its time between these lines
        while not all(any(run[what] for run in runs) for what in ("indexed", "removed", "failed")):
            runs.append(json.loads(watch.stdout.readline()))
        assert (sum(run["indexed"] for run in runs), sum(run["removed"] for run in runs)) == (1, 1)
        assert {Path(failed["path"]).name for run in runs for failed in run["failed"]} == {"broken.jpg"}
        found = bowerbird("search", "the sea", "--library", library, "--json").json
        assert [Path(hit["path"]).name for hit in found["hits"]] == ["tide.txt"]
        watch.send_signal(signal.SIGINT)
        out, err = watch.communicate(timeout=60)
        assert watch.returncode == 0
        assert not any(run["indexed"] or run["removed"] for run in map(json.loads, out.splitlines()))
        assert err.splitlines() == ["watching; Ctrl-C ends it", "stopped watching"]


def test_a_person_gets_a_line_for_each_run_that_did_something(library, media, appears):
    assert bowerbird("roots", "add", media, "--library", library).code == 0
    with watching("--library", library) as watch:
        assert watch.stderr is not None
        assert watch.stderr.readline() == "watching; Ctrl-C ends it\n"
        assert watch.stderr.readline().startswith(f"{media}: 1 indexed in ")
        appears(media / "broken.jpg", b"\xff\xd8\xff")
        assert watch.stderr.readline().startswith(f"{media}: 1 failed in ")
        assert "broken.jpg: " in watch.stderr.readline()
        watch.terminate()
        assert watch.communicate(timeout=60)[1] == "stopped watching\n"
        assert watch.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "no roots to watch; add one with `bowerbird roots add FOLDER`"),
        (["/nowhere/at/all"], 2, "/nowhere/at/all: no such file or directory; check the spelling"),
        (["--library", "/nowhere"], 3, "there is no library at /nowhere"),
        (["/nowhere/at/all", "--library", "/nowhere"], 2, "/nowhere/at/all is not there: check the spelling."),
    ],
)
def test_bad_calls_are_told_in_one_line(library, here, arguments, code, said):
    done = here("--library", library, "watch", *arguments)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


# --- roots add -----------------------------------------------------------------------------------


def test_roots_are_added_to_a_library_that_is_made(media, here, tmp_path):
    (media / "in").mkdir()
    (tmp_path / "other").mkdir()
    place = tmp_path / "library"
    done = here("roots", "--library", place, "add", media, "--encoder", "concepts", "--json")
    assert done.json == {"version": 1, "roots": [{"path": str(media), "files": 0, "online": True}]}
    again = here("roots", "add", media / "in", tmp_path / "other", media, "--library", place)
    assert again.out.splitlines() == [f"{media}  (0 files)", f"{tmp_path / 'other'}  (0 files)"]
    assert here("roots", "--library", place).out == again.out


def test_of_roots_that_cannot_be_added_none_is(library, media, here, tmp_path):
    done = here("roots", "add", media, tmp_path / "nowhere", "--library", library)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("nowhere: no such file or directory; check the spelling\n")
    assert here("roots", "--library", library).out == ""
    assert here("roots", "add", tmp_path / "nowhere", "--library", tmp_path / "none").code == 2
    assert not (tmp_path / "none").exists()
