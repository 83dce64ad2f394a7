"""Moments, and their vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from bowerbird.store.catalog.changes import log_changes
from bowerbird.store.tables import asset, change, derivation, embedding, segment
from bowerbird.types import Asset, AssetInfo, AssetKind, Box, Embedding, Moment, Segment, SegmentKind, Vectors

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Found:
    """What an embedding stands for."""

    embedding_id: int
    segment: Segment
    asset: Asset


class Segments:
    """What was derived from assets, and where it stands in the spaces."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def replace(
        self,
        asset_id: int,
        stage: str,
        key: str,
        moments: Sequence[Moment],
        vectors: Mapping[int, Mapping[int, Vectors]],
    ) -> None:
        """Put what ``stage`` made of an asset in the place of what it made before.

        ``vectors[space_id][ordinal]`` is the float vector of the moment with that ordinal in that space.
        """
        stale = sa.and_(derivation.c.asset_id == asset_id, derivation.c.stage == stage)
        old = self._connection.execute(sa.select(derivation.c.id).where(stale)).scalar()
        if old is not None:
            log_changes(self._connection, "remove", segment.c.derivation_id == old)
            self._connection.execute(sa.delete(derivation).where(derivation.c.id == old))
        made = self._connection.execute(
            sa.insert(derivation).values(asset_id=asset_id, stage=stage, key=key).returning(derivation.c.id)
        ).scalar_one()
        if not moments:
            return
        rows = [_row(asset_id, made, ordinal, moment) for ordinal, moment in enumerate(moments)]
        inserted = sa.insert(segment).returning(segment.c.id, sort_by_parameter_order=True)
        ids = self._connection.execute(inserted, rows).scalars().all()
        self._embed(
            (ids[ordinal], moments[ordinal].kind, space_id, vector)
            for space_id, by_ordinal in vectors.items()
            for ordinal, vector in by_ordinal.items()
        )

    def _embed(self, placed: Iterator[tuple[int, SegmentKind, int, Vectors]]) -> None:
        """Insert vectors as float16, and a line of the log for each."""
        placed_list = list(placed)
        if not placed_list:
            return
        rows = [
            {"segment_id": segment_id, "space_id": space_id, "vector": np.asarray(vector, "<f2").tobytes()}
            for segment_id, _, space_id, vector in placed_list
        ]
        inserted = sa.insert(embedding).returning(embedding.c.id, sort_by_parameter_order=True)
        ids = self._connection.execute(inserted, rows).scalars().all()
        self._connection.execute(
            sa.insert(change),
            [
                {"op": "add", "embedding_id": id_, "space_id": space_id, "kind": kind}
                for id_, (_, kind, space_id, _) in zip(ids, placed_list, strict=True)
            ],
        )

    def found(self, embedding_ids: Sequence[int]) -> dict[int, Found]:
        """Segments and assets that these embeddings stand for; those that are gone are left out."""
        result: dict[int, Found] = {}
        for start in range(0, len(embedding_ids), _CHUNK):
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
                .where(embedding.c.id.in_(embedding_ids[start : start + _CHUNK]), asset.c.orphaned_at.is_(None))
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
        query = sa.select(change.c.kind).where(change.c.space_id == space_id).distinct()
        return sorted(SegmentKind(kind) for kind in self._connection.execute(query).scalars())

    def counts(self) -> dict[SegmentKind, int]:
        """How many segments of each kind can be found."""
        query = (
            sa.select(segment.c.kind, sa.func.count())
            .join(asset, asset.c.id == segment.c.asset_id)
            .where(asset.c.orphaned_at.is_(None))
            .group_by(segment.c.kind)
        )
        return {SegmentKind(kind): count for kind, count in self._connection.execute(query)}


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
