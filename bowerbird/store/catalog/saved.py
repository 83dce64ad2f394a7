"""Searches that someone keeps under a name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from bowerbird.store.tables import saved_search


@dataclass(frozen=True, slots=True)
class Kept:
    """A name and what is asked under it. The catalogue takes ``query`` for what it is given: text, all of it ASCII."""

    name: str
    query: str
    saved_at: datetime


class SavedSearches:
    """One query for each name."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> Sequence[Kept]:
        """By name, in any case: databases do not agree on the order of text, so it is made here."""
        found = [Kept(*row) for row in self._connection.execute(_SELECT)]
        return sorted(found, key=lambda each: (each.name.casefold(), each.name))

    def at(self, name: str) -> Kept | None:
        """What is kept under exactly this name."""
        row = self._connection.execute(_SELECT.where(saved_search.c.name == name)).one_or_none()
        return None if row is None else Kept(*row)

    def put(self, name: str, query: str) -> None:
        """Keep ``query`` under ``name``, in the place of what was there; whether it may be is the caller's to find out,
        in the same transaction.
        """
        self.remove(name)
        values = {"name": name, "query": query, "saved_at": datetime.now(UTC)}
        self._connection.execute(sa.insert(saved_search).values(values))

    def remove(self, name: str) -> bool:
        """Forget it. False where there was none."""
        gone = self._connection.execute(sa.delete(saved_search).where(saved_search.c.name == name))
        return gone.rowcount > 0


_SELECT = sa.select(saved_search.c.name, saved_search.c.query, saved_search.c.saved_at)
