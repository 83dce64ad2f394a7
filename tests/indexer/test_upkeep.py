"""`doctor` and `forget`."""

from __future__ import annotations

import itertools
import json
import os
import shutil

import numpy as np
import pytest

from bowerbird.errors import LibraryBusy, UsageError
from bowerbird.store.lease import held
from bowerbird.types import SegmentKind
from bowerbird.wiring import open_library
from indexer import Indexer
from indexer.doctor import examine
from indexer.forget import Forgotten, forget
from search import Search
from tests.indexer.workshop import CountingEncoder, Workshop

SECRET = "The combination of the safe is forty two left and seventeen right"


@pytest.fixture
def filled(workshop: Workshop) -> Workshop:
    for number in range(8):
        workshop.picture(f"pictures/{number}.png", number)
    workshop.text("private/secret.txt", SECRET)
    workshop.text("private/other.txt", "Nobody may know this either.")
    workshop.text("notes/bread.txt", "Flour, water, salt and patience.")
    workshop.broken("private/bad.png")
    workshop.index()
    workshop.library.save_views(force=True)
    workshop.library.catalog.compact()  # so that it all lies in the database's own file
    return workshop


def traces(workshop: Workshop, needles: list[bytes]) -> set[str]:
    """The files of the library in which any of these bytes stand."""
    files = [file for file in workshop.library.folder.rglob("*") if file.is_file()]
    assert files
    return {file.name for file in files if any(needle in file.read_bytes() for needle in needles)}


def vectors_of(workshop: Workshop, name: str) -> list[bytes]:
    library = workshop.library
    with library.catalog.read() as tx:
        root = tx.roots.all()[0]
        location = tx.locations.at(root.id, [name])[name]
        found = tx.segments.embeddings_of(location.asset_id, library.joint.id)
    return [embedding.vector.tobytes() for _, embedding in found]


def asset_id(workshop: Workshop, name: str) -> str:
    with workshop.library.catalog.read() as tx:
        found = tx.locations.asset_hash_at(tx.roots.all()[0].id, name)
    assert found is not None
    return found


# --- forget --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "done"),
    [
        ("private/secret.txt", Forgotten(1, 1, 0)),
        ("private", Forgotten(3, 2, 0)),
        ("", Forgotten(12, 11, 1)),
        ("..", Forgotten(12, 11, 1)),
        ("an id", Forgotten(1, 1, 0)),
    ],
)
def test_nothing_of_what_was_forgotten_is_left_in_any_file(filled, what, done):
    needles = [SECRET.encode(), *vectors_of(filled, "private/secret.txt")]
    assert {"catalog.db"} < traces(filled, needles)  # and a snapshot
    name = asset_id(filled, "private/secret.txt") if what == "an id" else os.path.normpath(filled.media / what)
    assert forget(filled.library, name) == done
    assert traces(filled, needles) == set()
    assert "private/secret.txt" not in filled.names()
    assert examine(filled.library).well
    kept = vectors_of(filled, "notes/bread.txt") if "notes/bread.txt" in filled.names() else []
    assert not kept or len(traces(filled, kept)) == 2
    assert filled.media.joinpath("private/secret.txt").exists()


def test_pictures_are_forgotten_too(filled):
    needles = vectors_of(filled, "pictures/3.png")
    assert traces(filled, needles)
    forget(filled.library, str(filled.media / "pictures" / "3.png"))
    assert traces(filled, needles) == set()


def test_what_lies_elsewhere_too_keeps_its_asset(filled):
    shutil.copyfile(filled.media / "private" / "secret.txt", filled.media / "notes" / "copy.txt")
    filled.index()
    assert forget(filled.library, str(filled.media / "private" / "secret.txt")) == Forgotten(1, 0, 0)
    hits = Search(filled.library).search(SECRET, limit=1).hits
    assert hits[0].path == str(filled.media / "notes" / "copy.txt")
    hash_ = asset_id(filled, "notes/copy.txt")
    filled.index()
    assert forget(filled.library, hash_) == Forgotten(2, 1, 0)


