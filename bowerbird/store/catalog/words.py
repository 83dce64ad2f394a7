"""Lexical search: which segments bear the words of a query, themselves or by what is known of their asset.

Both databases are only asked which rows bear a term; what that counts for is worked out here, so that they rank alike.
Neither's own ranking is bounded: FTS5's bm25 goes through all rows of every term, ts_rank_cd through all that match.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import sqlalchemy as sa

from bowerbird.store.catalog import full_text
from bowerbird.store.catalog.asset_words import WORDY
from bowerbird.store.catalog.filters import Filtered, Selection
from bowerbird.store.catalog.full_text import BOTH, Table, Term
from bowerbird.store.catalog.rows import among, chunks
from bowerbird.store.catalog.segments import ALIVE
from bowerbird.store.catalog.vocabulary import beginning_with, near, sweep
from bowerbird.store.tables import asset, segment

MOST_ROWS = 1000
"""A term that stands in more rows than this is frequent: about as many of the newest that filters leave are listed, the
rest is looked up where rarer terms have led.
"""
MOST_LOOKED_AT = 100_000
"""Rows of a frequent term that are held against filters which leave much, until `MOST_ROWS` of them have been left."""
MOST_LOOKED_UP = 5_000
"""Rows that filters leave in all of which a frequent term is looked up; with more, going through its own is faster."""
MOST_TERMS = 10
"""Of a longer query the rarest count, since looking up frequent terms is what costs."""
LEAST_CANDIDATES = 200
_K1, _B, _USUAL_LENGTH = 1.2, 0.75, 200
"""Of Okapi BM25 (Robertson and Walker 1994); lengths in characters, a paragraph being usual, and a term counts once."""
_TYPED_RIGHT = 0.9
"""What a term counts for that was only found as another word than was written."""


@dataclass(frozen=True, slots=True)
class Match:
    """A segment that bears words of the query, in itself or by its asset."""

    segment_id: int
    asset_id: int
    share: float
    """Of the query's words, weighed by their rarity in this library, in 0..1."""
    score: float
    """BM25 over the terms borne: comparable within one query only."""
    phrase: bool
    """Whether all that was asked for stands there word by word."""
    named: bool
    """Whether it stands for its asset, which bears the words while no segment does."""


@dataclass(slots=True)
class _Asked:
    """A term, where it is known to stand, and what it weighs."""

    term: Term
    rows: dict[Table, set[int]]
    frequent: dict[Table, bool]
    rarity: float
    trust: float


