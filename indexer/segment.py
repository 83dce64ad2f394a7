"""Fourth stage: long text is cut into overlapping passages at the ends of sentences. Other moments pass as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from bowerbird.moments import Moment
from bowerbird.types import SegmentKind

VERSION = 1
"""Raised whenever the same text would be cut otherwise."""

CAPACITY = 180.0
"""Weight of one passage, about tokens of a word-piece vocabulary: below the 256 that the text encoder reads."""
OVERLAP = 40.0
"""Weight of what two neighbours share, so that a thought across their border is whole in one of them."""

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’»)\]]*\s+|[。！？]+[」』”’）]*\s*|\n\s*\n")
_WORD = re.compile(r"\s*\S+\s*")


def segment(moments: Iterable[Moment]) -> list[Moment]:
    """The moments of one file as they will be catalogued, in order."""
    return [piece for moment in moments for piece in _pieces(moment)]


def _pieces(moment: Moment) -> Iterator[Moment]:
    if moment.kind is not SegmentKind.TEXT or moment.text is None:
        yield moment
        return
    for passage in passages(moment.text):
        yield replace(moment, text=passage)


def passages(text: str, capacity: float = CAPACITY, overlap: float = OVERLAP) -> Iterator[str]:
    """Cut ``text`` into passages of at most ``capacity``, each beginning and ending where a sentence does.

    A sentence over the capacity is cut between words, a word over it wherever it must be. Each passage but the first
    begins with the last sentences of the one before, up to ``overlap``. Every character but white space is in one.
    """
    current: list[tuple[str, float]] = []
    weight = 0.0
    fresh = False  # whether `current` holds anything that no passage has had yet
    for unit in _units(text, capacity):
        unit_weight = _weight(unit)
        if fresh and weight + unit_weight > capacity:
            yield _joined(current)
            current, weight = _tail(current, min(overlap, capacity - unit_weight))
        current.append((unit, unit_weight))
        weight += unit_weight
        fresh = True
    if fresh:
        yield _joined(current)


def _units(text: str, capacity: float) -> Iterator[str]:
    """Sentences with the white space that follows them, and pieces of those that are too long."""
    start = 0
    for end in chain((match.end() for match in _SENTENCE_END.finditer(text)), (len(text),)):
        sentence = text[start:end]
        start = end
        if sentence.strip():
            yield from [sentence] if _weight(sentence) <= capacity else _broken(sentence, capacity)


def _broken(sentence: str, capacity: float) -> Iterator[str]:
    piece: list[str] = []
    weight = 0.0
    for word in _words(sentence, capacity):
        word_weight = _weight(word)
        if piece and weight + word_weight > capacity:
            yield "".join(piece)
            piece, weight = [], 0.0
        piece.append(word)
        weight += word_weight
    if piece:
        yield "".join(piece)


def _words(sentence: str, capacity: float) -> Iterator[str]:
    longest = max(1, int(capacity))  # no character weighs more than one
    for match in _WORD.finditer(sentence):
        word = match.group()
        if _weight(word) <= capacity:
            yield word
        else:
            pieces = (word[at : at + longest] for at in range(0, len(word), longest))
            yield from (piece for piece in pieces if piece.strip())


def _tail(units: list[tuple[str, float]], limit: float) -> tuple[list[tuple[str, float]], float]:
    """The last units that together weigh at most ``limit``."""
    kept, weight = 0, 0.0
    for _, unit_weight in reversed(units):
        if weight + unit_weight > limit:
            break
        kept, weight = kept + 1, weight + unit_weight
    return units[len(units) - kept :], weight


def _weight(text: str) -> float:
    """An estimate of tokens: Latin script takes about four characters for one, other scripts about one each."""
    narrow = len(text.encode("ascii", "ignore"))
    return narrow / 4 + (len(text) - narrow)


def _joined(units: list[tuple[str, float]]) -> str:
    return "".join(unit for unit, _ in units).strip()
