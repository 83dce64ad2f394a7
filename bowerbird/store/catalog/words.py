"""Lexical search: which segments bear the words of a query, themselves or by what is known of their asset.

Both databases are only asked which rows bear a term; what that counts for is worked out here, so that they rank alike.
Neither's own ranking is bounded: FTS5's bm25 goes through all rows of every term, ts_rank_cd through all that match.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa

from bowerbird.store.catalog import full_text
from bowerbird.store.catalog.asked import Asked, Extent, ask, bearing_all, extent, weight, weightiest
from bowerbird.store.catalog.asset_words import WORDY
from bowerbird.store.catalog.filters import Filtered, Selection
from bowerbird.store.catalog.full_text import BOTH, Table, Term
from bowerbird.store.catalog.rows import among, among_ids, chunks
from bowerbird.store.catalog.segments import ALIVE
from bowerbird.store.catalog.vocabulary import sweep
from bowerbird.store.tables import asset, segment

MOST_ROWS = 1000
"""A term that stands in more rows than this is frequent: about as many of the newest that filters leave are listed, the
rest is looked up where rarer terms have led.
"""
MOST_LOOKED_AT = 100_000
"""Rows of a frequent term that are held against filters which leave much, until `MOST_ROWS` of them have been left."""
MOST_LOOKED_UP = 5_000
"""Rows that filters leave in all of which a frequent term is looked up; with more, going through its own is faster."""
LEAST_CANDIDATES = 200
_K1, _B, _USUAL_LENGTH = 1.2, 0.75, 200
"""Of Okapi BM25 (Robertson and Walker 1994); lengths in characters, a paragraph being usual, and a term counts once."""


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
        asked = ask(self._connection, terms, self._extent, MOST_ROWS)
        self._list_frequent(asked, within)
        candidates = max(2 * most, LEAST_CANDIDATES)
        owners = self._segments(asked, within, candidates)
        assets = self._assets(asked, within, candidates)
        self._look_up(asked, "segment", owners)
        self._look_up(asked, "asset", assets | set(owners.values()))
        by_name = sorted(assets - set(owners.values()), key=lambda id_: (-weight(asked, "asset", id_), -id_))[:most]
        first = Filtered(self._connection).first_segments(by_name, within.of_segment)
        named = {segment_id: asset_id for asset_id, segment_id in first.items()}
        return self._judged(asked, owners, named, phrase)[:most]

    def among(self, terms: Sequence[Term], segments: Mapping[int, int], *, phrase: Term | None = None) -> list[Match]:
        """Those of ``segments``, each with the id of its asset, that bear any of ``terms``, however frequent."""
        asked = ask(self._connection, terms, self._extent, MOST_ROWS)
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

    @cached_property
    def _extent(self) -> Extent:
        return extent(self._connection)

    def _list_frequent(self, asked: Sequence[Asked], within: Selection) -> None:
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
        if not within.conditions and within.assets is None and not self._extent.orphans:
            return set(ids)
        query = sa.select(asset.c.id).where(*_of_assets(within))
        column = asset.c.id
        if table == "segment":
            query = sa.select(segment.c.id).join(asset).where(ALIVE, *within.conditions)
            column = segment.c.id
        return set(self._connection.execute(query.where(among(self._connection, column, ids))).scalars().all())

    def _segments(self, asked: Sequence[Asked], within: Selection, most: int) -> dict[int, int]:
        """The weightiest segments that bear terms, and the asset of each."""
        query = _OWNERS.where(*within.conditions) if within.conditions else _OWNERS
        selected = None if within.assets is None else set(within.assets)
        owners: dict[int, int] = {}
        for chunk in chunks(weightiest(asked, "segment"), most):
            rows = self._connection.execute(query, {"ids": chunk}).all()
            owners |= {id_: owner for id_, owner in rows if selected is None or owner in selected}
            if len(owners) >= most:
                break
        return owners

    def _assets(self, asked: Sequence[Asked], within: Selection, most: int) -> set[int]:
        """The weightiest assets that bear terms and have a segment to show."""
        bearing = weightiest(asked, "asset")
        if within.assets is not None:
            selected = set(within.assets)
            bearing = [id_ for id_ in bearing if id_ in selected]
        found: set[int] = set()
        for chunk in chunks(bearing, most):
            found |= self._left("asset", chunk, within)
            if len(found) >= most:
                break
        return found

    def _look_up(self, asked: Sequence[Asked], table: Table, candidates: Collection[int]) -> None:
        """Note where frequent terms stand among the rows that other terms have led to."""
        for each in asked:
            if each.frequent[table]:
                unknown = [id_ for id_ in candidates if id_ not in each.rows[table]]
                each.rows[table] |= self._full_text.among(table, each.term, unknown)

    def _judged(
        self, asked: Sequence[Asked], owners: Mapping[int, int], named: Mapping[int, int], phrase: Term | None
    ) -> list[Match]:
        """The best first: segments that bear terms, and those that only stand for assets which do."""
        everything = {**owners, **named}
        whole: dict[Table, set[int]] = {"segment": set(), "asset": set()}
        if phrase is not None:
            bearing = {"segment": owners.keys(), "asset": set(everything.values())}
            for table in BOTH:
                whole[table] = self._full_text.among(table, phrase, bearing_all(asked, table, bearing[table]))
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

    def _lengths(self, ids: Collection[int]) -> dict[int, int | None]:
        """How long the texts of these segments are, in characters."""
        if not ids:
            return {}
        return {id_: length for id_, length in self._connection.execute(_LENGTHS, {"ids": ids})}  # noqa: C416


_OWNERS = sa.select(segment.c.id, segment.c.asset_id).join(asset).where(ALIVE, among_ids(segment.c.id))
_LENGTHS = sa.select(segment.c.id, sa.func.length(segment.c.text)).where(among_ids(segment.c.id))


def _of_assets(within: Selection) -> list[sa.ColumnElement[bool]]:
    """What is to be asked of an asset for its own sake: it must have a segment to show."""
    asked = [ALIVE, *(within.of_asset if within.assets is None else ())]
    if within.of_segment:
        asked.append(sa.exists().where(segment.c.asset_id == asset.c.id, *within.of_segment))
    return asked
