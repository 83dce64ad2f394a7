"""The keeper: opening, catching up, saving, and rebuilding from the log whenever a snapshot cannot be trusted."""

import gc
import json
import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bowerbird.errors import StorageFull
from bowerbird.store.views import snapshot
from bowerbird.store.views.faiss_view import FaissView
from bowerbird.store.views.keeper import SMALLEST, ViewKeeper
from bowerbird.store.views.snapshot import MANIFEST, VERIFIED
from bowerbird.types import ChangeBatch, SegmentKind, ViewKey
from tests.contracts.change_log import FakeChangeLog, unit_vectors
from tests.contracts.vector_view import Model, assert_answers
from tests.store.views.libraries import Library, MarksInMemory
from tests.store.views.test_snapshot import flip_a_byte


class CountedLog(FakeChangeLog):
    """Counts what is asked of it."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self.asked: list[str] = []

    def since(self, seq: int) -> Iterator[ChangeBatch]:
        self.asked.append(f"since {seq}")
        return super().since(seq)

    def live(self) -> Iterator[ChangeBatch]:
        self.asked.append("live")
        return super().live()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path)
    library.log = CountedLog(8)
    library.log.add(unit_vectors(300, 8))
    return library


def asked(library: Library) -> list[str]:
    assert isinstance(library.log, CountedLog)
    answer, library.log.asked = library.log.asked, []
    return answer


def live(library: Library) -> Model:
    return {
        id_: vector
        for batch in FakeChangeLog.live(library.log)
        for id_, vector in zip(batch.ids.tolist(), batch.vectors, strict=True)
    }


def assert_right(library: Library, view: FaissView) -> None:
    model = live(library)
    assert len(view) == len(model)
    assert view.seq == library.log.head()
    assert_answers(view, model, unit_vectors(4, 8, seed=3).astype(np.float32), 12)


def view(library: Library, keeper: ViewKeeper) -> FaissView:
    return keeper.view(library.space, library.kind)


def save(library: Library, keeper: ViewKeeper | None = None, *, force: bool = True) -> bool:
    return (keeper or library.keeper()).save(library.space, library.kind, force=force)


def data_file(library: Library) -> Path:
    (path,) = library.place.glob("*.faiss")
    return path


def snapshot_of(library: Library) -> dict[str, bytes]:
    """What lies on disk, without the note of what was verified."""
    return {path.name: path.read_bytes() for path in library.place.iterdir() if path.name != VERIFIED}


# --- opening and catching up ---


def test_a_small_library_works_without_any_snapshot(library: Library) -> None:
    keeper = library.keeper()
    assert_right(library, view(library, keeper))
    assert not save(library, keeper, force=False)
    assert not library.folder.exists()


def test_an_empty_library_has_an_empty_view(tmp_path: Path) -> None:
    library = Library(tmp_path)
    assert_right(library, view(library, library.keeper()))


def test_a_view_is_kept_and_caught_up_and_nothing_is_asked_while_nothing_changes(library: Library) -> None:
    keeper = library.keeper()
    first = view(library, keeper)
    assert asked(library) == ["live"]
    assert view(library, keeper) is first
    assert asked(library) == []
    library.log.add(unit_vectors(3, 8, seed=1))
    library.log.remove([1, 2])
    assert view(library, keeper) is first
    assert asked(library) == ["since 300"]
    assert_right(library, first)


def test_lines_of_other_views_are_looked_past_once(library: Library) -> None:
    keeper = library.keeper()
    view(library, keeper)
    library.log.write_elsewhere(50)
    assert view(library, keeper).seq == 350
    asked(library)
    view(library, keeper)
    assert asked(library) == []


def test_a_snapshot_spares_reading_what_is_live(library: Library) -> None:
    save(library)
    library.log.add(unit_vectors(3, 8, seed=1))
    asked(library)
    opened = view(library, library.keeper())
    assert asked(library) == ["since 300"]
    assert opened.changes == 3
    assert_right(library, opened)


def test_views_of_different_kinds_and_spaces_are_kept_apart(library: Library) -> None:
    logs: dict[tuple[int, SegmentKind], FakeChangeLog] = {}
    keeper = ViewKeeper(
        library.folder,
        lambda key: logs.setdefault((key.space_id, key.kind), FakeChangeLog(8)),
        marks=library.marks,
    )
    other = replace(library.space, id=4)
    keeper.view(library.space, SegmentKind.IMAGE)
    logs[3, SegmentKind.IMAGE].add(unit_vectors(5, 8))
    sizes = [
        len(keeper.view(space, kind))
        for space in (library.space, other)
        for kind in (SegmentKind.IMAGE, SegmentKind.PAGE)
    ]
    assert sizes == [5, 0, 0, 0]


def test_many_threads_may_ask_at_once(library: Library) -> None:
    keeper = library.keeper()
    wrong: list[int] = []

    def ask() -> None:
        for _ in range(30):
            head = library.log.head()
            if view(library, keeper).seq < head:
                wrong.append(head)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for seed in range(20):
        library.log.add(unit_vectors(2, 8, seed=seed))
    for thread in threads:
        thread.join()
    assert not wrong
    assert_right(library, view(library, keeper))


# --- saving ---


def test_saving_waits_until_it_is_worth_it(library: Library) -> None:
    keeper = library.keeper()
    library.log.add(unit_vectors(SMALLEST - 301, 8, seed=1))
    assert not save(library, keeper, force=False)
    library.log.add(unit_vectors(1, 8, seed=2))
    assert save(library, keeper, force=False)
    library.log.add(unit_vectors(SMALLEST - 5, 8, seed=3))
    library.log.remove([1, 2, 3, 4, 5])
    assert not save(library, keeper, force=False)
    library.log.remove([6])
    assert save(library, keeper, force=False)
    saved = view(library, keeper)
    assert saved.changes == 0
    assert_right(library, saved)


def test_a_large_snapshot_takes_more_changes_before_it_is_worth_replacing(library: Library) -> None:
    keeper = library.keeper()
    library.log.add(unit_vectors(20_000 - 300, 8, seed=1))
    assert save(library, keeper, force=False)
    library.log.add(unit_vectors(2000, 8, seed=2))
    assert not save(library, keeper, force=False)
    library.log.add(unit_vectors(1, 8, seed=3))
    assert save(library, keeper, force=False)


def test_another_process_finds_the_newer_snapshot_when_it_has_fallen_behind(library: Library) -> None:
    reader, writer = library.keeper(), library.keeper()
    old = view(library, reader)
    library.log.add(unit_vectors(40, 8, seed=1))
    save(library, writer)
    library.log.add(unit_vectors(2, 8, seed=2))
    asked(library)
    new = view(library, reader)
    assert asked(library) == ["since 340"]
    assert new.base_seq == 340
    assert_right(library, new)
    assert len(old) == 300  # who still holds the old one may go on searching it


def test_another_process_sheds_a_large_delta_for_a_newer_snapshot(library: Library) -> None:
    reader, writer = library.keeper(), library.keeper()
    view(library, reader)
    library.log.add(unit_vectors(SMALLEST + 1, 8, seed=1))
    assert view(library, reader).changes == SMALLEST + 1
    save(library, writer)
    assert view(library, reader).changes == 0


def test_what_was_replaced_in_the_log_hides_the_snapshots_copy(library: Library) -> None:
    save(library)
    library.log.put(5, unit_vectors(1, 8, seed=8)[0])
    opened = view(library, library.keeper())
    assert opened.changes == 2
    assert_right(library, opened)


def test_forgotten_vectors_leave_the_disk_with_a_forced_save(library: Library) -> None:
    secret = unit_vectors(1, 8, seed=99)[0]
    (id_,) = library.log.add(secret[None])
    save(library)
    assert secret.tobytes() in data_file(library).read_bytes()
    library.log.remove([id_])
    save(library)
    assert secret.tobytes() not in data_file(library).read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_costs_neither_the_view_nor_the_old_snapshot(library: Library) -> None:
    keeper = library.keeper()
    save(library, keeper)
    before = snapshot_of(library)
    library.log.add(unit_vectors(5, 8, seed=1))
    (library.place / "arriving.tmp").symlink_to("/dev/full")
    with pytest.raises(StorageFull):
        save(library, keeper)
    assert snapshot_of(library) == before
    assert_right(library, view(library, keeper))
    assert save(library, keeper), "and goes well once there is space"


def test_a_view_can_be_dropped(library: Library) -> None:
    keeper = library.keeper()
    save(library, keeper)
    keeper.drop(library.space, library.kind)
    assert not library.place.exists()
    assert_right(library, view(library, keeper))


def test_views_of_spaces_that_are_let_go_leave_memory_and_stay_usable_where_held(library: Library) -> None:
    logs = {3: library.log, 4: CountedLog(8)}
    logs[4].add(unit_vectors(9, 8))
    keeper = ViewKeeper(library.folder, lambda key: logs[key.space_id], marks=library.marks)
    other = replace(library.space, id=4)
    kept, held = view(library, keeper), keeper.view(other, SegmentKind.IMAGE)
    let_go = weakref.ref(keeper.view(other, SegmentKind.PAGE))
    keeper.let_go({3})
    gc.collect()
    assert let_go() is None
    assert view(library, keeper) is kept
    assert keeper.view(other, SegmentKind.IMAGE) is not held
    library.log = logs[4]
    assert_right(library, held)


# --- while a snapshot is exchanged for another ---


def assert_believed(library: Library, caplog: pytest.LogCaptureFixture) -> FaissView:
    """A process that starts now reads the snapshot, and a doctor finds no fault."""
    asked(library)
    opened = view(library, library.keeper())
    assert "live" not in asked(library)
    assert_right(library, opened)
    assert library.keeper().check(library.space, library.kind) == []
    assert not caplog.records
    return opened


def test_whoever_opens_a_view_while_it_is_saved_believes_the_snapshot(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    save(library)
    library.log.add(unit_vectors(5, 8, seed=1))
    write, seqs = snapshot.write, []

    def watched(*arguments: object, **options: object) -> object:
        seqs.append(assert_believed(library, caplog).base_seq)
        written = write(*arguments, **options)  # type: ignore[arg-type]
        seqs.append(assert_believed(library, caplog).base_seq)
        return written

    monkeypatch.setattr(snapshot, "write", watched)
    save(library)
    seqs.append(assert_believed(library, caplog).base_seq)
    assert seqs == [300, 305, 305]


@pytest.mark.parametrize("written", [False, True])
def test_a_crash_before_or_after_the_exchange_costs_nothing(
    library: Library, written: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    save(library)
    write = snapshot.write

    def crashing(*arguments: object, **options: object) -> object:
        if written:
            write(*arguments, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    for times in range(3):
        library.log.add(unit_vectors(1, 8, seed=times))
        monkeypatch.setattr(snapshot, "write", crashing)
        with pytest.raises(KeyboardInterrupt):
            save(library)
        monkeypatch.setattr(snapshot, "write", write)
        assert assert_believed(library, caplog).base_seq == (301 + times if written else 300)
    assert len(library.marks.get(ViewKey(3, library.kind)).split()) == 2, "they do not heap up"
    save(library)
    assert assert_believed(library, caplog).base_seq == 303


@pytest.mark.parametrize("grown", [0, 5])
def test_a_snapshot_that_is_exchanged_between_mark_and_manifest_is_believed(
    library: Library, grown: int, caplog: pytest.LogCaptureFixture
) -> None:
    class Slow(MarksInMemory):
        """Two other processes save after the marks were read."""

        left = 2

        def get(self, key: ViewKey) -> str:
            said = super().get(key)
            if self.left:
                self.left -= 1
                left, self.left = self.left, 0
                library.log.add(unit_vectors(grown, 8, seed=left))
                save(library)
                asked(library)
                self.left = left
            return said

    save(library)
    slow = Slow()
    slow.marks = library.marks.marks
    library.marks = slow
    opened = view(library, library.keeper())
    assert slow.left == 0
    assert "live" not in asked(library)
    assert not caplog.records
    assert_right(library, opened)


def test_the_first_snapshot_of_a_view_in_memory_is_taken_up_with_the_next_change(library: Library) -> None:
    reader = library.keeper()
    old = view(library, reader)
    save(library)
    library.log.add(unit_vectors(1, 8, seed=1))
    asked(library)
    opened = view(library, reader)
    assert asked(library) == ["since 300"]
    assert (opened.base_seq, opened.changes) == (300, 1)
    assert opened is not old
    assert_right(library, opened)


# --- snapshots that cannot be trusted ---


def _another_database(library: Library) -> None:
    library.log = CountedLog(8)
    library.log.add(unit_vectors(40, 8, seed=5))


def _another_encoder(library: Library) -> None:
    library.space = replace(library.space, fingerprint="e" * 64)


def _another_dimension(library: Library) -> None:
    manifest = library.place / MANIFEST
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "dimension": 9}))


def _without_its_data(library: Library) -> None:
    data_file(library).unlink()


def _torn(library: Library) -> None:
    (library.place / MANIFEST).write_text('{"format": 1, "finger')


def _of_the_future(library: Library) -> None:
    (library.place / MANIFEST).write_text('{"format": 3, "shards": []}')


def _altered(library: Library) -> None:
    flip_a_byte(data_file(library))


@pytest.mark.parametrize(
    "harm",
    [_another_database, _another_encoder, _another_dimension, _without_its_data, _torn, _of_the_future, _altered],
)
def test_a_snapshot_that_cannot_be_trusted_is_rebuilt_from_the_log_and_then_replaced(
    library: Library, harm: Callable[[Library], None], caplog: pytest.LogCaptureFixture
) -> None:
    save(library)
    harm(library)
    library.log.add(unit_vectors(1, 8, seed=6))
    keeper = library.keeper()
    before = snapshot_of(library)
    with caplog.at_level(logging.WARNING):
        rebuilt = view(library, keeper)
    assert "rebuilt from SQL" in caplog.text
    assert_right(library, rebuilt)
    assert snapshot_of(library) == before, "rebuilding writes nothing"
    assert save(library, keeper, force=False), "a bad snapshot is replaced, however small"
    caplog.clear()
    assert_right(library, view(library, library.keeper()))
    assert not caplog.records


def test_a_snapshot_that_was_passed_over_is_not_tried_again(library: Library, caplog: pytest.LogCaptureFixture) -> None:
    save(library)
    _altered(library)
    keeper = library.keeper()
    view(library, keeper)
    assert len(caplog.records) == 1
    rebuilt = keeper.rebuild(library.space, library.kind)
    asked(library)
    for seed in range(2):
        library.log.add(unit_vectors(1, 8, seed=seed))
        assert view(library, keeper) is rebuilt
    assert "live" not in asked(library)
    assert len(caplog.records) == 1
    save(library)
    library.log.add(unit_vectors(1, 8, seed=6))
    assert view(library, keeper).base_seq == 302, "but the one that takes its place is"


def test_a_crash_between_data_and_manifest_costs_only_the_snapshot(library: Library) -> None:
    save(library)
    (library.place / MANIFEST).unlink()
    keeper = library.keeper()
    assert_right(library, view(library, keeper))
    save(library, keeper)
    assert len(list(library.place.glob("*.faiss"))) == 1


def test_an_open_view_notices_that_the_database_was_put_back(library: Library) -> None:
    keeper = library.keeper()
    view(library, keeper)
    _another_database(library)
    assert_right(library, view(library, keeper))


def test_an_open_view_is_not_given_to_another_encoder(library: Library) -> None:
    keeper = library.keeper()
    old = view(library, keeper)
    _another_encoder(library)
    assert view(library, keeper) is not old


# --- what a doctor asks ---


def test_a_sound_view_has_no_faults(library: Library) -> None:
    keeper = library.keeper()
    assert keeper.check(library.space, library.kind) == []
    save(library)
    library.log.add(unit_vectors(5, 8, seed=1))
    library.log.remove([7])
    assert keeper.check(library.space, library.kind) == []


def test_check_reads_the_whole_file_even_where_it_is_remembered_as_whole(library: Library) -> None:
    save(library)
    before = data_file(library).stat()
    _altered(library)
    os.utime(data_file(library), ns=(before.st_atime_ns, before.st_mtime_ns))
    (fault,) = library.keeper().check(library.space, library.kind)
    assert "sha256" in fault
    assert fault.startswith("3-image: ")


def test_check_compares_each_vector_with_the_log(library: Library) -> None:
    save(library)
    log = library.log
    vectors = dict(live(library))
    log._live = {**vectors, 2: vectors[3], 1000: vectors[1]}  # SQL altered behind the log's back
    del log._live[9], log._live[10]
    faults = library.keeper().check(library.space, library.kind)
    assert faults == [
        "3-image: is missing 1 vectors",
        "3-image: holds 2 that are not in SQL",
        "3-image: 1 differ from SQL",
    ]
    keeper = library.keeper()
    assert_right(library, keeper.rebuild(library.space, library.kind))
    save(library, keeper)
    assert keeper.check(library.space, library.kind) == []


def test_check_waits_for_a_quiet_moment_and_says_so_where_there_is_none(library: Library) -> None:
    save(library)

    class Busy(FakeChangeLog):
        def live(self) -> Iterator[ChangeBatch]:
            self.add(unit_vectors(1, 8))
            return super().live()

    library.log.__class__ = Busy
    (fault,) = library.keeper().check(library.space, library.kind)
    assert "being written to" in fault
