"""Where copies of assets lie."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from bowerbird.store.catalog.rows import among_ids, chunks, upsert
from bowerbird.store.tables import PathText, asset, location, root
from bowerbird.types import FileStat, Location, Root, Taken


@dataclass(frozen=True, slots=True)
class Copy:
    """A location, spelled out: enough to look whether the file is still there."""

    location_id: int
    root: Root
    path: str
    stat: FileStat


@dataclass(frozen=True, slots=True)
class Placed:
    """A path of a root, the asset that it holds, and when that was made as far as the file's name or time tell."""

    root_id: int
    path: str
    asset_id: int
    stat: FileStat
    dated: Taken | None = None


class Locations:
    """Locations by root and path, by asset, and under a folder."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def at(self, root_id: int, paths: Sequence[str]) -> dict[str, Location]:
        """Those of ``paths`` under this root that are catalogued."""
        found: dict[str, Location] = {}
        for chunk in chunks(paths):
            query = _SELECT.where(location.c.root_id == root_id, location.c.path.in_(chunk))
            found.update((row.path, _location(row)) for row in self._connection.execute(query))
        return found

    def put(self, places: Iterable[Placed]) -> None:
        """Say which asset each path now holds, whatever it held before."""
        rows = (
            {
                "root_id": each.root_id,
                "path": each.path,
                "asset_id": each.asset_id,
                **asdict(each.stat),
                "dated_at": each.dated and each.dated.at,
                "dated_from": each.dated and each.dated.source,
            }
            for each in places
        )
        upsert(self._connection, location, ["root_id", "path"], rows)

    def remove(self, location_ids: Iterable[int]) -> None:
        """Remove locations; the assets stay."""
        for chunk in chunks(location_ids):
            self._connection.execute(sa.delete(location).where(location.c.id.in_(chunk)))

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
        owners: dict[int, Root] = {}
        for row in self._connection.execute(_COPIES, {"ids": asset_ids}).all():
            owner = owners.get(row.root_id)
            if owner is None:
                owner = owners[row.root_id] = Root(row.root_id, row.root_path, row.device, row.added_at)
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
_COPIES = (
    sa.select(location, root.c.path.label("root_path"), root.c.device, root.c.added_at)
    .join(root, root.c.id == location.c.root_id)
    .where(among_ids(location.c.asset_id))
    .order_by(location.c.id)
)
