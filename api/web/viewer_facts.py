"""What is known of a file, as lines of a table for people."""

from __future__ import annotations

from collections.abc import Iterator

from api.web.viewer_content import Viewed
from bowerbird.types import AssetKind, Place, Position, Segment
from search.moments_in_words import clock


def facts(shown: Viewed) -> Iterator[tuple[str, str]]:
    """Names and values, those that nobody knows left out. Paths are told apart from these, being many."""
    info = shown.asset.info
    if shown.dated is not None:
        said = f"{shown.dated.day} {shown.dated:%B} {shown.dated.year}, {shown.dated:%H:%M}"
        yield "When", said if info.taken is not None else f"{said}, by the file's name or time"
    if info.place is not None:
        yield "Where", _named(info.place)
    if info.position is not None:
        yield "Position", _degrees(info.position)
    for label, value in (
        ("Camera", info.camera),
        ("Lens", info.lens),
        ("Title", info.title),
        ("Author" if info.kind is AssetKind.DOCUMENT else "Artist", info.artist),
        ("Album", info.album),
        ("Keywords", ", ".join(info.keywords)),
    ):
        if value:
            yield label, value
    if info.width and info.height:
        yield "Picture", f"{info.width:,} × {info.height:,} pixels"
    if info.duration_s is not None:
        yield "Length", clock(info.duration_s)
    if shown.pages is not None and shown.stage == "paper":
        yield "Pages", f"{shown.pages:,}"
    yield "File", f"{_bytes(shown.asset.size)}, {info.media_type}"


def spot(moment: Segment) -> str:
    """Where in its file: ``1:05``, ``page 4``; empty where it is all of it, or just a part of a picture."""
    if moment.start_s is not None:
        return clock(moment.start_s)
    return "" if moment.page is None else f"page {moment.page}"


def _named(place: Place) -> str:
    return ", ".join(dict.fromkeys(name for name in (place.name, place.region, place.country) if name))


def _degrees(position: Position) -> str:
    """``38.7075° N, 9.1361° W``."""
    north, east = "N" if position.latitude >= 0 else "S", "E" if position.longitude >= 0 else "W"
    return f"{abs(position.latitude):.4f}° {north}, {abs(position.longitude):.4f}° {east}"


def _bytes(size: float) -> str:
    """``1.4 MB``."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