class Words:
    """Full-text search over segments and assets; orphans are not found."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._full_text = full_text.of(connection)

    def search(
        self, terms: Sequence[Term], most: int, *, phrase: Term | None = None, within: Selection | None = None
    ) -> list[Match]:
        """At most ``most`` segments, those that bear the weightiest share of ``terms`` first.

        A word that stands nowhere is taken for the nearest one that does. ``phrase`` is the query as it was written.
        An asset that bears terms while none of its segments does is shown by its first segment.
        """
        within = within or Selection((), (), None)
        asked = self._ask(terms)
        self._list_frequent(asked, within)
        candidates = max(2 * most, LEAST_CANDIDATES)
        owners = self._segments(asked, within, candidates)
        assets = self._assets(asked, within, candidates)
        self._look_up(asked, "segment", owners)
        self._look_up(asked, "asset", assets | set(owners.values()))
        by_name = sorted(assets - set(owners.values()), key=lambda id_: (-_weight(asked, "asset", id_), -id_))[:most]
        first = Filtered(self._connection).first_segments(by_name, within.of_segment)
        named = {segment_id: asset_id for asset_id, segment_id in first.items()}
        return self._judged(asked, owners, named, phrase)[:most]

    def among(self, terms: Sequence[Term], segments: Mapping[int, int], *, phrase: Term | None = None) -> list[Match]:
        """Those of ``segments``, each with the id of its asset, that bear any of ``terms``, however frequent."""
        asked = self._ask(terms)
        self._look_up(asked, "segment", segments)
        self._look_up(asked, "asset", set(segments.values()))
        borne = {
            id_: owner
            for id_, owner in segments.items()
            if any(id_ in each.rows["segment"] or owner in each.rows["asset"] for each in asked)
        }
        return self._judged(asked, borne, {}, phrase)

    def compact(self) -> None:
        """Rewrite the indexes of SQLite, so that they hold nothing of what was deleted; PostgreSQL's vacuum does it."""
        if self._connection.dialect.name == "sqlite":
            for table in BOTH:
                index = f"{table}_words"
                self._connection.exec_driver_sql(f"INSERT INTO {index}({index}) VALUES('optimize')")

    def sweep(self) -> None:
        """Drop words that stand nowhere any more, so that none is kept that was forgotten; reads every text."""
        sweep(self._connection, WORDY)

    def _ask(self, terms: Sequence[Term]) -> list[_Asked]:
        """The rarest of ``terms``, with all rows that bear them; of frequent ones with none so far."""
        highest = {table: self._highest(table) for table in BOTH}
        asked = []
        for written in terms:
            term, trust = written, 1.0
            if term.prefix and len(term.words) == 1:  # stems need not begin as the words do: beautifu*, beauti
                term = replace(term, instead=tuple(beginning_with(self._connection, term.words[0])))
            rows = self._rows(term)
            if not any(rows.values()) and len(term.words) == 1 and not term.prefix:
                term, trust = Term(term.words, instead=tuple(near(self._connection, term.words[0]))), _TYPED_RIGHT
                rows = self._rows(term) if term.instead else rows
            stands_in = sum(_estimate(rows[table], highest[table]) for table in BOTH)
            rarity = math.log(1 + sum(highest.values()) / (stands_in + 0.5))
            frequent = {table: len(rows[table]) > MOST_ROWS for table in BOTH}
            known = {table: set() if frequent[table] else set(rows[table]) for table in BOTH}
            asked.append(_Asked(term, known, frequent, rarity, trust))
        return sorted(asked, key=lambda each: -each.rarity)[:MOST_TERMS]

    def _rows(self, term: Term) -> dict[Table, list[int]]:
        return {table: self._full_text.rows(table, term, MOST_ROWS + 1) for table in BOTH}

    @cached_property
    def _orphans(self) -> bool:
        """Whether there are any; mostly there are none, and then nobody's rows have to be left out."""
        # Read off the end of the index; SQLite would go through all assets to find that one is not NULL.
        return self._connection.execute(sa.select(sa.func.max(asset.c.orphaned_at))).scalar() is not None

    def _highest(self, table: Table) -> int:
        """The newest id, which stands for the number of rows: counting them would go through all."""
        ids = segment.c.id if table == "segment" else asset.c.id
        return int(self._connection.execute(sa.select(sa.func.coalesce(sa.func.max(ids), 0))).scalar_one())

    def _list_frequent(self, asked: Sequence[_Asked], within: Selection) -> None:
        """Note of frequent terms where they stand in what filters leave: all of it where that is little."""
        for table in BOTH:
            if not any(each.frequent[table] for each in asked):
                continue
            chosen = self._chosen(table, within)
            if chosen is not None and len(chosen) <= MOST_LOOKED_UP:
                self._look_up(asked, table, chosen)
                continue
            for each in asked:
                if each.frequent[table]:
                    each.rows[table] |= self._newest(table, each.term, within, chosen)

    def _chosen(self, table: Table, within: Selection) -> set[int] | None:
        """All rows that filters leave; None where they do not say which assets those are of."""
        if within.assets is None:
            return None
        if table == "asset":
            return self._left("asset", within.assets, within) if within.of_segment else set(within.assets)
        found: set[int] = set()
        for chunk in chunks(within.assets):
            query = sa.select(segment.c.id).join(asset).where(*within.conditions, segment.c.asset_id.in_(chunk))
            found.update(self._connection.execute(query).scalars().all())
        return found

    def _newest(self, table: Table, term: Term, within: Selection, chosen: set[int] | None) -> set[int]:
        """The newest rows that bear ``term`` and are left by filters, some `MOST_ROWS` of them."""
        left: set[int] = set()
        looked_at, size = 0, MOST_ROWS
        page = self._full_text.rows(table, term, size)
        while page:
            left |= self._left(table, page, within) if chosen is None else chosen.intersection(page)
            looked_at += len(page)
            if len(left) >= MOST_ROWS or len(page) < size or (chosen is None and looked_at >= MOST_LOOKED_AT):
                break
            size = 10 * MOST_ROWS
            page = self._full_text.rows(table, term, size, page[-1])
        return left

    def _left(self, table: Table, ids: Sequence[int], within: Selection) -> set[int]:
        """Those of ``ids`` that are no orphans' and that filters leave."""
        if not within.conditions and within.assets is None and not self._orphans:
            return set(ids)
        query = sa.select(asset.c.id).where(*_of_assets(within))
        column = asset.c.id
        if table == "segment":
            query = sa.select(segment.c.id).join(asset).where(ALIVE, *within.conditions)
            column = segment.c.id
        return set(self._connection.execute(query.where(among(self._connection, column, ids))).scalars().all())

    def _segments(self, asked: Sequence[_Asked], within: Selection, most: int) -> dict[int, int]:
        """The weightiest segments that bear terms, and the asset of each."""
        query = sa.select(segment.c.id, segment.c.asset_id).join(asset).where(ALIVE, *within.conditions)
        selected = None if within.assets is None else set(within.assets)
        owners: dict[int, int] = {}
        for chunk in chunks(_weightiest(asked, "segment"), most):
            rows = self._connection.execute(query.where(among(self._connection, segment.c.id, chunk))).all()
            owners |= {row.id: row.asset_id for row in rows if selected is None or row.asset_id in selected}
            if len(owners) >= most:
                break
        return owners

    def _assets(self, asked: Sequence[_Asked], within: Selection, most: int) -> set[int]:
        """The weightiest assets that bear terms and have a segment to show."""
        bearing = _weightiest(asked, "asset")
        if within.assets is not None:
            selected = set(within.assets)
            bearing = [id_ for id_ in bearing if id_ in selected]
        found: set[int] = set()
        for chunk in chunks(bearing, most):
            found |= self._left("asset", chunk, within)
            if len(found) >= most:
                break
        return found

    def _look_up(self, asked: Sequence[_Asked], table: Table, candidates: Collection[int]) -> None:
        """Note where frequent terms stand among the rows that other terms have led to."""
        for each in asked:
            if each.frequent[table]:
                unknown = [id_ for id_ in candidates if id_ not in each.rows[table]]
                each.rows[table] |= self._full_text.among(table, each.term, unknown)

    def _judged(
        self, asked: Sequence[_Asked], owners: Mapping[int, int], named: Mapping[int, int], phrase: Term | None
    ) -> list[Match]:
        """The best first: segments that bear terms, and those that only stand for assets which do."""
        everything = {**owners, **named}
        whole: dict[Table, set[int]] = {"segment": set(), "asset": set()}
        if phrase is not None:
            bearing = {"segment": owners.keys(), "asset": set(everything.values())}
            for table in BOTH:
                whole[table] = self._full_text.among(table, phrase, _bearing_all(asked, table, bearing[table]))
        lengths = self._lengths(owners)
        total = sum(each.rarity for each in asked)
        found = []
        for id_, owner in everything.items():
            borne = [each for each in asked if id_ in each.rows["segment"] or owner in each.rows["asset"]]
            share = sum(each.rarity * each.trust for each in borne) / total
            length = lengths.get(id_) or _USUAL_LENGTH
            score = share * total * (1 + _K1) / (1 + _K1 * (1 - _B + _B * length / _USUAL_LENGTH))
            together = id_ in whole["segment"] or owner in whole["asset"]
            found.append(Match(id_, owner, share, score, together, named=id_ not in owners))
        return sorted(found, key=lambda each: (-each.share, not each.phrase, -each.score, -each.segment_id))

    def _lengths(self, ids: Iterable[int]) -> dict[int, int | None]:
        """How long the texts of these segments are, in characters."""
        query = sa.select(segment.c.id, sa.func.length(segment.c.text).label("length"))
        rows = self._connection.execute(query.where(among(self._connection, segment.c.id, ids))).all()
        return {row.id: row.length for row in rows}


