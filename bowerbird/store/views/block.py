"""`Block`: an immutable run of vectors in FAISS, in memory or mapped from a file.

The layout is FAISS's own ``IndexIDMap`` over ``IndexScalarQuantizer(QT_fp16)``. SQL keeps vectors as float16, so the
codes hold them bit for bit, and FAISS widens them to float32 as it multiplies. Rows ascend by id, which lets ids be
found by bisection. ``IO_FLAG_MMAP_IFC`` maps the codes (``IO_FLAG_MMAP`` reads them); only the ids are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.errors import ViewDamaged
from bowerbird.store.views.base import Halves, Mask, Rows, merged, rows_of, selector, threads_for
from bowerbird.types import Ids, Vectors

_EXTRA, _EXTRA_SHARE = 16, 4
"""Neighbours asked for beyond k, 16 or a quarter of k, so that one pass usually shows where the top k ends."""
_WIDEN = 8
"""How much deeper the next pass goes where it did not: many near-equal vectors."""
_GATHER = 1000
"""Scoring one row picked out by hand costs about as much as stepping over this many in a scan (measured)."""
_FOLD_ROWS = 65536
"""Vectors moved at a time while folding: 64 MB at 512 dimensions."""


class Block:
    """``ids`` ascending, shape ``(n,)``; ``vectors`` ``(n, dimension)`` float16, the very memory that FAISS reads."""

    exact = True

    def __init__(self, index: Any) -> None:
        import faiss

        self._index = index  # owns the memory that `vectors` looks into
        self._flat: Any = faiss.downcast_index(index.index)
        self.dimension: int = self._flat.d
        self.ids: Ids = faiss.vector_to_array(index.id_map)
        self.vectors = _codes(self._flat)

    @classmethod
    def of(cls, dimension: int, ids: Ids, parts: Iterable[NDArray[np.float16]]) -> Block:
        """A block in memory: ``ids`` ascending, ``parts`` their vectors in order, in pieces of any length."""
        import faiss

        flat: Any = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        index: Any = faiss.IndexIDMap(flat)
        # The codes are filled directly: `add` would widen every vector to float32 only to narrow it again.
        flat.codes.resize(len(ids) * flat.code_size)
        flat.ntotal = index.ntotal = len(ids)
        faiss.copy_array_to_vector(np.ascontiguousarray(ids, dtype=np.int64), index.id_map)
        codes, start = _codes(flat), 0
        for part in parts:
            codes[start : start + len(part)] = part
            start += len(part)
        return cls(index)

    @classmethod
    def mapped(cls, path: Path) -> Block:
        """Map the file at ``path``, which must already be known to be whole.

        Raises `ViewDamaged` where FAISS cannot read it or it holds something else than a block.
        """
        import faiss

        try:
            index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise ViewDamaged(f"FAISS cannot read {path.name}: {str(error).splitlines()[0]}") from error
        flat: Any = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap) else None
        if (
            not isinstance(flat, faiss.IndexScalarQuantizer)
            or flat.sq.qtype != faiss.ScalarQuantizer.QT_fp16
            or flat.metric_type != faiss.METRIC_INNER_PRODUCT
        ):
            raise ViewDamaged(f"{path.name} holds another kind of index")
        return cls(index)

    def write(self, write: Callable[[bytes], object]) -> None:
        """Hand the file's bytes to ``write``, piece by piece; what ``write`` raises comes out as it is."""
        import faiss

        faiss.write_index(self._index, faiss.PyCallbackIOWriter(write, 1 << 20))  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.ids)

    def rows_of(self, ids: Ids) -> Rows:
        """The rows of those of ``ids`` that are here, in the order of ``ids``."""
        return rows_of(self.ids, ids)

    def contenders(
        self, queries: Vectors, k: int, margins: Vectors, alive: Mask, within: Rows | None = None
    ) -> list[Rows]:
        """For each query the rows that may be among its ``k`` best: see `Base.contenders`.

        Every row within the query's margin (see `scoring.slack`) of the k-th best is among them.
        """
        import faiss

        if within is not None and within.size * _GATHER <= len(self):
            return [within] * len(queries)
        params: Any = None
        total = len(self)
        if within is not None or not alive.all():
            admitted = alive
            if within is not None:
                admitted = np.zeros(total, dtype=np.bool_)
                admitted[within] = alive[within]
            total = int(np.count_nonzero(admitted))
            chosen, _bits = selector(admitted)
            params = faiss.SearchParameters(sel=chosen)  # type: ignore[call-arg]
        found = [np.empty(0, dtype=np.intp)] * len(queries)
        pending = np.arange(len(queries) if k and total else 0)
        depth = k + max(_EXTRA, k // _EXTRA_SHARE)
        while pending.size:
            depth = min(depth, total)
            with threads_for(pending.size):
                scores, rows = self._flat.search(queries[pending], depth, params=params)
            lowest = scores[:, min(k, depth) - 1] - margins[pending]
            # Settled: everything was fetched, or the last one fetched is too far below the k-th to matter.
            settled = (scores[:, -1] < lowest) | (depth == total)
            for place in np.flatnonzero(settled):
                found[pending[place]] = rows[place, scores[place] >= lowest[place]]
            pending = pending[~settled]
            depth *= _WIDEN
        return found

    def vectors_of(self, rows: Rows) -> tuple[Rows, Halves]:
        """All of them."""
        return rows, self.vectors[rows]

    def folded(self, alive: Mask, ids: Ids, vectors: Halves) -> Block:
        """A block in memory, or this one where nothing has changed."""
        if alive.all() and not len(ids):
            return self
        everything, rows = merged(alive, self.ids, ids)
        return Block.of(
            self.dimension,
            everything,
            (self._among(rows[at : at + _FOLD_ROWS], vectors) for at in range(0, len(rows), _FOLD_ROWS)),
        )

    def differing(self, rows: Rows, vectors: Halves) -> Mask:
        """Told to the last bit."""
        unequal: Mask = (self.vectors[rows] != vectors).any(axis=1)
        return unequal

    def _among(self, rows: Rows, more: Halves) -> Halves:
        """The vectors of ``rows``, which count on into ``more`` from the end of the block."""
        vectors = np.empty((len(rows), self.dimension), dtype=np.float16)
        own = rows < len(self)
        vectors[own] = self.vectors[rows[own]]
        vectors[~own] = more[rows[~own] - len(self)]
        return vectors


def _codes(flat: Any) -> NDArray[np.float16]:
    """The codes of a QT_fp16 index as an array that shares their memory."""
    import faiss

    size = flat.codes.size()
    if size == 0:
        return np.empty((0, flat.d), dtype=np.float16)
    return faiss.rev_swig_ptr(flat.codes.data(), size).view(np.float16).reshape(-1, flat.d)
