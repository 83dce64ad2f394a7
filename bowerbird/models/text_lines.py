"""Lines of text in a part of a picture: found, laid level, and read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bowerbird.models.runtime import Network
from bowerbird.models.text_glance import Window, resized
from bowerbird.models.text_networks import DETECTOR, RECOGNISER, load_alphabet, load_network
from bowerbird.models.text_outlines import Corners, outlines
from bowerbird.types import Pixels

LINE_HEIGHT = 48
"""Pixels to which every line is scaled before it is read."""
LINE_WIDTHS = (96, 160, 320, 480, 640, 960, 1280, 1600, 1920, 2560, 3200)
SIDES = (128, 192, 256, 320, 480, 640, 800, 960, 1280, 1600)
"""Shapes are rounded up to these: each new one costs a compilation."""
WELL_SEEN = 960
"""Pictures smaller than this are enlarged, by half at most: small letters are found more surely."""
SPACE = 0.065
"""Odds of a space, times the room between two letters in units of the line's usual step, that make one. Of drawn pages
and screens other than those it was set by, 8 of 2,668 gaps between words have less, 4 of 17,654 within words more."""
READ_WELL = 0.9
"""A line of less confidence is tried upside down too, and is so if that gives more than this: lines upside down
were read with up to 0.84, and with 0.99 when turned."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line as it was read; its corners are the picture's pixels."""

    corners: Corners
    text: str
    confidence: float


class LineReader:
    """Finds and reads lines. Safe to call from several threads."""

    def __init__(self, cache: Path, precision: str = "auto", threads: int | None = None) -> None:
        """Raises `EncoderUnavailable` where the weights are missing or altered."""
        self._alphabet = load_alphabet(cache)
        self._detector = Network(lambda: load_network(DETECTOR, cache, precision, threads))
        self._recogniser = Network(lambda: load_network(RECOGNISER, cache, precision, threads))

    def whole(self, picture: Pixels) -> list[Line]:
        """The lines of a picture, in the order in which they were found."""
        height, width = picture.shape[:2]
        scale = min(max(WELL_SEEN / max(width, height), 1.0), 1.5)
        return list(self.within(picture, Window(0, 0, width, height, scale)))

    def within(self, picture: Pixels, window: Window, *, wider_than: float = 0) -> Iterator[Line]:
        """The lines that lie in the window, each read when it is asked for.

        Only those are read whose width is more than ``wider_than`` heights.
        """
        for corners in self._find(picture, window):
            strip = level(picture, corners)
            if strip.shape[1] > wider_than * strip.shape[0]:
                line = Line(corners, *self._read(strip))
                if line.text:
                    yield line

    def _find(self, picture: Pixels, window: Window) -> list[Corners]:
        seen = window.seen_in(picture)
        height, width = seen.shape[:2]
        room = (0, _rounded(height, SIDES) - height), (0, _rounded(width, SIDES) - width), (0, 0)
        odds = self._detector(np.pad(seen, room, "edge")[None])[0, 0]
        limit = picture.shape[1::-1]
        found = (outline / window.scale + (window.left, window.top) for outline in outlines(odds))
        return [np.clip(outline, 0, limit).astype(np.float32) for outline in found]

    def _read(self, strip: Pixels) -> tuple[str, float]:
        text, confidence = self._recognise(strip)
        if confidence < READ_WELL:
            turned, sureness = self._recognise(strip[::-1, ::-1])
            if sureness > READ_WELL:
                return turned, sureness
        return text, confidence

    def _recognise(self, strip: Pixels) -> tuple[str, float]:
        width = min(max(1, round(LINE_HEIGHT * strip.shape[1] / strip.shape[0])), LINE_WIDTHS[-1])
        seen = resized(strip, (width, LINE_HEIGHT))
        empty = _rounded(width, LINE_WIDTHS) - width
        padded = np.pad(seen, ((0, 0), (0, empty), (0, 0)), constant_values=127)  # what the network sees as nought
        return spelled(self._recogniser(padded[None])[0], self._alphabet)


def spelled(odds: NDArray[np.float32], alphabet: Sequence[str]) -> tuple[str, float]:
    """The text that ``odds`` say, ``(steps, len(alphabet))``, and the mean odds of its letters; 0 where there is none.

    CTC decoded greedily: the likeliest symbol of each step, repetitions once; ``alphabet`` begins with the blank and
    ends with the space. This recogniser is shy of spaces, so that a weak vote makes one where the letters stand apart.
    """
    best = odds.argmax(axis=1)
    new = (best != 0) & (best != np.concatenate([[0], best[:-1]]))
    steps = np.flatnonzero(new & (best != len(alphabet) - 1))
    if not steps.size:
        return "", 0.0
    letters = [alphabet[symbol] for symbol in best[steps].tolist()]
    room = np.diff(steps)
    usual = np.median(room) if room.size else 1.0
    text = letters[0]
    for letter, step, wide in zip(letters[1:], steps.tolist(), room.tolist(), strict=False):
        vote = odds[step + 1 : step + wide, -1].max(initial=0)
        text += f" {letter}" if vote * wide / usual >= SPACE else letter
    return " ".join(text.split()), float(odds[steps, best[steps]].mean())


def level(picture: Pixels, corners: Corners) -> Pixels:
    """The line cut out and laid level; one that runs upwards is laid on its side."""
    top_left, top_right, bottom_right, bottom_left = corners
    width = max(1, round(float(max(_length(top_left, top_right), _length(bottom_left, bottom_right)))))
    height = max(1, round(float(max(_length(top_left, bottom_left), _length(top_right, bottom_right)))))
    left, top = np.floor(corners.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(corners.max(axis=0)).astype(int).tolist()
    part = np.pad(picture[top : max(bottom, top + 1), left : max(right, left + 1)], ((1, 1), (1, 1), (0, 0)), "edge")
    quad = (np.stack([top_left, bottom_left, bottom_right, top_right]) - (left - 1, top - 1)).ravel().tolist()
    strip = Image.fromarray(part).transform((width, height), Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)
    return np.asarray(strip.transpose(Image.Transpose.ROTATE_90) if height >= 1.5 * width else strip, np.uint8)


def _length(one: NDArray[np.float32], other: NDArray[np.float32]) -> np.floating:
    return np.linalg.norm(one - other)


def _rounded(side: int, sides: tuple[int, ...]) -> int:
    return next((each for each in sides if each >= side), -(-side // 32) * 32)
