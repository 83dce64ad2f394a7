"""Moments, and their vectors."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any

import numpy as np
import sqlalchemy as sa

from bowerbird.moments import Moment
from bowerbird.store.catalog.changes import log_changes
from bowerbird.store.catalog.infos import columns, info_of
from bowerbird.store.catalog.rows import among_ids, chunks
from bowerbird.store.catalog.vocabulary import learn
from bowerbird.store.tables import asset, change, derivation, embedding, segment
from bowerbird.types import Asset, Box, Embedding, Segment, SegmentKind, Vectors

Conditions = Sequence[sa.ColumnElement[bool]]
"""All of them are to hold of a segment and its asset."""


@dataclass(frozen=True, slots=True)
class Found:
    """A segment and what it is a moment of."""

    segment: Segment
    asset: Asset
    dated_at: datetime | None = None
    """When the asset was made, as near as is known."""


@dataclass(frozen=True, slots=True)
class Owned:
    """A segment and as much of its asset as is needed to rank it."""

    segment_id: int
    asset_id: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Derived:
    """What a stage made of an asset, ``key`` naming the way in which it did.

    ``vectors[space_id][ordinal]`` is the float vector of the moment with that ordinal in that space.
    """

    asset_id: int
    stage: str
    key: str
    moments: Sequence[Moment]
    vectors: Mapping[int, Mapping[int, Vectors]]


class Segments:
    """What was derived from assets, and where it stands in the spaces."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def replace(self, derived: Iterable[Derived]) -> None:
        """Put what stages made of assets in the place of what the same stages made of them before."""
        latest = {(each.asset_id, each.stage): each for each in derived}
        self.remove(latest.keys())
        made = self._insert(
            derivation, ({"asset_id": each.asset_id, "stage": each.stage, "key": each.key} for each in latest.values())
        )
        moments = [
            (each, made_by, ordinal, moment)
            for made_by, each in zip(made, latest.values(), strict=True)
            for ordinal, moment in enumerate(each.moments)
        ]
        segments = self._insert(
            segment, (_row(each.asset_id, made_by, ordinal, moment) for each, made_by, ordinal, moment in moments)
        )
        learn(self._connection, (moment.text for _, _, _, moment in moments))
        embeddings = [
            {"segment_id": segment_id, "space_id": space_id, "vector": np.asarray(placed[ordinal], "<f2").tobytes()}
            for segment_id, (each, _, ordinal, _) in zip(segments, moments, strict=True)
            for space_id, placed in each.vectors.items()
            if ordinal in placed
        ]
        if embeddings:
            self._connection.execute(sa.insert(embedding), embeddings)
            for chunk in chunks(made):
                log_changes(self._connection, "add", sa.and_(segment.c.derivation_id.in_(chunk), FINDABLE))

    def remove(self, stages: Collection[tuple[int, str]]) -> None:
        """Remove what these stages, each an asset's id and a name, have made so far."""
        for asset_ids in chunks({asset_id for asset_id, _ in stages}):
            known = self._connection.execute(sa.select(derivation).where(derivation.c.asset_id.in_(asset_ids)))
            stale = [row.id for row in known if (row.asset_id, row.stage) in stages]
            for chunk in chunks(stale):
                log_changes(self._connection, "remove", sa.and_(segment.c.derivation_id.in_(chunk), FINDABLE))
                self._connection.execute(sa.delete(derivation).where(derivation.c.id.in_(chunk)))

    def _insert(self, table: sa.Table, rows: Iterable[dict[str, object]]) -> Sequence[int]:
        """The ids of the new rows, in order."""
        listed = list(rows)
        if not listed:
            return []
        inserted = sa.insert(table).returning(table.c.id, sort_by_parameter_order=True)
        return self._connection.execute(inserted, listed).scalars().all()

    def placed(self, embedding_ids: Sequence[int], where: Conditions = ()) -> dict[int, Owned]:
        """What these embeddings stand for, by their ids, as far as it is there and meets ``where``."""
        return self._owned(_PLACED.where(*where) if where else _PLACED, embedding_ids)

    def owned(self, segment_ids: Sequence[int]) -> dict[int, Owned]:
        """Whose these segments are, as far as they are there."""
        return self._owned(_OWNED, segment_ids)

    def _owned(self, query: sa.Select[Any], ids: Sequence[int]) -> dict[int, Owned]:
        if not ids:
            return {}
        rows = self._connection.execute(query, {"ids": ids}).all()
        # By position: a search looks up hundreds, and names cost as much again.
        # Types as one object each: whoever keeps owners keeps many thousands of them.
        return {
            asked: Owned(segment_id, asset_id, intern(media_type)) for segment_id, asset_id, media_type, asked in rows
        }

    def moments(self, segment_ids: Sequence[int], where: Conditions = ()) -> dict[int, Found]:
        """The segments with these ids, as far as they are there and meet ``where``."""
        result: dict[int, Found] = {}
        query = _FOUND.where(*where) if where else _FOUND
        for row in self._connection.execute(query, {"ids": segment_ids}).all():
            owner = Asset(row.asset_id, row.hash, row.size, info_of(row._mapping, "asset_"))
            result[row.id] = Found(segment_of(row), owner, row.dated_at)
        return result

    def embeddings_of(self, asset_id: int, space_id: int) -> Sequence[tuple[SegmentKind, Embedding]]:
        """The vectors of one asset in one space, by the steps that made their segments, and in order."""
        query = (
            sa.select(segment.c.kind, embedding)
            .join(segment, segment.c.id == embedding.c.segment_id)
            .join(derivation, derivation.c.id == segment.c.derivation_id)
            .where(segment.c.asset_id == asset_id, embedding.c.space_id == space_id)
            .order_by(derivation.c.stage, segment.c.ordinal)
        )
        return [
            (SegmentKind(row.kind), Embedding(row.id, row.segment_id, row.space_id, np.frombuffer(row.vector, "<f2")))
            for row in self._connection.execute(query)
        ]

    def first_pictures(self, asset_ids: Sequence[int], space_id: int) -> dict[int, Vectors]:
        """The vector of what first shows each of these pictures and films whole, by asset, as far as there is one."""
        rows = self._connection.execute(_FIRST_PICTURES, {"ids": asset_ids, "space": space_id}).all()
        return {row.asset_id: np.frombuffer(row.vector, "<f2").astype(np.float32) for row in rows}

    def kinds(self, space_id: int) -> Sequence[SegmentKind]:
        """The kinds that have ever had a vector in this space: one view each."""
        row = self._connection.execute(_KINDS, {"space": space_id}).one()
        return sorted(kind for kind, there in zip(SegmentKind, row, strict=True) if there)

    def counts(self) -> dict[SegmentKind, int]:
        """How many segments of each kind can be found."""
        query = (
            sa.select(segment.c.kind, sa.func.count())
            .join(asset, asset.c.id == segment.c.asset_id)
            .where(asset.c.orphaned_at.is_(None))
            .group_by(segment.c.kind)
        )
        return {SegmentKind(kind): count for kind, count in self._connection.execute(query)}


