"""`AssetInfo` as the columns of the table of assets, and back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bowerbird.store.tables import asset
from bowerbird.types import AssetInfo, AssetKind, Place, Position, Taken, TakenFrom

_PLAIN = ("media_type", "width", "height", "duration_s", "camera", "lens", "title", "artist", "album")
_ALL = (
    *("kind", *_PLAIN, "taken_at", "taken_from", "latitude", "longitude", "place", "region", "country", "keywords"),
)


def columns(prefix: str = "asset_") -> list[sa.Label[Any]]:
    """What `info_of` needs, labelled so that it can be joined with other tables."""
    return [asset.c[name].label(f"{prefix}{name}") for name in _ALL]


def row_of(info: AssetInfo) -> dict[str, Any]:
    """The columns that hold ``info``."""
    taken, position, place = info.taken, info.position, info.place
    return {
        "kind": info.kind,
        **{name: getattr(info, name) for name in _PLAIN},
        "taken_at": taken and taken.at,
        "taken_from": taken and taken.source,
        "latitude": position and position.latitude,
        "longitude": position and position.longitude,
        "place": place and place.name,
        "region": place and place.region,
        "country": place and place.country,
        "keywords": "\n".join(" ".join(word.split()) for word in info.keywords) or None,
    }


def info_of(row: sa.RowMapping, prefix: str = "") -> AssetInfo:
    """The reverse of `row_of`, of a row whose columns' names begin with ``prefix``."""
    value = {name: row[f"{prefix}{name}"] for name in _ALL}
    taken_at, latitude, place, keywords = (value[name] for name in ("taken_at", "latitude", "place", "keywords"))
    return AssetInfo(
        AssetKind(value["kind"]),
        **{name: value[name] for name in _PLAIN},
        taken=None if taken_at is None else Taken(taken_at, TakenFrom(value["taken_from"])),
        position=None if latitude is None else Position(latitude, value["longitude"]),
        place=None if place is None else Place(place, value["region"], value["country"]),
        keywords=tuple(keywords.split("\n")) if keywords else (),
    )
