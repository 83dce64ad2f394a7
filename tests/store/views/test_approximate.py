"""The contract's branch for approximate views: one that searches cells passes, one that is half deaf does not."""

from collections.abc import Sequence

import numpy as np
import pytest

from bowerbird.store.views.arguments import checked_queries
from bowerbird.store.views.exact import ExactView
from bowerbird.types import ChangeBatch, Ids, Vectors
from tests.contracts.change_log import unit_vectors
from tests.contracts.vector_view import BuildView, VectorViewContract


class CellView(ExactView):
    """An inverted file in its simplest form: vectors belong to the nearest of 16 centres, and 12 cells are searched."""

    exact = False
    cells, probes = 16, 12

    def search(self, queries: Vectors, k: int, *, within: Ids | None = None) -> tuple[Vectors, Ids]:
        queries = checked_queries(queries, k, self.dimension)
        centres = unit_vectors(self.cells, self.dimension, seed=1).astype(np.float32)
        _, ids, matrix = self._state
        cells = np.argmax(matrix @ centres.T, axis=1)
        scores, found = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        for row, query in enumerate(queries):
            near = ids[np.isin(cells, np.argsort(-(centres @ query))[: self.probes])]
            admitted = near if within is None else np.intersect1d(near, within)
            if len(admitted) < k:  # too few: all cells
                admitted = ids if within is None else np.intersect1d(ids, within)
            scores[row], found[row] = (part[0] for part in super().search(query[None], k, within=admitted))
        return scores, found


class DeafView(ExactView):
    """Knows of even ids only."""

    exact = False

    def search(self, queries: Vectors, k: int, *, within: Ids | None = None) -> tuple[Vectors, Ids]:
        even = self._state[1][self._state[1] % 2 == 0]
        return super().search(queries, k, within=even if within is None else np.intersect1d(even, within))


def builder(kind: type[ExactView]) -> BuildView:
    def build(dimension: int, batches: Sequence[ChangeBatch]) -> ExactView:
        view = kind(dimension)
        for batch in batches:
            view.apply(batch)
        return view

    return build


class TestCellView(VectorViewContract):
    @pytest.fixture
    def build(self) -> BuildView:
        return builder(CellView)


def test_too_low_a_recall_fails_the_contract() -> None:
    with pytest.raises(AssertionError):
        VectorViewContract().test_the_ten_nearest_are_found(builder(DeafView))


def test_a_sound_view_of_low_recall_passes_everything_else() -> None:
    VectorViewContract().test_heavy_tombstones_and_narrow_selections(builder(DeafView), 10)


def test_a_view_that_only_says_that_it_is_exact_fails_the_contract() -> None:
    class Boaster(CellView):
        exact = True
        probes = 8

    with pytest.raises(AssertionError):
        VectorViewContract().test_the_ten_nearest_are_found(builder(Boaster))
