"""`FaissView`: an immutable base of vectors in FAISS, tombstones over it, and a delta beside it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bowerbird.store.views.arguments import check_batch, checked_queries
from bowerbird.store.views.base import Base, Rows, merged, rows_of
from bowerbird.store.views.block import Block
from bowerbird.store.views.delta import Delta, DeltaRows
from bowerbird.store.views.scoring import best, contenders, inner_products, slack
from bowerbird.types import ChangeBatch, Ids, Vectors


@dataclass(frozen=True, slots=True)
class _State:
    """All that a search looks at, replaced as a whole with every batch."""

    seq: int
    alive: NDArray[np.bool_]
    """Which rows of the base count: the others were removed, or have a newer copy in the delta."""
    delta: DeltaRows


class FaissView:
    """Search over a `Base` and what changed since. Scores are exact as `scoring` defines them; over a `Block` so is
    what is found: the same as `ExactView` finds, to the last bit, for vectors of unit length.

    Searches take no lock; batches are applied one at a time.
    """

    def __init__(self, base: Base, seq: int = 0) -> None:
        self.exact = base.exact
        self.base = base
        self.base_seq = seq
        self.dimension = base.dimension
        self._writing = threading.Lock()
        self._delta = Delta(base.dimension)
        self._state = _State(seq, np.ones(len(base), dtype=np.bool_), self._delta.rows)

    @classmethod
    def empty(cls, dimension: int) -> FaissView:
        """A view of nothing, at the beginning of the change log."""
        return cls(Block.of(dimension, np.empty(0, dtype=np.int64), []))

    @property
    def seq(self) -> int:
        """The last line of the change log that is applied."""
        return self._state.seq

    @property
    def changes(self) -> int:
        """Tombstones and vectors that the base does not hold: what a new snapshot would fold in."""
        state = self._state
        return int(np.count_nonzero(~state.alive) + np.count_nonzero(state.delta.alive))

    def __len__(self) -> int:
        state = self._state
        return int(np.count_nonzero(state.alive) + np.count_nonzero(state.delta.alive))

    def apply(self, batch: ChangeBatch) -> None:
        """Add, replace and remove; a batch older than `seq` is already in and is passed over.

        Raises ValueError where the batch's dimension is not the view's, or a vector is not finite.
        """
        check_batch(batch, self.dimension)
        with self._writing:
            state = self._state
            if batch.seq < state.seq:
                return
            if not len(batch.ids) and not len(batch.removed):
                self._state = replace(state, seq=batch.seq)
                return
            alive = state.alive
            hidden = self.base.rows_of(np.concatenate([batch.ids, batch.removed]))
            if hidden.size:
                alive = alive.copy()
                alive[hidden] = False
            self._state = _State(batch.seq, alive, self._delta.apply(batch.ids, batch.vectors, batch.removed))

    def search(self, queries: Vectors, k: int, *, within: Ids | None = None) -> tuple[Vectors, Ids]:
        """The ``k`` best of each query, as the port says; raises ValueError for queries of another dimension."""
        queries = checked_queries(queries, k, self.dimension)
        state = self._state
        margins = slack(queries)
        in_base = self._base_contenders(state, queries, k, margins, within)
        in_delta = _delta_contenders(state.delta, queries, k, margins, within)
        # Fetched once for all queries: an approximate base has to ask SQL for them.
        rows, vectors = self.base.vectors_of(np.unique(np.concatenate([np.empty(0, np.intp), *in_base])))
        scores = np.empty((len(queries), k), dtype=np.float32)
        ids = np.empty((len(queries), k), dtype=np.int64)
        for row, (query, old, new) in enumerate(zip(queries, in_base, in_delta, strict=True)):
            here = rows_of(rows, old)
            candidates = np.concatenate([self.base.ids[rows[here]], state.delta.ids[new]])
            scored = [inner_products(query, vectors[here]), inner_products(query, state.delta.vectors[new])]
            scores[row], ids[row] = best(np.concatenate(scored), candidates, k)
        return scores, ids

    def sample(self, n: int, *, seed: int = 0) -> Vectors:
        """At most ``n`` of the vectors, each as likely as another, in ascending order of id."""
        state = self._state
        _, rows = merged(state.alive, self.base.ids, state.delta.ids[state.delta.alive])
        chosen = rows[np.sort(np.random.default_rng(seed).choice(len(rows), size=min(n, len(rows)), replace=False))]
        own, new = chosen[chosen < len(self.base)], chosen[chosen >= len(self.base)] - len(self.base)
        held, vectors = self.base.vectors_of(own)
        ids = np.concatenate([self.base.ids[held], state.delta.ids[state.delta.alive][new]])
        drawn = np.concatenate([vectors, state.delta.vectors[state.delta.alive][new]], dtype=np.float32)
        return drawn[np.argsort(ids)]

    def folded(self) -> FaissView:
        """The same vectors at the same `seq`, all in one base; this view is left as it is."""
        state = self._state
        new = state.delta.alive
        # What the delta holds was float16 before.
        vectors = state.delta.vectors[new].astype(np.float16)
        return FaissView(self.base.folded(state.alive, state.delta.ids[new], vectors), state.seq)

    def compared(self, batch: ChangeBatch) -> tuple[int, int]:
        """Of the ids of ``batch``: how many are held here, and how many of those with another vector."""
        state = self._state
        rows = self.base.rows_of(batch.ids)
        rows = rows[state.alive[rows]]
        there = batch.vectors[np.isin(batch.ids, self.base.ids[rows])]
        new = np.flatnonzero(state.delta.alive & np.isin(state.delta.ids, batch.ids))
        new = new[np.argsort(state.delta.ids[new])]
        added = batch.vectors[np.isin(batch.ids, state.delta.ids[new])]
        altered = self.base.differing(rows, there).sum() + (state.delta.vectors[new] != added).any(axis=1).sum()
        return len(rows) + len(new), int(altered)

    def _base_contenders(
        self, state: _State, queries: Vectors, k: int, margins: Vectors, within: Ids | None
    ) -> list[Rows]:
        if within is None:
            return self.base.contenders(queries, k, margins, state.alive)
        rows = self.base.rows_of(np.unique(within))
        return self.base.contenders(queries, k, margins, state.alive, rows[state.alive[rows]])


def _delta_contenders(delta: DeltaRows, queries: Vectors, k: int, margins: Vectors, within: Ids | None) -> list[Rows]:
    admitted = delta.alive if within is None else delta.alive & np.isin(delta.ids, within)
    scores = np.where(admitted, queries @ delta.vectors.T, np.float32(-np.inf))
    return [contenders(row, k, margin) for row, margin in zip(scores, margins, strict=True)]
