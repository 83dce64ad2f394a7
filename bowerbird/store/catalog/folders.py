"""What lies at or below a path, and where it stands in a space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from bowerbird.store.catalog.locations import below
from bowerbird.store.catalog.rows import chunks
from bowerbird.store.tables import asset, embedding, location, segment
from bowerbird.types import SegmentKind, Vectors


@dataclass(frozen=True, slots=True)
class Lying:
    """A path of a root, and the asset there."""

    path: str
    asset_id: int
    hash: str


class Folders:
    """Folders and single files, by root and path."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def at(self, root_id: int, folder: str = "") -> Sequence[Lying]:
        """What is catalogued at ``folder`` of this root or below, in the order in which it came."""
        query = (
            sa.select(location.c.path, asset.c.id, asset.c.hash)
            .join(asset, asset.c.id == location.c.asset_id)
            .where(location.c.root_id == root_id, below(location.c.path, folder))
            .order_by(location.c.id)
        )
        return [Lying(*row) for row in self._connection.execute(query)]

    def vectors(self, asset_ids: Sequence[int], space_id: int) -> Iterator[tuple[SegmentKind, Sequence[int], Vectors]]:
        """The vectors that these assets have in one space, a batch of bounded size at a time.

        Each batch is of one kind: the ids of the assets, one for each vector, and the vectors, shape
        ``(n, dimension)``, float32.
        """
        query = (
            sa.select(segment.c.kind, segment.c.asset_id, embedding.c.vector)
            .join(segment, segment.c.id == embedding.c.segment_id)
            .where(embedding.c.space_id == space_id)
        )
        for chunk in chunks(asset_ids, _CHUNK):
            found: dict[str, list[tuple[int, bytes]]] = {}
            for kind, asset_id, vector in self._connection.execute(query.where(segment.c.asset_id.in_(chunk))):
                found.setdefault(kind, []).append((asset_id, vector))
            for kind, rows in found.items():
                stacked = np.frombuffer(b"".join(vector for _, vector in rows), "<f2").reshape(len(rows), -1)
                yield SegmentKind(kind), [asset_id for asset_id, _ in rows], stacked.astype(np.float32)


_CHUNK = 100  # assets at once; a long film has thousands of vectors
