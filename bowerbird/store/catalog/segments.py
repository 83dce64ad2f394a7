"""Moments, and their vectors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from bowerbird.store.catalog.changes import log_changes
from bowerbird.store.catalog.rows import chunks
from bowerbird.store.tables import asset, change, derivation, embedding, segment
from bowerbird.types import Asset, AssetInfo, AssetKind, Box, Embedding, Moment, Segment, SegmentKind, Vectors


@dataclass(frozen=True, slots=True)
class Found:
    """What an embedding stands for."""

    embedding_id: int
    segment: Segment
    asset: Asset


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
        self._remove(latest.keys())
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
        embeddings = [
            {"segment_id": segment_id, "space_id": space_id, "vector": np.asarray(placed[ordinal], "<f2").tobytes()}
            for segment_id, (each, _, ordinal, _) in zip(segments, moments, strict=True)
            for space_id, placed in each.vectors.items()
            if ordinal in placed
        ]
        if embeddings:
            self._connection.execute(sa.insert(embedding), embeddings)
            for chunk in chunks(made):
                log_changes(self._connection, "add", sa.and_(segment.c.derivation_id.in_(chunk), _FINDABLE))

    def _remove(self, stages: Collection[tuple[int, str]]) -> None:
        """Remove what these stages, each an asset's id and a name, have made so far."""
        for asset_ids in chunks({asset_id for asset_id, _ in stages}):
            known = self._connection.execute(sa.select(derivation).where(derivation.c.asset_id.in_(asset_ids)))
            stale = [row.id for row in known if (row.asset_id, row.stage) in stages]
            for chunk in chunks(stale):
                log_changes(self._connection, "remove", sa.and_(segment.c.derivation_id.in_(chunk), _FINDABLE))
                self._connection.execute(sa.delete(derivation).where(derivation.c.id.in_(chunk)))

    def _insert(self, table: sa.Table, rows: Iterable[dict[str, object]]) -> Sequence[int]:
        """The ids of the new rows, in order."""
        listed = list(rows)
        if not listed:
            return []
        inserted = sa.insert(table).returning(table.c.id, sort_by_parameter_order=True)
        return self._connection.execute(inserted, listed).scalars().all()

    def found(self, embedding_ids: Sequence[int]) -> dict[int, Found]:
        """Segments and assets that these embeddings stand for; those that are gone are left out."""
        result: dict[int, Found] = {}
        for chunk in chunks(embedding_ids):
            query = (
                sa.select(
                    embedding.c.id.label("embedding_id"),
                    segment,
                    asset.c.hash,
                    asset.c.size,
                    asset.c.kind.label("asset_kind"),
                    asset.c.media_type,
                    asset.c.width,
                    asset.c.height,
                    asset.c.duration_s,
                )
                .join(segment, segment.c.id == embedding.c.segment_id)
                .join(asset, asset.c.id == segment.c.asset_id)
                .where(embedding.c.id.in_(chunk), asset.c.orphaned_at.is_(None))
            )
            for row in self._connection.execute(query):
                info = AssetInfo(AssetKind(row.asset_kind), row.media_type, row.width, row.height, row.duration_s)
                owner = Asset(row.asset_id, row.hash, row.size, info)
                result[row.embedding_id] = Found(row.embedding_id, _segment(row), owner)
        return result

    def embeddings_of(self, asset_id: int, space_id: int) -> Sequence[tuple[SegmentKind, Embedding]]:
        """The vectors of one asset in one space, in the order of its segments."""
        query = (
            sa.select(segment.c.kind, embedding)
            .join(segment, segment.c.id == embedding.c.segment_id)
            .where(segment.c.asset_id == asset_id, embedding.c.space_id == space_id)
            .order_by(segment.c.derivation_id, segment.c.ordinal)
        )
        return [
            (SegmentKind(row.kind), Embedding(row.id, row.segment_id, row.space_id, np.frombuffer(row.vector, "<f2")))
            for row in self._connection.execute(query)
        ]

    def kinds(self, space_id: int) -> Sequence[SegmentKind]:
        """The kinds that have ever had a vector in this space: one view each."""
        # One look into the index for each: DISTINCT would read every line of the log.
        here = (sa.exists().where(change.c.space_id == space_id, change.c.kind == kind) for kind in SegmentKind)
        row = self._connection.execute(sa.select(*here)).one()
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


# What orphans had has left the views already, and what they get comes with their revival.
_FINDABLE = sa.exists().where(asset.c.id == segment.c.asset_id, asset.c.orphaned_at.is_(None))


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
        "text": moment.text,
        "language": moment.language,
    }


def _segment(row: sa.Row[tuple[object, ...]]) -> Segment:
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
    )
