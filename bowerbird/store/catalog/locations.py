"""Where copies of assets lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from bowerbird.store.tables import PathText, asset, location, root
from bowerbird.types import FileStat, Location, Root

_CHUNK = 500  # parameters of one statement


@dataclass(frozen=True, slots=True)
class Copy:
    """A location, spelled out: enough to look whether the file is still there."""

    location_id: int
    root: Root
    path: str
    stat: FileStat


class Locations:
    """Locations by root and path, by asset, and under a folder."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def at(self, root_id: int, paths: Sequence[str]) -> dict[str, Location]:
        """Those of ``paths`` under this root that are catalogued."""
        found: dict[str, Location] = {}
        for start in range(0, len(paths), _CHUNK):
            query = _SELECT.where(location.c.root_id == root_id, location.c.path.in_(paths[start : start + _CHUNK]))
            found.update((row.path, _location(row)) for row in self._connection.execute(query))
        return found

    def put(self, root_id: int, path: str, asset_id: int, stat: FileStat) -> None:
        """Say that this path holds this asset, whatever it held before."""
        values = {"asset_id": asset_id, "size": stat.size, "mtime_ns": stat.mtime_ns, "inode": stat.inode}
        here = sa.and_(location.c.root_id == root_id, location.c.path == path)
        if self._connection.execute(sa.update(location).where(here).values(values)).rowcount == 0:
            self._connection.execute(sa.insert(location).values(root_id=root_id, path=path, **values))

    def remove(self, location_ids: Iterable[int]) -> None:
        """Remove locations; the assets stay."""
        ids = list(location_ids)
        for start in range(0, len(ids), _CHUNK):
            self._connection.execute(sa.delete(location).where(location.c.id.in_(ids[start : start + _CHUNK])))

    def leave(self, location_id: int, asset_id: int) -> None:
        """Remove a location that an asset has left, unless something else has come to lie there since."""
        here = sa.and_(location.c.id == location_id, location.c.asset_id == asset_id)
        self._connection.execute(sa.delete(location).where(here))

    def under(self, root_id: int, folder: str = "") -> Iterator[tuple[int, str]]:
        """Ids and paths of what is catalogued at ``folder`` of this root or below, ordered by id."""
        query = sa.select(location.c.id, location.c.path).where(
            location.c.root_id == root_id, below(location.c.path, folder)
        )
        for row in self._connection.execute(query.order_by(location.c.id)).yield_per(1000):
            yield row.id, row.path

    def copies(self, asset_id: int) -> Sequence[Copy]:
        """Every location of one asset."""
        return self.copies_of([asset_id]).get(asset_id, [])

    def copies_of(self, asset_ids: Sequence[int]) -> dict[int, list[Copy]]:
        """Every location of each of these assets, the oldest first."""
        found: dict[int, list[Copy]] = {}
        for start in range(0, len(asset_ids), _CHUNK):
            query = (
                sa.select(location, root.c.path.label("root_path"), root.c.device, root.c.added_at)
                .join(root, root.c.id == location.c.root_id)
                .where(location.c.asset_id.in_(asset_ids[start : start + _CHUNK]))
                .order_by(location.c.id)
            )
            for row in self._connection.execute(query):
                owner = Root(row.root_id, row.root_path, row.device, row.added_at)
                copy = Copy(row.id, owner, row.path, FileStat(row.size, row.mtime_ns, row.inode))
                found.setdefault(row.asset_id, []).append(copy)
        return found

    def asset_hash_at(self, root_id: int, path: str) -> str | None:
        """The hash of what is catalogued at exactly this path."""
        query = sa.select(asset.c.hash).join(location, location.c.asset_id == asset.c.id)
        found: str | None = self._connection.execute(
            query.where(location.c.root_id == root_id, location.c.path == path)
        ).scalar()
        return found

    def of_asset(self, asset_id: int) -> Sequence[int]:
        """The ids of an asset's locations."""
        return self._connection.execute(sa.select(location.c.id).where(location.c.asset_id == asset_id)).scalars().all()

    def count(self) -> int:
        """How many files are catalogued."""
        return self._connection.execute(sa.select(sa.func.count()).select_from(location)).scalar_one()


def below(path: sa.ColumnElement[str], folder: str) -> sa.ColumnElement[bool]:
    """``folder`` itself or anything in it; no LIKE, whose wildcards may stand in names."""
    if not folder:
        return sa.true()
    start = sa.func.substr(sa.type_coerce(path, sa.Text), 1, sa.func.length(sa.literal(f"{folder}/", PathText)))
    return sa.or_(path == folder, start == sa.literal(f"{folder}/", PathText))


def _location(row: sa.Row[tuple[object, ...]]) -> Location:
    stat = FileStat(row.size, row.mtime_ns, row.inode)
    return Location(row.id, row.root_id, row.path, row.asset_id, stat)


_SELECT = sa.select(location)
