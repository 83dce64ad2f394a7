"""Content, by its hash, and what was derived from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from bowerbird.store.catalog.changes import log_changes
from bowerbird.store.catalog.locations import below
from bowerbird.store.tables import asset, derivation, location, segment
from bowerbird.types import Asset, AssetInfo, AssetKind

_CHUNK = 500


class Assets:
    """An asset without a location is an orphan: out of every view, but its vectors wait for it to turn up again."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def by_hash(self, hash_: str) -> Asset | None:
        """The asset with this content, an orphan too."""
        row = self._connection.execute(_SELECT.where(asset.c.hash == hash_)).one_or_none()
        return None if row is None else _asset(row)

    def put(self, hash_: str, size: int, info: AssetInfo) -> int:
        """Add the asset, or bring what is known of it up to date; returns its id."""
        values = {
            "kind": info.kind,
            "media_type": info.media_type,
            "width": info.width,
            "height": info.height,
            "duration_s": info.duration_s,
        }
        known: int | None = self._connection.execute(sa.select(asset.c.id).where(asset.c.hash == hash_)).scalar()
        if known is not None:
            self._connection.execute(sa.update(asset).where(asset.c.id == known).values(values))
            return known
        added = sa.insert(asset).values(hash=hash_, size=size, added_at=datetime.now(UTC), **values)
        return int(self._connection.execute(added.returning(asset.c.id)).scalar_one())

    def derivations(self, asset_ids: Sequence[int]) -> dict[int, dict[str, str]]:
        """For each asset the key of each stage that is done: what need not be done again."""
        done: dict[int, dict[str, str]] = {}
        for start in range(0, len(asset_ids), _CHUNK):
            query = sa.select(derivation).where(derivation.c.asset_id.in_(asset_ids[start : start + _CHUNK]))
            for row in self._connection.execute(query):
                done.setdefault(row.asset_id, {})[row.stage] = row.key
        return done

    def mark_done(self, asset_id: int, stage: str, key: str) -> None:
        """Note that a stage which makes no segments of its own has been done."""
        here = sa.and_(derivation.c.asset_id == asset_id, derivation.c.stage == stage)
        if self._connection.execute(sa.update(derivation).where(here).values(key=key)).rowcount == 0:
            self._connection.execute(sa.insert(derivation).values(asset_id=asset_id, stage=stage, key=key))

    def revive(self, asset_ids: Iterable[int]) -> None:
        """Orphans that have a location again return to the views, with the vectors that they had."""
        self._mark(sa.and_(asset.c.id.in_(list(asset_ids)), asset.c.orphaned_at.is_not(None)), None, "add")

    def orphan(self) -> None:
        """Assets that have lost their last location leave the views."""
        lost = ~sa.exists().where(location.c.asset_id == asset.c.id)
        self._mark(sa.and_(asset.c.orphaned_at.is_(None), lost), datetime.now(UTC), "remove")

    def forget_orphans(self, before: datetime | None = None) -> int:
        """Delete orphans (those older than ``before``) and everything derived from them; returns how many."""
        self.orphan()
        gone: sa.ColumnElement[bool] = asset.c.orphaned_at.is_not(None)
        if before is not None:
            gone = sa.and_(gone, asset.c.orphaned_at < before)
        return self._connection.execute(sa.delete(asset).where(gone)).rowcount

    def ids_under(self, root_id: int, folder: str = "") -> Sequence[int]:
        """The assets that have a location at ``folder`` of this root or below."""
        query = sa.select(location.c.asset_id).where(location.c.root_id == root_id, below(location.c.path, folder))
        return self._connection.execute(query.distinct()).scalars().all()

    def forget(self, asset_ids: Sequence[int]) -> int:
        """Delete those of these assets that have no location left, with all that is derived from them."""
        self.orphan()
        forgotten = 0
        for start in range(0, len(asset_ids), _CHUNK):
            lost = sa.and_(asset.c.id.in_(asset_ids[start : start + _CHUNK]), asset.c.orphaned_at.is_not(None))
            forgotten += self._connection.execute(sa.delete(asset).where(lost)).rowcount
        return forgotten

    def counts(self) -> dict[AssetKind, int]:
        """How many assets of each kind can be found."""
        query = sa.select(asset.c.kind, sa.func.count()).where(asset.c.orphaned_at.is_(None)).group_by(asset.c.kind)
        return {AssetKind(kind): count for kind, count in self._connection.execute(query)}

    def _mark(self, which: sa.ColumnElement[bool], orphaned_at: datetime | None, op: str) -> None:
        ids = self._connection.execute(sa.select(asset.c.id).where(which)).scalars().all()
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            log_changes(self._connection, op, segment.c.asset_id.in_(chunk))
            self._connection.execute(sa.update(asset).where(asset.c.id.in_(chunk)).values(orphaned_at=orphaned_at))


_SELECT = sa.select(asset)


def _asset(row: sa.Row[tuple[object, ...]]) -> Asset:
    info = AssetInfo(AssetKind(row.kind), row.media_type, row.width, row.height, row.duration_s)
    return Asset(row.id, row.hash, row.size, info)
