"""A few facts about the library as a whole, by name."""

from __future__ import annotations

import sqlalchemy as sa

from bowerbird.store.tables import meta


class Meta:
    """A small dictionary in SQL."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> str | None:
        """The value, or None."""
        value: str | None = self._connection.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar()
        return value

    def set(self, key: str, value: str) -> None:
        """Set or replace."""
        self._connection.execute(sa.delete(meta).where(meta.c.key == key))
        self._connection.execute(sa.insert(meta).values(key=key, value=value))
