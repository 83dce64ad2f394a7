"""Whether a picture may bear text, and where: the text detector looks at only a few small parts of it.

To search a whole photo for text takes longer than everything else that is done with it, and most photos bear none. So
its places are ranked by how many strokes they seem to hold, edges up and edges down in like number, and the detector
sees the best few, each at a size at which its strokes are fine: large letters are thus seen small. One of 6 places
showed text on 97 % of 240 drawn captions, signs and short texts (`benchmarks/lettered.py`), on 61 % of 28 photos of
coco-val128 that bear words, however small, and on 9 % of 90 that bear none. The detector on whole photos shrunk to 416
pixels found text on 99 % of another 160 such drawn pictures and on 54 % and 7 % of the photos; there its network alone
took 8 ms, where all of this takes 8 to 9, half of it for choosing and cutting out the places. Strokes alone do not do:
set so that 98 % of drawn pictures pass, they let four photos of five pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bowerbird.models.runtime import Network
from bowerbird.models.text_networks import DETECTOR, load_network
from bowerbird.types import Pixels

LONGEST = 800
"""Pixels of the longest side at which places are first sought; then at half of it, and so on."""
STEP, TILE = 64, 96
"""Pixels from one place to the next, and of what the detector sees of each."""
PLACES = 6
"""That the detector sees. With 5 it missed another 1 % of the drawn pictures; with 8 it finds 0.4 % more, and text on
68 % of the photos with words, but takes a third longer and looks closer at 12 % of those without."""
EDGES = ((50, 1.0), (25, 0.5))
"""How far, of 255, neighbouring pixels on the edge of a stroke differ at least, and how much such an edge counts."""
CELL = (4, 8)
"""Height and width, in pixels at half the size, over which strokes are counted: two letters, say."""
STROKES = 0.05
"""The least score of a place, as `_strokes` gives it: what is smooth is never looked at."""
LIKELY = 0.3
"""Odds of a pixel that are worth a closer look: the detector is sure of itself, 0.1 and 0.6 give nearly the same."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a picture, in pixels: ``left <= x < right``, ``top <= y < bottom``."""

    left: int
    top: int
    right: int
    bottom: int
    scale: float
    """At what size it is to be looked at, 1 being the picture's own."""

    def seen_in(self, picture: Pixels) -> Pixels:
        """That part of the picture, at that size."""
        width, height = self.right - self.left, self.bottom - self.top
        size = max(1, round(width * self.scale)), max(1, round(height * self.scale))
        return resized(picture[self.top : self.bottom, self.left : self.right], size)


class Glance:
    """Names the parts of a picture that may bear text. Safe to call from several threads; loads when first needed."""

    def __init__(self, cache: Path, precision: str = "auto", threads: int | None = None) -> None:
        self._detector = Network(lambda: load_network(DETECTOR, cache, precision, threads, (PLACES, TILE, TILE)))

    def __call__(self, picture: Pixels) -> list[Window]:
        """A few windows to look at more closely, the likeliest first; none where there is no text.

        Raises `EncoderUnavailable` where the weights are missing or altered.
        """
        places = busiest(picture, PLACES)
        if not places:
            return []
        tiles = np.zeros((PLACES, TILE, TILE, 3), np.uint8)
        for tile, place in zip(tiles, places, strict=False):
            seen = place.seen_in(picture)[:TILE, :TILE]
            tile[:] = np.pad(seen, ((0, TILE - seen.shape[0]), (0, TILE - seen.shape[1]), (0, 0)), "edge")
        odds = self._detector(tiles).max(axis=(1, 2, 3))[: len(places)]
        return [places[number] for number in np.argsort(-odds, kind="stable") if odds[number] >= LIKELY]


def busiest(picture: Pixels, most: int) -> list[Window]:
    """At most ``most`` windows where there are strokes, the most strokes first."""
    image = Image.fromarray(picture).convert("L")
    scale = min(1.0, LONGEST / max(image.size))
    size = max(1, round(image.width * scale / 2)), max(1, round(image.height * scale / 2))
    half = image.resize(size, Image.Resampling.BOX, reducing_gap=1.0)
    found: list[tuple[float, float, float, float]] = []
    while True:
        strokes = _strokes(np.asarray(half, np.int16))
        rows, columns = np.nonzero(strokes >= STROKES)
        for count, row, column in zip(strokes[rows, columns].tolist(), rows.tolist(), columns.tolist(), strict=True):
            found.append((count, (column + 0.5) * STEP / scale, (row + 0.5) * STEP / scale, scale))
        if min(half.size) < STEP // 2:
            break
        half, scale = half.reduce(2), scale / 2
    chosen: list[tuple[float, float, float]] = []
    for _, x, y, scale in sorted(found, key=lambda place: -place[0]):
        # Apart from the others of its size: several views of one treetop would say no more than one.
        if all(size != scale or max(abs(x - left), abs(y - top)) * scale >= TILE for left, top, size in chosen):
            chosen.append((x, y, scale))
        if len(chosen) == most:
            break
    return [_window((x, y), TILE / scale, scale, picture) for x, y, scale in chosen]


def widened(window: Window, wider: float, closer: float, picture: Pixels) -> Window:
    """A square about a place, ``wider`` times as wide as far as the picture goes, seen ``closer`` times larger."""
    middle = (window.left + window.right) / 2, (window.top + window.bottom) / 2
    return _window(middle, wider * TILE / window.scale, closer * window.scale, picture)


def resized(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """The picture at ``size`` (width, height)."""
    if size == picture.shape[1::-1]:
        return picture
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0), np.uint8)


def _strokes(half: NDArray[np.int16]) -> NDArray[np.float64]:
    """Of each place on a grid of `STEP` the share of edges in its busiest cell, at half the place's size: the lesser of
    those up and those down, so that the rim of a thing does not count.
    """
    step = STEP // 2
    rise = np.diff(half, axis=1, prepend=half[:, :1])
    rise = np.pad(rise, [(0, -side % step) for side in rise.shape])
    cells = sum(weight * np.minimum(_per_cell(rise > edge), _per_cell(rise < -edge)) for edge, weight in EDGES)
    cells = np.asarray(cells, np.float64) / (CELL[0] * CELL[1])
    rows, columns = step // CELL[0], step // CELL[1]
    places = cells.reshape(cells.shape[0] // rows, rows, cells.shape[1] // columns, columns)
    return np.asarray(places.max(axis=(1, 3)))


def _per_cell(edges: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """How many there are in each cell; summed down first, which takes a tenth of the time of both at once."""
    height, width = CELL
    down = edges.view(np.uint8).reshape(-1, height, edges.shape[1]).sum(axis=1, dtype=np.uint8)
    return np.asarray(down.reshape(down.shape[0], -1, width).sum(axis=2, dtype=np.uint8))


def _window(middle: tuple[float, float], size: float, scale: float, picture: Pixels) -> Window:
    """A square about ``middle`` (x, y), moved inwards at the edges of the picture."""
    (left, right), (top, bottom) = (
        _span(place, size, limit) for place, limit in zip(middle, picture.shape[1::-1], strict=True)
    )
    return Window(left, top, right, bottom, scale)


def _span(middle: float, size: float, limit: int) -> tuple[int, int]:
    length = min(max(1, round(size)), limit)
    start = min(max(0, round(middle - size / 2)), limit - length)
    return start, start + length
