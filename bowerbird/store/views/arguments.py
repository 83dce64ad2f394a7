"""What a view asks of its arguments, checked in one place so that all views refuse alike."""

from __future__ import annotations

import numpy as np

from bowerbird.types import ChangeBatch, Vectors


def checked_queries(queries: Vectors, k: int, dimension: int) -> Vectors:
    """``queries`` as C-contiguous float32 of shape ``(n, dimension)``.

    Raises ValueError for another shape, for NaN and infinities, and for a negative ``k``.
    """
    if queries.ndim != 2 or queries.shape[1] != dimension:
        raise ValueError(f"queries have shape {queries.shape}, the view wants (n, {dimension})")
    if k < 0:
        raise ValueError(f"k is {k}; it cannot be negative")
    if not np.isfinite(queries).all():
        raise ValueError("a query holds NaN or infinity")
    return np.ascontiguousarray(queries, dtype=np.float32)


def check_batch(batch: ChangeBatch, dimension: int) -> None:
    """Raises ValueError where the batch is of another dimension, holds NaN or infinities, or is not netted."""
    if batch.vectors.shape != (len(batch.ids), dimension):
        raise ValueError(f"vectors have shape {batch.vectors.shape}, the view wants ({len(batch.ids)}, {dimension})")
    if not np.isfinite(batch.vectors).all():
        raise ValueError("a vector holds NaN or infinity")
    named = np.concatenate([batch.ids, batch.removed])
    if np.unique(named).size != named.size:
        raise ValueError("the batch names an id twice; batches are netted")
