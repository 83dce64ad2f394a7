"""`Delta`: what has changed since a view's snapshot, in memory, searched by brute force."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bowerbird.types import Ids, Vectors

_FIRST_CAPACITY = 64


@dataclass(frozen=True, slots=True)
class DeltaRows:
    """The delta at one moment. ``vectors`` is float32 of shape ``(n, dimension)``; rows not ``alive`` do not count."""

    ids: Ids
    vectors: Vectors
    alive: NDArray[np.bool_]


class Delta:
    """Only ever appended to, so that the `DeltaRows` handed out stay true. One thread may apply at a time."""

    def __init__(self, dimension: int) -> None:
        self._ids = np.empty(0, dtype=np.int64)
        self._vectors = np.empty((0, dimension), dtype=np.float32)
        self._row_of: dict[int, int] = {}
        self.rows = DeltaRows(self._ids, self._vectors, np.empty(0, dtype=np.bool_))

    def apply(self, ids: Ids, vectors: NDArray[np.float16], removed: Ids) -> DeltaRows:
        """Add or replace ``ids``, drop ``removed``, and return the rows as they are now."""
        if len(self.rows.ids) + len(ids) > len(self._ids):
            self._grow(len(ids))
        start, end = len(self.rows.ids), len(self.rows.ids) + len(ids)
        alive = np.ones(end, dtype=np.bool_)
        alive[:start] = self.rows.alive
        superseded = (self._row_of.pop(id_, None) for id_ in [*ids.tolist(), *removed.tolist()])
        alive[[row for row in superseded if row is not None]] = False
        # Rows handed out end at `start`: what is written behind them is not seen by a search under way.
        self._ids[start:end] = ids
        self._vectors[start:end] = vectors
        self._row_of.update(zip(ids.tolist(), range(start, end), strict=True))
        self.rows = DeltaRows(self._ids[:end], self._vectors[:end], alive)
        return self.rows

    def _grow(self, more: int) -> None:
        """Move the living rows to new memory with room for as many again; the dead ones end here."""
        ids, vectors = self.rows.ids[self.rows.alive], self.rows.vectors[self.rows.alive]
        capacity = max(_FIRST_CAPACITY, 2 * (len(ids) + more))
        self._ids = np.empty(capacity, dtype=np.int64)
        self._vectors = np.empty((capacity, vectors.shape[1]), dtype=np.float32)
        self._ids[: len(ids)] = ids
        self._vectors[: len(ids)] = vectors
        self._row_of = {id_: row for row, id_ in enumerate(ids.tolist())}
        self.rows = DeltaRows(self._ids[: len(ids)], self._vectors[: len(ids)], np.ones(len(ids), dtype=np.bool_))
