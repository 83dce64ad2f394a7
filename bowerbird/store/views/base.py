"""`Base`: the immutable part of a view, on which tombstones and a delta lie. `Block` is exact, `Cells` approximate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bowerbird.types import Ids, Vectors

Rows = NDArray[np.intp]
"""Places in a base, from 0."""
Mask = NDArray[np.bool_]
Halves = NDArray[np.float16]

Fetch = Callable[[Ids], tuple[Ids, Halves]]
"""`ChangeLog.vectors`: some of these ids, ascending, and their vectors."""


@contextmanager
def threads_for(queries: int) -> Iterator[None]:
    """A flat index of FAISS gives each query to one thread: for one query the others would only spin beside it."""
    import faiss

    if queries > 1:
        yield
        return
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # of this thread of ours alone
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


class Base(Protocol):
    """Vectors by ids. A row is an id's place among ``ids``, which ascend."""

    exact: bool
    """Whether `contenders` misses none."""
    dimension: int
    ids: Ids

    def __len__(self) -> int: ...

    def rows_of(self, ids: Ids) -> Rows:
        """The rows of those of ``ids`` that are here, in the order of ``ids``."""
        ...

    def contenders(
        self, queries: Vectors, k: int, margins: Vectors, alive: Mask, within: Rows | None = None
    ) -> list[Rows]:
        """For each query rows that may be among its ``k`` best of those ``alive``, shape ``(n,)``, at least ``k`` of
        them if there are. Only those ``within`` count where that is given; all of these are alive.

        ``margins``: how far below the k-th score a row may lie and still be one (see `scoring.slack`).
        """
        ...

    def vectors_of(self, rows: Rows) -> tuple[Rows, Halves]:
        """The vectors of ``rows``, ascending: those that are still to be had, and the rows that they belong to."""
        ...

    def folded(self, alive: Mask, ids: Ids, vectors: Halves) -> Base:
        """Another base of the same sort: the rows that are ``alive``, and ``vectors`` under new ``ids``."""
        ...

    def differing(self, rows: Rows, vectors: Halves) -> Mask:
        """Which of ``vectors`` are not what is held in ``rows``, as closely as that can be told."""
        ...

    def write(self, write: Callable[[bytes], object]) -> None:
        """Hand the file's bytes to ``write``, piece by piece; what ``write`` raises comes out as it is."""
        ...


def rows_of(known: Ids, ids: Ids) -> Rows:
    """Where those of ``ids`` that are ``known``, ascending, stand there, in the order of ``ids``."""
    if not len(known):
        return np.empty(0, dtype=np.intp)
    places = np.searchsorted(known, ids)
    places[places == len(known)] = 0
    there: Rows = places[known[places] == ids]
    return there


def selector(admitted: Mask) -> tuple[object, object]:
    """A FAISS selector of these rows, and the memory that it looks into, which must outlive it."""
    import faiss

    bits = np.packbits(admitted, bitorder="little")
    return faiss.IDSelectorBitmap(len(admitted), faiss.swig_ptr(bits)), bits


def merged(alive: Mask, known: Ids, ids: Ids) -> tuple[Ids, Rows]:
    """The ids that a folded base has, ascending, and from which each comes: a row, or counted on from their end."""
    kept = np.flatnonzero(alive)
    everything = np.concatenate([known[kept], ids])
    order = np.argsort(everything, kind="stable")
    return everything[order], np.concatenate([kept, np.arange(len(ids)) + len(known)])[order]
