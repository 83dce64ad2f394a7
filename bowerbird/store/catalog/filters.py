"""What is left of the library under a query's filters, by SQL."""

from __future__ import annotations

import math
import re
import sqlite3
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time

import numpy as np
import sqlalchemy as sa

from bowerbird.queries import Filters
from bowerbird.store.catalog import full_text
from bowerbird.store.catalog.full_text import BOTH, Term
from bowerbird.store.catalog.rows import among, among_ids, chunks
from bowerbird.store.catalog.segments import ALIVE, Conditions
from bowerbird.store.catalog.vocabulary import plain_words
from bowerbird.store.tables import PathText, asset, embedding, location, root, segment
from bowerbird.types import Ids, SegmentKind

SELECTIVE = 20_000
"""Assets that a filter may leave, at most, to be applied before anything is looked for."""
LEAST_SELECTIVE = 1_000
"""So few are always listed first: it costs milliseconds, and what is found is then certainly all."""
SIFTING = 2.0
"""What it costs to look up a hit only to drop it, in terms of what it costs to list an asset and score its vectors."""
PARTS = (SegmentKind.REGION, SegmentKind.OCR, SegmentKind.CAPTION)
"""Kinds that show less of an asset than its other segments do."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters as conditions over ``segment`` and ``asset``, and what they leave where that is not much."""

    of_asset: Conditions
    of_segment: Conditions
    assets: Sequence[int] | None
    """Ids of all assets that may be hits, ascending; None where there are too many to list first, or no filters."""

    @property
    def conditions(self) -> Conditions:
        """What is to be asked of a segment and its asset; of a segment alone where its asset is known to be selected.

        A filter over words goes through all that bear them: better not asked again with every few hundred ids.
        """
        return self.of_segment if self.assets is not None else [*self.of_asset, *self.of_segment]


