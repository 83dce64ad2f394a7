"""From `concepts` to an `open_clip` checkpoint and back, in a library that is searched all the while.

Real encoders, real files, other processes. The checkpoint is made here with a fixed seed; what it thinks of a picture
means nothing, but a picture is always nearest to itself, and texts are compared by the text space beside it.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import skimage.data

from bowerbird.models.registry import load_encoder
from bowerbird.settings import cache_folder
from bowerbird.types import IndexReport, SpaceState
from bowerbird.wiring import open_library
from indexer import open_indexer
from indexer.doctor import examine
from indexer.status import status_of
from search import Search, open_search
from tests.indexer.test_killed import ROOT
from tests.models.test_open_clip import TINY

PHOTOS = ("chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg", "brick.png", "motorcycle_left.png")
NOTES = ROOT / "samples" / "notes"
ARCHITECTURE = "tiny-test"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The spec of a small model, converted here once, so that the program need not know its architecture."""
    import open_clip
    import torch

    folder = tmp_path_factory.mktemp("checkpoint")
    (folder / f"{ARCHITECTURE}.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / f"{ARCHITECTURE}.json")
    torch.manual_seed(0)
    torch.save(open_clip.create_model(ARCHITECTURE).state_dict(), folder / "weights.pt")
    spec = f"open_clip:{ARCHITECTURE}/{folder / 'weights.pt'}"
    encoder = load_encoder(spec, cache=cache_folder())
    assert encoder.background("image") is not None
    assert encoder.background("text") is not None
    return spec


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("switch") / "media"
    shutil.copytree(NOTES, folder)
    for name in PHOTOS:
        shutil.copyfile(Path(skimage.data.__file__).parent / name, folder / name)
    return folder


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here and in the processes that are started: small steps, and only what is needed."""
    for name, value in {
        "INDEX__OCR": "false",
        "INDEX__TRANSCRIBER": "none",
        "INDEX__REGIONS": "4",
        "INDEX__COMMIT_EVERY_S": "0",
        "INDEX__BATCH_SIZE": "2",
        "DECODE__WORKERS": "1",
    }.items():
        monkeypatch.setenv(f"BOWERBIRD_{name}", value)


def bowerbird(library: Path, *arguments: str | Path) -> dict:
    """What the program says. It must end well."""
    call = [Path(sys.executable).parent / "bowerbird", "--library", library, *arguments, "--json"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def index(library: Path, media: Path) -> IndexReport:
    with open_indexer(library, encoder=None if library.exists() else "concepts") as indexer:
        return indexer.index([media])


def vectors_in_other_spaces(library: Path) -> int:
    with closing(sqlite3.connect(f"file:{library / 'catalog.db'}?mode=ro", uri=True)) as sql:
        query = "SELECT count(*) FROM embedding JOIN space ON space.id = space_id WHERE space.state != 'active'"
        return int(sql.execute(query).fetchone()[0])


def killed_after(library: Path, spec: str, enough: int) -> int:
    """Re-encode in a process that is killed somewhere after so many vectors; returns how many it has left behind."""
    most = enough - vectors_in_other_spaces(library) + 2  # that it makes, however long this process is kept waiting
    call = [sys.executable, "-m", "tests.indexer.reencoding", library, spec, str(most)]
    run = subprocess.Popen(call, cwd=ROOT)
    while run.poll() is None and vectors_in_other_spaces(library) < enough:
        time.sleep(0.005)
    time.sleep(random.Random(enough).uniform(0, 0.05))
    run.kill()
    assert run.wait() == -signal.SIGKILL
    return vectors_in_other_spaces(library)


@dataclass
class Searcher:
    """Somebody who searches on and on, in one process that stays open."""

    search: Search
    media: Path
    answers: Counter[str] = field(default_factory=Counter)
    """Right ones, by the encoder that they were found with."""
    wrong: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                self.ask("fern.md", text="how to repot a fern")
                self.ask("chelsea.png", image=self.media / "chelsea.png")
                self.ask("astronaut.png", image=self.media / "astronaut.png", kinds=["image"])
                time.sleep(0.05)  # and leave the processor to others
            except Exception as error:  # for the test to see
                self.wrong.append(repr(error))

    def ask(self, expected: str, **query: object) -> None:
        hits = self.search.search(limit=3, **query).hits  # type: ignore[arg-type]
        if hits and Path(hits[0].path).name == expected:
            self.answers[self.search.library.joint.spec] += 1
        else:
            self.wrong.append(f"{query}: {[hit.path for hit in hits]}")

    def await_answers(self, encoder: str, more: int = 6) -> None:
        """Until so many more have been found with this encoder."""
        enough, deadline = self.answers[encoder] + more, time.monotonic() + 240
        while self.answers[encoder] < enough:
            assert not self.wrong
            assert time.monotonic() < deadline, f"no answers of {encoder}: {self.answers}"
            time.sleep(0.01)


@contextmanager
def searching(library: Path, media: Path) -> Iterator[Searcher]:
    with open_search(library) as search:
        searcher = Searcher(search, media)
        thread = threading.Thread(target=searcher.run, name="searcher")
        thread.start()
        try:
            yield searcher
        finally:
            searcher.stop.set()
            thread.join()


def test_to_open_clip_and_back_while_searches_go_on(checkpoint: str, media: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"

    def nothing_to_do() -> bool:
        report = index(library, media)
        return report.indexed == 0 and report.reused == report.seen

    assert not index(library, media).failed
    with searching(library, media) as searcher:
        searcher.await_answers("concepts")
        first = killed_after(library, checkpoint, 8)
        second = killed_after(library, checkpoint, first + 12)
        built = bowerbird(library, "reencode")
        assert (built["encoder"], built["ready"]) == (checkpoint, True)
        assert 8 <= first < first + 12 <= second < second + built["encoded"]
        with open_library(library) as opened, opened.catalog.read() as tx:
            building = opened.spaces_in(SpaceState.BUILDING)
            needed = sum(tx.vacancies(space).size() for space in building)
            tried = Search(opened, building).search(image=media / "coffee.png")
            assert Path(tried.hits[0].path).name == "coffee.png", "it can be tried before it is switched to"
        assert second + built["encoded"] == needed, "nothing was encoded twice"
        assert built["from_thumbnails"] == 0
        assert nothing_to_do()
        searcher.await_answers("concepts")

        bowerbird(library, "reencode", "--activate")
        searcher.await_answers(checkpoint)
        assert nothing_to_do()

        bowerbird(library, "reencode", "--rollback")
        searcher.await_answers("concepts")
        assert nothing_to_do()
        hits = searcher.search.search("a cat").hits
        assert Path(hits[0].path).name == "chelsea.png"

        bowerbird(library, "reencode", "--retire")
        searcher.await_answers("concepts")
    assert searcher.wrong == []
    with open_library(library) as opened:
        assert [space["encoder"] for space in status_of(opened)["spaces"]] == ["concepts"]
        assert examine(opened).well