def test_what_is_gone_from_disk_can_be_forgotten(filled):
    needles = [SECRET.encode()]
    shutil.rmtree(filled.media / "private")
    assert forget(filled.library, str(filled.media / "private")).files == 3
    assert traces(filled, needles) == set()


def test_what_waits_as_an_orphan_can_be_forgotten_by_its_id(filled):
    hash_ = asset_id(filled, "private/secret.txt")
    (filled.media / "private" / "secret.txt").unlink()
    filled.index()
    assert "catalog.db" in traces(filled, [SECRET.encode()])
    assert forget(filled.library, hash_) == Forgotten(0, 1, 0)
    assert traces(filled, [SECRET.encode()]) == set()


def test_a_link_is_forgotten_by_its_own_name(filled):
    (filled.media / "link.txt").symlink_to(filled.media / "notes" / "bread.txt")
    filled.index()
    assert forget(filled.library, str(filled.media / "link.txt")) == Forgotten(1, 0, 0)
    assert {"notes/bread.txt"} < set(filled.names())
    assert "link.txt" not in filled.names()


def test_what_was_forgotten_comes_back_when_it_is_indexed_again(filled):
    forget(filled.library, str(filled.media / "private"))
    assert filled.index().indexed == 2
    (filled.media / ".bowerbirdignore").write_text("private")
    assert filled.index().removed == 2


@pytest.mark.parametrize("what", ["nowhere", "notes/brea", "0" * 64])
def test_what_is_not_there_cannot_be_forgotten(filled, what):
    before = filled.alive()
    with pytest.raises(UsageError, match="bowerbird"):
        forget(filled.library, what if len(what) == 64 else str(filled.media / what))
    assert filled.alive() == before


def test_one_at_a_time(filled):
    with held(filled.library.catalog, "index", "indexing"), pytest.raises(LibraryBusy, match="wait until it is done"):
        forget(filled.library, str(filled.media))
    with held(filled.library.catalog, "index", "indexing"), pytest.raises(LibraryBusy):
        filled.index()


def test_indexing_goes_on_while_another_writes_views(filled):
    filled.picture("new.png", 50)
    with held(filled.library.catalog, "views", "writing the views"):
        assert filled.index().indexed == 1


# --- doctor --------------------------------------------------------------------------------------


def test_a_library_that_is_well(filled):
    found = examine(filled.library)
    assert (found.well, found.views, found.files) == (True, 2, 11)
    assert (found.faults, found.repaired, found.stale, found.offline) == ([], [], [], [])


