"""`FaissView` in each of the forms it takes: all delta, block and delta, and through the keeper from disk."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest

from bowerbird.ports import VectorView
from bowerbird.store.views.block import Block
from bowerbird.store.views.faiss_view import FaissView
from bowerbird.types import ChangeBatch
from tests.contracts.change_log import batch_of, unit_vectors
from tests.contracts.vector_view import BuildView, VectorViewContract
from tests.store.views.libraries import Library


def all_delta(dimension: int, batches: Sequence[ChangeBatch]) -> VectorView:
    view = FaissView.empty(dimension)
    for batch in batches:
        view.apply(batch)
    return view


def all_block(dimension: int, batches: Sequence[ChangeBatch]) -> VectorView:
    view = all_delta(dimension, batches)
    assert isinstance(view, FaissView)
    return view.folded()


class TestAllDelta(VectorViewContract):
    @pytest.fixture
    def build(self) -> BuildView:
        return all_delta


class TestAllBlock(VectorViewContract):
    @pytest.fixture
    def build(self) -> BuildView:
        return all_block


class TestSnapshotDeltaAndTombstones(VectorViewContract):
    """The first half of the history is in a snapshot, mapped from disk; the rest lies over it."""

    @pytest.fixture
    def build(self, tmp_path: Path) -> BuildView:
        def build(dimension: int, batches: Sequence[ChangeBatch]) -> VectorView:
            library = Library(Path(mkdtemp(dir=tmp_path)), dimension)
            half = (len(batches) + 1) // 2
            library.play(batches[:half])
            library.keeper().save(library.space, library.kind, force=True)
            library.play(batches[half:])
            return library.keeper().view(library.space, library.kind)

        return build


class TestReopenedFromDisk(VectorViewContract):
    @pytest.fixture
    def build(self, tmp_path: Path) -> BuildView:
        def build(dimension: int, batches: Sequence[ChangeBatch]) -> VectorView:
            library = Library(Path(mkdtemp(dir=tmp_path)), dimension)
            library.play(batches)
            library.keeper().save(library.space, library.kind, force=True)
            view = library.keeper().view(library.space, library.kind)
            assert view.changes == 0
            return view

        return build


def test_float16_is_kept_bit_for_bit() -> None:
    every = np.arange(65536, dtype=np.uint16).view(np.float16)
    every = every[np.isfinite(every)].reshape(-1, 8)
    block = Block.of(8, np.arange(len(every)), [every[:1000], every[1000:]])
    np.testing.assert_array_equal(block.vectors.view(np.uint16), every.view(np.uint16))


def test_folding_leaves_the_view_as_it_was_and_keeps_the_order() -> None:
    vectors = unit_vectors(6, 8)
    view = FaissView(Block.of(8, np.array([2, 4, 6]), [vectors[:3]]), seq=3)
    view.apply(batch_of(5, 8, {3: vectors[3], 4: vectors[4]}, removed=[6]))
    folded = view.folded()
    assert (folded.seq, folded.changes, folded.base.ids.tolist()) == (5, 0, [2, 3, 4])
    np.testing.assert_array_equal(folded.base.vectors, vectors[[0, 3, 4]])
    assert (view.changes, len(view), view.base.ids.tolist()) == (4, 3, [2, 4, 6])


def test_a_search_under_way_keeps_its_moment() -> None:
    vectors = unit_vectors(6, 8)
    view = FaissView(Block.of(8, np.arange(3), [vectors[:3]]))
    view.apply(batch_of(1, 8, {3: vectors[3]}))
    moment = view._state
    view.apply(batch_of(2, 8, {4: vectors[4]}, removed=[0, 3]))
    assert moment.alive.tolist() == [True, True, True]
    assert moment.delta.ids.tolist() == [3]
    assert moment.delta.alive.tolist() == [True]


def test_many_copies_in_one_block_are_still_told_apart_by_id() -> None:
    # Far more copies than one pass over the block fetches.
    copy = unit_vectors(1, 16)[0]
    block = Block.of(16, np.arange(5000), [np.tile(copy, (5000, 1))])
    scores, ids = FaissView(block).search(copy.astype(np.float32)[None], 50)
    assert ids[0].tolist() == list(range(50))
    assert np.unique(scores).size == 1


def test_a_view_forgets_the_dead_rows_of_its_delta() -> None:
    view = FaissView.empty(4)
    for seq in range(1, 1000):
        view.apply(batch_of(seq, 4, {1: unit_vectors(1, 4, seed=seq)[0]}))
    assert len(view) == 1
    assert len(view._state.delta.ids) < 200
