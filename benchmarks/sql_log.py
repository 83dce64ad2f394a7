"""A change log in SQL for ``python -m benchmarks.views --log benchmarks.sql_log:sqlite_log``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bowerbird.moments import Moment
from bowerbird.store.catalog import Catalog
from bowerbird.store.catalog.locations import Placed
from bowerbird.store.catalog.segments import Derived
from bowerbird.store.engine import sqlite_url
from bowerbird.types import (
    AssetInfo,
    AssetKind,
    ChangeBatch,
    EncoderDescription,
    FileStat,
    SegmentKind,
    SpaceName,
    SpaceState,
    ViewKey,
)

COMMIT = 256
"""Assets in one transaction, as in the indexer."""

_PICTURE = AssetInfo(AssetKind.IMAGE, "image/jpeg", 640, 480)
_STAT = FileStat(size=1, mtime_ns=1, inode=1)
_MOMENT = Moment(SegmentKind.IMAGE)


class SqlLog:
    """The log of one view of a catalogue, each vector the only one of an asset."""

    def __init__(self, catalog: Catalog, vectors: NDArray[np.float16]) -> None:
        dimension = vectors.shape[1]
        encoder = EncoderDescription("benchmark", "benchmark", dimension, "f" * 64, True, True, "", "", 0)
        with catalog.write() as tx:
            self._space = tx.spaces.add(SpaceName.JOINT, encoder, SpaceState.ACTIVE).id
            self._root = tx.roots.add("/benchmark", 0).id
        log = catalog.change_log(ViewKey(self._space, SegmentKind.IMAGE), dimension)
        self.head, self.since = log.head, log.since
        self._log, self._catalog = log, catalog
        self._assets: list[int] = []
        self._written = 0
        self._add(vectors)

    def live(self) -> Iterator[ChangeBatch]:
        """Everything, a batch at a time."""
        return self._log.live()

    def change(self, vectors: NDArray[np.float16], removed: int) -> None:
        """Add the vectors, then forget the oldest assets."""
        self._add(vectors)
        with self._catalog.write() as tx:
            for asset in self._assets[:removed]:
                tx.locations.remove(tx.locations.of_asset(asset))
            tx.assets.forget_orphans()
        self._assets = self._assets[removed:]

    def _add(self, vectors: NDArray[np.float16]) -> None:
        for start in range(0, len(vectors), COMMIT):
            some = vectors[start : start + COMMIT]
            with self._catalog.write() as tx:
                hashes = [f"{self._written + number:064x}" for number in range(len(some))]
                ids = tx.assets.put(dict.fromkeys(hashes, (1, _PICTURE)))
                assets = [ids[hash_] for hash_ in hashes]
                tx.segments.replace(
                    Derived(asset, "picture", "1", [_MOMENT], {self._space: {0: vector}})
                    for asset, vector in zip(assets, some, strict=True)
                )
                tx.locations.put(Placed(self._root, f"{asset}.jpg", asset, _STAT) for asset in assets)
            self._written += len(some)
            self._assets += assets


def sqlite_log(folder: Path, vectors: NDArray[np.float16]) -> SqlLog:
    """In an embedded catalogue in ``folder``."""
    return SqlLog(Catalog(sqlite_url(folder / "catalog.db"), create=True), vectors)
