"""One way to score, whichever view found the candidates, so that all exact views agree to the last bit.

BLAS and FAISS add up a product in an order that depends on where in memory a row lies: copies of one picture come
out with unequal scores, and no two libraries give the same ones. A view therefore uses fast float32 sums only to
*find* candidates. It keeps every row that could still be among the best, given how far such a sum can be off, and
this module scores those: products and sum in float64, always in the same order, rounded to float32. Equal vectors
then have equal scores, and ties go to the lower id, also at the k-th place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.types import Ids, Vectors

_CHUNK = 4096
"""Rows scored at a time: bounds the float64 copy to 16 MB at 512 dimensions."""


def slack(queries: Vectors) -> Vectors:
    """How far below the k-th float32 score a true member of the top k may lie, for unit vectors; shape ``(n,)``.

    A float32 sum of d products is off by at most d * 2**-24 * |query| * |vector|, in whichever order it is taken
    (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1); twice that, as both sides may be off.
    """
    dimension = queries.shape[1]
    margins: Vectors = np.asarray(2 * dimension * 2.0**-24 * np.linalg.norm(queries, axis=1), dtype=np.float32)
    return margins


def contenders(scores: Vectors, k: int, margin: float) -> NDArray[np.intp]:
    """The rows that may be among the ``k`` best, given float32 ``scores`` of shape ``(n,)``; ``-inf`` is never one."""
    if k == 0:
        return np.empty(0, dtype=np.intp)
    admitted = scores > -np.inf
    if len(scores) > k:
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        admitted &= scores >= kth - margin
    return np.flatnonzero(admitted)


def inner_products(query: Vectors, vectors: NDArray[np.floating[Any]]) -> Vectors:
    """Scores of ``vectors``, shape ``(n, d)``, for one ``query`` of shape ``(d,)``: float64 sums rounded to float32."""
    wide = query.astype(np.float64)
    scores = np.empty(len(vectors), dtype=np.float32)
    for rows in _chunks(len(vectors)):
        # Not a matrix product: NumPy sums each row of a C-contiguous array by itself, in one fixed order.
        scores[rows] = (vectors[rows].astype(np.float64) * wide).sum(axis=1)
    return scores


def best(scores: Vectors, ids: Ids, k: int) -> tuple[Vectors, Ids]:
    """The ``k`` best of those scored: scores ``(k,)`` descending and ids ``(k,)``, ties by ascending id, padded."""
    order = np.lexsort((ids, -scores))[:k]
    best_scores = np.full(k, -np.inf, dtype=np.float32)
    best_ids = np.full(k, -1, dtype=np.int64)
    best_scores[: order.size] = scores[order]
    best_ids[: order.size] = ids[order]
    return best_scores, best_ids


def _chunks(length: int) -> Iterator[slice]:
    return (slice(start, start + _CHUNK) for start in range(0, length, _CHUNK))