def _of_assets(within: Selection) -> list[sa.ColumnElement[bool]]:
    """What is to be asked of an asset for its own sake: it must have a segment to show."""
    asked = [ALIVE, *(within.of_asset if within.assets is None else ())]
    if within.of_segment:
        asked.append(sa.exists().where(segment.c.asset_id == asset.c.id, *within.of_segment))
    return asked


def _estimate(rows: Sequence[int], highest: int) -> float:
    """In how many rows a term stands, from its newest: exact up to `MOST_ROWS`, else as if it went on as often."""
    if len(rows) <= MOST_ROWS:
        return len(rows)
    return len(rows) * highest / (highest - rows[-1] + 1)


def _weight(asked: Sequence[_Asked], table: Table, id_: int) -> float:
    return sum(each.rarity * each.trust for each in asked if id_ in each.rows[table])


def _weightiest(asked: Sequence[_Asked], table: Table) -> list[int]:
    """All rows that are known to bear terms, by what they bear and then the newest first."""
    weights: dict[int, float] = {}
    for each in asked:
        for id_ in each.rows[table]:
            weights[id_] = weights.get(id_, 0.0) + each.rarity * each.trust
    return sorted(weights, key=lambda id_: (-weights[id_], -id_))


def _bearing_all(asked: Sequence[_Asked], table: Table, ids: Collection[int]) -> Iterator[int]:
    return (id_ for id_ in ids if all(id_ in each.rows[table] for each in asked))
