"""What a model is shown of an exhibit: the picture that is stored of it, for want of a better one."""

from __future__ import annotations

from collections.abc import Callable

from bowerbird.answers import Exhibit
from bowerbird.types import SegmentKind
from search.service import Search
from search.thumbnails import thumbnails_of

PictureOf = Callable[[Exhibit, int], bytes | None]
"""(exhibit, longest side in pixels) -> an encoded picture, JPEG or WebP, of what the exhibit shows: of a region that
part alone; None where there is none to be had."""


def thumbnails(search: Search) -> PictureOf:
    """Pictures as they are stored, however large they are wanted."""

    def picture_of(exhibit: Exhibit, longest_px: int) -> bytes | None:
        path = thumbnails_of(search.library, [exhibit])[0]
        try:
            data = None if path is None else path.read_bytes()
        except FileNotFoundError:  # forgotten since
            return None
        return _cut(data, exhibit) if data is not None and exhibit.segment_kind is SegmentKind.REGION else data

    return picture_of


def _cut(data: bytes, exhibit: Exhibit) -> bytes:
    """The part of a picture that lies in the exhibit's box, JPEG."""
    import io

    from PIL import Image

    box = exhibit.box
    if box is None:
        return data
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        corners = (box.x * width, box.y * height, (box.x + box.width) * width, (box.y + box.height) * height)
        out = io.BytesIO()
        image.convert("RGB").crop(tuple(map(round, corners))).save(out, "JPEG", quality=90)  # type: ignore[arg-type]
    return out.getvalue()
