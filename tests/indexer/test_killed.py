"""Killed at any moment and run again, the indexer ends where one quiet run does."""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from bowerbird.wiring import open_library
from indexer.doctor import examine
from tests.fakes import HashEncoder
from tests.media.make import photo

KILLS = 30
KILLS_OF_ONE = 8
"""A machine that has become slower since the quiet run may never let one end before it is killed."""
SETTINGS = {
    "BOWERBIRD_INDEX__COMMIT_EVERY_S": "0.02",
    "BOWERBIRD_INDEX__BATCH_SIZE": "4",
    "BOWERBIRD_INDEX__REGIONS": "4",  # or how fast the machine is today would decide, for each library anew
    "BOWERBIRD_INDEX__OCR": "false",
}
ROOT = Path(__file__).parents[2]


class Victim:
    """The process of `tests.indexer.killable`, and what it has been told."""

    def __init__(self, media: Path) -> None:
        self.media = media
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.indexer.killable"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, **SETTINGS},
        )

    def ends_within(self, seconds: float) -> bool:
        """Whether the run that is under way does; waits no longer than it takes."""
        return bool(select.select([self._process.stdout], [], [], seconds)[0])

    def index(self, library: Path, *, kill: Callable[[], object] | None = None) -> tuple[int, float]:
        """How the run ended (-9: killed, when ``kill`` came back) and the seconds it took. No child of it is left."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{library}\t{self.media}\n")
        run = int(self._process.stdout.readline())
        children: list[psutil.Process] = []
        if kill is not None:
            kill()
            with suppress(psutil.NoSuchProcess):  # it was quicker
                children = psutil.Process(run).children(recursive=True)
                psutil.Process(run).kill()
        code, seconds = self._process.stdout.readline().split()
        await_end(children)
        return int(code), float(seconds)

    def close(self) -> None:
        self._process.communicate(timeout=120)


def await_end(children: Iterable[psutil.Process]) -> None:
    """The limit is for children that nothing ends: one that had only just begun to start may take a while to see it."""
    deadline = time.monotonic() + 120
    while any(map(lives, children)):
        assert time.monotonic() < deadline, "a child outlives the process that started it"
        time.sleep(0.01)


def lives(process: psutil.Process) -> bool:
    """False for zombies too: who inherits them may be slow to bury them."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures, copies of them, notes and damaged files."""
    folder = tmp_path_factory.mktemp("killed") / "media"
    for number in range(40):
        path = folder / f"{number % 5}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo(24, 16, number - number % 10 // 9).save(path)  # every tenth is a copy
    for number in range(8):
        (folder / f"{number}.txt").write_text(f"Note {number}. " * (20 * number))
    for number in range(4):
        (folder / "3" / f"bad {number}.jpg").write_bytes(b"\xff\xd8\xff" + bytes([number]))
    return folder


@pytest.fixture(scope="module")
def victim(media: Path) -> Iterator[Victim]:
    victim = Victim(media)
    yield victim
    victim.close()


def whole(folder: Path) -> list[str]:
    """The dump of a library in which nothing is amiss."""
    with open_library(folder, load=lambda _: HashEncoder()) as library:
        found = examine(library)
        assert (found.faults, found.repaired, found.stale) == ([], [], [])
        return list(library.catalog.dump())


@pytest.mark.timeout(1200)  # 32 runs, each as long as the machine takes for one
def test_killed_at_thirty_moments_it_ends_as_after_one_quiet_run(victim, tmp_path):
    victim.index(tmp_path / "warm up")
    code, quiet = victim.index(tmp_path / "quiet")
    assert code == 4  # the damaged files
    expected = whole(tmp_path / "quiet")
    moments = random.Random(0)
    kills = libraries = 0
    while kills < KILLS:
        library = tmp_path / f"killed {libraries}"
        libraries += 1
        for _ in range(KILLS_OF_ONE):
            code, _ = victim.index(library, kill=lambda: victim.ends_within(moments.uniform(0, quiet)))
            if code != -signal.SIGKILL:
                break
            kills += 1
        else:
            code, _ = victim.index(library)
        assert code == 4
        assert whole(library) == expected


