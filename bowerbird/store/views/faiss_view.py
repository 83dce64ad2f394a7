"""`FaissView`: an immutable block of vectors in FAISS, tombstones over it, and a delta beside it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bowerbird.store.views.arguments import check_batch, checked_queries
from bowerbird.store.views.block import Block, Rows
from bowerbird.store.views.delta import Delta, DeltaRows
from bowerbird.store.views.scoring import best, contenders, slack
from bowerbird.types import ChangeBatch, Ids, Vectors

_GATHER = 1000
"""Scoring one row picked out by hand costs about as much as stepping over this many in a scan (measured)."""
_FOLD_ROWS = 65536
"""Vectors moved at a time while folding: 64 MB at 512 dimensions."""


@dataclass(frozen=True, slots=True)
class _State:
    """All that a search looks at, replaced as a whole with every batch."""

    seq: int
    alive: NDArray[np.bool_]
    """Which rows of the block count: the others were removed, or have a newer copy in the delta."""
    delta: DeltaRows


class FaissView:
    """Exact search over a `Block` and what changed since. Scores are exact as `scoring` defines them:
    the same as `ExactView`'s to the last bit, for vectors of unit length.

    Searches take no lock; batches are applied one at a time.
    """

    exact = True

    def __init__(self, base: Block, seq: int = 0) -> None:
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
        """Tombstones and vectors that the block does not hold: what a new snapshot would fold in."""
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
        scores = np.empty((len(queries), k), dtype=np.float32)
        ids = np.empty((len(queries), k), dtype=np.int64)
        for row, (query, old, new) in enumerate(zip(queries, in_base, in_delta, strict=True)):
            candidates = np.concatenate([self.base.ids[old], state.delta.ids[new]])
            vectors = np.concatenate([self.base.vectors[old], state.delta.vectors[new]], dtype=np.float32)
            scores[row], ids[row] = best(query, candidates, vectors, k)
        return scores, ids

    def sample(self, n: int, *, seed: int = 0) -> Vectors:
        """At most ``n`` of the vectors, each as likely as another, in ascending order of id."""
        state = self._state
        _, rows = self._members(state)
        chosen = np.random.default_rng(seed).choice(len(rows), size=min(n, len(rows)), replace=False)
        return self._vectors(state, rows[np.sort(chosen)]).astype(np.float32)

    def folded(self) -> FaissView:
        """The same vectors at the same `seq`, all in one block; this view is left as it is."""
        state = self._state
        if state.alive.all() and not state.delta.alive.any():
            return FaissView(self.base, state.seq)
        ids, rows = self._members(state)
        parts = (self._vectors(state, rows[at : at + _FOLD_ROWS]) for at in range(0, len(rows), _FOLD_ROWS))
        return FaissView(Block.of(self.dimension, ids, parts), state.seq)

    def _base_contenders(
        self, state: _State, queries: Vectors, k: int, margins: Vectors, within: Ids | None
    ) -> list[Rows]:
        if within is None:
            return self.base.contenders(queries, k, margins, None if state.alive.all() else state.alive)
        rows = self.base.rows_of(np.unique(within))
        rows = rows[state.alive[rows]]
        if rows.size * _GATHER <= len(self.base):
            return [rows] * len(queries)
        admitted = np.zeros(len(self.base), dtype=np.bool_)
        admitted[rows] = True
        return self.base.contenders(queries, k, margins, admitted)

    def _members(self, state: _State) -> tuple[Ids, Rows]:
        """Every id that counts, ascending, and its row: in the block, or counted on from its end in the delta."""
        in_base, in_delta = np.flatnonzero(state.alive), np.flatnonzero(state.delta.alive)
        ids = np.concatenate([self.base.ids[in_base], state.delta.ids[in_delta]])
        order = np.argsort(ids, kind="stable")
        return ids[order], np.concatenate([in_base, in_delta + len(self.base)])[order]

    def _vectors(self, state: _State, rows: Rows) -> NDArray[np.float16]:
        """The vectors of ``rows`` as `_members` counts them; what the delta holds was float16 before."""
        vectors = np.empty((len(rows), self.dimension), dtype=np.float16)
        old = rows < len(self.base)
        vectors[old] = self.base.vectors[rows[old]]
        vectors[~old] = state.delta.vectors[rows[~old] - len(self.base)]
        return vectors


def _delta_contenders(delta: DeltaRows, queries: Vectors, k: int, margins: Vectors, within: Ids | None) -> list[Rows]:
    admitted = delta.alive if within is None else delta.alive & np.isin(delta.ids, within)
    scores = np.where(admitted, queries @ delta.vectors.T, np.float32(-np.inf))
    return [contenders(row, k, margin) for row, margin in zip(scores, margins, strict=True)]
