"""First stage: is this a query that can be answered? If not, say what would be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from bowerbird.errors import QueryError
from bowerbird.queries import Filters, Query
from bowerbird.store.catalog.vocabulary import plain_words

MOST_CHARACTERS = 10_000
MOST_HITS = 1_000
MOST_FILTER = 1_000
MOST_BYTES = 100 << 20
"""Of a picture that is a query."""

_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{1,2}))?(?:-([0-9]{1,2}))?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
K = TypeVar("K", bound=StrEnum)


def parse(query: Query) -> Query:
    """The query with its texts trimmed. Raises `QueryError` where it is empty, too long or out of bounds."""
    text = query.text.strip() if query.text else None
    negatives = tuple(each.strip() for each in query.negatives if each.strip())
    filters = _checked(query.filters)
    if not text and query.image is None and query.like is None:
        if negatives:
            raise QueryError(
                "--not alone finds nothing: say also what to look for, as TEXT, --image FILE or --like PATH"
            )
        if filters == Filters():
            raise QueryError(
                "the query is empty: give TEXT, --image FILE, --like PATH or a filter such as --after 2019"
            )
    for said in (text or "", *negatives):
        if len(said) > MOST_CHARACTERS:
            raise QueryError(
                f"a query of {len(said):,} characters is over the limit of {MOST_CHARACTERS:,}: shorten it"
            )
    if not 1 <= query.limit <= MOST_HITS:
        raise QueryError(f"a limit of {query.limit:,} is out of bounds: ask for 1 to {MOST_HITS:,} hits")
    if query.min_relevance is not None and not 0 <= query.min_relevance <= 1:
        raise QueryError(f"a relevance of {query.min_relevance} is out of bounds: it lies between 0 and 1")
    return replace(query, text=text or None, negatives=negatives, filters=filters)


def day(said: date | str | None, name: str) -> date | None:
    """The first day of what ``said`` names: 2019, 2019-07 or 2019-07-04.

    Raises `QueryError`, in which the filter is called ``name``, where it names no day.
    """
    if said is None or isinstance(said, date):
        return said.date() if isinstance(said, datetime) else said
    parts = _DAY.fullmatch(said.strip())
    try:
        if parts is None:
            raise ValueError
        return date(int(parts[1]), int(parts[2] or 1), int(parts[3] or 1))
    except ValueError:
        shown = said if len(said) <= 40 else f"{said[:39]}…"
        raise QueryError(f"{name} {shown!r} is no date: write 2019, 2019-07 or 2019-07-04") from None


def kinds_of(kind: type[K], said: Sequence[K | str], name: str) -> tuple[K, ...]:
    """Members of ``kind`` by their names. Raises `QueryError` where there is none of that name."""
    for each in said:
        if each not in set(kind):
            raise QueryError(f"there is no {name} {str(each)!r}: choose of {', '.join(kind)}")
    return tuple(kind(each) for each in said)


def _checked(filters: Filters) -> Filters:
    """The filters, trimmed. Raises `QueryError` where one can never be met or says nothing."""
    said = {name: getattr(filters, name) for name in ("place", "camera", "path", "language")}
    said = {name: value.replace("\0", "").strip() if value is not None else None for name, value in said.items()}
    for name, value in said.items():
        if value is not None and not (plain_words(value) if name in {"place", "camera"} else value):
            raise QueryError(f"the filter {name!r} says nothing: leave it out, or say what it is to be")
        if value is not None and len(value) > MOST_FILTER:
            raise QueryError(f"the filter {name!r} is over the limit of {MOST_FILTER} characters: shorten it")
    if said["language"] is not None and not _LANGUAGE.fullmatch(said["language"]):
        raise QueryError(f"{said['language']!r} is no code of a language: write en, de or pt-BR")
    if filters.after and filters.before and filters.after >= filters.before:
        raise QueryError(f"nothing is both after {filters.after} and before {filters.before}: swap them")
    return replace(filters, **said)
