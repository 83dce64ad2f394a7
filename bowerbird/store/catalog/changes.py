"""The change log: in which order embeddings came and went, and what of it one view has yet to apply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from bowerbird.store.catalog.rows import among
from bowerbird.store.engine import reading
from bowerbird.store.tables import asset, change, embedding, segment
from bowerbird.types import ChangeBatch, Ids, ViewKey

_BATCH = 8192  # lines or vectors of one batch: 8 MB of float16 at 512 dimensions
_ADD = "add"


def log_changes(connection: sa.Connection, op: str, where: sa.ColumnElement[bool]) -> None:
    """Write a line for every embedding that meets ``where``, a condition over ``embedding`` and ``segment``."""
    lines = (
        sa.select(sa.literal(op), embedding.c.id, embedding.c.space_id, segment.c.kind)
        .join(segment, segment.c.id == embedding.c.segment_id)
        .where(where)
        .order_by(embedding.c.id)
    )
    connection.execute(sa.insert(change).from_select(["op", "embedding_id", "space_id", "kind"], lines))


class SqlChangeLog:
    """A `ChangeLog` port over SQL, for one view."""

    def __init__(self, engine: sa.Engine, key: ViewKey, dimension: int, *, batch_size: int = _BATCH) -> None:
        self._engine = engine
        self._key = key
        self._dimension = dimension
        self._batch_size = batch_size

    def head(self) -> int:
        """The last line of the whole log."""
        with reading(self._engine) as connection:
            return head_of(connection)

    def since(self, seq: int) -> Iterator[ChangeBatch]:
        """This view's changes after ``seq``, each batch read in a transaction of its own."""
        while batch := self._after(seq):
            yield batch
            seq = batch.seq

    def live(self) -> Iterator[ChangeBatch]:
        """Everything in the view now, all of one moment of the database."""
        # Not a join, or SQLite begins with the assets and sorts all vectors by id in the end.
        orphan = sa.exists().where(asset.c.id == segment.c.asset_id, asset.c.orphaned_at.is_not(None))
        query = (
            sa.select(embedding.c.id, embedding.c.vector)
            .join(segment, segment.c.id == embedding.c.segment_id)
            .where(embedding.c.space_id == self._key.space_id, segment.c.kind == self._key.kind, ~orphan)
            .order_by(embedding.c.id)
        )
        with reading(self._engine) as connection:
            seq, nothing = head_of(connection), True
            for rows in connection.execute(query.execution_options(yield_per=self._batch_size)).partitions():
                yield self._batch(seq, [row.id for row in rows], [row.vector for row in rows], [])
                nothing = False
            if nothing:
                yield self._batch(seq, [], [], [])

    def vectors(self, ids: Ids) -> tuple[Ids, NDArray[np.float16]]:
        """The vectors that SQL holds under ``ids`` in this space; ids distinct and ascending, float16 ``(n, d)``."""
        query = sa.select(embedding.c.id, embedding.c.vector).where(embedding.c.space_id == self._key.space_id)
        with reading(self._engine) as connection:
            these = among(connection, embedding.c.id, np.unique(ids).tolist())
            found = dict(tuple(row) for row in connection.execute(query.where(these)).all())
        there = sorted(found)
        return np.asarray(there, np.int64), self._matrix([found[id_] for id_ in there])

    def _after(self, seq: int) -> ChangeBatch | None:
        with reading(self._engine) as connection:
            lines = connection.execute(
                sa.select(change.c.seq, change.c.embedding_id, embedding.c.vector)
                .outerjoin(embedding, sa.and_(embedding.c.id == change.c.embedding_id, change.c.op == _ADD))
                .where(change.c.space_id == self._key.space_id, change.c.kind == self._key.kind, change.c.seq > seq)
                .order_by(change.c.seq)
                .limit(self._batch_size)
            ).all()
            if not lines:
                return None
            # At the end of the log nothing stands between this view's last line and the head.
            through = head_of(connection) if len(lines) < self._batch_size else lines[-1].seq
        # The last line on each id counts. What it added has no vector if it is gone by now: its removal comes later.
        last = {line.embedding_id: line.vector for line in lines}
        ids = sorted(id_ for id_, vector in last.items() if vector is not None)
        removed = sorted(id_ for id_, vector in last.items() if vector is None)
        return self._batch(through, ids, [last[id_] for id_ in ids], removed)

    def _batch(self, seq: int, ids: Sequence[int], blobs: Sequence[bytes], removed: Sequence[int]) -> ChangeBatch:
        return ChangeBatch(seq, np.asarray(ids, np.int64), self._matrix(blobs), np.asarray(removed, np.int64))

    def _matrix(self, blobs: Sequence[bytes]) -> NDArray[np.float16]:
        return np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(blobs), self._dimension)


def head_of(connection: sa.Connection) -> int:
    """The last line of the whole log, 0 where there is none."""
    return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(change.c.seq), 0))).scalar_one())
