"""Words read off pictures: a glance that costs little, and a closer look only where it saw something like text."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

from bowerbird.models.text_blocks import Block, in_blocks
from bowerbird.models.text_glance import Glance, resized, widened
from bowerbird.models.text_lines import Line, LineReader
from bowerbird.models.text_networks import DETECTOR, RECOGNISER
from bowerbird.moments import Moment
from bowerbird.types import Box, Pixels, SegmentKind, Stage

VERSION = 1
"""Raised whenever the same picture would give other words."""
MAX_SIDE = 1600
"""Larger pictures are shrunk to this before they are read."""
MIN_CONFIDENCE = 0.65
"""Of a line that is believed."""
MIN_CHARACTERS = 2
"""Letters and digits of a block that is kept: a texture reads as a single stray character."""

A_WORD = 1.3
"""The least width of a word, in heights of its line: many a texture looks like a letter, and few like a word."""
WIDER, CLOSER = 3.0, 1.5
"""How far a closer look goes about a place that seems to bear text, and how much larger it sees it: whole words. On 94
pictures with words where the glance had found a place, this confirmed all; twice as wide and no larger, 89."""


def stage() -> Stage:
    """What names this step in a library. Loads nothing."""
    return Stage("ocr", VERSION, {"weights": {"detector": DETECTOR.sha256[:16], "recogniser": RECOGNISER.sha256[:16]}})


class PictureReader:
    """The reader. Networks load when they are first needed.

    Implements `TextReader`.
    """

    def __init__(self, cache: Path, *, precision: str = "auto", threads: int | None = None) -> None:
        self.stage = stage()
        self._glance = Glance(cache, precision, threads)
        self._load = partial(LineReader, cache, precision, threads)
        self._lines: LineReader | None = None
        self._lock = threading.Lock()

    def read(self, picture: Pixels) -> list[Moment]:
        """Blocks of lines in reading order, the lines of one parted by newlines.

        Raises `EncoderUnavailable` where the weights are missing or altered.
        """
        picture = _shrunk(picture)
        windows = self._glance(picture)
        if not windows:
            return []
        reader = self._closer()
        # One line that reads well shows that the picture bears text; only then is all of it searched.
        near = (widened(window, WIDER, CLOSER, picture) for window in windows)
        if not any(_believed(line) for window in near for line in reader.within(picture, window, wider_than=A_WORD)):
            return []
        blocks = in_blocks([line for line in reader.whole(picture) if line.confidence >= MIN_CONFIDENCE])
        return [_moment(block, picture.shape[1], picture.shape[0]) for block in blocks if _says_something(block.text)]

    def _closer(self) -> LineReader:
        with self._lock:
            if self._lines is None:
                self._lines = self._load()
            return self._lines


def load_text_reader(*, cache: Path, precision: str = "auto", threads: int | None = None) -> PictureReader:
    """A reader whose weights are checked and loaded when they are first needed.

    ``threads`` bounds what one picture may use (None: as many as there are cores); ``precision`` is as in `Settings`.
    """
    return PictureReader(cache, precision=precision, threads=threads)


def _believed(line: Line) -> bool:
    return line.confidence >= MIN_CONFIDENCE and _says_something(line.text)


def _says_something(text: str) -> bool:
    return sum(map(str.isalnum, text)) >= MIN_CHARACTERS


def _shrunk(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    ratio = min(1.0, MAX_SIDE / max(height, width))
    return resized(picture, (max(1, round(width * ratio)), max(1, round(height * ratio))))


def _moment(block: Block, width: int, height: int) -> Moment:
    box = Box(
        block.left / width,
        block.top / height,
        (block.right - block.left) / width,
        (block.bottom - block.top) / height,
    )
    return Moment(SegmentKind.OCR, box=box, text=block.text, confidence=min(1.0, block.confidence))
