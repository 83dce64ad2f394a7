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
        """The marks of the newest snapshots; ``""`` where there are none."""
        with reading(self._engine) as connection:
            return Meta(connection).get(_name(key)) or ""

    def set(self, key: ViewKey, mark: str) -> None:
        """Keep the marks, before a snapshot is written that bears the last of them."""
        with writing(self._engine) as connection:
            Meta(connection).set(_name(key), mark)


def _name(key: ViewKey) -> str:
    return f"snapshot:{key.space_id}-{key.kind}"
