"""Everything that is known of assets, read in bulk for others to use: segments in order, each with its vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from bowerbird.queries import Filters
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.infos import columns, info_of
from bowerbird.store.catalog.rows import among
from bowerbird.store.tables import asset, derivation, embedding, location, root, segment
from bowerbird.types import Asset, FileStat, Segment, Space, SpaceName, Taken, TakenFrom

_ASSETS = 256
_SEGMENTS = 1000


@dataclass(frozen=True, slots=True)
class Lying:
    """Where a copy lies: a root's path, the path below it, and when it was made as far as name or time tell."""

    root: str
    path: str
    stat: FileStat
    dated: Taken | None


@dataclass(frozen=True, slots=True)
class Whole:
    """An asset, its copies, the oldest first, and by stage the key of what was derived from it."""

    asset: Asset
    copies: Sequence[Lying]
    derivations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """A segment of an asset with the stage that made it and its vectors, float16 of shape ``(dimension,)``.

    The lines of an asset follow one another; one without segments has one line, without a segment.
    """

    of: Whole
    is_first: bool
    stage: str | None
    segment: Segment | None
    vectors: Mapping[SpaceName, NDArray[np.float16]]


def cuts_segments(tx: Transaction, filters: Filters) -> bool:
    """Whether the filters may leave a part of an asset."""
    return bool(tx.filtered.select(filters).of_segment)


def lines(tx: Transaction, filters: Filters, spaces: Sequence[Space]) -> Iterator[Line]:
    """Whatever ``filters`` leave, asset by asset, with its vectors in ``spaces``; in memory that is bounded.

    What orphans had is never among it.
    """
    conditions = tx.filtered.throughout(filters)
    of_segment = tx.filtered.select(filters).of_segment
    ids = sa.select(asset.c.id).where(*conditions).order_by(asset.c.id).execution_options(yield_per=_ASSETS)
    for some in tx.connection.execute(ids).scalars().partitions():
        wholes = _wholes(tx, some)
        bare = set(some)
        found = _segments(tx, some, of_segment, spaces)
        for asset_id, group in groupby(found, key=lambda each: each[1].asset_id):
            bare.discard(asset_id)
            for number, (stage, moment, vectors) in enumerate(group):
                yield Line(wholes[asset_id], number == 0, stage, moment, vectors)
        for asset_id in sorted(bare) if not of_segment else ():
            yield Line(wholes[asset_id], True, None, None, {})


def _wholes(tx: Transaction, ids: Sequence[int]) -> dict[int, Whole]:
    copies: dict[int, list[Lying]] = {}
    here = (
        sa.select(location, root.c.path.label("root"))
        .join(root, root.c.id == location.c.root_id)
        .where(among(tx.connection, location.c.asset_id, ids))
        .order_by(location.c.id)
    )
    for row in tx.connection.execute(here):
        dated = None if row.dated_at is None else Taken(row.dated_at, TakenFrom(row.dated_from))
        stat = FileStat(row.size, row.mtime_ns, row.inode)
        copies.setdefault(row.asset_id, []).append(Lying(row.root, row.path, stat, dated))
    done = tx.assets.derivations(ids)
    facts = sa.select(asset.c.id, asset.c.hash, asset.c.size, *columns()).where(among(tx.connection, asset.c.id, ids))
    return {
        row.id: Whole(
            Asset(row.id, row.hash, row.size, info_of(row._mapping, "asset_")),
            copies.get(row.id, []),
            done.get(row.id, {}),
        )
        for row in tx.connection.execute(facts)
    }


def _segments(
    tx: Transaction, asset_ids: Sequence[int], of_segment: Sequence[sa.ColumnElement[bool]], spaces: Sequence[Space]
) -> Iterator[tuple[str, Segment, Mapping[SpaceName, NDArray[np.float16]]]]:
    query = (
        sa.select(segment.c.id, derivation.c.stage)
        .join(derivation, derivation.c.id == segment.c.derivation_id)
        .join(asset, asset.c.id == segment.c.asset_id)
        .where(among(tx.connection, segment.c.asset_id, asset_ids), *of_segment)
        .order_by(segment.c.asset_id, derivation.c.stage, segment.c.ordinal)
    )
    for rows in tx.connection.execute(query.execution_options(yield_per=_SEGMENTS)).partitions():
        ids = [row.id for row in rows]
        moments = tx.segments.moments(ids)
        vectors = _vectors(tx, ids, spaces)
        for row in rows:
            yield row.stage, moments[row.id].segment, vectors.get(row.id, {})


def _vectors(
    tx: Transaction, segment_ids: Sequence[int], spaces: Sequence[Space]
) -> dict[int, dict[SpaceName, NDArray[np.float16]]]:
    names = {space.id: space.name for space in spaces}
    found: dict[int, dict[SpaceName, NDArray[Any]]] = {}
    if not names:
        return found
    these = among(tx.connection, embedding.c.segment_id, segment_ids)
    query = sa.select(embedding.c.segment_id, embedding.c.space_id, embedding.c.vector)
    for row in tx.connection.execute(query.where(these, embedding.c.space_id.in_(names))):
        found.setdefault(row.segment_id, {})[names[row.space_id]] = np.frombuffer(row.vector, "<f2")
    return found
