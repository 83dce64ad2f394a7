"""A hand that writes into a catalogue the way the indexer does, with as little to say as a test needs."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from bowerbird.moments import Moment
from bowerbird.store.catalog import Catalog, Transaction
from bowerbird.store.catalog.locations import Placed
from bowerbird.store.catalog.segments import Conditions, Derived, Found
from bowerbird.store.tables import metadata
from bowerbird.types import (
    AssetInfo,
    AssetKind,
    EncoderDescription,
    FileStat,
    SegmentKind,
    Space,
    SpaceName,
    SpaceState,
    ViewKey,
)

PICTURE = AssetInfo(AssetKind.IMAGE, "image/jpeg", 640, 480)
STAT = FileStat(size=1000, mtime_ns=1_700_000_000_000_000_000, inode=7)
DIMENSION = 4


def hash_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def encoder(name: str = "fake", dimension: int = DIMENSION) -> EncoderDescription:
    return EncoderDescription(name, name, dimension, hash_of(f"{name} {dimension}"), True, True, "tests", "none", 0)


def make_space(tx: Transaction, name: SpaceName = SpaceName.JOINT, dimension: int = DIMENSION) -> Space:
    return tx.spaces.add(name, encoder(name, dimension), SpaceState.ACTIVE)


def put_asset(tx: Transaction, name: str = "one", info: AssetInfo = PICTURE) -> int:
    """An asset without locations or segments."""
    return tx.assets.put({hash_of(name): (STAT.size, info)})[hash_of(name)]


def derive(
    tx: Transaction,
    asset_id: int,
    spaces: Collection[Space],
    moments: Sequence[Moment] = (Moment(SegmentKind.IMAGE),),
    *,
    stage: str = "picture",
    key: str = "1",
    vectors: NDArray[np.float16] | None = None,
) -> None:
    """Give the asset these segments, each with a vector in each space: its row of ``vectors``, or a random one."""
    placed = {
        space.id: {
            ordinal: vectors[ordinal] if vectors is not None else vector(asset_id + ordinal, space.dimension)
            for ordinal in range(len(moments))
        }
        for space in spaces
    }
    tx.segments.replace([Derived(asset_id, stage, key, moments, placed)])


def place(tx: Transaction, root_id: int, path: str, asset_id: int, stat: FileStat = STAT) -> None:
    tx.locations.put([Placed(root_id, path, asset_id, stat)])
    tx.assets.revive([asset_id])


def vector(seed: int, dimension: int = DIMENSION) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).standard_normal(dimension)
    return np.asarray(drawn / np.linalg.norm(drawn), np.float32)


def live_ids(catalog: Catalog, space: Space, kind: SegmentKind = SegmentKind.IMAGE) -> list[int]:
    log = catalog.change_log(ViewKey(space.id, kind), space.dimension)
    return [id_ for batch in log.live() for id_ in batch.ids.tolist()]


def wipe(catalog: Catalog) -> None:
    """Empty every table, but let numbers count on."""
    with catalog.write() as tx:
        for table in reversed(metadata.sorted_tables):
            tx.connection.execute(table.delete())


def found_at(tx: Transaction, embedding_ids: Sequence[int], where: Conditions = ()) -> dict[int, Found]:
    """The moments that these embeddings stand for, by their ids."""
    placed = tx.segments.placed(embedding_ids, where)
    moments = tx.segments.moments([each.segment_id for each in placed.values()])
    return {id_: moments[each.segment_id] for id_, each in placed.items()}
