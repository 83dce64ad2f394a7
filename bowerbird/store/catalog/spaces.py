"""Spaces of meaning and the encoders that made them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from bowerbird.store.tables import space
from bowerbird.types import EncoderDescription, Space, SpaceName, SpaceState


class Spaces:
    """At most one space of each name is active."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def active(self) -> Sequence[Space]:
        """The spaces that are searched, ``joint`` first."""
        query = sa.select(space).where(space.c.state == SpaceState.ACTIVE).order_by(space.c.name)
        return [_space(row) for row in self._connection.execute(query)]

    def add(self, name: SpaceName, encoder: EncoderDescription, state: SpaceState) -> Space:
        """Add a space for this encoder."""
        values = {"spec": encoder.spec, "fingerprint": encoder.fingerprint, "dimension": encoder.dimension}
        added = sa.insert(space).values(name=name, state=state, **values).returning(space)
        return _space(self._connection.execute(added).one())


def _space(row: sa.Row[tuple[object, ...]]) -> Space:
    return Space(row.id, SpaceName(row.name), row.spec, row.fingerprint, row.dimension, SpaceState(row.state))
