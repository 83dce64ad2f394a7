"""`FaissView` over `Cells`: the contract's approximate branch in each of its forms, and what the keeper makes of it."""

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.errors import StorageFull
from bowerbird.ports import VectorView
from bowerbird.store.views import build as building
from bowerbird.store.views import snapshot
from bowerbird.store.views.build import build, lists_for, outgrown
from bowerbird.store.views.cells import Cells
from bowerbird.store.views.faiss_view import FaissView
from bowerbird.store.views.reach import Reach, Survey
from bowerbird.types import ChangeBatch
from tests.contracts.change_log import FakeChangeLog, unit_vectors
from tests.contracts.vector_view import (
    SHARED,
    BuildView,
    VectorViewContract,
    assert_answers,
    clustered,
    sorted_by_numpy,
)
from tests.store.views.libraries import Library
from tests.store.views.test_keeper import CountedLog, asked, assert_right, data_file, live, save, view
from tests.store.views.test_snapshot import flip_a_byte

LIMIT = 5
"""Small, so that a handful of vectors makes a view approximate."""


def approximate(library: Library) -> FaissView:
    found = view(library, library.keeper())
    assert isinstance(found.base, Cells)
    assert not found.exact
    return found


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library(tmp_path, exact_up_to=LIMIT)
    library.log = CountedLog(8)
    library.log.add(unit_vectors(300, 8))
    return library


class TestReopenedFromDisk(VectorViewContract):
    @pytest.fixture
    def build(self, tmp_path: Path) -> BuildView:
        def build(dimension: int, batches: Sequence[ChangeBatch]) -> VectorView:
            library = Library(Path(mkdtemp(dir=tmp_path)), dimension, exact_up_to=LIMIT)
            library.play(batches)
            save(library)
            found = view(library, library.keeper())
            assert (len(found) > LIMIT) != found.exact
            return found

        return build


class TestFoldedTombstonesAndDelta(VectorViewContract):
    """A third of the history is learnt from, a third folded in, and the rest lies over it."""

    @pytest.fixture
    def build(self, tmp_path: Path) -> BuildView:
        def build(dimension: int, batches: Sequence[ChangeBatch]) -> VectorView:
            library = Library(Path(mkdtemp(dir=tmp_path)), dimension, exact_up_to=LIMIT)
            third = (len(batches) + 2) // 3
            for start in (0, third):
                library.play(batches[start : start + third])
                save(library)
            library.play(batches[2 * third :])
            return view(library, library.keeper())

        return build


# --- filters ---


