"""What stands around a moment in its asset: what was said just before and after, what else is on its page."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set

import sqlalchemy as sa

from bowerbird.store.catalog.captions import BY_MODEL
from bowerbird.store.catalog.filters import PARTS
from bowerbird.store.catalog.rows import among
from bowerbird.store.tables import derivation, segment
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
        return self._connection.execute(query.order_by(*_IN_ORDER).limit(most)).scalars().all()

    def at(
        self,
        asset_id: int,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        page: int | None = None,
        seconds: float = 0.0,
        most: int,
    ) -> Sequence[int]:
        """The ids of at most ``most`` moments that an asset has at a time or on a page, with text or without, in order.

        ``end_s``: where the time ends, if it lasts; ``seconds``: how far off a moment may be. Neither time nor page:
        of the whole asset.
        """
        query = sa.select(segment.c.id).where(segment.c.asset_id == asset_id)
        if start_s is not None:
            query = query.where(_during(start_s, start_s if end_s is None else end_s, seconds))
        if page is not None:
            query = query.where(segment.c.page == page)
        return self._connection.execute(query.order_by(*_IN_ORDER).limit(most)).scalars().all()

    def spread(self, asset_id: int, most: int, *, pictures: bool) -> Sequence[int]:
        """The ids of at most ``most`` moments of an asset, evenly many of its moments lying between them, in order.

        Of all that bear text; or, with ``pictures``, of all but parts of pictures and what was read off and said of
        them, which go with their pictures.
        """
        sorts = segment.c.kind.not_in(PARTS) if pictures else segment.c.text.is_not(None)
        place = (sa.func.row_number().over(order_by=_IN_ORDER) - 1).label("place")
        every = sa.select(segment.c.id, place, sa.func.count().over().label("all"))
        every_one = every.where(segment.c.asset_id == asset_id, sorts).subquery()
        # Where there are more than are wanted, this is true of just as many: each time another share has gone by.
        query = sa.select(every_one.c.id).where(every_one.c.place * most % every_one.c["all"] < most)
        return self._connection.execute(query.order_by(every_one.c.place)).scalars().all()

    def legible(self, asset_ids: Collection[int]) -> Set[int]:
        """Those of these assets off whose pictures something was read, or of which a person has said something."""
        query = sa.select(segment.c.asset_id).join(derivation, derivation.c.id == segment.c.derivation_id)
        query = query.where(
            segment.c.kind.in_((SegmentKind.OCR, SegmentKind.CAPTION)),
            ~BY_MODEL,
            among(self._connection, segment.c.asset_id, list(asset_ids)),
        )
        return set(self._connection.execute(query).scalars()) if asset_ids else set()

    def _near(self, moment: Segment, seconds: float) -> sa.ColumnElement[bool]:
        if moment.start_s is not None:
            return _during(moment.start_s, moment.start_s if moment.end_s is None else moment.end_s, seconds)
        if moment.page is not None:
            return segment.c.page == moment.page
        if moment.kind is SegmentKind.TEXT:
            own = sa.select(segment.c.derivation_id).where(segment.c.id == moment.id).scalar_subquery()
            near = segment.c.ordinal.between(moment.ordinal - NEXT_TO, moment.ordinal + NEXT_TO)
            return sa.and_(segment.c.derivation_id == own, near)
        return sa.and_(segment.c.start_s.is_(None), segment.c.page.is_(None))


# What has neither time nor page is about the whole, and comes first; the databases differ where nothing is said of it.
_IN_ORDER = (
    *(segment.c.start_s.asc().nulls_first(), segment.c.page.asc().nulls_first()),
    *(segment.c.derivation_id, segment.c.ordinal),
)


def _during(start_s: float, end_s: float, seconds: float) -> sa.ColumnElement[bool]:
    ends = sa.func.coalesce(segment.c.end_s, segment.c.start_s)
    return sa.and_(segment.c.start_s <= end_s + seconds, ends >= start_s - seconds)
