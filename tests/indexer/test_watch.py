"""The library follows its roots: real changes to real files, indexed as soon as they are at rest."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import watchfiles

from bowerbird.errors import BowerbirdError, UsageError
from bowerbird.store.lease import held
from bowerbird.types import FailedFile, IndexReport
from indexer import watch
from indexer.forget import forget
from indexer.roots import add_roots
from indexer.watch import Watcher, WatchRun, _Pending
from tests.indexer.workshop import Workshop
from tests.waiting import until


class Watched:
    """A watcher in a thread of its own, and what it has said."""

    def __init__(self, workshop: Workshop, *paths: Path) -> None:
        self.workshop = workshop
        self.runs: list[WatchRun] = []
        self.said: list[str] = []
        self.failed: list[BaseException] = []
        self.tries = 0
        self.under_way = 0
        """How many runs there will be when this one is done."""
        self.watcher = Watcher(
            workshop.library,
            self.index,
            paths,
            on_run=self.runs.append,
            say=self.said.append,
            quiet_s=0.15,
            at_most_s=5,
            again_s=0.1,
        )

    def index(self, paths: Sequence[Path]) -> IndexReport:
        self.tries += 1
        self.under_way = len(self.runs) + 1
        try:
            return self.workshop.index(*paths)
        except BowerbirdError:
            self.under_way = 0
            raise

    def names(self) -> list[str]:
        return self.workshop.names()

    @property
    def places(self) -> list[list[str]]:
        """What each run went through, relative to the media folder."""
        return list(map(self.place, list(self.runs)))

    def place(self, run: WatchRun) -> list[str]:
        return [os.path.relpath(path, self.workshop.media) for path in run.paths]

    @property
    def changes(self) -> list[WatchRun]:
        """The runs after which the library was another. How many more there are is the machine's affair: what is one
        change may be told in pieces, with a pause between them.
        """
        return [run for run in list(self.runs) if run.changed]

    @property
    def idle(self) -> bool:
        """Whether nothing runs, and nothing waits."""
        return not self.watcher._pending.folders and self.under_way <= len(self.runs)

    def rest(self, *names: str) -> None:
        """Wait until the library holds exactly these files, and nothing is left to be done."""
        until(lambda: self.failed or (self.names() == sorted(names) and self.idle))
        assert not self.failed


@contextmanager
def watching(workshop: Workshop, *paths: Path) -> Iterator[Watched]:
    """All that is there has been indexed when this begins."""
    watched = Watched(workshop, *paths)
    stop = threading.Event()

    def run() -> None:
        try:
            watched.watcher.run(stop)
        except BaseException as error:
            watched.failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: watched.runs or watched.failed)
        yield watched
    finally:
        stop.set()
        thread.join(120)
    assert not thread.is_alive()
    assert not watched.failed


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_LOOK_EVERY_S", 0.05)


@pytest.fixture
def root(workshop: Workshop) -> Workshop:
    """Its media folder is a root, with a picture in it and one in a folder."""
    workshop.picture("a.png", 1)
    workshop.picture("in/b.png", 2)
    add_roots(workshop.library.catalog, [workshop.media])
    return workshop


def put(root: Workshop, name: str, seed: int) -> Path:
    """A picture that is there whole from the first moment, where one that is being written may be seen half-way."""
    made = root.picture(f"../being made/{Path(name).name}", seed)
    return made.replace(root.media / name)


# --- it follows ----------------------------------------------------------------------------------


def test_what_is_made_changed_renamed_and_deleted(root):
    with watching(root) as watched:
        watched.rest("a.png", "in/b.png")
        assert watched.places == [["."]]
        put(root, "in/c.png", 3)
        watched.rest("a.png", "in/b.png", "in/c.png")
        before = root.found()
        put(root, "in/c.png", 4)
        until(lambda: root.found()[str(root.media / "in/c.png")] != before[str(root.media / "in/c.png")])
        until(lambda: len(watched.changes) == 3)
        (root.media / "in/c.png").rename(root.media / "in/d.png")
        watched.rest("a.png", "in/b.png", "in/d.png")
        (root.media / "a.png").unlink()
        watched.rest("in/b.png", "in/d.png")
        changes = watched.changes
        assert list(map(watched.place, changes)) == [["."], ["in"], ["in"], ["in"], ["."]]
        assert [(run.report.moved, run.report.removed) for run in changes[3:]] == [(1, 0), (0, 1)]


def test_a_picture_that_is_written_in_its_place(root):
    with watching(root) as watched:
        root.picture("in/c.png", 3)
        watched.rest("a.png", "in/b.png", "in/c.png")
        before = root.found()
        root.picture("in/c.png", 4)
        until(lambda: root.found().keys() == before.keys() and root.found() != before)


def test_folders_that_are_made_renamed_moved_in_and_deleted(root):
    root.picture("../elsewhere/sub/e.png", 5)
    with watching(root) as watched:
        (root.media / "in").rename(root.media / "out")
        watched.rest("a.png", "out/b.png")
        (root.folder / "elsewhere").rename(root.media / "new")
        watched.rest("a.png", "new/sub/e.png", "out/b.png")
        root.picture("new/sub/deep/er/f.png", 6)
        watched.rest("a.png", "new/sub/deep/er/f.png", "new/sub/e.png", "out/b.png")
        shutil.rmtree(root.media / "new")
        watched.rest("a.png", "out/b.png")
        assert root.encoded == 0  # what was moved was known


def test_a_copy_is_a_change(root):
    with watching(root) as watched:
        put(root, "copy.png", 1)
        watched.rest("a.png", "copy.png", "in/b.png")
        assert [run.report.indexed for run in watched.changes] == [2, 0]


def test_a_file_that_is_touched_is_no_change(root):
    with watching(root) as watched:
        root.tick(root.media / "a.png")
        until(lambda: len(watched.runs) > 1)
        assert watched.changes == watched.runs[:1]


def test_only_what_changed_is_gone_through(root):
    for name in ("x/1.png", "x/y/2.png", "z/3.png"):
        root.picture(name, 7)
    with watching(root) as watched:
        root.picture("x/y/4.png", 8)
        root.picture("x/5.png", 9)
        root.picture("z/6.png", 10)
        until(lambda: len(root.names()) == 8 and watched.idle)
        assert {"x", "z"} <= {each for run in watched.places for each in run}
        assert "." not in [each for run in watched.places[1:] for each in run]


def test_nothing_is_run_for_what_is_not_indexed(root):
    (root.media / "note.md").write_text("Bread.")
    (root.media / ".bowerbirdignore").write_text("skip/\n*.tmp.png\n")
    (root.media / "lib" / "thumbs").mkdir(parents=True)
    (root.media / "lib" / "library.toml").touch()
    (root.media / "lib" / "catalog.db").touch()
    for folder in ("skip", ".hidden/sub", "node_modules"):
        (root.media / folder).mkdir(parents=True)
    root.library.close()
    root.library = root.fresh("media/mine")  # the library lies in what it covers
    add_roots(root.library.catalog, [root.media])
    held = root.picture("../held.png", 11)
    names = (
        *("skip/1.png", ".hidden/sub/2.png", ".3.png", "node_modules/4.png", "lib/thumbs/5.png", "6.tmp.png"),
        *("7.part", "mine/8.png", "9.xyz"),
    )
    with watching(root) as watched:
        for name in names:
            shutil.copy(held, root.media / name)
        for name in names[::2]:
            (root.media / name).unlink()
        (root.media / "in" / "b.png").read_bytes()
        (root.media / "note.md").read_bytes()
        put(root, "in/sentinel.png", 12)
        until(lambda: str(root.media / "in/sentinel.png") in root.found() and watched.idle)
        assert [place for place in watched.places[1:] if place != ["in"]] == []


def test_a_new_line_in_an_ignore_file_takes_effect(root):
    with watching(root) as watched:
        (root.media / ".bowerbirdignore").write_text("in/\n")
        watched.rest("a.png")
        (root.media / ".bowerbirdignore").unlink()
        watched.rest("a.png", "in/b.png")


def test_a_link_that_leads_out_makes_no_root_of_where_it_leads(root):
    root.picture("../outside/c.png", 3)
    (root.media / "link").symlink_to(root.folder / "outside")
    with watching(root) as watched:
        watched.rest("a.png", "in/b.png", "link/c.png")
        root.picture("link/d.png", 4)
        watched.rest("a.png", "in/b.png", "link/c.png", "link/d.png")
        with root.library.catalog.read() as tx:
            assert len(tx.roots.all()) == 1


def test_a_name_that_is_not_utf_8(root):
    odd = os.fsencode(root.media) + b"/\xff.png"
    with watching(root) as watched:
        for count in (2, 3):
            shutil.copy(root.media / "a.png", odd)
            until(lambda: len(root.names()) == 3)
            root.picture(f"{count}.png", count)
            until(lambda: len(root.names()) == 4)
            (root.media / f"{count}.png").unlink()
            Path(os.fsdecode(odd)).unlink()
            watched.rest("a.png", "in/b.png")


# --- roots that come and go ----------------------------------------------------------------------


def test_a_root_that_goes_and_comes_back(root, monkeypatch):
    followed: list[list[Path]] = []
    real = watch._changes
    monkeypatch.setattr(watch, "_changes", lambda paths, stop: followed.append(list(paths)) or real(paths, stop))
    with watching(root) as watched:
        watched.rest("a.png", "in/b.png")
        root.media.rename(root.folder / "unplugged")
        until(lambda: followed[-1] == [])
        Path(root.folder / "unplugged" / "a.png").unlink()
        assert root.names() == ["a.png", "in/b.png"]
        (root.folder / "unplugged").rename(root.media)
        watched.rest("in/b.png")
        root.picture("c.png", 3)
        watched.rest("c.png", "in/b.png")


def test_roots_that_are_added_and_forgotten_meanwhile(root):
    other = root.picture("../other/x.png", 9).parent
    with watching(root) as watched:
        add_roots(root.library.catalog, [other])
        watched.rest("../other/x.png", "a.png", "in/b.png")
        put(root, "../other/y.png", 10)
        watched.rest("../other/x.png", "../other/y.png", "a.png", "in/b.png")
        forget(root.library, str(other))
        root.picture("../other/z.png", 11)
        root.picture("c.png", 3)
        watched.rest("a.png", "c.png", "in/b.png")
        with root.library.catalog.read() as tx:
            assert [each.path for each in tx.roots.all()] == [str(root.media)]


def test_a_root_that_is_a_file_and_is_replaced(workshop):
    file = workshop.picture("a.png", 1)
    workshop.picture("beside.png", 2)
    with watching(workshop, file) as watched:
        for seed in (3, 4):
            before = workshop.found()
            workshop.picture("new.png", seed).replace(file)
            until(lambda before=before: workshop.found() != before)
        assert watched.names() == ["a.png"]


def test_named_paths_alone_are_watched(root):
    other = root.picture("../other/x.png", 9).parent.resolve()
    with watching(root, root.media / "in", other) as watched:
        watched.rest("../other/x.png", "in/b.png")
        root.picture("c.png", 3)
        root.picture("in/d.png", 4)
        watched.rest("../other/x.png", "in/b.png", "in/d.png")
        with root.library.catalog.read() as tx:
            assert [each.path for each in tx.roots.all()] == [str(root.media), str(other)]


def test_a_path_that_is_not_there(root):
    with pytest.raises(UsageError, match="check the spelling"):
        Watched(root, root.media, root.folder / "nowhere")
    with root.library.catalog.read() as tx:
        assert len(tx.roots.all()) == 1


# --- when it has to wait -------------------------------------------------------------------------


def test_another_who_indexes_is_waited_for(root):
    with watching(root) as watched:
        with held(root.library.catalog, "index", "indexing into this library"):
            root.picture("c.png", 3)
            before = watched.tries
            until(lambda: watched.tries > before + 2)
        watched.rest("a.png", "c.png", "in/b.png")
        assert len(watched.said) == 1
        assert "waiting, then trying again: this process is already indexing" in watched.said[0]


def test_a_file_that_was_written_while_it_was_read_is_looked_at_again(root, monkeypatch):
    real = Watched.index

    def index(self: Watched, paths: Sequence[Path]) -> IndexReport:
        report = real(self, paths)
        if self.runs:
            return report
        os.utime(root.media / "in" / "b.png")
        return replace(report, failed=(FailedFile(str(root.media / "in" / "b.png"), "read", "changed"),))

    monkeypatch.setattr(Watched, "index", index)
    monkeypatch.setattr(Watcher, "_note", lambda *_: None)  # as on a drive of whose changes the system does not tell
    with watching(root) as watched:
        until(lambda: len(watched.runs) == 2)
        assert watched.places == [["."], ["in"]]


def test_failures_are_told_once(root):
    root.broken("in/broken.jpg")
    with watching(root) as watched:
        put(root, "in/c.png", 3)
        until(lambda: len(watched.runs) > 1)
        assert [len(run.report.failed) for run in watched.runs[:2]] == [1, 1]
        assert [[Path(each.path).name for each in run.news] for run in watched.runs[:2]] == [["broken.jpg"], []]


def test_it_waits_for_rest_but_not_for_ever(monkeypatch):
    now = 0.0
    monkeypatch.setattr(watch.time, "monotonic", lambda: now)
    pending = _Pending(2.0, 30.0)
    assert not pending.due()
    for second in range(30):  # someone writes all the time
        now = second
        pending.add([Path("/a")])
        assert not pending.due()
    now = 30.0
    assert pending.due()
    assert pending.take() == {Path("/a")}
    assert not pending.due()
    now = 40.0
    pending.add([Path("/b")])
    now = 41.9
    assert not pending.due()
    now = 42.0
    assert pending.due()
    pending.put_back(pending.take(), 60.0)
    now = 101.0
    assert not pending.due()
    now = 102.0
    assert pending.due()


def test_a_system_that_lets_no_more_be_watched(root, monkeypatch):
    def refused(*paths, **options):
        raise OSError("OS file watch limit reached. about /x")
        yield

    monkeypatch.setattr(watchfiles, "watch", refused)
    with pytest.raises(UsageError, match=r"limit reached.*max_user_watches"):
        Watched(root).watcher.run(threading.Event())
