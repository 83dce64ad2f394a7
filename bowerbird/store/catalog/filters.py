"""What is left of the library under a query's filters, by SQL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

import numpy as np
import sqlalchemy as sa

from bowerbird.queries import Filters
from bowerbird.store.catalog import full_text
from bowerbird.store.catalog.segments import ALIVE, Conditions
from bowerbird.store.catalog.vocabulary import plain_words
from bowerbird.store.tables import PathText, asset, embedding, location, root, segment
from bowerbird.types import Ids, SegmentKind

SELECTIVE = 20_000
"""Assets up to which a filter is applied before anything is looked for. One that leaves more than these cuts so little
out of a ranking that it is cheaper to do so afterwards.
"""
PARTS = (SegmentKind.REGION, SegmentKind.OCR, SegmentKind.CAPTION)
"""Kinds that show less of an asset than its other segments do."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters as conditions over ``segment`` and ``asset``, and what they leave where that is not much."""

    of_asset: Conditions
    of_segment: Conditions
    assets: Sequence[int] | None
    """Ids of all assets that may be hits, ascending; None where there are more than `SELECTIVE`, or no filters."""

    @property
    def conditions(self) -> Conditions:
        """What is to be asked of a segment and its asset; of a segment alone where its asset is known to be selected.

        A filter over paths goes through all of them, so it must not be asked again with every few hundred ids.
        """
        return self.of_segment if self.assets is not None else [*self.of_asset, *self.of_segment]


class Filtered:
    """Assets, segments and embeddings that meet filters; what orphans had is never among them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def select(self, filters: Filters) -> Selection:
        """Settle how ``filters`` are best applied."""
        whole, parts = self._of_asset(filters), _of_segment(filters)
        if not filters.narrow:
            return Selection(whole, parts, None)
        some = sa.select(asset.c.id).where(*whole, ALIVE).limit(SELECTIVE + 1)
        if filters.language:
            some = some.where(sa.exists().where(segment.c.asset_id == asset.c.id, *parts))
        ids = self._connection.execute(some).scalars().all()
        return Selection(whole, parts, sorted(ids) if len(ids) <= SELECTIVE else None)

    @staticmethod
    def only(asset_ids: Sequence[int]) -> Selection:
        """These assets."""
        return Selection([asset.c.id.in_(asset_ids)], (), sorted(asset_ids))

    def embeddings(self, selection: Selection, space_id: int) -> dict[SegmentKind, Ids]:
        """The ids of all embeddings of one space that meet a selection of few assets, by the kind of their segments."""
        found: dict[SegmentKind, list[int]] = {}
        ids = selection.assets or ()
        for start in range(0, len(ids), _CHUNK):
            query = (
                sa.select(segment.c.kind, embedding.c.id)
                .join(asset, asset.c.id == segment.c.asset_id)
                .join(embedding, embedding.c.segment_id == segment.c.id)
                .where(embedding.c.space_id == space_id, segment.c.asset_id.in_(ids[start : start + _CHUNK]))
                .where(*selection.conditions)
            )
            for kind, id_ in self._connection.execute(query):
                found.setdefault(SegmentKind(kind), []).append(id_)
        return {kind: np.asarray(each, np.int64) for kind, each in found.items()}

    def newest(self, selection: Selection, most: int) -> list[int]:
        """The first segments of the ``most`` newest assets, those without a date last."""
        here = sa.exists().where(segment.c.asset_id == asset.c.id, *selection.of_segment)
        query = (
            sa.select(asset.c.id)
            .where(here, ALIVE, *selection.of_asset)
            .order_by(asset.c.dated_at.is_(None), asset.c.dated_at.desc(), asset.c.id.desc())
            .limit(most)
        )
        assets = self._connection.execute(query).scalars().all()
        first = self.first_segments(assets, selection.conditions)
        return [first[id_] for id_ in assets if id_ in first]

    def first_segments(self, asset_ids: Sequence[int], conditions: Conditions = ()) -> dict[int, int]:
        """Of each asset the segment that stands for it: one with a vector, one of the whole, the first."""
        best: dict[int, tuple[bool, bool, int]] = {}
        part = segment.c.kind.in_(PARTS).label("part")
        placed = sa.exists().where(embedding.c.segment_id == segment.c.id).label("placed")
        for start in range(0, len(asset_ids), _CHUNK):
            query = (
                sa.select(segment.c.asset_id, part, placed, sa.func.min(segment.c.id).label("first"))
                .join(asset, asset.c.id == segment.c.asset_id)
                .where(segment.c.asset_id.in_(asset_ids[start : start + _CHUNK]), *conditions)
                .group_by(segment.c.asset_id, part, placed)
            )
            for row in self._connection.execute(query):
                order = (not row.placed, bool(row.part), row.first)
                best[row.asset_id] = min(best.get(row.asset_id, order), order)
        return {asset_id: first for asset_id, (_, _, first) in best.items()}

    def dates(self, asset_ids: Sequence[int]) -> dict[int, datetime]:
        """When these assets were made, as near as is known."""
        query = sa.select(asset.c.id, asset.c.dated_at).where(asset.c.id.in_(asset_ids), asset.c.dated_at.is_not(None))
        return {row.id: row.dated_at for row in self._connection.execute(query)}

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
            conditions.append(asset.c.id.in_(_lying_at(filters.path)))
        return conditions


_CHUNK = 500


def _of_segment(filters: Filters) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if filters.kinds:
        conditions.append(segment.c.kind.in_(filters.kinds))
    if filters.language:
        language, code = sa.func.lower(segment.c.language), filters.language.lower()
        conditions.append(sa.or_(language == code, language.startswith(f"{code}-", autoescape=True)))
    return conditions


def _lying_at(pattern: str) -> sa.Select[tuple[int]]:
    """Ids of assets of which a location's whole path has ``pattern`` in it."""
    escaped = re.sub(r"[%_|]", lambda match: f"|{match[0]}", pattern)
    if "*" in pattern or "?" in pattern:
        like = "%/" + escaped.lstrip("/").replace("*", "%").replace("?", "_")
    else:
        like = f"%{escaped}%"
    folder, inside = (sa.type_coerce(column, sa.Text) for column in (root.c.path, location.c.path))
    whole = sa.case((inside == "", folder), else_=folder + "/" + inside)
    here = sa.select(location.c.asset_id).join(root, root.c.id == location.c.root_id)
    return here.where(whole.ilike(sa.literal(like, PathText), escape="|"))
