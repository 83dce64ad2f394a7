"""`Cells`: an approximate base in FAISS, in memory or mapped from a file.

An inverted file: every vector lies in the list of the centre nearest to it, and a search looks into the lists whose
centres are nearest to the query (Sivic and Zisserman, Video Google, 2003; FAISS ``IndexIVF``). How many those are is
measured: see `reach`. In the lists lie codes of 7 bits a dimension, made by FAISS's RaBitQ (Gao and Long 2024; with
several bits Gao et al. 2025) after a random rotation, which spreads a vector evenly over its dimensions. Codes only
name candidates: their vectors are then fetched from SQL, and whoever searches scores those exactly.

Labels in the lists are rows, as in a `Block`: places among the ids, which ascend. FAISS maps the lists with
``IO_FLAG_MMAP_IFC``, so that processes share them; centres, rotation and ids are read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.errors import ViewDamaged
from bowerbird.store.views.base import Fetch, Halves, Mask, Rows, merged, rows_of, selector
from bowerbird.store.views.reach import Reach
from bowerbird.types import Ids, Vectors

Bytes = NDArray[np.uint8]

BITS = 7
"""Of a code for each dimension."""
_DEEPER, _EXTRA = 2, 30
"""Candidates fetched for each that is wanted, and some more: codes err, and copies of one picture are many."""

# Costs of a search within a filter, in microseconds: estimates, for SQLite and 512 dimensions.
_FETCH = 4.0  # one vector from SQL
_SCORE = 0.1  # one code, or one vector that was fetched
_STEP = 0.004  # one code that the filter leaves out

_ROUNDED = 64
"""Of so many signs one may be another when a code is made anew: numbers next to nothing round either way."""


class Cells:
    """``fetch`` gets vectors from SQL; ``reach`` says how many lists to look into."""

    exact = False

    def __init__(self, index: Any, reach: Reach, fetch: Fetch) -> None:
        import faiss

        self._index = index
        turned: Any = faiss.downcast_index(index.index)
        self._lists: Any = faiss.downcast_index(turned.index)
        self._turn: Any = faiss.downcast_VectorTransform(turned.chain.at(0))
        self._fetch = fetch
        self.reach = reach
        self.dimension: int = index.d
        self.ids: Ids = faiss.vector_to_array(index.id_map)

    @classmethod
    def blank(cls, dimension: int, centres: Any, turn: Any, reach: Reach, fetch: Fetch) -> Cells:
        """Without vectors yet: ``centres`` a FAISS index of turned centres, ``turn`` the rotation."""
        import faiss

        lists: Any = faiss.IndexIVFRaBitQ(centres, dimension, centres.ntotal, faiss.METRIC_INNER_PRODUCT, True, BITS)
        lists.train(centres.reconstruct_n(0, 1))  # of codes there is nothing to train; this marks it as done
        turned: Any = faiss.IndexPreTransform(turn, lists)
        index: Any = faiss.IndexIDMap(turned)
        return cls(index, reach, fetch)

    @classmethod
    def mapped(cls, path: Path, reach: Reach, fetch: Fetch) -> Cells:
        """Map the file at ``path``, which must already be known to be whole.

        Raises `ViewDamaged` where FAISS cannot read it or it holds something else.
        """
        import faiss

        try:
            index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise ViewDamaged(f"FAISS cannot read {path.name}: {str(error).splitlines()[0]}") from error
        turned: Any = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap) else None
        lists: Any = faiss.downcast_index(turned.index) if isinstance(turned, faiss.IndexPreTransform) else None
        if not isinstance(lists, faiss.IndexIVFRaBitQ) or lists.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise ViewDamaged(f"{path.name} holds another kind of index")
        return cls(index, reach, fetch)

    @property
    def lists(self) -> int:
        """How many there are."""
        return int(self._lists.nlist)

    def write(self, write: Callable[[bytes], object]) -> None:
        """Hand the file's bytes to ``write``, piece by piece; what ``write`` raises comes out as it is."""
        import faiss

        faiss.write_index(self._index, faiss.PyCallbackIOWriter(write, 1 << 20))  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.ids)

    def rows_of(self, ids: Ids) -> Rows:
        """The rows of those of ``ids`` that are here, in the order of ``ids``."""
        return rows_of(self.ids, ids)

    # --- searching ---

    def contenders(
        self, queries: Vectors, k: int, margins: Vectors, alive: Mask, within: Rows | None = None
    ) -> list[Rows]:
        """For each query rows that are likely to be among its ``k`` best: see `Base.contenders`.

        What a filter leaves is fetched as a whole where that costs less than looking into lists, estimated from how
        much it leaves. Where it leaves much, as many more lists are looked into as it leaves fewer vectors; and
        whoever finds fewer than ``k`` looks into all.
        """
        total = len(within) if within is not None else int(np.count_nonzero(alive))
        depth = min(total, _DEEPER * k + _EXTRA)
        if not k or not total or not len(queries):
            return [np.empty(0, dtype=np.intp)] * len(queries)
        share = total / len(self)
        probed = min(self.lists, int(np.ceil(self.reach.at(k / share))))
        if within is not None and self._fetching_pays(len(queries), total, depth, probed):
            return [within] * len(queries)
        admitted = None
        if within is not None:
            admitted = np.zeros(len(self), dtype=np.bool_)
            admitted[within] = True
        elif total < len(self):
            admitted = alive
        rows = self._nearest(queries, depth, probed, admitted)
        short = np.flatnonzero((rows >= 0).sum(axis=1) < min(k, total))
        if short.size and probed < self.lists:
            rows[short] = self._nearest(queries[short], depth, self.lists, admitted)
        return [row[row >= 0] for row in rows]

    def _fetching_pays(self, queries: int, total: int, depth: int, probed: int) -> bool:
        seen = probed / self.lists
        looking = queries * seen * (total * _SCORE + len(self) * _STEP) + queries * depth * _FETCH
        return total <= depth or total * (_FETCH + queries * _SCORE) <= looking

    def _nearest(self, queries: Vectors, depth: int, probed: int, admitted: Mask | None) -> Rows:
        import faiss

        chosen, _bits = (None, None) if admitted is None else selector(admitted)
        # A first glance at the codes sees queries in 8 bits: unrounded, it takes 50 times as long and finds no more.
        params = faiss.IVFRaBitQSearchParameters(nprobe=probed, sel=chosen, qb=8)  # type: ignore[call-arg]
        _, rows = self._index.index.search(queries, depth, params=params)
        found: Rows = rows.astype(np.intp, copy=False)
        return found

    def vectors_of(self, rows: Rows) -> tuple[Rows, Halves]:
        """From SQL, which may have let go of some."""
        ids, vectors = self._fetch(self.ids[rows])
        return rows_of(self.ids, ids), vectors

    # --- making others ---

    def add(self, rows: Rows, vectors: Vectors) -> NDArray[np.int64]:
        """Put ``vectors``, shape ``(n, d)``, into their lists under the labels ``rows``; returns the lists."""
        import faiss

        turned = self._turn.apply(vectors)
        _, lists = self._lists.quantizer.search(turned, 1)
        labels, lists = np.ascontiguousarray(rows, dtype=np.int64), np.ascontiguousarray(lists[:, 0])
        if len(labels):
            pointers = [faiss.swig_ptr(each) for each in (turned, labels, lists)]
            self._lists.add_core(len(labels), *pointers)
        return lists

    def name(self, ids: Ids) -> None:
        """Say what all rows are called, once all are in."""
        import faiss

        faiss.copy_array_to_vector(np.ascontiguousarray(ids, dtype=np.int64), self._index.id_map)
        self._index.ntotal = self._index.index.ntotal = len(ids)
        self.ids = ids

    def order(self, queries: Vectors) -> NDArray[np.int64]:
        """All lists for each query, the nearest first, shape ``(n, lists)``."""
        _, order = self._lists.quantizer.search(self._turn.apply(queries), self.lists)
        return np.asarray(order)

    def folded(self, alive: Mask, ids: Ids, vectors: Halves) -> Cells:
        """The same centres; codes that stay are copied, only ``vectors`` are coded."""
        import faiss

        if alive.all() and not len(ids):
            return self
        everything, origins = merged(alive, self.ids, ids)
        place = np.empty(len(self) + len(ids), dtype=np.int64)
        place[origins] = np.arange(len(everything))
        centres: Any = faiss.clone_index(self._lists.quantizer)
        new = Cells.blank(self.dimension, centres, _copied(self._turn), self.reach, self._fetch)
        for number in range(self.lists):
            rows, codes = self._list(number)
            kept = alive[rows]
            if kept.any():
                labels, codes = place[rows[kept]], np.ascontiguousarray(codes[kept])
                new._lists.invlists.add_entries(number, len(labels), faiss.swig_ptr(labels), faiss.swig_ptr(codes))
        new._lists.ntotal = int(alive.sum())
        new.add(place[len(self) :], vectors.astype(np.float32))
        new.name(everything)
        return new

    def differing(self, rows: Rows, vectors: Halves) -> Mask:
        """Told by the first bits of the codes, the signs of what each vector has beyond its centre."""
        lists, signs, centres = self._signs
        beyond = self._turn.apply(vectors.astype(np.float32)) - centres[lists[rows]]
        bits = np.packbits(beyond > 0, axis=1, bitorder="little")
        differing: Mask = np.bitwise_count(bits ^ signs[rows]).sum(axis=1) > 1 + self.dimension // _ROUNDED
        return differing

    @cached_property
    def _signs(self) -> tuple[NDArray[np.int32], Bytes, Vectors]:
        """Of each row its list and the signs in its code, and of each list the centre."""
        lists = np.empty(len(self), dtype=np.int32)
        signs = np.empty((len(self), (self.dimension + 7) // 8), dtype=np.uint8)
        for number in range(self.lists):
            rows, codes = self._list(number)
            lists[rows], signs[rows] = number, codes[:, : signs.shape[1]]
        return lists, signs, self._lists.quantizer.reconstruct_n(0, self.lists)

    def _list(self, number: int) -> tuple[Rows, Bytes]:
        """Rows and codes of one list, in the very memory where they lie."""
        import faiss

        size = self._lists.invlists.list_size(number)
        if not size:
            return np.empty(0, dtype=np.intp), np.empty((0, self._lists.code_size), dtype=np.uint8)
        rows = faiss.rev_swig_ptr(self._lists.invlists.get_ids(number), size)
        codes = faiss.rev_swig_ptr(self._lists.invlists.get_codes(number), size * self._lists.code_size)
        return rows, codes.reshape(size, -1)


def _copied(turn: Any) -> Any:
    """A copy of a rotation that is not bound to the index that it was read with."""
    import faiss

    copy: Any = faiss.RandomRotationMatrix(turn.d_in, turn.d_out)
    faiss.copy_array_to_vector(faiss.vector_to_array(turn.A), copy.A)
    copy.is_trained = copy.is_orthonormal = True
    return copy