@pytest.mark.parametrize("how", ["torn", "altered", "manifest"])
def test_a_damaged_view_is_repaired_and_says_so(filled, how):
    query = "Flour, water, salt and patience."
    before = [hit.path for hit in Search(filled.library).search(query).hits]
    for file in (filled.library.folder / "views").rglob("*.faiss" if how != "manifest" else "manifest.json"):
        content = bytearray(file.read_bytes())
        if how == "torn":
            del content[len(content) // 2 :]
        else:
            content[len(content) // 2] ^= 0xFF
        file.write_bytes(content)
    folder = filled.library.folder
    filled.library.close()
    with open_library(folder, load=lambda _: CountingEncoder()) as library:
        assert [hit.path for hit in Search(library).search(query).hits] == before
        found = examine(library)
        assert len(found.repaired) == 2
        assert all(line.endswith("rebuilt from SQL") for line in found.repaired)
        assert found.well
        assert examine(library).repaired == []
    filled.library = open_library(folder, load=lambda _: CountingEncoder())


def test_a_snapshot_that_is_whole_but_wrong_is_found_against_sql(filled):
    """A fault of the program rather than of the disk: every checksum is right."""
    library = filled.library
    view = library.views.view(library.joint, SegmentKind.TEXT)
    with library.catalog.write() as tx:
        tx.connection.exec_driver_sql("DELETE FROM change WHERE kind = 'text' AND seq > 2")
        tx.connection.exec_driver_sql("UPDATE embedding SET vector = zeroblob(length(vector)) WHERE id = 9")
    assert len(view) == 3
    found = examine(library)
    assert len(found.repaired) >= 1
    assert examine(library).repaired == []


def test_files_that_are_gone_or_changed_are_listed(filled):
    (filled.media / "pictures" / "1.png").unlink()
    filled.tick(filled.media / "pictures" / "2.png")
    found = examine(filled.library)
    assert found.stale == [
        f"{filled.media / 'pictures' / '1.png'} is gone",
        f"{filled.media / 'pictures' / '2.png'} has changed",
    ]
    assert (found.faults, found.well) == ([], False)
    filled.index()
    assert examine(filled.library).well


def test_offline_roots_are_listed_and_not_taken_for_loss(filled):
    filled.media.rename(filled.folder / "away")
    found = examine(filled.library)
    assert (found.offline, found.stale) == ([str(filled.media)], [])


def test_the_dump_is_canonical(filled):
    """The same tree in another order, in another library, gives the same lines; ids and times do not show."""
    lines = list(filled.library.catalog.dump())
    assert lines == sorted(lines)
    assert all(isinstance(json.loads(line), dict) for line in lines)
    other = filled.fresh("other")
    for part in ("private", "notes/bread.txt", "pictures/7.png", "pictures"):
        filled.index(filled.media / part, library=other)
    filled.index(library=other)
    forget(other, str(filled.media / "pictures"))
    filled.index(library=other)
    roots = {line for line in other.catalog.dump() if json.loads(line)["table"] == "root"}
    assert len(roots) > 1  # they differ, as they were asked for by other names
    other.close()
    again = filled.fresh("again")
    filled.index(library=again)
    forget(again, str(filled.media / "pictures"))
    filled.index(library=again)
    assert list(again.catalog.dump()) == lines
    again.close()


# --- what a run may cost -------------------------------------------------------------------------


def test_many_small_files_never_queue_up(workshop):
    workshop.library.settings.index.commit_every_s = 1000
    for number in range(1000):
        path = workshop.media / f"{number:04}.txt"
        path.write_text(f"Note number {number}.")
    report = workshop.index()
    assert report.indexed == 1000
    assert workshop.decoders.most_in_flight <= 16 * 2 + 1
    batches = workshop.encoder.batches
    assert sum(batches) == 1000
    assert max(batches) == workshop.library.settings.index.batch_size
    assert np.mean(batches) > 0.8 * max(batches)  # they cross files


def test_a_long_text_and_short_ones_share_batches(workshop):
    workshop.library.settings.index.commit_every_s = 1000
    workshop.text("long.txt", " ".join(f"This is sentence number {number} of a long text." for number in range(600)))
    for number in range(20):
        workshop.text(f"short {number}.txt", f"Note number {number}.")
    report = workshop.index()
    batches = workshop.encoder.batches
    assert sum(batches) == report.segments
    assert set(batches[:-1]) == {16}


def test_what_is_done_is_written_every_so_often(workshop, monkeypatch):
    """The most that a crash can cost."""
    workshop.library.settings.index.commit_every_s = 0
    for number in range(20):
        workshop.picture(f"{number}.png", number)
    written = []
    real = CountingEncoder.encode_images

    def encode(self, pictures):
        written.append(len(workshop.names()))
        return real(self, pictures)

    monkeypatch.setattr(CountingEncoder, "encode_images", encode)
    workshop.index()
    # What is encoded together is done together; every later batch finds all that was done before it written.
    before = [0, *itertools.accumulate(workshop.encoder.batches)]
    assert written == before[: len(written)]


def test_progress_ends_with_every_file(workshop):
    for number in range(10):
        workshop.picture(f"{number}.png", number % 4)
    workshop.broken("bad.png")
    seen = []
    Indexer(workshop.library).index([workshop.media], on_progress=seen.append)
    assert [each.done for each in seen] == sorted(each.done for each in seen)
    assert seen[-1].failed == 1
    assert seen[-1].done <= 11
