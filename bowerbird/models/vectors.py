"""Arithmetic that all encoders share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.types import Vectors

BATCH = 16
"""Pictures in one run of a network: more are no faster on a CPU and take memory."""


def unit(rows: NDArray[np.float32]) -> Vectors:
    """Each row divided by its length."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def in_batches(
    network: Callable[[NDArray[Any]], NDArray[np.float32]], rows: Sequence[NDArray[Any]], width: int
) -> NDArray[np.float32]:
    """What ``network`` makes of ``rows``, `BATCH` at a time: ``(len(rows), width)``."""
    runs = [network(np.stack(rows[start : start + BATCH])) for start in range(0, len(rows), BATCH)]
    return np.concatenate([np.empty((0, width), np.float32), *runs])
