"""What stands around a moment in its asset: what was said just before and after, what else is on its page."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from bowerbird.store.tables import segment
from bowerbird.types import Segment, SegmentKind

NEXT_TO = 2
"""Passages before and after one that has neither time nor page."""


class Surroundings:
    """Moments that bear text, near another one."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def of(self, moment: Segment, *, seconds: float, most: int) -> Sequence[int]:
        """The ids of at most ``most`` moments with text around ``moment``, itself included, in the order of the asset.

        Of a recording those that begin before ``seconds`` after its end and end after ``seconds`` before its start, of
        a document with pages those on its page, of other text the passages next to it, of a picture all.
        """
        here = self._near(moment, seconds)
        query = sa.select(segment.c.id).where(segment.c.asset_id == moment.asset_id, segment.c.text.is_not(None), here)
        order = (segment.c.start_s, segment.c.page, segment.c.derivation_id, segment.c.ordinal)
        return self._connection.execute(query.order_by(*order).limit(most)).scalars().all()

    def _near(self, moment: Segment, seconds: float) -> sa.ColumnElement[bool]:
        if moment.start_s is not None:
            ends = moment.start_s if moment.end_s is None else moment.end_s
            return sa.and_(
                segment.c.start_s <= ends + seconds,
                sa.func.coalesce(segment.c.end_s, segment.c.start_s) >= moment.start_s - seconds,
            )
        if moment.page is not None:
            return segment.c.page == moment.page
        if moment.kind is SegmentKind.TEXT:
            own = sa.select(segment.c.derivation_id).where(segment.c.id == moment.id).scalar_subquery()
            near = segment.c.ordinal.between(moment.ordinal - NEXT_TO, moment.ordinal + NEXT_TO)
            return sa.and_(segment.c.derivation_id == own, near)
        return sa.and_(segment.c.start_s.is_(None), segment.c.page.is_(None))
