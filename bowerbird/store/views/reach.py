"""How many lists of an inverted file a search has to look into: measured on queries while the file is built.

Where a query's true neighbours lie among the lists, counted from the one whose centre is nearest, says how many lists
would have found them, for every number at once. Two sorts of queries are asked: vectors of the view itself, and texts,
which in a space of pictures lie far from every centre and need many times more lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.store.views.base import Halves
from bowerbird.types import Ids, Vectors

DEPTHS = (10, 100, 1000)
"""For the 10 best, the 100 best and so on."""
FOUND = 0.99
"""Of the true neighbours, of each sort of query."""
MARGIN = 1.25
"""More lists than the queries asked for: others may ask for more."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Lists to look into by the depth wanted; both ascend."""

    lists: Mapping[int, int]

    def at(self, depth: float) -> float:
        """Lists for the ``depth`` best; between the measured depths and beyond them by power laws."""
        depths, lists = np.log(list(self.lists)), np.log(list(self.lists.values()))
        if depth <= min(self.lists) or len(depths) == 1:
            return float(np.exp(lists[0])) * max(1.0, depth / min(self.lists) if len(depths) == 1 else 1.0)
        place = min(int(np.searchsorted(depths, np.log(depth))), len(depths) - 1)
        # Nothing says that it grows more slowly further out than half as fast as the depth.
        slope = (lists[place] - lists[place - 1]) / (depths[place] - depths[place - 1])
        if depth > max(self.lists):
            return float(np.exp(lists[-1] + max(slope, 0.5) * (np.log(depth) - depths[-1])))
        return float(np.exp(lists[place - 1] + slope * (np.log(depth) - depths[place - 1])))

    def as_json(self) -> dict[str, int]:
        """What a manifest keeps."""
        return {str(depth): lists for depth, lists in self.lists.items()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Reach:
        """Raises ValueError where this is no such thing."""
        lists = {int(depth): found for depth, found in kept.items()}
        if not lists or any(type(found) is not int or found < 1 for found in lists.values()) or min(lists) < 1:
            raise ValueError("these are no numbers of lists by depth")
        return cls(dict(sorted(lists.items())))


class Survey:
    """Finds the true neighbours of some queries while all vectors stream past, and in which lists those came to lie."""

    def __init__(self, sorts: Sequence[Vectors], own: Ids) -> None:
        """``sorts``: queries of each sort, first the vectors under the ids ``own``, no neighbours of themselves."""
        self._ends = np.cumsum([len(sort) for sort in sorts])
        self._queries = np.concatenate(sorts)
        self._own = own
        shape = (len(self._queries), DEPTHS[-1])
        self._scores = np.full(shape, -np.inf, dtype=np.float32)
        self._lists = np.full(shape, -1, dtype=np.int32)

    def see(self, ids: Ids, vectors: Vectors, lists: NDArray[np.int64]) -> None:
        """Take in vectors, shape ``(n, d)``, and the list that each lies in."""
        scores = self._queries @ vectors.T
        same = np.searchsorted(ids, self._own)
        same[same == len(ids)] = 0
        mine = np.flatnonzero(ids[same] == self._own) if len(ids) else np.empty(0, dtype=np.intp)
        scores[mine, same[mine]] = -np.inf
        for row in range(len(scores)):
            near = np.flatnonzero(scores[row] > self._scores[row, 0])
            if near.size:
                merged = np.concatenate([self._scores[row], scores[row, near]])
                best = np.argpartition(merged, -DEPTHS[-1])[-DEPTHS[-1] :]
                best = best[np.argsort(merged[best], kind="stable")]  # ascending: the least comes first
                self._scores[row] = merged[best]
                self._lists[row] = np.concatenate([self._lists[row], lists[near]])[best]

    def reach(self, order: NDArray[np.int64]) -> Reach:
        """``order``, shape ``(queries, lists)``: all lists, the nearest first, for each query as they were given."""
        places = np.empty_like(order)
        np.put_along_axis(places, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
        found: dict[int, int] = {}
        for depth in DEPTHS:
            needed = 1
            for start, end in zip([0, *self._ends[:-1]], self._ends, strict=True):
                lists = self._lists[start:end, -depth:]
                rows, columns = np.nonzero(lists >= 0)
                if len(rows):
                    nearer = places[start + rows, lists[rows, columns]]
                    needed = max(needed, 1 + int(np.quantile(nearer, FOUND, method="higher")))
            found[depth] = min(order.shape[1], max(int(np.ceil(MARGIN * needed)), *found.values(), 1))
        return Reach(found)


def drawn(vectors: Halves, ids: Ids, count: int, random: np.random.Generator) -> tuple[Vectors, Ids]:
    """``count`` of the vectors, as queries, and their ids."""
    chosen = random.choice(len(ids), size=min(count, len(ids)), replace=False)
    return vectors[chosen].astype(np.float32), ids[chosen]
