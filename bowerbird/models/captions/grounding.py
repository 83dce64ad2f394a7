"""Where in a picture a model says that its words apply: the location tokens of Florence-2 and Kosmos-2, read as boxes.

Both write places as words of their vocabulary, amid the text. Florence-2 (Xiao et al. 2023) cuts each side into 1,000
bins and puts four of them after a phrase: left, top, right, bottom. Kosmos-2 (Peng et al. 2023) lays a grid of 32 x 32
cells, numbered row by row, over the picture, and names the cells of two corners. What is not well formed is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bowerbird.types import Box

BINS = 1000
GRID = 32
THE_WHOLE = frozenset({"image", "picture", "photo", "scene", "view", "it", "this", "that", "they"})
"""Phrases that point at nothing in particular, with or without an article."""
_TAG = re.compile(r"</?[A-Za-z]\w*/?>|<(?:loc|patch_index)_[^<>\s]*>?")
_PLACED = re.compile(r"([^<>]++)((?:<loc_[^<>\s]*>\s*)+)")
_LOC = re.compile(r"<loc_([^<>\s]*)>")
_OBJECT = re.compile(r"<phrase>([^<>]*)</phrase>\s*<object>(.*?)</object>", re.DOTALL)
_AND = "</delimiter_of_multi_objects/>"
_PATCH = re.compile(r"<patch_index_([^<>\s]*)>")
_NUMBER = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words, and the part of the picture that they are about."""

    text: str
    box: Box


def plain(text: str) -> str:
    """The words alone, on one line: no location tokens, tags or control characters."""
    words = _TAG.sub("", text)
    return " ".join("".join(each for each in words if each.isprintable() or each.isspace()).split())


def florence_phrases(text: str) -> list[Phrase]:
    """Of ``a cat<loc_52><loc_334><loc_932><loc_774>``: the phrase with its box, or its boxes, four tokens each."""
    placed = _TAG.sub(lambda tag: tag[0] if _LOC.fullmatch(tag[0]) else "", text)
    return _distinct(
        Phrase(plain(words), box)
        for words, tokens in _PLACED.findall(placed)
        for box in map(_from_bins, _fours(_LOC.findall(tokens)))
        if box
    )


def kosmos_phrases(text: str) -> list[Phrase]:
    """Of ``<phrase>a fire</phrase><object><patch_index_0005><patch_index_0911></object>``: the phrase with its box, or
    its boxes, between which ``</delimiter_of_multi_objects/>`` stands.
    """
    return _distinct(
        Phrase(plain(words), box)
        for words, places in _OBJECT.findall(text)
        for box in (_from_cells(_PATCH.findall(place)) for place in places.split(_AND))
        if box
    )


def _fours(tokens: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(tokens) - 3, 4):
        yield tokens[start : start + 4]


def _from_bins(tokens: list[str]) -> Box | None:
    """Each bin stands for its middle."""
    bins = _numbers(tokens, BINS)
    return _between(*((each + 0.5) / BINS for each in bins)) if len(bins) == 4 else None


def _from_cells(tokens: list[str]) -> Box | None:
    """From the middle of one cell to that of the other; in a single row or column, from edge to edge."""
    cells = _numbers(tokens, GRID * GRID)
    if len(cells) != 2:
        return None
    (top, left), (bottom, right) = (divmod(each, GRID) for each in cells)
    inset = 0.0 if left == right or top == bottom else 0.5
    return _between(
        (left + inset) / GRID, (top + inset) / GRID, (right + 1 - inset) / GRID, (bottom + 1 - inset) / GRID
    )


def _numbers(tokens: list[str], below: int) -> list[int]:
    """Those tokens that name one, or nothing where any does not: the others would shift into its place."""
    numbers = [int(token) for token in tokens if _NUMBER.fullmatch(token)]
    return numbers if len(numbers) == len(tokens) and all(number < below for number in numbers) else []


def _between(left: float, top: float, right: float, bottom: float) -> Box | None:
    return Box(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _distinct(phrases: Iterator[Phrase]) -> list[Phrase]:
    """Once each, in order. A model that has lost its way says the same again and again."""
    return list(dict.fromkeys(phrase for phrase in phrases if _says_something(phrase.text)))


def _says_something(text: str) -> bool:
    return bool(text) and text.lower().removeprefix("the ").removeprefix("an ").removeprefix("a ") not in THE_WHOLE
