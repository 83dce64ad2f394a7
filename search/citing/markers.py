"""Text of a model, as it comes -> text, and the markers in it by which it cites."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bowerbird.types import Box

LONGEST = 120
"""Characters that a marker may take."""


@dataclass(frozen=True, slots=True)
class Marker:
    """``[2]``, ``[2, 5]``, ``[2 @0.1,0.2,0.3,0.4]``. One without numbers stands for nothing, and is to be left out."""

    numbers: tuple[int, ...]
    box: Box | None = None
    """As it was said: it may lie anywhere."""


class Markers:
    """Finds markers in text that comes in pieces. What may become one is held back until it is clear.

    What is passed on as text never holds one, nor do texts on both sides of one that is left out make one together: a
    bracket in which another opens, with nothing between that a marker could not hold, becomes a round one.
    """

    def __init__(self) -> None:
        self._held = ""

    def take(self, piece: str) -> Iterator[str | Marker]:
        """Text and markers in order. Text has no unseen characters, see `search.citing.inert.Printable`."""
        at = 0
        while at < len(piece):
            if not self._held:
                opens = piece.find("[", at)
                if opens != at:
                    yield piece[at:opens] if opens > 0 else piece[at:]
                if opens < 0:
                    return
                self._held, at = "[", opens + 1
            else:
                char = piece[at]
                if char == "[":
                    yield "(" + self._held[1:]
                    self._held, at = char, at + 1
                elif char == "]":
                    yield _read(self._held[1:]) or self._held + char
                    self._held, at = "", at + 1
                elif not _MAY_HOLD.fullmatch(self._held[1:] + char):
                    yield self._held
                    self._held = ""
                elif len(self._held) >= LONGEST:
                    yield "(" + self._held[1:]
                    self._held = ""
                else:
                    self._held, at = self._held + char, at + 1

    def finish(self) -> Iterator[str | Marker]:
        """Half a marker cites nothing, and is left out."""
        if self._held:
            self._held = ""
            yield Marker(())


_WORD = "unsupported"
_PREFIX = "(?:u(?:n(?:s(?:u(?:p(?:p(?:o(?:r(?:t(?:e(?:d)?)?)?)?)?)?)?)?)?)?)?"
_MAY_HOLD = re.compile(rf"[ \t]*{_PREFIX}[ \t]*|[-+\d.,;@ \t]*", re.IGNORECASE)
_LIST = re.compile(r"\s*\d{1,9}(?:\s*[,;]\s*\d{1,9})*\s*")
_BOXED = re.compile(r"\s*(\d{1,9})\s*@([-+\d.,;\s]*)")
_BOX = re.compile(r"\s*(\d*\.?\d+)\s*,\s*(\d*\.?\d+)\s*,\s*(\d*\.?\d+)\s*,\s*(\d*\.?\d+)\s*")


def _read(within: str) -> Marker | None:
    if within.strip().lower() == _WORD:
        return Marker(())  # only we say so
    if _LIST.fullmatch(within):
        return Marker(tuple(int(number) for number in re.split("[,;]", within)))
    if boxed := _BOXED.fullmatch(within):
        box = _BOX.fullmatch(boxed[2])
        return Marker((int(boxed[1]),), Box(*map(float, box.groups())) if box else None)
    return None
