"""Pictures for an assistant, as JPEG."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mcp_types import ImageContent

from api.jpeg import as_jpeg
from api.mcp.parts import Parts
from api.renditions import NoPicture, OutOfReach
from bowerbird.queries import Hit
from bowerbird.types import AssetKind
from search.thumbnails import thumbnails_of

LARGE_PX = 1024
"""The longest side of a moment's picture: what models that see are shown without scaling it down."""


def thumbnails(parts: Parts, hits: Sequence[Hit], most: int) -> list[tuple[Hit, bytes]]:
    """The first ``most`` of these hits that there is a small picture of, each with it, JPEG."""
    shown: list[tuple[Hit, bytes]] = []
    for hit, path in zip(hits, thumbnails_of(parts.library, hits), strict=True):
        if len(shown) == most:
            break
        if path is None:
            continue
        try:
            shown.append((hit, as_jpeg(path.read_bytes())))
        except OSError:  # it has just gone, or was damaged: the hit stands without it
            continue
    return shown


@dataclass(frozen=True, slots=True)
class Shown:
    """What a moment shows, and where that comes from."""

    source: Literal["original", "thumbnail", "none"]
    jpeg: bytes | None = None
    note: str | None = None
    """Why it is not the original, where that can be mended."""


def picture(parts: Parts, hit: Hit) -> Shown:
    """What the moment shows: the file, its longest side `LARGE_PX`, or for want of it the thumbnail, or nothing."""
    try:
        return Shown("original", as_jpeg(_rendition(parts, hit)))
    except NoPicture:  # a text, a sound
        note = None
    except OutOfReach as error:
        note = str(error)
    small = thumbnails(parts, [hit], 1)
    return Shown("thumbnail", small[0][1], note) if small else Shown("none", note=note)


def _rendition(parts: Parts, hit: Hit) -> bytes:
    if hit.kind is AssetKind.VIDEO:
        begins = hit.start_s or 0.0
        return parts.renditions.poster(hit.asset_id, at_s=(begins + (hit.end_s or begins)) / 2, px=LARGE_PX)
    return parts.renditions.picture(hit.asset_id, page=hit.page, px=LARGE_PX)


def content(jpeg: bytes) -> ImageContent:
    """A picture as the protocol carries it."""
    return ImageContent(type="image", data=base64.b64encode(jpeg).decode("ascii"), mime_type="image/jpeg")
