"""What every way to ask shares: which model may be named from elsewhere, and what it is shown."""

from __future__ import annotations

import math

from api.jpeg import as_jpeg
from api.renditions import MOST_PX, NoPicture, OutOfReach, Renditions, UnknownAsset
from bowerbird.answers import Exhibit
from bowerbird.errors import QueryError
from bowerbird.models.answerers import BUILT_IN
from bowerbird.models.destinations import destination
from bowerbird.settings import Settings
from bowerbird.types import AssetKind, SegmentKind
from search.exhibit_pictures import PictureOf, thumbnails
from search.service import Search


def admitted(spec: str | None, settings: Settings) -> str | None:
    """The answerer, if somebody elsewhere may name it: words and pictures go nowhere that the owner has not chosen.

    Raises `QueryError` otherwise.
    """
    own = settings.answer.answerer
    if spec not in {None, BUILT_IN, own}:
        told = destination(own)["spec"]
        named = repr(BUILT_IN) if own == BUILT_IN else f"{BUILT_IN!r} or {told!r}"
        raise QueryError(f"answerer may be {named} here: the library's settings name it, as [answer] answerer")
    return spec


def pictures_of(search: Search, renditions: Renditions) -> PictureOf:
    """Pictures made from the files themselves, as large as they are wanted, JPEG; of a region that part alone.

    Where a file is out of reach its thumbnail stands in.
    """
    small = thumbnails(search)

    def picture_of(exhibit: Exhibit, longest_px: int) -> bytes | None:
        part = exhibit.box if exhibit.segment_kind is SegmentKind.REGION else None
        # So large that the part of it is as large as is wanted.
        share = 1.0 if part is None else max(part.width, part.height)
        px = min(MOST_PX, math.ceil(longest_px / share)) if share > 0 else longest_px
        try:
            if exhibit.kind is AssetKind.VIDEO:
                begins = exhibit.start_s or 0.0
                middle = (begins + (exhibit.end_s or begins)) / 2
                return as_jpeg(renditions.poster(exhibit.asset_id, at_s=middle, px=px), part)
            return as_jpeg(renditions.picture(exhibit.asset_id, page=exhibit.page, px=px), part)
        except (NoPicture, OutOfReach, UnknownAsset):
            stored = small(exhibit, longest_px)
            return None if stored is None else as_jpeg(stored)

    return picture_of