@SHARED
@given(
    kept=st.integers(1, 60),
    k=st.integers(1, 80),
    fetch=st.sampled_from([1e-9, 4.0, 1e9]),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_filter_returns_all_that_it_leaves_however_it_is_applied(
    kept: int, k: int, fetch: float, seed: int, far_off: tuple[Cells, FakeChangeLog]
) -> None:
    cells, log = far_off
    model = {id_: vector for batch in log.live() for id_, vector in zip(batch.ids.tolist(), batch.vectors, strict=True)}
    random = np.random.default_rng(seed)
    within = random.choice(list(model), kept, replace=False)
    queries = unit_vectors(2, 16, seed=seed % 1000).astype(np.float32)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("bowerbird.store.views.cells._FETCH", fetch)
        scores, ids = FaissView(cells).search(queries, k, within=within)
    right_scores, right_ids = sorted_by_numpy(model, queries, k, within)
    assert ((ids >= 0).sum(axis=1) == min(k, kept)).all()
    if k >= kept:
        np.testing.assert_array_equal(ids, right_ids)
        np.testing.assert_array_equal(scores, right_scores)


@pytest.fixture(scope="module")
def far_off() -> tuple[Cells, FakeChangeLog]:
    """2,000 vectors of which a search looks into one list of 89 only, unless it knows better."""
    log = FakeChangeLog(16)
    log.add(clustered(2000, 16, seed=1))
    cells, _ = build(log, 16, None)
    cells.reach = Reach({10: 1, 100: 1, 1000: 1})
    return cells, log


def test_few_are_fetched_and_many_are_looked_for(far_off: tuple[Cells, FakeChangeLog]) -> None:
    cells, _ = far_off
    alive, query = np.ones(2000, dtype=np.bool_), unit_vectors(1, 16).astype(np.float32)
    few, many = np.arange(0, 2000, 200), np.arange(0, 2000, 2)
    margins = np.zeros(1, dtype=np.float32)
    (of_few,) = cells.contenders(query, 5, margins, alive, few)
    (of_many,) = cells.contenders(query, 5, margins, alive, many)
    np.testing.assert_array_equal(of_few, few)
    assert len(of_many) < 100
    assert set(of_many.tolist()) <= set(many.tolist())


def test_what_sql_has_let_go_of_is_not_found(library: Library) -> None:
    save(library)
    opened = approximate(library)
    gone = next(iter(live(library)))
    query = live(library)[gone].astype(np.float32)[None]
    library.log.remove([gone])  # not applied yet
    assert gone not in opened.search(query, 10)[1]


# --- reach ---


def test_queries_from_far_off_look_into_more_lists() -> None:
    # Vectors of pictures: their first half tells them apart and makes the lists. Texts have only the second half.
    random = np.random.default_rng(0)
    log = FakeChangeLog(32)
    first, second = clustered(4000, 16, seed=3).astype(np.float32), unit_vectors(4000, 16, seed=4).astype(np.float32)
    log.add((np.concatenate([first, 0.4 * second], axis=1) / np.sqrt(1.16)).astype(np.float16))
    texts = np.pad(unit_vectors(100, 16, seed=5).astype(np.float32), ((0, 0), (16, 0)))
    alone, _ = build(log, 32, np.concatenate([first[:50], second[:50]], axis=1))
    cells, _ = build(log, 32, texts[:50])
    assert cells.reach.at(10) > 2 * alone.reach.at(10)
    model = {id_: vector for batch in log.live() for id_, vector in zip(batch.ids.tolist(), batch.vectors, strict=True)}
    assert_answers(FaissView(cells), model, texts[50:], 10, recall=0.99)
    near = clustered(50, 16, seed=3).astype(np.float32)
    queries = np.concatenate([near, 0.4 * random.normal(size=(50, 16)).astype(np.float32)], axis=1)
    assert_answers(FaissView(cells), model, queries, 10, recall=0.99)


def test_the_survey_counts_the_lists_that_true_neighbours_lie_in() -> None:
    vectors = np.eye(4, dtype=np.float32)
    queries = np.array([[1.0, 0.9, 0.8, 0.7]], dtype=np.float32)
    survey = Survey([queries], np.array([], dtype=np.int64))
    survey.see(np.arange(4), vectors, np.array([2, 0, 1, 1]))
    reach = survey.reach(np.array([[0, 1, 2, 3]]))  # its best neighbour lies in the third list
    assert reach.at(10) == 4  # three, and a margin


def test_a_vector_is_not_its_own_neighbour() -> None:
    vectors = np.eye(3, dtype=np.float32)
    survey = Survey([vectors[:1]], np.array([7]))
    survey.see(np.array([7, 8, 9]), vectors, np.array([3, 0, 0]))
    assert survey.reach(np.array([[0, 1, 2, 3]])).at(10) < 4


@given(st.floats(1, 1e6), st.floats(1, 1e6))
def test_more_is_looked_into_for_more(one: float, other: float) -> None:
    for reach in (Reach({10: 3, 100: 7, 1000: 30}), Reach({10: 4, 100: 4, 1000: 4}), Reach({1: 1})):
        assert reach.at(min(one, other)) <= reach.at(max(one, other)) + 1e-9
        assert reach.at(one) >= min(reach.lists.values()) - 1e-9


# --- what the keeper makes of sizes ---


def test_a_view_is_exact_up_to_a_size_and_approximate_above(tmp_path: Path) -> None:
    library = Library(tmp_path, exact_up_to=20)
    ids = library.log.add(unit_vectors(20, 8))
    keeper = library.keeper()
    save(library, keeper)
    assert view(library, keeper).exact
    library.log.add(unit_vectors(1, 8, seed=1))
    assert view(library, keeper).exact, "until there is a new snapshot"
    save(library, keeper)
    assert not view(library, keeper).exact
    library.log.remove(ids[:2])
    save(library, keeper)
    assert view(library, keeper).exact
    assert_right(library, view(library, library.keeper()))


def test_another_process_changes_over_when_it_meets_the_new_snapshot(library: Library) -> None:
    reader, writer = library.keeper(), library.keeper()
    assert view(library, reader).exact
    library.log.add(unit_vectors(3, 8, seed=1))
    save(library, writer)
    library.log.add(unit_vectors(3, 8, seed=2))
    assert not view(library, reader).exact
    assert_right(library, view(library, reader))


def test_a_first_snapshot_is_made_without_reading_everything_into_memory(library: Library) -> None:
    keeper = library.keeper()
    assert save(library, keeper, force=False)
    assert asked(library) == ["live", "live", "live"]  # counted up to the limit, learnt from, put into lists
    assert_right(library, view(library, keeper))


def test_what_has_changed_is_folded_in_without_asking_for_the_rest(library: Library) -> None:
    save(library)
    library.log.add(unit_vectors(40, 8, seed=1))
    library.log.remove([1, 2, 3])
    library.log.put(9, unit_vectors(1, 8, seed=2)[0])
    keeper = library.keeper()
    view(library, keeper)
    asked(library)
    save(library, keeper)
    assert asked(library) == []
    assert approximate(library).changes == 0
    assert_right(library, approximate(library))
    assert keeper.check(library.space, library.kind) == []


def test_centres_are_learnt_anew_once_outgrown(library: Library) -> None:
    save(library)
    first = approximate(library).base
    library.log.add(unit_vectors(100, 8, seed=1))
    save(library)
    assert isinstance(first, Cells)
    assert approximate(library).base.lists == first.lists  # type: ignore[attr-defined]
    library.log.add(unit_vectors(300, 8, seed=2))
    save(library)
    assert approximate(library).base.lists == lists_for(700)  # type: ignore[attr-defined]
    assert outgrown(first, 700)
    assert outgrown(first, 100)


def test_searches_go_on_while_a_snapshot_is_made(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = library.keeper()
    view(library, keeper)
    begun, may_end = threading.Event(), threading.Event()

    def slow(*arguments: object) -> object:
        begun.set()
        assert may_end.wait(60)
        return building.build(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("bowerbird.store.views.keeper.build", slow)
    saver = threading.Thread(target=save, args=(library, keeper))
    saver.start()
    assert begun.wait(60)
    library.log.add(unit_vectors(2, 8, seed=1))
    assert_right(library, view(library, keeper))  # would wait for ever for a lock that the saver holds
    may_end.set()
    saver.join()
    assert not view(library, keeper).exact
    assert_right(library, view(library, keeper))


def test_the_centres_come_from_an_even_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "SAMPLE", 50)
    log = FakeChangeLog(8, batch_size=30)
    log.add(unit_vectors(400, 8))
    drawn = np.zeros(400, dtype=int)
    for seed in range(200):
        count, ids, sample = building._reservoir(log, 8, np.random.default_rng(seed))
        assert (count, len(set(ids.tolist()))) == (400, 50)
        np.testing.assert_array_equal(log.vectors(np.sort(ids))[1], sample[np.argsort(ids)])
        drawn[ids - 1] += 1
    assert drawn.min() > 5  # 25 on average
    assert drawn.max() < 55


# --- on disk ---


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system does not list what is mapped")
def test_the_lists_are_mapped_not_read(library: Library) -> None:
    save(library)
    opened = approximate(library)
    rows, codes = next(each for each in map(opened.base._list, range(99)) if len(each[0]))  # type: ignore[attr-defined]
    lines = [
        line.split() for line in Path("/proc/self/maps").read_text().splitlines() if data_file(library).name in line
    ]
    spans = [tuple(int(end, 16) for end in fields[0].split("-")) for fields in lines]
    for address in (rows.ctypes.data, codes.ctypes.data):
        assert any(start <= address < end for start, end in spans)


def _flip(library: Library) -> None:
    flip_a_byte(data_file(library))


def _edit(**changes: object) -> Callable[[Library], None]:
    def edit(library: Library) -> None:
        manifest = library.place / snapshot.MANIFEST
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **changes}))

    return edit


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (_flip, "sha256"),
        (_edit(reach={}), "reach"),
        (_edit(reach={"10": "many"}), "reach"),
        (_edit(reach=[10]), "reach is no dict"),
        (_edit(index="exact", reach={}), "another kind of index"),
        (_edit(count=7), "other vectors"),
    ],
)
def test_damage_is_found_and_mended(
    library: Library, harm: Callable[[Library], None], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(library)
    harm(library)
    (fault,) = library.keeper().check(library.space, library.kind)
    assert reason in fault
    keeper = library.keeper()
    assert_right(library, view(library, keeper))
    assert reason in caplog.text
    assert save(library, keeper, force=False)
    assert library.keeper().check(library.space, library.kind) == []


def test_a_snapshot_of_format_1_still_opens(tmp_path: Path) -> None:
    library = Library(tmp_path)
    library.log.add(unit_vectors(50, 8))
    save(library)
    manifest = library.place / snapshot.MANIFEST
    kept = json.loads(manifest.read_text())
    del kept["index"], kept["reach"]
    manifest.write_text(json.dumps({**kept, "format": 1}))
    assert library.keeper().check(library.space, library.kind) == []
    assert_right(library, view(library, library.keeper()))


def test_check_compares_each_code_with_the_log(library: Library) -> None:
    save(library)
    vectors = live(library)
    library.log._live = {**vectors, 2: vectors[3], 1000: vectors[1]}  # SQL altered behind the log's back
    del library.log._live[9], library.log._live[10]
    assert library.keeper().check(library.space, library.kind) == [
        "3-image: is missing 1 vectors",
        "3-image: holds 2 that are not in SQL",
        "3-image: 1 differ from SQL",
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_full_disk_costs_neither_the_view_nor_the_old_snapshot(library: Library) -> None:
    keeper = library.keeper()
    save(library, keeper)
    before = data_file(library).read_bytes()
    library.log.add(unit_vectors(5, 8, seed=1))
    (library.place / "arriving.tmp").symlink_to("/dev/full")
    with pytest.raises(StorageFull):
        save(library, keeper)
    assert data_file(library).read_bytes() == before
    assert_right(library, view(library, keeper))
    assert save(library, keeper)


def test_forgotten_vectors_leave_the_disk_with_a_forced_save(library: Library) -> None:
    gone = list(live(library))[:-1]
    save(library)
    library.log.remove(gone)
    save(library)
    assert data_file(library).stat().st_size < 1000
    library.log.add(unit_vectors(300, 8, seed=1))
    save(library)
    (secret,) = library.log.add(unit_vectors(1, 8, seed=99))
    save(library)
    size = data_file(library).stat().st_size
    library.log.remove([secret])
    save(library)
    assert data_file(library).stat().st_size < size
