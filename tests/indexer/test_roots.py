"""Roots: nested, overlapping, offline, deleted, libraries inside them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bowerbird.errors import UsageError
from indexer import Indexer, pipeline
from indexer.doctor import examine
from indexer.forget import forget
from indexer.status import roots_of
from search import Search
from tests.indexer.workshop import Workshop


def online(workshop: Workshop) -> dict[str, bool]:
    """Roots by their path relative to the workshop, and whether they are there."""
    return {os.path.relpath(root["path"], workshop.folder): root["online"] for root in roots_of(workshop.library)}


# --- which part of the tree a call is about ------------------------------------------------------


def test_a_path_inside_a_root_means_that_part_of_it(workshop):
    for number, name in enumerate(("in/a.png", "in/b.png", "out/c.png")):
        workshop.picture(name, number)
    workshop.index()
    workshop.picture("in/new.png", 18)
    workshop.picture("out/new.png", 19)
    (workshop.media / "in" / "a.png").unlink()
    (workshop.media / "out" / "c.png").unlink()
    report = workshop.index(workshop.media / "in")
    assert (report.seen, report.indexed, report.removed) == (2, 1, 1)
    assert workshop.names() == ["in/b.png", "in/new.png", "out/c.png"]
    assert len(online(workshop)) == 1
    assert workshop.index(workshop.media / "in" / "b.png").seen == 1


@pytest.mark.parametrize("order", [("", "in"), ("in", "")])
def test_overlapping_paths_are_scanned_once(workshop, order):
    workshop.picture("in/a.png", 1)
    workshop.picture("b.png", 2)
    paths = [workshop.media / each for each in order]
    assert workshop.index(*paths, *paths).seen == 2
    assert online(workshop) == {"media": True}


def test_a_root_that_lay_there_before_stays_one_of_its_own(workshop):
    workshop.picture("in/a.png", 1)
    workshop.picture("b.png", 2)
    workshop.picture("c.png", 3)
    workshop.index(workshop.media / "in")
    workshop.index(workshop.media / "c.png")
    report = workshop.index()
    assert (report.seen, report.indexed, report.reused) == (3, 1, 2)
    assert workshop.names() == ["b.png", "c.png", "in/a.png"]
    assert online(workshop) == {"media/in": True, "media/c.png": True, "media": True}
    assert workshop.index(workshop.folder).seen == 3


def test_a_root_that_is_a_file(workshop):
    path = workshop.picture("a.png", 1)
    assert workshop.index(path).indexed == 1
    assert workshop.found().keys() == {str(path)}
    assert workshop.index(path).reused == 1
    workshop.picture("a.png", 2)
    assert workshop.index(path).indexed == 1
    assert examine(workshop.library).stale == []


def test_a_path_given_by_a_link_or_relative_or_from_home(workshop, monkeypatch):
    workshop.picture("a.png", 1)
    (workshop.folder / "link").symlink_to(workshop.media)
    monkeypatch.setenv("HOME", str(workshop.folder))
    monkeypatch.chdir(workshop.media)
    for path in (workshop.folder / "link", Path(), Path("~/media"), "../media/", workshop.media):
        assert workshop.index(path).seen == 1
    assert online(workshop) == {"media": True}


def test_libraries_are_not_indexed_but_other_things_called_so_are(workshop):
    workshop.picture("a.png", 1)
    workshop.text("lent/library.toml", "")  # by its name a settings file, and so something to read
    workshop.text("lent/list.txt", "Three books.")
    inside = workshop.fresh("media/mine")
    (workshop.media / "mine" / "thumb.png").write_bytes((workshop.media / "a.png").read_bytes())
    workshop.index(library=inside)
    assert sorted(map(os.path.basename, workshop.found(inside))) == ["a.png", "library.toml", "list.txt"]
    inside.close()


def test_paths_that_are_not_there(workshop):
    workshop.picture("a.png", 1)
    (workshop.folder / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match="missing: no such file or directory; check the spelling"):
        workshop.index(workshop.folder / "missing")
    with pytest.raises(UsageError, match="loop"):
        workshop.index(workshop.folder / "loop")
    assert online(workshop) == {}
    report = workshop.index(workshop.folder / "missing", workshop.media)
    assert (report.seen, report.indexed) == (2, 1)
    assert [(each.path, each.stage) for each in report.failed] == [(str(workshop.folder / "missing"), "scan")]
    with pytest.raises(UsageError, match="at least one"):
        Indexer(workshop.library).index([])


def test_thousands_of_single_files_take_no_quadratic_time(workshop, monkeypatch):
    """Counted are comparisons of paths: a shell pattern may well expand to as many."""
    paths = [workshop.text(f"{number}.txt", "") for number in range(300)]
    compared = 0
    real = Path.is_relative_to

    def counted(self, *other):
        nonlocal compared
        compared += 1
        return real(self, *other)

    monkeypatch.setattr(Path, "is_relative_to", counted)
    assert workshop.index(*paths).seen == 300
    first, compared = compared, 0
    assert workshop.index(*paths).seen == 300
    assert max(first, compared) <= 300


# --- offline -------------------------------------------------------------------------------------


class Drive:
    """Something that can be unplugged."""

    def __init__(self, workshop: Workshop, at: Path) -> None:
        self.workshop = workshop
        self.at = at
        self.kept = workshop.folder.with_name(f"{workshop.folder.name} kept")

    def unplug(self) -> None:
        raise NotImplementedError

    def plug_in(self) -> None:
        raise NotImplementedError


class Mounted(Drive):
    """A real file system in memory. Its files are put aside while it is not there, since they would be lost."""

    def __init__(self, workshop: Workshop, at: Path) -> None:
        super().__init__(workshop, at)
        at.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", at], capture_output=True).returncode:
            pytest.skip("file systems can only be mounted by root")

    def unplug(self) -> None:
        shutil.copytree(self.at, self.kept)
        subprocess.run(["umount", self.at], check=True)

    def plug_in(self) -> None:
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.at], check=True)
        shutil.copytree(self.kept, self.at, dirs_exist_ok=True)
        shutil.rmtree(self.kept)

    def end(self) -> None:
        subprocess.run(["umount", self.at], capture_output=True)


class Pretended(Drive):
    """For those who may not mount: the catalogue is told that the folder lay on another device."""

    def __init__(self, workshop: Workshop, at: Path, *, leaves_folder: bool) -> None:
        super().__init__(workshop, at)
        self._leaves_folder = leaves_folder
        at.mkdir()

    def unplug(self) -> None:
        self.at.rename(self.kept)
        if self._leaves_folder:
            self.at.mkdir()
        with self.workshop.library.catalog.write() as tx:
            for root in tx.roots.all():
                if Path(root.path).is_relative_to(self.at):
                    tx.roots.add(root.path, root.device + 1)

    def plug_in(self) -> None:
        if self._leaves_folder:
            self.at.rmdir()
        self.kept.rename(self.at)

    def end(self) -> None:
        pass


DRIVES = ["a mount", "an empty mount point", "a mount point that goes too"]


@pytest.fixture(params=DRIVES)
def drive(workshop: Workshop, request: pytest.FixtureRequest) -> Iterator[Drive]:
    at = workshop.folder / "drive"
    if request.param == "a mount":
        drive: Mounted | Pretended = Mounted(workshop, at)
    else:
        drive = Pretended(workshop, at, leaves_folder="empty" in request.param)
    try:
        workshop.picture("here.png", 1)
        for number in (2, 3):
            shutil.copyfile(workshop.picture("x.png", number), at / f"{number}.png")
        (workshop.media / "x.png").unlink()
        workshop.index(workshop.media, at)
        yield drive
    finally:
        drive.end()


def test_what_lies_on_an_unplugged_drive_stays(workshop, drive):
    before = workshop.alive()
    drive.unplug()
    assert online(workshop) == {"media": True, "drive": False}
    with pytest.raises(UsageError, match="is offline: plug its drive in"):
        workshop.index(drive.at)
    report = workshop.index(workshop.media, drive.at)
    assert (report.reused, report.removed) == (1, 0)
    assert [each.path for each in report.failed] == [str(drive.at)]
    report = workshop.index(workshop.folder)  # around it
    assert report.removed == 0
    assert set(before) < set(workshop.alive())  # more by the root around it
    assert len(workshop.found()) == 3
    assert online(workshop)["drive"] is False

    drive.plug_in()
    report = workshop.index(drive.at)
    assert (report.seen, report.reused, report.indexed, report.moved) == (2, 2, 0, 0)
    assert workshop.encoded == 0
    assert online(workshop)["drive"] is True


def test_hits_on_an_unplugged_drive_are_still_found(workshop, drive):
    drive.unplug()
    workshop.index(workshop.media)
    hits = Search(workshop.library).search("anything", min_relevance=0.0).hits
    assert {hit.path for hit in hits} == workshop.found().keys()
    assert len(hits) == 3


def test_copies_elsewhere_do_not_take_what_is_offline(workshop, drive):
    spare = workshop.folder / "spare"
    shutil.copytree(drive.at, spare)
    drive.unplug()
    report = workshop.index(spare)
    assert (report.reused, report.moved, report.indexed) == (2, 0, 0)
    assert {str(drive.at / "2.png"), str(spare / "2.png")} <= workshop.found().keys()


def test_what_is_offline_can_be_forgotten(workshop, drive):
    drive.unplug()
    done = forget(workshop.library, str(drive.at))
    assert (done.files, done.assets, done.roots) == (2, 2, 1)
    assert [Path(path).name for path in workshop.found()] == ["here.png"]


@pytest.mark.parametrize("drive", ["a mount", "a mount point that goes too"], indirect=True)
def test_a_drive_that_is_unplugged_during_a_run_loses_nothing(workshop, drive, monkeypatch):
    (drive.at / "2.png").unlink()  # so that there is something to take out
    real = pipeline.Run._tidy

    def tidy(self):
        drive.unplug()
        real(self)

    monkeypatch.setattr(pipeline.Run, "_tidy", tidy)
    assert workshop.index(drive.at).removed == 0
    assert len(workshop.found()) == 3


# --- deleted -------------------------------------------------------------------------------------


def test_a_root_that_was_deleted_is_told_from_one_that_is_offline(workshop):
    workshop.picture("a.png", 1)
    workshop.picture("in/b.png", 2)
    workshop.index(workshop.media / "in")
    workshop.index()
    shutil.rmtree(workshop.media / "in")
    with pytest.raises(UsageError, match="was deleted or moved"):
        workshop.index(workshop.media / "in")
    assert online(workshop) == {"media": True, "media/in": False}
    report = workshop.index()  # around it, so it is known to be gone
    assert (report.reused, report.removed) == (1, 1)
    assert workshop.names() == ["a.png"]
    assert online(workshop) == {"media": True}
    assert examine(workshop.library).well


def test_a_deleted_root_stays_until_somebody_says_so(workshop):
    workshop.picture("a.png", 1)
    other = workshop.folder / "other"
    other.mkdir()
    workshop.index(workshop.media, other)
    shutil.rmtree(workshop.media)
    report = workshop.index(other)
    assert report.removed == 0
    assert workshop.names() == ["a.png"]
    assert forget(workshop.library, str(workshop.media)).roots == 1
    assert workshop.names() == []


def test_a_moved_root_whose_parent_is_indexed_is_moved(workshop):
    workshop.picture("in/b.png", 2)
    workshop.index(workshop.media / "in")
    (workshop.media / "in").rename(workshop.media / "out")
    report = workshop.index()
    assert (report.moved, report.indexed, report.removed) == (1, 0, 0)
    assert workshop.names() == ["out/b.png"]


def test_a_root_that_came_back(workshop):
    workshop.picture("a.png", 1)
    workshop.index()
    workshop.media.rename(workshop.folder / "away")
    with pytest.raises(UsageError):
        workshop.index()
    (workshop.folder / "away").rename(workshop.media)
    assert workshop.index().reused == 1


def test_nothing_is_taken_out_below_a_folder_that_cannot_be_read(workshop, monkeypatch):
    workshop.picture("a.png", 1)
    workshop.picture("shut/b.png", 2)
    workshop.broken("shut/c.png")
    workshop.index()
    (workshop.media / "a.png").unlink()
    real = os.scandir

    def denied(path):
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("indexer.scan.os.scandir", denied)
    report = workshop.index()
    assert (report.removed, len(report.failed)) == (1, 1)
    assert workshop.names() == ["shut/b.png"]
    monkeypatch.undo()
    workshop.index()
    assert workshop.decoded == []  # the failure below it was kept as well
