"""Small pictures of assets and of queries, as data URIs."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bowerbird.errors import BowerbirdError
from bowerbird.moments import Heard, Moment, Wanted
from bowerbird.queries import Hit
from bowerbird.types import AssetKind, SegmentKind
from bowerbird.wiring import Library
from search.evaluation.queries import Judged

LONGEST_PX = 320
_SEEN = frozenset({SegmentKind.IMAGE, SegmentKind.FRAME, SegmentKind.PAGE})
"""Kinds of moments that have a thumbnail of their own."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An asset for the eye; ``picture`` is a data URI, None where it has no picture or it cannot be had."""

    path: str
    kind: AssetKind
    picture: str | None


def of_hit(library: Library, hit: Hit) -> Shown:
    """The very moment that was found, else its asset."""
    picture = None
    if hit.segment_kind in _SEEN:
        with library.catalog.read() as tx:
            found = tx.segments.moments([hit.segment_id]).get(hit.segment_id)
        if found is not None:
            picture = _kept(library, hit.asset_id, found.segment.ordinal)
    return Shown(hit.path, hit.kind, picture or _of_asset(library, hit.asset_id, hit.path, hit.kind))


def of_asset(library: Library, hash_: str) -> Shown | None:
    """The asset with this hash; None where it has just gone."""
    with library.catalog.read() as tx:
        asset = tx.assets.by_hash(hash_)
        copies = [] if asset is None else tx.locations.copies(asset.id)
    if asset is None or not copies:
        return None
    path = str(Path(copies[0].root.path, copies[0].path))
    return Shown(path, asset.info.kind, _of_asset(library, hash_, path, asset.info.kind))


def of_query(library: Library, query: Judged) -> str | None:
    """The query's own picture."""
    if query.image is None:
        return None
    try:
        data = query.ask().image
        parts = library.decoders.decode_bytes(data or b"", Wanted(thumbnail_px=LONGEST_PX)).parts
    except BowerbirdError:  # it was there when the query was put; the report can do without
        return None
    return _first(parts)


def _of_asset(library: Library, hash_: str, path: str, kind: AssetKind) -> str | None:
    """The thumbnail that was kept, else one made anew of a picture that is still there."""
    kept = _kept(library, hash_, 0)
    if kept is not None or kind is not AssetKind.IMAGE:
        return kept
    try:
        return _first(library.decoders.decode_one(Path(path), Wanted(thumbnail_px=LONGEST_PX)).parts)
    except BowerbirdError:
        return None


def _kept(library: Library, hash_: str, ordinal: int) -> str | None:
    try:
        return _uri(library.thumbnails.path(hash_, ordinal).read_bytes())
    except OSError:
        return None


def _first(parts: Iterable[Moment | Heard]) -> str | None:
    thumbnail = next((part.thumbnail for part in parts if isinstance(part, Moment) and part.thumbnail), None)
    return None if thumbnail is None else _uri(thumbnail)


def _uri(webp: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"
