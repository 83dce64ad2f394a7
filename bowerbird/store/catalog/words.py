"""Lexical search: which segments bear the words of a query, themselves or by what is known of their asset.

Both databases are only asked which rows bear a term; what that counts for is worked out here, so that they rank alike.
Neither's own ranking is bounded: FTS5's bm25 goes through all rows of every term, ts_rank_cd through all that match.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from bowerbird.store.catalog import full_text
from bowerbird.store.catalog.filters import Filtered, Selection
from bowerbird.store.catalog.full_text import BOTH, Table, Term
from bowerbird.store.catalog.rows import chunks
from bowerbird.store.catalog.segments import ALIVE
from bowerbird.store.catalog.vocabulary import near
from bowerbird.store.tables import asset, segment

MOST_ROWS = 1000
"""A term that stands in more rows than this is frequent: only the newest are listed, the rest is looked up where rarer
terms have led.
"""
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
        asked = self._ask(terms, within)
        candidates = max(2 * most, LEAST_CANDIDATES)
        owners, lengths = self._segments(asked, within, candidates)
        assets = self._assets(asked, within, candidates)
        self._look_up(asked, "segment", owners)
        self._look_up(asked, "asset", assets | set(owners.values()))
        by_name = sorted(assets - set(owners.values()), key=lambda id_: (-_weight(asked, "asset", id_), -id_))[:most]
        first = Filtered(self._connection).first_segments(by_name, within.of_segment)
        whole: dict[Table, set[int]] = {"segment": set(), "asset": set()}
        if phrase is not None:
            whole["segment"] = self._full_text.among("segment", phrase, _bearing_all(asked, "segment", owners))
            whole["asset"] = self._full_text.among(
                "asset", phrase, _bearing_all(asked, "asset", {*by_name, *owners.values()})
            )

        total = sum(each.rarity for each in asked)
        found = []
        for id_, owner in [*owners.items(), *((first[owner], owner) for owner in by_name if owner in first)]:
            borne = [each for each in asked if id_ in each.rows["segment"] or owner in each.rows["asset"]]
            share = sum(each.rarity * each.trust for each in borne) / total
            length = lengths.get(id_, _USUAL_LENGTH)
            score = share * total * (1 + _K1) / (1 + _K1 * (1 - _B + _B * length / _USUAL_LENGTH))
            together = id_ in whole["segment"] or owner in whole["asset"]
            found.append(Match(id_, owner, share, score, together, named=id_ not in owners))
        return sorted(found, key=lambda each: (-each.share, not each.phrase, -each.score, -each.segment_id))[:most]

    def compact(self) -> None:
        """Rewrite the indexes of SQLite, so that they hold nothing of what was deleted; PostgreSQL's vacuum does it."""
        if self._connection.dialect.name == "sqlite":
            for table in BOTH:
                index = f"{table}_words"
                self._connection.exec_driver_sql(f"INSERT INTO {index}({index}) VALUES('optimize')")

    def _ask(self, terms: Sequence[Term], within: Selection) -> list[_Asked]:
        highest = {table: self._highest(table) for table in BOTH}
        asked = []
        for written in terms:
            term, trust, rows = written, 1.0, self._rows(written)
            if not any(rows.values()) and len(term.words) == 1 and not term.prefix:
                term, trust = Term(term.words, instead=tuple(near(self._connection, term.words[0]))), _TYPED_RIGHT
                rows = self._rows(term) if term.instead else rows
            stands_in = sum(_estimate(rows[table], highest[table]) for table in BOTH)
            rarity = math.log(1 + sum(highest.values()) / (stands_in + 0.5))
            frequent = {table: len(rows[table]) > MOST_ROWS for table in BOTH}
            known = {table: set(rows[table]) for table in BOTH}
            asked.append(_Asked(term, known, frequent, rarity, trust))
        asked = sorted(asked, key=lambda each: -each.rarity)[:MOST_TERMS]
        for table in BOTH:
            self._look_up(asked, table, self._selected(table, within))
        return asked

    def _rows(self, term: Term) -> dict[Table, list[int]]:
        return {table: self._full_text.rows(table, term, MOST_ROWS + 1) for table in BOTH}

    def _highest(self, table: Table) -> int:
        """The newest id, which stands for the number of rows: counting them would go through all."""
        ids = segment.c.id if table == "segment" else asset.c.id
        return int(self._connection.execute(sa.select(sa.func.coalesce(sa.func.max(ids), 0))).scalar_one())

    def _selected(self, table: Table, within: Selection) -> Sequence[int]:
        """What filters leave, where that is so little that even frequent terms can be looked up in all of it."""
        if not within.assets or len(within.assets) > LEAST_CANDIDATES:
            return ()
        if table == "asset":
            return within.assets
        query = sa.select(segment.c.id).join(asset).where(*within.conditions).limit(LEAST_CANDIDATES)
        return self._connection.execute(query.where(segment.c.asset_id.in_(within.assets))).scalars().all()

    def _segments(self, asked: Sequence[_Asked], within: Selection, most: int) -> tuple[dict[int, int], dict[int, int]]:
        """The weightiest segments that bear terms: the asset of each, and the length of its text."""
        query = (
            sa.select(segment.c.id, segment.c.asset_id, sa.func.length(segment.c.text).label("length"))
            .join(asset, asset.c.id == segment.c.asset_id)
            .where(ALIVE, *within.conditions)
        )
        owners: dict[int, int] = {}
        lengths: dict[int, int] = {}
        selected = None if within.assets is None else set(within.assets)
        for chunk in chunks(_weightiest(asked, "segment"), most):
            for row in self._connection.execute(query.where(segment.c.id.in_(chunk))):
                if selected is not None and row.asset_id not in selected:
                    continue
                owners[row.id], lengths[row.id] = row.asset_id, row.length
            if len(owners) >= most:
                break
        return owners, lengths

    def _assets(self, asked: Sequence[_Asked], within: Selection, most: int) -> set[int]:
        """The weightiest assets that bear terms."""
        query = sa.select(asset.c.id).where(ALIVE)
        bearing = _weightiest(asked, "asset")
        if within.assets is None:
            query = query.where(*within.of_asset)
        else:
            selected = set(within.assets)
            bearing = [id_ for id_ in bearing if id_ in selected]
        found: set[int] = set()
        for chunk in chunks(bearing, most):
            found.update(self._connection.execute(query.where(asset.c.id.in_(chunk))).scalars())
            if len(found) >= most:
                break
        return found

    def _look_up(self, asked: Sequence[_Asked], table: Table, candidates: Collection[int]) -> None:
        """Note where frequent terms stand among the rows that other terms have led to."""
        for each in asked:
            if each.frequent[table]:
                unknown = [id_ for id_ in candidates if id_ not in each.rows[table]]
                each.rows[table] |= self._full_text.among(table, each.term, unknown)


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
