"""Content, by its hash, and what was derived from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from bowerbird.store.catalog.asset_words import WORDY
from bowerbird.store.catalog.changes import log_changes
from bowerbird.store.catalog.infos import info_of, row_of
from bowerbird.store.catalog.rows import chunks, upsert
from bowerbird.store.catalog.vocabulary import unlearn
from bowerbird.store.tables import asset, derivation, location, segment
from bowerbird.types import Asset, AssetInfo, AssetKind


class Assets:
    """An asset without a location is an orphan: out of every view, but its vectors wait for it to turn up again."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def by_hash(self, hash_: str) -> Asset | None:
        """The asset with this content, an orphan too."""
        row = self._connection.execute(_SELECT.where(asset.c.hash == hash_)).one_or_none()
        return None if row is None else _asset(row)

    def known(self, hashes: Sequence[str]) -> set[str]:
        """Those of ``hashes`` that name an asset, an orphan too."""
        here: set[str] = set()
        for chunk in chunks(hashes):
            here.update(self._connection.execute(sa.select(asset.c.hash).where(asset.c.hash.in_(chunk))).scalars())
        return here

    def put(self, found: Mapping[str, tuple[int, AssetInfo]]) -> dict[str, int]:
        """Add assets, or bring what is known of them up to date: by hash, size and info in, ids out."""
        now = datetime.now(UTC)
        rows = (
            {
                "hash": hash_,
                "size": size,
                "added_at": now,
                **row_of(info),
                "words": None,
            }
            for hash_, (size, info) in found.items()
        )
        ids = (asset.c.hash, asset.c.id)
        return {
            row.hash: row.id
            for row in upsert(self._connection, asset, ["hash"], rows, keep=["added_at"], returning=ids)
        }

    def derivations(self, asset_ids: Sequence[int]) -> dict[int, dict[str, str]]:
        """For each asset the key of each stage that is done: what need not be done again."""
        done: dict[int, dict[str, str]] = {}
        for chunk in chunks(asset_ids):
            query = sa.select(derivation).where(derivation.c.asset_id.in_(chunk))
            for row in self._connection.execute(query):
                done.setdefault(row.asset_id, {})[row.stage] = row.key
        return done

    def mark_done(self, done: Iterable[tuple[int, str, str]]) -> None:
        """Note that stages which make no segments of their own have been done: asset's id, stage and key."""
        rows = ({"asset_id": asset_id, "stage": stage, "key": key} for asset_id, stage, key in done)
        upsert(self._connection, derivation, ["asset_id", "stage"], rows)

    def revive(self, asset_ids: Iterable[int]) -> None:
        """Orphans that have a location again return to the views, with the vectors that they had."""
        for chunk in chunks(asset_ids):
            self._mark(sa.and_(asset.c.id.in_(chunk), asset.c.orphaned_at.is_not(None)), None, "add")

    def orphan(self) -> None:
        """Assets that have lost their last location leave the views."""
        lost = ~sa.exists().where(location.c.asset_id == asset.c.id)
        self._mark(sa.and_(asset.c.orphaned_at.is_(None), lost), datetime.now(UTC), "remove")

    def forget_orphans(self, before: datetime | None = None) -> Sequence[str]:
        """Delete orphans (those older than ``before``) and everything derived from them; returns their hashes."""
        self.orphan()
        gone: sa.ColumnElement[bool] = asset.c.orphaned_at.is_not(None)
        if before is not None:
            gone = sa.and_(gone, asset.c.orphaned_at < before)
        texts = self._connection.execute(sa.select(segment.c.text).join(asset).where(gone)).scalars().all()
        facts = self._connection.execute(sa.select(*(asset.c[name] for name in WORDY)).where(gone)).all()
        hashes = self._connection.execute(sa.delete(asset).where(gone).returning(asset.c.hash)).scalars().all()
        unlearn(self._connection, [*texts, *(fact for row in facts for fact in row)])
        return hashes

    def counts(self) -> dict[AssetKind, int]:
        """How many assets of each kind can be found."""
        query = sa.select(asset.c.kind, sa.func.count()).where(asset.c.orphaned_at.is_(None)).group_by(asset.c.kind)
        return {AssetKind(kind): count for kind, count in self._connection.execute(query)}

    def _mark(self, which: sa.ColumnElement[bool], orphaned_at: datetime | None, op: str) -> None:
        ids = self._connection.execute(sa.select(asset.c.id).where(which)).scalars().all()
        for chunk in chunks(ids):
            log_changes(self._connection, op, segment.c.asset_id.in_(chunk))
            self._connection.execute(sa.update(asset).where(asset.c.id.in_(chunk)).values(orphaned_at=orphaned_at))


_SELECT = sa.select(asset)


def _asset(row: sa.Row[tuple[object, ...]]) -> Asset:
    return Asset(row.id, row.hash, row.size, info_of(row._mapping))