class Filtered:
    """Assets, segments and embeddings that meet filters; what orphans had is never among them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def select(self, filters: Filters, *, wanted: int | None = 100) -> Selection:
        """Settle how ``filters`` are best applied if ``wanted`` hits are looked for; None: before that, at any cost.

        Listing what a filter leaves costs in proportion to its number A. To have k hits left after the search, of N
        assets k * N / A have to be looked up. So listing is cheaper where A is less than sqrt(k * N * `SIFTING`).
        """
        whole, parts = self._of_asset(filters), self._of_segment(filters)
        if not filters.narrow:
            return Selection(whole, parts, None)
        bearing = [self._bearing(phrase) for phrase in filters.phrases]
        most = None if wanted is None else self._worth_listing(wanted)
        some = sa.select(asset.c.id).where(*whole, *bearing, ALIVE).limit(None if most is None else most + 1)
        if filters.language:
            some = some.where(sa.exists().where(segment.c.asset_id == asset.c.id, *parts))
        ids = self._connection.execute(some).scalars().all()
        return Selection(whole, parts, sorted(ids) if most is None or len(ids) <= most else None)

    def _worth_listing(self, wanted: int) -> int:
        newest = sa.select(sa.func.coalesce(sa.func.max(asset.c.id), 0))  # counting would go through all
        everything = int(self._connection.execute(newest).scalar_one())
        return min(SELECTIVE, max(LEAST_SELECTIVE, math.isqrt(int(SIFTING * wanted * everything))))

    def throughout(self, filters: Filters) -> Conditions:
        """Over ``asset``, for going through all that meets ``filters``: what bears words is read once.

        Looking it up for each row, as `Selection` has it, costs a tenth of a millisecond or more, time and again.
        """
        selection, parts = self.select(filters), self._of_segment(filters, read_once=True)
        if selection.assets is not None:
            of_asset = [among(self._connection, asset.c.id, selection.assets)]
        else:
            of_asset = [*selection.of_asset, *map(self._bearing, filters.phrases)]
        here = [sa.exists().where(segment.c.asset_id == asset.c.id, *parts)] if parts else []
        return [*of_asset, *here, ALIVE]

    def only(self, asset_ids: Sequence[int], segment_ids: Sequence[int] | None = None) -> Selection:
        """These assets, and of their segments these or all."""
        of_segment = () if segment_ids is None else (among(self._connection, segment.c.id, segment_ids),)
        return Selection([among(self._connection, asset.c.id, asset_ids)], of_segment, sorted(asset_ids))

    def embeddings(self, selection: Selection, space_id: int) -> dict[SegmentKind, Ids]:
        """The ids of all embeddings of one space that meet a selection of few assets, by the kind of their segments."""
        found: dict[SegmentKind, list[int]] = {}
        for some in _pieces(selection.assets or ()):
            query = (
                sa.select(segment.c.kind, embedding.c.id)
                .join(asset, asset.c.id == segment.c.asset_id)
                .join(embedding, embedding.c.segment_id == segment.c.id)
                .where(embedding.c.space_id == space_id, among(self._connection, segment.c.asset_id, some))
                .where(*selection.conditions)
            )
            for kind, id_ in self._connection.execute(query).all():
                found.setdefault(SegmentKind(kind), []).append(id_)
        return {kind: np.asarray(each, np.int64) for kind, each in found.items()}

    def newest(self, selection: Selection, most: int) -> list[int]:
        """The first segments of the ``most`` newest assets, those without a date last."""
        if selection.assets is not None:
            return self._newest_of(selection.assets, selection.of_segment, most)
        here = sa.exists().where(segment.c.asset_id == asset.c.id, *selection.of_segment)
        query = (
            sa.select(asset.c.id)
            .where(here, ALIVE, *selection.of_asset)
            .order_by(self._newest_first(), asset.c.id.desc())
            .limit(most)
        )
        assets = self._connection.execute(query).scalars().all()
        first = self.first_segments(assets, selection.of_segment)
        return [first[id_] for id_ in assets if id_ in first]

    def _newest_of(self, asset_ids: Sequence[int], conditions: Conditions, most: int) -> list[int]:
        """Only these are put in order, and their segments asked about no further than ``most`` need it."""
        query = sa.select(asset.c.id, asset.c.dated_at).where(among(self._connection, asset.c.id, asset_ids), ALIVE)
        rows = self._connection.execute(query).all()
        order = [(row.dated_at is not None, row.dated_at or datetime.min, row.id) for row in rows]
        found: list[int] = []
        for some in chunks(id_ for _, _, id_ in sorted(order, reverse=True)):
            first = self.first_segments(some, conditions)
            found += [first[id_] for id_ in some if id_ in first]
            if len(found) >= most:
                break
        return found[:most]

    def first_segments(self, asset_ids: Sequence[int], conditions: Conditions = ()) -> dict[int, int]:
        """Of each asset the segment that stands for it: one with a vector, one of the whole, the first."""
        best: dict[int, tuple[bool, bool, int]] = {}
        query = _STANDING_FOR.where(*conditions) if conditions else _STANDING_FOR
        for some in _pieces(asset_ids):
            for row in self._connection.execute(query, {"ids": some}).all():
                order = (not row.placed, bool(row.part), row.first)
                best[row.asset_id] = min(best.get(row.asset_id, order), order)
        return {asset_id: first for asset_id, (_, _, first) in best.items()}

    def dates(self, asset_ids: Sequence[int]) -> dict[int, datetime]:
        """When these assets were made, as near as is known."""
        return {row.id: row.dated_at for row in self._connection.execute(_DATES, {"ids": asset_ids}).all()}

    def lying_at(self, pattern: str, location_ids: Sequence[int]) -> set[int]:
        """Those of these locations whose path meets the filter ``pattern``."""
        here = sa.select(location.c.id).join(root, root.c.id == location.c.root_id).where(self._lying_at(pattern))
        found: set[int] = set()
        for chunk in chunks(location_ids):
            found.update(self._connection.execute(here.where(location.c.id.in_(chunk))).scalars())
        return found

    def _newest_first(self) -> sa.UnaryExpression[datetime]:
        """Assets without a date last, as SQLite has them anyway; it would not use its index if that were said."""
        order = asset.c.dated_at.desc()
        return order if self._connection.dialect.name == "sqlite" else order.nulls_last()

    def _lying_at(self, pattern: str) -> sa.ColumnElement[bool]:
        """A condition over ``location`` and ``root``: the whole path has ``pattern`` in it, in any case."""
        escaped = re.sub(r"[%_|]", lambda match: f"|{match[0]}", _folded(pattern))
        if "*" in pattern or "?" in pattern:
            like = "%/" + escaped.lstrip("/").replace("*", "%").replace("?", "_")
        else:
            like = f"%{escaped}%"
        folder, inside = (sa.type_coerce(column, sa.Text) for column in (root.c.path, location.c.path))
        whole = sa.case((inside == "", folder), else_=folder + "/" + inside)
        pooled = self._connection.connection
        # SQLite knows no case but that of ASCII, and no forms of Unicode.
        if isinstance(pooled.dbapi_connection, sqlite3.Connection):
            if not pooled.info.get("path_folded"):  # once: it cannot be made anew while a statement runs
                pooled.dbapi_connection.create_function("path_folded", 1, _folded, deterministic=True)
                pooled.info["path_folded"] = True
            folded = sa.func.path_folded(whole)
        else:
            folded = sa.func.lower(sa.func.normalize(whole))
        return folded.like(sa.literal(like, PathText), escape="|")

    def _of_asset(self, filters: Filters) -> list[sa.ColumnElement[bool]]:
        conditions: list[sa.ColumnElement[bool]] = []
        if filters.types:
            conditions.append(asset.c.kind.in_(filters.types))
        if filters.after:
            conditions.append(asset.c.dated_at >= datetime.combine(filters.after, time()))
        if filters.before:
            conditions.append(asset.c.dated_at < datetime.combine(filters.before, time()))
        here = full_text.of(self._connection)
        if filters.place and (words := plain_words(filters.place)):
            conditions.append(here.in_field("place", words))
        if filters.camera and (words := plain_words(filters.camera)):
            conditions.append(here.in_field("camera", words))
        if filters.path:
            # Correlated, so that with ids given only the copies of those are looked at.
            here_lies = sa.select(location.c.id).join(root, root.c.id == location.c.root_id)
            here_lies = here_lies.where(location.c.asset_id == asset.c.id, self._lying_at(filters.path))
            conditions.append(here_lies.correlate(asset).exists())
        return conditions

    def _of_segment(self, filters: Filters, *, read_once: bool = False) -> list[sa.ColumnElement[bool]]:
        conditions: list[sa.ColumnElement[bool]] = []
        if filters.kinds:
            conditions.append(segment.c.kind.in_(filters.kinds))
        if filters.language:
            language, code = sa.func.lower(segment.c.language), filters.language.lower()
            conditions.append(sa.or_(language == code, language.startswith(f"{code}-", autoescape=True)))
        here = full_text.of(self._connection)
        for phrase in filters.phrases:
            term = Term(tuple(plain_words(phrase)))
            borne: list[sa.ColumnElement[bool]]
            if read_once:
                borne = [
                    segment.c.id.in_(here.bearing("segment", term)),
                    segment.c.asset_id.in_(here.bearing("asset", term)),
                ]
            else:
                borne = [here.bears(name, term) for name in BOTH]
            conditions.append(sa.or_(*borne))
        return conditions

    def _bearing(self, phrase: str) -> sa.ColumnElement[bool]:
        """Of an asset: it bears the words in a row, or a segment of it does. For settling which those are, once."""
        here, term = full_text.of(self._connection), Term(tuple(plain_words(phrase)))
        owners = sa.select(segment.c.asset_id).where(segment.c.id.in_(here.bearing("segment", term)))
        return asset.c.id.in_(sa.union_all(owners, here.bearing("asset", term)))


_PART = segment.c.kind.in_(PARTS).label("part")
_HAS_VECTOR = sa.exists().where(embedding.c.segment_id == segment.c.id).label("placed")
_STANDING_FOR = (
    sa.select(segment.c.asset_id, _PART, _HAS_VECTOR, sa.func.min(segment.c.id).label("first"))
    .join(asset, asset.c.id == segment.c.asset_id)
    .where(among_ids(segment.c.asset_id))
    .group_by(segment.c.asset_id, _PART, _HAS_VECTOR)
)
_DATES = sa.select(asset.c.id, asset.c.dated_at).where(asset.c.dated_at.is_not(None), among_ids(asset.c.id))

_PIECE = 10_000  # assets whose segments are read at once: as fast as all of them, in memory that is bounded


def _pieces(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + _PIECE] for start in range(0, len(ids), _PIECE))


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).lower()