def test_a_library_that_was_killed_can_be_searched_at_once(victim, tmp_path):
    """What was acknowledged is there, and readers need not wait for a repair."""
    for number in (1, 15, 35):
        library = tmp_path / f"killed {number}"

        def committed(library: Path = library, number: int = number) -> None:
            while files_in(library) < number:
                time.sleep(0.001)

        victim.index(library, kill=committed)
        with open_library(library, load=lambda _: HashEncoder()) as opened:
            found = examine(opened)
            assert (found.faults, found.stale) == ([], [])
            views = [opened.views.view(opened.space(key.space_id), key.kind) for key in opened.view_keys()]
            lines = map(json.loads, opened.catalog.dump())
            assert sum(map(len, views)) == sum(line.get("in_views", False) for line in lines)


# --- the program as it is installed --------------------------------------------------------------


def test_the_program_with_its_own_encoder(tmp_path):
    """Vectors differ in their last bits with the sizes of the batches that the runs cut; all else is the same."""
    media = tmp_path / "media"
    media.mkdir()
    for number in range(40):
        photo(80, 60, number).save(media / f"{number}.jpg")
    (media / "note.txt").write_text("The tide was out. We walked as far as the lighthouse.")
    command = [
        Path(sys.executable).parent / "bowerbird",
        "index",
        media,
        "--encoder",
        "concepts",
        "--regions",
        "4",
        "--library",
    ]
    subprocess.run([*command, tmp_path / "quiet"], check=True, capture_output=True)
    library = tmp_path / "killed"
    numbers = random.Random(1)
    slow = {**os.environ, "BOWERBIRD_INDEX__COMMIT_EVERY_S": "0", "BOWERBIRD_DECODE__WORKERS": "1"}
    for _ in range(3):
        run = subprocess.Popen([*command, library], env=slow, stderr=subprocess.DEVNULL)
        enough = files_in(library) + numbers.randint(1, 8)
        while run.poll() is None and files_in(library) < enough:
            time.sleep(0.002)
        children: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):  # it was quicker
            children = psutil.Process(run.pid).children(recursive=True)
        run.kill()
        assert run.wait() in (-signal.SIGKILL, 0)
        await_end(children)
    assert files_in(library) > 0
    subprocess.run([*command, library], check=True, capture_output=True)
    killed, quiet = whole_but_vectors(library), whole_but_vectors(tmp_path / "quiet")
    assert killed[0] == quiet[0]
    np.testing.assert_allclose(killed[1], quiet[1], atol=2e-3)
    assert (killed[1] * quiet[1]).sum(axis=1).min() > 0.9999


def files_in(folder: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{folder / 'catalog.db'}?mode=ro", uri=True)) as sql:
            return int(sql.execute("SELECT count(*) FROM location").fetchone()[0])
    except sqlite3.Error:  # not there yet
        return 0


def whole_but_vectors(folder: Path) -> tuple[list[str], np.ndarray]:
    """The dump without vectors' hashes, and the vectors, shape ``(assets, dimension)``, by the files' hashes."""
    with open_library(folder, load=lambda _: HashEncoder()) as library:
        assert (found := examine(library)).well, found
        lines = [json.loads(line) for line in library.catalog.dump()]
        vectors = []
        with library.catalog.read() as tx:
            for hash_ in sorted(line["hash"] for line in lines if line["table"] == "asset"):
                asset = tx.assets.by_hash(hash_)
                assert asset is not None
                vectors += [each.vector for _, each in tx.segments.embeddings_of(asset.id, library.joint.id)]
    return sorted(str({**line, "vector": ""}) for line in lines), np.asarray(vectors, np.float32)
