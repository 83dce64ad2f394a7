"""Files that could not be read, and why; they are not tried again until they, or the way to read them, change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from bowerbird.store.catalog.locations import below
from bowerbird.store.catalog.rows import chunks, upsert
from bowerbird.store.tables import failure, root
from bowerbird.types import FileStat


@dataclass(frozen=True, slots=True)
class Failure:
    """One file that failed. ``key`` names the way it was tried; ``hash`` is None where it could not even be read."""

    root_id: int
    path: str
    stat: FileStat
    hash: str | None
    stage: str
    key: str
    reason: str


class Failures:
    """At most one failure for each path."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def at(self, root_id: int, paths: Sequence[str]) -> dict[str, Failure]:
        """Those of ``paths`` that failed when they were last tried."""
        found: dict[str, Failure] = {}
        for chunk in chunks(paths):
            query = sa.select(failure).where(failure.c.root_id == root_id, failure.c.path.in_(chunk))
            found.update((row.path, _failure(row)) for row in self._connection.execute(query))
        return found

    def put(self, failed: Failure) -> None:
        """Note a failure in the place of an older one of the same path."""
        row = {**asdict(failed), **asdict(failed.stat), "failed_at": datetime.now(UTC)}
        del row["stat"]
        upsert(self._connection, failure, ["root_id", "path"], [row])

    def clear(self, root_id: int, paths: Iterable[str]) -> None:
        """These paths are well, or gone."""
        for chunk in chunks(paths):
            here = sa.and_(failure.c.root_id == root_id, failure.c.path.in_(chunk))
            self._connection.execute(sa.delete(failure).where(here))

    def under(self, root_id: int, folder: str = "") -> Sequence[str]:
        """The paths that failed at ``folder`` of this root or below."""
        query = sa.select(failure.c.path).where(failure.c.root_id == root_id, below(failure.c.path, folder))
        return self._connection.execute(query.order_by(failure.c.path)).scalars().all()

    def all(self) -> Iterator[tuple[str, Failure]]:
        """Every failure with the path of its root."""
        query = (
            sa.select(failure, root.c.path.label("root_path")).join(root).order_by(failure.c.root_id, failure.c.path)
        )
        for row in self._connection.execute(query):
            yield row.root_path, _failure(row)


def _failure(row: sa.Row[tuple[object, ...]]) -> Failure:
    stat = FileStat(row.size, row.mtime_ns, row.inode)
    return Failure(row.root_id, row.path, stat, row.hash, row.stage, row.key, row.reason)
