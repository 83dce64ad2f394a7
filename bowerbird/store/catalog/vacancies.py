"""What has no vector in a space yet, and giving it one: how a space is built beside those that are searched.

A segment belongs into the space ``joint`` by what it shows, or else by its text, and into ``text`` by its text alone.
Orphans are left out: whatever they lack they get when they turn up again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from bowerbird.moments import Moment
from bowerbird.store.catalog.changes import log_changes
from bowerbird.store.catalog.rows import chunks, upsert
from bowerbird.store.catalog.segments import ALIVE, FINDABLE
from bowerbird.store.tables import asset, derivation, embedding, segment
from bowerbird.types import PICTURED, Box, SegmentKind, Space, SpaceName, Vectors

THUMBNAIL, WAITING = "thumbnail", "waiting"
"""Marks of assets: some vectors come from thumbnails for want of the file, or are still to come for want of both."""


@dataclass(frozen=True, slots=True)
class Pictured:
    """A segment that is encoded by what it shows: which step made it, and where it lies in the file."""

    segment_id: int
    stage: str
    ordinal: int
    moment: Moment
    """Without pixels."""
    vacant: bool


@dataclass(frozen=True, slots=True)
class Showing:
    """An asset with all that it shows; ``mark`` is `THUMBNAIL`, `WAITING` or None."""

    asset_id: int
    hash: str
    mark: str | None
    pictured: Sequence[Pictured]


class Vacancies:
    """The vacancies of one space."""

    def __init__(self, connection: sa.Connection, space: Space) -> None:
        self._connection = connection
        self._space = space
        here = sa.exists().where(embedding.c.segment_id == segment.c.id, embedding.c.space_id == space.id)
        self._bears_text = segment.c.text.is_not(None)
        self._shows = segment.c.kind.in_(PICTURED) if space.name is SpaceName.JOINT else sa.false()
        self._vacant = sa.and_(sa.or_(self._shows, self._bears_text), ~here)
        self._stage = f"reencode:{space.id}"

    def count(self) -> int:
        """How many segments lack a vector."""
        return self._count(self._vacant)

    def unexplained(self) -> int:
        """How many of them are not of assets that are marked as `WAITING`."""
        return self._count(self._vacant, ~self._marked(segment.c.asset_id, WAITING))

    def size(self) -> int:
        """How many segments belong into the space."""
        return self._count(sa.or_(self._shows, self._bears_text))

    def marks(self) -> dict[str, int]:
        """How many assets bear each mark."""
        query = (
            sa.select(derivation.c.key, sa.func.count().label("assets")).where(self._mine).group_by(derivation.c.key)
        )
        return {row.key: int(row.assets) for row in self._connection.execute(query)}

    def texts(self, after: int, most: int) -> Sequence[tuple[int, str]]:
        """The first ``most`` segments with ids above ``after`` that are to be encoded by their text: ids and texts."""
        query = (
            sa.select(segment.c.id, segment.c.text)
            .where(segment.c.id > after, self._vacant, self._bears_text, ~self._shows, FINDABLE)
            .order_by(segment.c.id)
            .limit(most)
        )
        return [(row.id, row.text) for row in self._connection.execute(query)]

    def assets(self, after: int, most: int) -> Sequence[int]:
        """The first ``most`` assets with ids above ``after`` whose pictures are to be encoded, or once more and better:
        those that lack vectors, and those that bear a mark.
        """
        lacks = sa.exists().where(segment.c.asset_id == asset.c.id, self._shows, self._vacant)
        query = (
            sa.select(asset.c.id)
            .where(asset.c.id > after, ALIVE, sa.or_(lacks, self._marked(asset.c.id)))
            .order_by(asset.c.id)
            .limit(most)
        )
        return self._connection.execute(query).scalars().all()

    def showings(self, asset_ids: Sequence[int]) -> Sequence[Showing]:
        """All that these assets show, vacant or not, in the order in which it lies in them."""
        found: list[Showing] = []
        for chunk in chunks(asset_ids):
            marks = self._marks_of(chunk)
            query = (
                sa.select(segment, asset.c.hash, derivation.c.stage, self._vacant.label("vacant"))
                .join(asset, asset.c.id == segment.c.asset_id)
                .join(derivation, derivation.c.id == segment.c.derivation_id)
                .where(segment.c.asset_id.in_(chunk), self._shows)
                .order_by(segment.c.asset_id, derivation.c.stage, segment.c.ordinal)
            )
            by_asset: dict[tuple[int, str], list[Pictured]] = {}
            for row in self._connection.execute(query):
                by_asset.setdefault((row.asset_id, row.hash), []).append(_pictured(row))
            found += [Showing(id_, hash_, marks.get(id_), shown) for (id_, hash_), shown in by_asset.items()]
        return found

    def lacking(self, asset_ids: Iterable[int]) -> set[int]:
        """Those of these assets that have a vacancy."""
        found: set[int] = set()
        for chunk in chunks(asset_ids):
            query = sa.select(segment.c.asset_id).where(segment.c.asset_id.in_(chunk), self._vacant).distinct()
            found.update(self._connection.execute(query).scalars())
        return found

    def fill(self, vectors: Mapping[int, Vectors]) -> int:
        """Give segments their vectors, each of shape ``(dimension,)``, in the place of older ones if there are any.

        Segments that are gone by now are passed over. Returns how many were there.
        """
        filled = 0
        for chunk in chunks(vectors):
            own = sa.and_(embedding.c.space_id == self._space.id, embedding.c.segment_id.in_(chunk))
            log_changes(self._connection, "remove", sa.and_(own, FINDABLE))
            self._connection.execute(sa.delete(embedding).where(own))
            there = self._connection.execute(sa.select(segment.c.id).where(segment.c.id.in_(chunk))).scalars().all()
            rows = [
                {"segment_id": id_, "space_id": self._space.id, "vector": np.asarray(vectors[id_], "<f2").tobytes()}
                for id_ in sorted(there)
            ]
            if rows:
                self._connection.execute(sa.insert(embedding), rows)
                log_changes(self._connection, "add", sa.and_(own, FINDABLE))
            filled += len(rows)
        return filled

    def mark(self, marks: Mapping[int, str | None]) -> None:
        """Mark assets that are still there; None takes a mark away."""
        for chunk in chunks(marks):
            there = self._connection.execute(sa.select(asset.c.id).where(asset.c.id.in_(chunk))).scalars().all()
            rows = [{"asset_id": id_, "stage": self._stage, "key": marks[id_]} for id_ in there if marks[id_]]
            upsert(self._connection, derivation, ["asset_id", "stage"], rows)
            bare = [id_ for id_ in there if not marks[id_]]
            self._connection.execute(sa.delete(derivation).where(self._mine, derivation.c.asset_id.in_(bare)))

    def clear(self) -> None:
        """Take all marks away."""
        self._connection.execute(sa.delete(derivation).where(self._mine))

    def unfinished(self) -> sa.ColumnElement[bool]:
        """A condition over `asset`: it lacks a vector, or has one that the file itself would make better."""
        lacks = sa.exists().where(segment.c.asset_id == asset.c.id, self._vacant)
        return sa.or_(lacks, self._marked(asset.c.id))

    def unfinished_assets(self) -> int:
        """How many assets are `unfinished`, orphans left out."""
        query = sa.select(sa.func.count()).select_from(asset).where(ALIVE, self.unfinished())
        return self._connection.execute(query).scalar_one()

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return derivation.c.stage == self._stage

    def _marked(self, asset_id: sa.Column[Any], mark: str | None = None) -> sa.ColumnElement[bool]:
        condition = sa.exists().where(derivation.c.asset_id == asset_id, self._mine)
        return condition if mark is None else condition.where(derivation.c.key == mark)

    def _marks_of(self, asset_ids: Sequence[int]) -> dict[int, str]:
        query = sa.select(derivation.c.asset_id, derivation.c.key)
        here = query.where(derivation.c.asset_id.in_(asset_ids), self._mine)
        return {row.asset_id: row.key for row in self._connection.execute(here)}

    def _count(self, *conditions: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(segment).where(*conditions, FINDABLE)
        return self._connection.execute(query).scalar_one()


def _pictured(row: sa.Row[Any]) -> Pictured:
    box = None if row.box_x is None else Box(row.box_x, row.box_y, row.box_width, row.box_height)
    moment = Moment(SegmentKind(row.kind), row.start_s, row.end_s, row.page, box)
    return Pictured(row.id, row.stage, row.ordinal, moment, bool(row.vacant))
