"""Terms as they were asked for: where each stands, and what it weighs."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from bowerbird.store.catalog import full_text
from bowerbird.store.catalog.full_text import BOTH, Table, Term
from bowerbird.store.catalog.vocabulary import beginning_with, near
from bowerbird.store.tables import asset, segment

MOST_TERMS = 10
"""Of a longer query the rarest count, since looking up frequent terms is what costs."""
_TYPED_RIGHT = 0.9
"""What a term counts for that was only found as another word than was written."""


@dataclass(slots=True)
class Asked:
    """A term, where it is known to stand, and what it weighs."""

    term: Term
    rows: dict[Table, set[int]]
    frequent: dict[Table, bool]
    rarity: float
    trust: float


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is to look through."""

    highest: Mapping[Table, int]
    """The newest ids, which stand for the numbers of rows: counting them would go through all."""
    orphans: bool
    """Whether there are any; mostly there are none, and then nobody's rows have to be left out."""


def extent(connection: sa.Connection) -> Extent:
    """That of the library as it is."""
    newest_segment, newest_asset, orphaned_at = connection.execute(_ENDS).one()
    return Extent({"segment": newest_segment, "asset": newest_asset}, orphaned_at is not None)


def ask(connection: sa.Connection, terms: Sequence[Term], extent: Extent, most: int) -> list[Asked]:
    """The rarest of ``terms``, with all rows that bear them; of frequent ones, in more than ``most``, none so far."""
    newest = full_text.of(connection).newest
    terms = [_continued(connection, term) for term in terms]
    rows = newest(terms, most + 1)
    meant = _meant(connection, {n: terms[n] for n, each in enumerate(rows) if not any(each.values())})
    again = dict(zip(meant, newest(list(meant.values()), most + 1), strict=True))
    asked = []
    for n, term in enumerate(terms):
        stands = again.get(n, rows[n])
        stands_in = sum(_estimate(stands[table], extent.highest[table], most) for table in BOTH)
        rarity = math.log(1 + sum(extent.highest.values()) / (stands_in + 0.5))
        frequent = {table: len(stands[table]) > most for table in BOTH}
        known = {table: set() if frequent[table] else set(stands[table]) for table in BOTH}
        asked.append(Asked(meant.get(n, term), known, frequent, rarity, _TYPED_RIGHT if n in meant else 1.0))
    return sorted(asked, key=lambda each: -each.rarity)[:MOST_TERMS]


def _continued(connection: sa.Connection, term: Term) -> Term:
    """With the words that a prefix may go on to: their stems need not begin as they do (beautifu*, beauti)."""
    if not term.prefix or len(term.words) > 1:
        return term
    return replace(term, instead=tuple(beginning_with(connection, term.words[0])))


def _meant(connection: sa.Connection, nowhere: Mapping[int, Term]) -> dict[int, Term]:
    """Those of these terms, which stand nowhere, that are words which may have been meant to be others that do."""
    words = {n: term.words[0] for n, term in nowhere.items() if not term.prefix and len(term.words) == 1}
    others = near(connection, list(dict.fromkeys(words.values()))) if words else {}
    return {n: Term((word,), instead=tuple(others[word])) for n, word in words.items() if word in others}


def weight(asked: Sequence[Asked], table: Table, id_: int) -> float:
    """What a row is known to bear."""
    return sum(each.rarity * each.trust for each in asked if id_ in each.rows[table])


def weightiest(asked: Sequence[Asked], table: Table) -> list[int]:
    """All rows that are known to bear terms, by what they bear and then the newest first."""
    weights: dict[int, float] = {}
    for each in asked:
        for id_ in each.rows[table]:
            weights[id_] = weights.get(id_, 0.0) + each.rarity * each.trust
    return sorted(weights, key=lambda id_: (-weights[id_], -id_))


def bearing_all(asked: Sequence[Asked], table: Table, ids: Collection[int]) -> Iterator[int]:
    """Those of ``ids`` that are known to bear every term."""
    return (id_ for id_ in ids if all(id_ in each.rows[table] for each in asked))


def _estimate(rows: Sequence[int], highest: int, most: int) -> float:
    """In how many rows a term stands, from its newest: exact up to ``most``, else as if it went on as often."""
    if len(rows) <= most:
        return len(rows)
    return len(rows) * highest / (highest - rows[-1] + 1)


# Read off the ends of indexes; SQLite would go through all assets to find that one's date is not NULL.
_ENDS = sa.select(
    sa.select(sa.func.coalesce(sa.func.max(segment.c.id), 0)).scalar_subquery(),
    sa.select(sa.func.coalesce(sa.func.max(asset.c.id), 0)).scalar_subquery(),
    sa.select(sa.func.max(asset.c.orphaned_at)).scalar_subquery(),
)
