"""Words read off each picture, frame or page as it is decoded; those that stand still in a film are one moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from bowerbird.moments import Moment
from bowerbird.ports import TextReader
from bowerbird.types import SegmentKind

ALIKE = 0.9
"""From which likeness on two frames are taken to bear the same words: a reader does not read the same twice."""
_COMPARED = 2_000
"""Characters, since comparing takes the square of them."""


class WordReader:
    """Reads the pictures of one file, in order."""

    def __init__(self, reader: TextReader) -> None:
        self._reader = reader
        self._standing: list[Moment] = []
        """What the last frame bore, held back in case the next still bears it."""

    def take(self, moment: Moment) -> Iterator[Moment]:
        """What is written on the picture of ``moment``, if it brings one to read from."""
        if moment.detail is None:
            return
        place = {"start_s": moment.start_s, "end_s": moment.end_s, "page": moment.page}
        words = [replace(each, **place) for each in self._reader.read(moment.detail)]  # type: ignore[arg-type]
        if moment.kind is not SegmentKind.FRAME:
            yield from words
        elif self._standing and _alike(self._standing, words):
            self._standing = [replace(each, end_s=moment.end_s) for each in self._standing]
        else:
            yield from self.finish()
            self._standing = words

    def finish(self) -> Iterator[Moment]:
        """What has been held back."""
        yield from self._standing
        self._standing = []


def _alike(left: Sequence[Moment], right: Sequence[Moment]) -> bool:
    said, says = (" ".join(each.text or "" for each in side)[:_COMPARED] for side in (left, right))
    return SequenceMatcher(None, said, says, autojunk=False).ratio() >= ALIKE
