"""The moments of one asset, in the order in which somebody goes through it: by time, by page, as it reads."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from bowerbird.store.catalog.segments import segment_of
from bowerbird.store.tables import segment
from bowerbird.types import Segment, SegmentKind

_WHOLE = (SegmentKind.IMAGE, SegmentKind.FRAME, SegmentKind.PAGE)
"""What has a picture of its own."""


class AssetMoments:
    """What may be asked of an asset by its number in this catalogue."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def counts(self, asset_id: int) -> dict[SegmentKind, int]:
        """How many moments of each kind it has; kinds of which there are none are left out."""
        query = sa.select(segment.c.kind, sa.func.count()).where(segment.c.asset_id == asset_id)
        return {SegmentKind(kind): count for kind, count in self._connection.execute(query.group_by(segment.c.kind))}

    def last_page(self, asset_id: int) -> int | None:
        """The number of its last page; None where it has none."""
        query = sa.select(sa.func.max(segment.c.page)).where(segment.c.asset_id == asset_id)
        return self._connection.execute(query).scalar()

    def listed(
        self,
        asset_id: int,
        kinds: Collection[SegmentKind],
        *,
        most: int,
        page: int | None = None,
        skip: int = 0,
    ) -> Sequence[Segment]:
        """At most ``most`` moments of these kinds, ``page`` naming the only one wanted, after ``skip`` that are not."""
        query = sa.select(segment).where(segment.c.asset_id == asset_id, segment.c.kind.in_(kinds))
        if page is not None:
            query = query.where(segment.c.page == page)
        rows = self._connection.execute(query.order_by(*_READING).limit(most).offset(skip))
        return [segment_of(row) for row in rows]

    def before(self, moment: Segment) -> int:
        """How many moments of its kind the asset has before ``moment``, in the order in which they were read."""
        own = sa.select(segment.c.derivation_id).where(segment.c.id == moment.id).scalar_subquery()
        query = sa.select(sa.func.count()).where(
            segment.c.asset_id == moment.asset_id,
            segment.c.kind == moment.kind,
            sa.or_(
                segment.c.derivation_id < own,
                sa.and_(segment.c.derivation_id == own, segment.c.ordinal < moment.ordinal),
            ),
        )
        return self._connection.execute(query).scalar_one()

    def shown_by(self, moment: Segment) -> int:
        """The ordinal of what shows ``moment``: itself, what is seen at its time or on its page, else the first."""
        if moment.kind in _WHOLE:
            return moment.ordinal
        query = sa.select(segment.c.ordinal).where(segment.c.asset_id == moment.asset_id)
        if moment.start_s is not None:
            seen = (segment.c.kind == SegmentKind.FRAME, segment.c.start_s <= moment.start_s)
            query = query.where(*seen).order_by(segment.c.start_s.desc())
        elif moment.page is not None:
            kinds = (SegmentKind.PAGE, SegmentKind.IMAGE)
            query = query.where(segment.c.page == moment.page, segment.c.kind.in_(kinds))
        else:
            return 0
        return self._connection.execute(query.limit(1)).scalar() or 0


# PostgreSQL and SQLite put NULL at opposite ends, and no time or page is negative.
_READING = (
    sa.func.coalesce(segment.c.start_s, -1),
    sa.func.coalesce(segment.c.page, -1),
    segment.c.derivation_id,
    segment.c.ordinal,
)