# So written that SQLite cannot begin with the index of orphans, in which nearly all assets are alike.
ALIVE = sa.func.coalesce(asset.c.orphaned_at, sa.null()).is_(None)
"""The asset is no orphan."""

_FOUND = (
    sa.select(segment, asset.c.hash, asset.c.size, asset.c.dated_at, *columns())
    .join(asset, asset.c.id == segment.c.asset_id)
    .where(ALIVE, among_ids(segment.c.id))
)

_WHOSE = (
    sa.select(segment.c.id, segment.c.asset_id, asset.c.media_type)
    .join(asset, asset.c.id == segment.c.asset_id)
    .where(ALIVE)
)
_OWNED = _WHOSE.add_columns(segment.c.id).where(among_ids(segment.c.id))
_PLACED = (
    _WHOSE.add_columns(embedding.c.id)
    .join(embedding, embedding.c.segment_id == segment.c.id)
    .where(among_ids(embedding.c.id))
)

_FIRST_PICTURES = (
    sa.select(segment.c.asset_id, embedding.c.vector)
    .join(embedding, embedding.c.segment_id == segment.c.id)
    .where(embedding.c.space_id == sa.bindparam("space"), segment.c.ordinal == 0)
    .where(segment.c.kind.in_((SegmentKind.IMAGE, SegmentKind.FRAME)))
    .where(among_ids(segment.c.asset_id))
)

# One look into the index for each: DISTINCT would read every line of the log.
_KINDS = sa.select(
    *(sa.exists().where(change.c.space_id == sa.bindparam("space"), change.c.kind == kind) for kind in SegmentKind)
)

# What orphans had has left the views already, and what they get comes with their revival.
FINDABLE = sa.exists().where(asset.c.id == segment.c.asset_id, asset.c.orphaned_at.is_(None))


def _row(asset_id: int, derivation_id: int, ordinal: int, moment: Moment) -> dict[str, object]:
    box = moment.box
    return {
        "asset_id": asset_id,
        "derivation_id": derivation_id,
        "ordinal": ordinal,
        "kind": moment.kind,
        "start_s": moment.start_s,
        "end_s": moment.end_s,
        "page": moment.page,
        "box_x": box and box.x,
        "box_y": box and box.y,
        "box_width": box and box.width,
        "box_height": box and box.height,
        "text": moment.text and unicodedata.normalize("NFC", moment.text),  # as words of queries are
        "language": moment.language,
        "confidence": moment.confidence,
    }


def segment_of(row: sa.Row[tuple[object, ...]]) -> Segment:
    """A row of the table."""
    box = None if row.box_x is None else Box(row.box_x, row.box_y, row.box_width, row.box_height)
    return Segment(
        row.id,
        row.asset_id,
        row.ordinal,
        SegmentKind(row.kind),
        row.start_s,
        row.end_s,
        row.page,
        box,
        row.text,
        row.language,
        row.confidence,
    )
