"""The marks of snapshots, kept in the database so that they go back in time with it: see `store.views.keeper.Marks`."""

from __future__ import annotations

import sqlalchemy as sa

from bowerbird.store.catalog.meta import Meta
from bowerbird.store.engine import reading, writing
from bowerbird.types import ViewKey


class ViewMarks:
    """Facts of `meta`, each call a transaction of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, key: ViewKey) -> str:
        """The mark of the newest snapshot; ``""`` where there is none."""
        with reading(self._engine) as connection:
            return Meta(connection).get(_name(key)) or ""

    def set(self, key: ViewKey, mark: str) -> None:
        """Keep the mark of a snapshot that now stands."""
        with writing(self._engine) as connection:
            Meta(connection).set(_name(key), mark)


def _name(key: ViewKey) -> str:
    return f"snapshot:{key.space_id}-{key.kind}"
