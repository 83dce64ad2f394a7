"""First stage: is this a query that can be answered? If not, say what would be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from bowerbird.errors import QueryError
from bowerbird.paths import listed
from bowerbird.queries import Filters, Query
from bowerbird.store.catalog.vocabulary import plain_words
from bowerbird.types import AssetKind, Box, Source
from search import query_language
from search.words import terms_of

MOST_CHARACTERS = 10_000
MOST_HITS = 1_000
MOST_PARTS = 50
"""Texts, negatives, phrases or examples of one query: each costs a search of its own."""
MOST_FILTER = 1_000
MOST_BYTES = 100 << 20
"""Of a picture that is a query."""
LARGEST = (1 << 63) - 1
"""Whole number that databases can hold."""

_ROUNDING = 1e-6
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
K = TypeVar("K", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query that can be answered: ``text`` holds what is left when filters and negatives have been read off."""

    query: Query
    understood: tuple[str, ...] = ()
    """See `SearchResult.understood`."""


def parse(query: Query, *, today: date | None = None) -> Parsed:
    """Read the line of the query language, and trim everything. ``today`` is what "last summer" is counted from.

    Raises `QueryError` where the query is empty, too long, out of bounds or not to be understood.
    """
    for said in (query.text or "", *query.also, *query.negatives):
        if not isinstance(said, str):
            raise QueryError(f"{said!r} is no text to look for: write it in quotes")
        if len(said) > MOST_CHARACTERS:
            raise QueryError(
                f"a query of {len(said):,} characters is over the limit of {MOST_CHARACTERS:,}: shorten it"
            )
    asked = query_language.read(query.text or "", today=today or date.today())
    also = tuple(dict.fromkeys(said for each in query.also if (said := each.strip())))
    asked = _listing(asked) if not (also or query.image or query.like) else asked
    texts = [each for each in (asked.text, *also) if each]
    negatives = tuple(dict.fromkeys(said for each in (*asked.negatives, *query.negatives) if (said := each.strip())))
    filters = _checked(_together(asked.filters, query.filters))
    quoted = [phrase for text in texts for phrase in query_language.phrases(text)]
    asked_for = [phrase for phrase in dict.fromkeys((*filters.phrases, *quoted)) if plain_words(phrase)]
    filters = replace(filters, phrases=tuple(asked_for))
    if not texts and query.image is None and not query.like:
        if negatives or query.unlike:
            raise QueryError(
                "what hits must not be like finds nothing alone: say also what to look for, "
                "as TEXT, --image FILE or --like PATH"
            )
        if filters == Filters():
            raise QueryError(
                "the query is empty: give TEXT, --image FILE, --like PATH or a filter such as --after 2019"
            )
    like, unlike = tuple(dict.fromkeys(query.like)), tuple(dict.fromkeys(query.unlike))
    for name, parts in (("texts", also), ("negatives", negatives), ("phrases in quotes", filters.phrases)):
        _count(name, parts)
    _count("examples", (*like, *unlike))
    if type(query.limit) is not int:
        raise QueryError(f"a limit of {query.limit!r} is no whole number: ask for 1 to {MOST_HITS:,} hits")
    if not 1 <= query.limit <= MOST_HITS:
        raise QueryError(f"a limit of {query.limit:,} is out of bounds: ask for 1 to {MOST_HITS:,} hits")
    if query.min_relevance is not None and not 0 <= query.min_relevance <= 1:
        raise QueryError(f"a relevance of {query.min_relevance} is out of bounds: it lies between 0 and 1")
    if Source.RERANK in query.sources:
        found_by = ", ".join(source for source in Source if source is not Source.RERANK)
        raise QueryError(f"by 'rerank' nothing is found, only put into another order: choose sources of {found_by}")
    _check_crop(query)
    text = asked.text or None
    understood = tuple(f"{piece}: {_said(asked.filters)}" for piece in asked.understood)
    query = replace(query, text=text, also=also, negatives=negatives, like=like, unlike=unlike, filters=filters)
    return Parsed(query, understood)


def box(said: str) -> Box:
    """``x,y,width,height`` as fractions of a picture. Raises `QueryError` where it is something else."""
    try:
        return Box(*(float(number) for number in said.split(",")))
    except (TypeError, ValueError):
        raise QueryError(
            f"--crop {said[:40]!r} is no part of a picture: write x,y,width,height as fractions, 0.25,0.25,0.5,0.5"
        ) from None


