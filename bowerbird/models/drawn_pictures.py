"""Pictures of nothing in particular, drawn by rule: what an encoder that we know nothing of says to no subject at all.

A query's scores on them tell where its scores begin, which a library of three photos cannot tell by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from bowerbird.types import Pixels


def drawn_pictures(size: int, count: int = 64) -> Iterator[Pixels]:
    """``count`` pictures, ``(size, size, 3)`` uint8, always the same: clouds of colour, some with blocks and bands."""
    random = np.random.default_rng(0)
    for number in range(count):
        picture = _clouds(random, size, cells=2 + number % 7)
        if number % 2:
            for _ in range(1 + number % 5):
                top, left, height, width = random.integers(1, size, 4)
                picture[top : top + height, left : left + width] = random.integers(0, 256, 3)
        if number % 3 == 0:
            period = int(random.integers(4, 2 + size // 4))
            picture[(np.arange(size) // period) % 2 == 0] *= 0.8
        picture += random.normal(0, 4, (size, size, 1))
        yield picture.clip(0, 255).astype(np.uint8)


def _clouds(random: np.random.Generator, size: int, cells: int) -> NDArray[np.float64]:
    """A coarse grid of colours, drawn large with soft borders."""
    grid = random.integers(0, 256, (cells, cells, 3)).astype(np.float64)
    at = np.linspace(0, cells - 1, size)
    low = np.minimum(at.astype(int), cells - 2)
    share = (at - low)[:, None]
    rows = grid[low] * (1 - share[..., None]) + grid[low + 1] * share[..., None]
    return np.asarray(rows[:, low] * (1 - share) + rows[:, low + 1] * share)
