"""What every `VectorView` must do. Exact views are held to NumPy's own sort, approximate ones to `RECALL_AT_10`, and
to the very scores of what they find.

What exactness promises: the score is the inner product summed in float64 and rounded to float32; scores descend; equal
scores, such as those of copies of one picture, come by ascending id, also where the k-th place cuts through them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bowerbird.ports import VectorView
from bowerbird.types import ChangeBatch, Ids, Vectors
from tests.contracts.change_log import batch_of, unit_vectors

RECALL_AT_10 = 0.95
"""The least share of the true ten nearest that an approximate view may find, over clustered vectors."""

BuildView = Callable[[int, Sequence[ChangeBatch]], VectorView]
"""Dimension and batches -> a view to which they have been applied, in whichever way the implementation is used."""

Model = dict[int, NDArray[np.float16]]

DIMENSION = 8
IDS = st.integers(min_value=1, max_value=30)
# Few distinct vectors, so that ties abound.
PLACES = st.integers(min_value=0, max_value=5)
PALETTE = unit_vectors(6, DIMENSION, seed=9)

# A builder makes a new view each time, so that one fixture may serve all examples and every class that derives.
SHARED = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.differing_executors,
        HealthCheck.too_slow,
    ],
)


@st.composite
def histories(draw: st.DrawFn) -> list[ChangeBatch]:
    """Batches in order of seq that add, replace and remove, some of them twice over."""
    batches: list[ChangeBatch] = []
    for _ in range(draw(st.integers(min_value=0, max_value=6))):
        seq = batches[-1].seq + draw(st.integers(min_value=1, max_value=5)) if batches else 1
        removed = draw(st.sets(IDS, max_size=8))
        added = {id_: PALETTE[place] for id_, place in draw(st.dictionaries(IDS, PLACES, max_size=12)).items()}
        batches.append(batch_of(seq, DIMENSION, added, removed - added.keys()))
    return batches


def model_of(batches: Sequence[ChangeBatch]) -> Model:
    model: Model = {}
    for batch in batches:
        for id_ in batch.removed.tolist():
            model.pop(id_, None)
        model.update(zip(batch.ids.tolist(), batch.vectors, strict=True))
    return model


def sorted_by_numpy(model: Model, queries: Vectors, k: int, within: Ids | None = None) -> tuple[Vectors, Ids]:
    """The right answer, as simply as it can be had."""
    ids = np.array(sorted(model if within is None else model.keys() & set(within.tolist())), dtype=np.int64)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    found = np.full((len(queries), k), -1, dtype=np.int64)
    for row, query in enumerate(queries.astype(np.float64)):
        products = [np.float32((model[id_].astype(np.float64) * query).sum()) for id_ in ids.tolist()]
        order = np.argsort(-np.array(products, dtype=np.float32), kind="stable")[:k]
        found[row, : len(order)] = ids[order]
        scores[row, : len(order)] = np.array(products, dtype=np.float32)[order]
    return scores, found


def clustered(n: int, dimension: int, seed: int) -> NDArray[np.float16]:
    """``n`` unit vectors around twenty centres, as the vectors of real libraries lie."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(20, dimension))
    vectors = centres[rng.integers(0, 20, n)] + 0.7 * rng.normal(size=(n, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def assert_answers(
    view: VectorView, model: Model, queries: Vectors, k: int, within: Ids | None = None, *, recall: float = 0.0
) -> None:
    """An exact view answers just as NumPy does; an approximate one soundly, finding ``recall`` of the best, and all
    where there are no more than ``k``.
    """
    scores, ids = view.search(queries, k, within=within)
    assert (scores.shape, ids.shape) == ((len(queries), k), (len(queries), k))
    assert (scores.dtype, ids.dtype) == (np.float32, np.int64)
    right_scores, right_ids = sorted_by_numpy(model, queries, k, within)
    if view.exact:
        np.testing.assert_array_equal(ids, right_ids)
        np.testing.assert_array_equal(scores, right_scores)
        return
    found = ids != -1
    assert np.isneginf(scores[~found]).all()
    assert np.isfinite(scores[found]).all()
    for row in range(len(queries)):
        answer = ids[row, found[row]].tolist()
        assert answer == ids[row, : len(answer)].tolist(), "nothing comes after the padding"
        assert len(set(answer)) == len(answer)
        assert model.keys() >= set(answer)
        assert within is None or set(answer) <= set(within.tolist())
        assert list(zip(-scores[row], ids[row], strict=True))[: len(answer)] == sorted(
            zip(-scores[row, : len(answer)], answer, strict=True)
        )
        vectors = np.array([model[id_] for id_ in answer], dtype=np.float64).reshape(-1, queries.shape[1])
        true = (vectors * queries[row].astype(np.float64)).sum(axis=1).astype(np.float32)
        np.testing.assert_array_equal(scores[row, : len(answer)], true)
    if k >= len(model if within is None else model.keys() & set(within.tolist())):
        np.testing.assert_array_equal(np.sort(ids), np.sort(right_ids))
    hits = sum(len(set(mine) & set(right)) for mine, right in zip(ids.tolist(), right_ids.tolist(), strict=True))
    assert hits >= recall * right_ids.size


class VectorViewContract:
    """Derive a test class from this and override the fixture ``build``."""

    @pytest.fixture
    def build(self) -> BuildView:
        raise NotImplementedError

    @settings(SHARED, max_examples=40)
    @given(batches=histories(), k=st.integers(0, 40), within=st.none() | st.sets(IDS | st.just(99), max_size=20))
    def test_any_history_gives_what_a_dict_holds(
        self, build: BuildView, batches: list[ChangeBatch], k: int, within: set[int] | None
    ) -> None:
        view, model = build(DIMENSION, batches), model_of(batches)
        assert view.dimension == DIMENSION
        assert len(view) == len(model)
        assert view.seq == (batches[-1].seq if batches else 0)
        queries = np.concatenate([PALETTE[:2], unit_vectors(2, DIMENSION, seed=4)]).astype(np.float32)
        assert_answers(view, model, queries, k, None if within is None else np.array(sorted(within), dtype=np.int64))
        held = view.sample(100)
        expected = np.array([model[id_] for id_ in sorted(model)], dtype=np.float32).reshape(-1, DIMENSION)
        np.testing.assert_array_equal(np.sort(held, axis=0), np.sort(expected, axis=0))

    @settings(SHARED, max_examples=25)
    @given(batches=histories(), again=st.data())
    def test_batches_applied_again_change_nothing(
        self, build: BuildView, batches: list[ChangeBatch], again: st.DataObject
    ) -> None:
        view, model = build(DIMENSION, batches), model_of(batches)
        if batches:
            start = again.draw(st.integers(0, len(batches) - 1))
            for batch in batches[start:]:
                view.apply(batch)
            view.apply(batches[start])  # a reader that lagged behind another
        assert len(view) == len(model)
        assert view.seq == (batches[-1].seq if batches else 0)
        assert_answers(view, model, PALETTE[:3].astype(np.float32), 10)

    def test_an_empty_view_finds_nothing(self, build: BuildView) -> None:
        view = build(DIMENSION, [])
        queries = unit_vectors(2, DIMENSION).astype(np.float32)
        assert_answers(view, {}, queries, 3)
        assert_answers(view, {}, queries, 3, np.array([1, 2]))
        assert_answers(view, {}, queries[:0], 3)
        assert view.sample(5).shape == (0, DIMENSION)
        assert (len(view), view.seq) == (0, 0)

    def test_a_view_emptied_again_finds_nothing_and_takes_more(self, build: BuildView) -> None:
        first, second = PALETTE[0], PALETTE[1]
        view = build(DIMENSION, [batch_of(1, DIMENSION, {1: first, 2: second}), batch_of(2, DIMENSION, removed=[1, 2])])
        queries = PALETTE[:1].astype(np.float32)
        assert len(view) == 0
        assert_answers(view, {}, queries, 3)
        view.apply(batch_of(3, DIMENSION, {7: second}))
        assert_answers(view, {7: second}, queries, 3)

    def test_what_is_of_another_dimension_is_refused(self, build: BuildView) -> None:
        view = build(DIMENSION, [batch_of(1, DIMENSION, {1: PALETTE[0]})])
        with pytest.raises(ValueError):
            view.apply(batch_of(2, DIMENSION + 1, {2: np.ones(DIMENSION + 1, dtype=np.float16)}))
        with pytest.raises(ValueError):
            view.search(np.ones((1, DIMENSION - 1), dtype=np.float32), 1)
        with pytest.raises(ValueError):
            view.search(np.ones(DIMENSION, dtype=np.float32), 1)
        assert (len(view), view.seq) == (1, 1)

    def test_what_is_not_a_number_never_gets_in(self, build: BuildView) -> None:
        view = build(DIMENSION, [batch_of(1, DIMENSION, {1: PALETTE[0]})])
        for bad in (np.nan, np.inf):
            vector = PALETTE[1].copy()
            vector[3] = bad
            with pytest.raises(ValueError):
                view.apply(batch_of(2, DIMENSION, {2: vector}))
            with pytest.raises(ValueError):
                view.search(vector.astype(np.float32)[None], 1)
        assert_answers(view, {1: PALETTE[0]}, PALETTE[:1].astype(np.float32), 2)

    def test_a_batch_without_changes_moves_the_seq_on(self, build: BuildView) -> None:
        view = build(DIMENSION, [batch_of(1, DIMENSION, {1: PALETTE[0]})])
        view.apply(batch_of(9, DIMENSION))
        assert (view.seq, len(view)) == (9, 1)

    def test_copies_come_by_ascending_id_also_where_k_cuts_through_them(self, build: BuildView) -> None:
        # 60 copies of one vector among 200 others, with ids that do not follow the order of adding.
        dimension = 33  # odd, so that rows lie at every alignment
        copy, others = unit_vectors(1, dimension, seed=5)[0], unit_vectors(200, dimension, seed=6)
        ids = np.random.default_rng(7).permutation(np.arange(1, 261)).tolist()
        model = dict(zip(ids, [*[copy] * 60, *others], strict=True))
        half = dict(list(model.items())[::2])
        rest = {id_: vector for id_, vector in model.items() if id_ not in half}
        view = build(dimension, [batch_of(1, dimension, half), batch_of(2, dimension, rest)])
        query = copy.astype(np.float32)[None]
        for k in (1, 10, 59, 60, 61, 300):
            assert_answers(view, model, query, k)

    @pytest.mark.parametrize("varied", [3, 40])
    def test_near_copies_come_in_their_true_order(self, build: BuildView, varied: int) -> None:
        # Frames of one shot: their scores differ by less than a float32 sum may err.
        dimension = 512
        frames = np.repeat(unit_vectors(1, dimension, seed=19), 400, axis=0)
        small = np.argsort(np.abs(frames[0].astype(np.float32)))[:varied]
        bits = frames.view(np.uint16)
        bits[:, small] += np.random.default_rng(20).integers(0, 3, size=(400, varied), dtype=np.uint16)
        model = dict(enumerate(frames, start=1))
        view = build(dimension, [batch_of(1, dimension, model), batch_of(2, dimension)])
        queries = unit_vectors(5, dimension, seed=21).astype(np.float32)
        for k in (1, 10, 100):
            assert_answers(view, model, queries, k)

    @pytest.mark.parametrize("wanted", [1, 10, 1000])
    def test_heavy_tombstones_and_narrow_selections(self, build: BuildView, wanted: int) -> None:
        vectors = clustered(3000, 16, seed=11)
        model = dict(enumerate(vectors, start=1))
        gone = [id_ for id_ in model if id_ % 20]  # 95 of 100
        batches = [batch_of(1, 16, model), batch_of(2, 16, removed=gone)]
        view = build(16, batches)
        model = model_of(batches)
        queries = clustered(5, 16, seed=12).astype(np.float32)
        assert_answers(view, model, queries, 20)
        within = np.random.default_rng(13).choice(3000, wanted, replace=False) + 1
        assert_answers(view, model, queries, 20, within)
        assert_answers(view, model, queries, 20, np.concatenate([within, within]))

    def test_the_ten_nearest_are_found(self, build: BuildView) -> None:
        vectors = clustered(2000, 32, seed=14)
        model = dict(enumerate(vectors, start=1))
        added = [batch_of(seq, 32, {id_: model[id_] for id_ in range(seq, 2001, 4)}) for seq in range(1, 5)]
        view = build(32, added)
        queries = clustered(40, 32, seed=15).astype(np.float32)
        assert_answers(view, model, queries, 10, recall=RECALL_AT_10)

    def test_a_sample_is_even_and_the_same_for_the_same_seed(self, build: BuildView) -> None:
        vectors = unit_vectors(50, DIMENSION, seed=16)
        view = build(
            DIMENSION,
            [
                batch_of(1, DIMENSION, dict(enumerate(vectors[:25]))),
                batch_of(2, DIMENSION, dict(enumerate(vectors, 0))),
            ],
        )
        held = [vector.tobytes() for vector in vectors.astype(np.float32)]
        sample = view.sample(20, seed=3)
        assert (sample.shape, sample.dtype) == ((20, DIMENSION), np.float32)
        assert len({vector.tobytes() for vector in sample} & set(held)) == 20
        np.testing.assert_array_equal(sample, view.sample(20, seed=3))
        drawn = [held.index(vector.tobytes()) for seed in range(100) for vector in view.sample(5, seed=seed)]
        counts = np.bincount(drawn, minlength=50)
        assert counts.min() > 0
        assert counts.max() < 30  # 10 on average

    def test_a_search_sees_a_batch_wholly_or_not_at_all(self, build: BuildView) -> None:
        # Each batch moves all ten ids to the place of one vector: a search that sees two places has seen half a batch.
        places = unit_vectors(10, DIMENSION, seed=17)
        view = build(DIMENSION, [batch_of(1, DIMENSION, dict.fromkeys(range(10), places[0]))])
        query = unit_vectors(1, DIMENSION, seed=18).astype(np.float32)
        torn: list[NDArray[np.float32]] = []
        searches = 0
        stop = threading.Event()

        def keep_searching() -> None:
            nonlocal searches
            while not stop.is_set():
                scores, _ = view.search(query, 10)
                searches += 1
                if np.unique(scores).size != 1 or len(view) != 10:
                    torn.append(scores)

        threads = [threading.Thread(target=keep_searching) for _ in range(2)]
        for thread in threads:
            thread.start()
        seq = 2
        while seq < 400 or (searches < 50 and not torn):
            removed, ids = (range(10), range(10, 20)) if seq % 2 == 0 else (range(10, 20), range(10))
            view.apply(batch_of(seq, DIMENSION, dict.fromkeys(ids, places[seq % 10]), removed))
            seq += 1
        stop.set()
        for thread in threads:
            thread.join()
        assert not torn