def day(said: date | str | int | None, name: str) -> date | None:
    """The first day of what ``said`` names: 2019, 2019-07, March 2021, last summer.

    Raises `QueryError`, in which the filter is called ``name``, where it names no day.
    """
    if said is None or isinstance(said, date):
        return said.date() if isinstance(said, datetime) else said
    said = str(said)  # a year as a number, say
    named = query_language.period(said, today=date.today())
    if named is None:
        shown = said if len(said) <= 40 else f"{said[:39]}…"
        raise QueryError(f"{name} {shown!r} is no date: write 2019, 2019-07-04, March 2021 or last summer")
    return named.first


def kinds_of(kind: type[K], said: K | str | Sequence[K | str], name: str) -> tuple[K, ...]:
    """Members of ``kind`` by their names, one or several. Raises `QueryError` where there is none of that name."""
    asked = listed(said)
    for each in asked:
        if each not in set(kind):
            raise QueryError(f"there is no {name} {str(each)!r}: choose of {', '.join(kind)}")
    return tuple(kind(each) for each in asked)


def _listing(asked: query_language.Asked) -> query_language.Asked:
    """Where filters are all that a line says, what else stands there names types: ``photos from yesterday``."""
    if not asked.filters.narrow or terms_of(asked.text)[0]:
        return asked
    known = query_language.TYPES
    named = {known.get(word) or known.get(word.removesuffix("s")) for word in plain_words(asked.text)}
    types = asked.filters.types or tuple(kind for kind in AssetKind if kind in named)
    return replace(asked, text="", filters=replace(asked.filters, types=types))


def _said(filters: Filters) -> str:
    """The days that filters leave."""
    first = filters.after and f"from {filters.after}"
    last = filters.before and f"to {max(filters.before, date.min + timedelta(days=1)) - timedelta(days=1)}"
    return " ".join(each for each in (first, last) if each)


def _together(one: Filters, other: Filters) -> Filters:
    """What both ask for. Raises `QueryError` where they ask for two different things of the same name."""
    merged = {}
    for field in fields(Filters):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if first and second and first != second:
            raise QueryError(f"the filter {field.name!r} is given twice, in the text and apart from it: leave one out")
        merged[field.name] = first or second
    return Filters(**merged)


def _check_crop(query: Query) -> None:
    crop = query.crop
    if crop is None:
        return
    if query.image is None:
        raise QueryError("a crop needs a picture: say of which with --image FILE")
    right, bottom = crop.x + crop.width, crop.y + crop.height
    if not (0 <= crop.x < right <= 1 + _ROUNDING and 0 <= crop.y < bottom <= 1 + _ROUNDING):  # false for NaN too
        raise QueryError(
            f"the crop {crop.x:g},{crop.y:g},{crop.width:g},{crop.height:g} lies outside the picture: "
            "write x,y,width,height as fractions of it, 0.25,0.25,0.5,0.5 for the middle"
        )


def _count(name: str, parts: Sequence[object]) -> None:
    if len(parts) > MOST_PARTS:
        raise QueryError(f"{len(parts):,} {name} are over the limit of {MOST_PARTS}: ask for fewer")


def _checked(filters: Filters) -> Filters:
    """The filters, trimmed. Raises `QueryError` where one can never be met or says nothing."""
    said = {name: getattr(filters, name) for name in ("place", "camera", "path", "language")}
    said = {name: value.replace("\0", "").strip() if value is not None else None for name, value in said.items()}
    for name, value in said.items():
        if value is not None and not (plain_words(value) if name in {"place", "camera"} else value):
            raise QueryError(f"the filter {name!r} says nothing: leave it out, or say what it is to be")
        if value is not None and len(value) > MOST_FILTER:
            raise QueryError(f"the filter {name!r} is over the limit of {MOST_FILTER} characters: shorten it")
        if value is not None and not _is_name(value):
            raise QueryError(f"the filter {name!r} holds half a character, which no name does: leave it out")
    for phrase in filters.phrases:
        if len(phrase) > MOST_FILTER:
            raise QueryError(f"the filter 'phrases' is over the limit of {MOST_FILTER} characters: shorten it")
    if said["language"] is not None and not _LANGUAGE.fullmatch(said["language"]):
        raise QueryError(f"{said['language']!r} is no code of a language: write en, de or pt-BR")
    if filters.after and filters.before and filters.after >= filters.before:
        raise QueryError(f"nothing is both after {filters.after} and before {filters.before}: swap them")
    return replace(filters, **said)


def _is_name(said: str) -> bool:
    """Whether a file could be called so: bytes that are not UTF-8 stand as surrogates, other surrogates for nothing."""
    try:
        said.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
