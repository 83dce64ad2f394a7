"""The filters in a line of the query language, each with the line as it would be without it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from bowerbird.errors import QueryError
from bowerbird.types import AssetKind
from search.query_language import read
from search.query_language.filter_names import NAMES

_BEGINS = re.compile(r"(?<!\S)([A-Za-z][A-Za-z_-]*):")
_ENDS = re.compile(r"(?<=\S)(?=\s|$)")
_MOST_LOOKED_AT = 24
"""Words after which a filter has ended: dates have six at most, names in quotes hardly more."""


@dataclass(frozen=True, slots=True)
class Chip:
    """Something a line says beside words, and the line that does not say it."""

    shows: str
    without: str


def filters_in(line: str, *, today: date) -> list[Chip]:
    """The filters of a line that can be read, in order; none of one that cannot."""
    return [Chip(line[start:end], _cut(line, start, end)) for start, end in _spans(line, today)]


def understood_in(line: str, understood: Sequence[str]) -> list[Chip]:
    """What was taken for a period, and the line with it in quotes, which ask for the words instead."""
    chips = []
    for each in understood:
        piece = each.rpartition(": ")[0]
        typed = re.compile(r"\s+".join(map(re.escape, piece.split())))
        if found := list(typed.finditer(line)):
            start, end = found[-1].span()
            chips.append(Chip(each, f'{line[:start]}"{piece}"{line[end:]}'))
    return chips


@dataclass(frozen=True, slots=True)
class TypeChoice:
    """One type of files, whether a line asks for it, and the line that asks for it alone, or for all if it did."""

    type: AssetKind
    on: bool
    line: str


def types_of(line: str, *, today: date) -> list[TypeChoice]:
    """The types that a line can be narrowed down to, each in the place of those that it names now."""
    rest = line = line.strip()
    on: set[AssetKind] = set()
    for start, end in reversed(list(_spans(line, today))):
        if types := read(line[start:end], today=today).filters.types:
            on.update(types)
            rest = _cut(rest, start, end)
    return [
        TypeChoice(each, each in on, rest if on == {each} else f"{rest} type:{each}".lstrip()) for each in AssetKind
    ]


def _spans(line: str, today: date) -> Iterator[tuple[int, int]]:
    at = 0
    while begins := _BEGINS.search(line, at):
        at = begins.end()
        if begins[1].lower() in NAMES and (end := _end(line, begins.start(), today)):
            yield begins.start(), end
            at = end


def _end(line: str, start: int, today: date) -> int | None:
    """Where the filter that begins at ``start`` ends: as far as the reader takes all for that filter and no more."""
    last = None
    ends = [found.end() for found in _ENDS.finditer(line, start)]
    for end in ends[:_MOST_LOOKED_AT]:
        if _BEGINS.search(line, start + 1, end):
            break
        try:
            asked = read(line[start:end], today=today)
        except QueryError:
            continue
        if not (asked.text or asked.negatives or asked.understood):
            last = end
    return last


def _cut(line: str, start: int, end: int) -> str:
    return f"{line[:start].rstrip()} {line[end:].lstrip()}".strip()
