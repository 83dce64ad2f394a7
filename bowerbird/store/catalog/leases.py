"""Leases: who may do what only one process may do at a time. One that is not renewed runs out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from bowerbird.store.tables import lease


class Leases:
    """One holder for each name."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def holder(self, name: str) -> str | None:
        """Who holds it now; None where it is free or has run out."""
        query = sa.select(lease.c.owner).where(lease.c.name == name, lease.c.expires_at > datetime.now(UTC))
        found: str | None = self._connection.execute(query).scalar()
        return found

    def take(self, name: str, owner: str, seconds: float) -> None:
        """Take, take over or renew; whether one may is the caller's to find out, in the same transaction."""
        self.release(name)
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        self._connection.execute(sa.insert(lease).values(name=name, owner=owner, expires_at=until))

    def release(self, name: str) -> None:
        """Free it."""
        self._connection.execute(sa.delete(lease).where(lease.c.name == name))
