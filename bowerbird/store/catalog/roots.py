"""Folders that someone asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from bowerbird.store.tables import location, root
from bowerbird.types import Root


class Roots:
    """Every root by its absolute path."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> Sequence[Root]:
        """In the order in which they were added."""
        return [Root(*row) for row in self._connection.execute(_SELECT.order_by(root.c.id))]

    def at(self, path: str) -> Root | None:
        """The root at exactly this path."""
        row = self._connection.execute(_SELECT.where(root.c.path == path)).one_or_none()
        return None if row is None else Root(*row)

    def add(self, path: str, device: int) -> Root:
        """Add, or note that a known one now lies on ``device``."""
        if known := self.at(path):
            self._connection.execute(sa.update(root).where(root.c.id == known.id).values(device=device))
        else:
            self._connection.execute(sa.insert(root).values(path=path, device=device, added_at=datetime.now(UTC)))
        found = self.at(path)
        assert found is not None
        return found

    def remove(self, root_id: int) -> None:
        """Remove it with its locations; assets stay until `Assets.forget_orphans` or `Assets.orphan`."""
        self._connection.execute(sa.delete(root).where(root.c.id == root_id))

    def counts(self) -> dict[int, int]:
        """How many files are catalogued under each root, by its id."""
        rows = self._connection.execute(
            sa.select(location.c.root_id, sa.func.count().label("files")).group_by(location.c.root_id)
        )
        return {row.root_id: row.files for row in rows}


_SELECT = sa.select(root.c.id, root.c.path, root.c.device, root.c.added_at)
