"""One picture in every form that was asked for: the encoder's square, tiles, a larger one to read from, a thumbnail.

Each is made of the picture itself, shrunk by a whole number first where it is far larger (Pillow's ``reducing_gap``).
Colours are converted last, in each form: together they have fewer pixels than a picture worth shrinking.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import numpy as np
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.picture_colour import Levels, levels, resizable, to_srgb
from bowerbird.media.picture.picture_fit import prepare, scaled_size
from bowerbird.moments import Moment, Wanted
from bowerbird.types import Box, SegmentKind

_TILES = {4: (2, 0.6), 9: (3, 0.5)}
"""By number: how many in a row, and their size as a fraction of the picture's. Neighbours overlap."""
_SPARE = 2
"""How many times larger a picture has to be than what is made of it, so that that comes out sharp."""
_GAP = 3.0
"""From how many times its size on, of a tile too, whole numbers are cut off first: the difference is not to be seen."""
_WEBP = {"quality": 75, "method": 1}
"""2 ms at 256 pixels; the next method takes 2.8 ms to be an eighth smaller, the ones after that 5 ms."""


def tiles(regions: int) -> list[Box]:
    """The boxes of a picture's tiles, row by row. Raises ValueError for a number that there is no grid of."""
    if not regions:
        return []
    if regions not in _TILES:
        raise ValueError(f"no grid of {regions} tiles; there are {sorted(_TILES)}")
    across, size = _TILES[regions]
    step = (1 - size) / (across - 1)
    return [Box(round(step * x, 6), round(step * y, 6), size, size) for y in range(across) for x in range(across)]


def hold_to_pages(page: int, pages: int) -> None:
    """Raises `DecodeFailed` where a file of so many pages has no such one."""
    if not 1 <= page <= pages:
        there = "1 page" if pages == 1 else f"{pages} pages"
        raise DecodeFailed(f"has {there}, and no page {page}; ask for one that it has")


def least_size(width: int, height: int, wanted: Wanted, *, reading: float = 1.0) -> tuple[int, int]:
    """The smallest width and height from which all that is wanted can be made without enlarging more than needed.

    ``reading`` is the share of `Wanted.detail_px` that will do, where more would cost much.
    """
    sizes = [(1, 1)]
    if wanted.picture:
        squarish = scaled_size(width, height, wanted.picture)
        sizes.append((_SPARE * squarish[0], _SPARE * squarish[1]))  # which serves the tiles too
    for longest in (reading * wanted.detail_px, _SPARE * wanted.thumbnail_px):
        if longest:
            scale = longest / max(width, height)
            sizes.append((round(width * scale), round(height * scale)))
    return min(width, max(size[0] for size in sizes)), min(height, max(size[1] for size in sizes))


def picture_moments(
    image: Image.Image,
    wanted: Wanted,
    kind: SegmentKind = SegmentKind.IMAGE,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    page: int | None = None,
    readable: bool = True,
) -> Iterator[Moment]:
    """The moment of an upright picture of any mode, then its tiles if it is a still one and they are wanted.

    ``readable`` False where the words on it are known as text anyway, so that nobody reads them off it.
    """
    spec = wanted.picture
    boxes = tiles(wanted.regions) if spec and kind is SegmentKind.IMAGE else []
    detail_px = wanted.detail_px if readable else 0
    image = resizable(image)
    low_high = levels(image)
    yield Moment(
        kind,
        start_s,
        end_s,
        page,
        pixels=prepare(image, spec, low_high) if spec else None,
        detail=np.array(_at_most(image, detail_px, low_high)) if detail_px else None,
        thumbnail=_webp(_at_most(image, wanted.thumbnail_px, low_high)) if wanted.thumbnail_px else None,
    )
    for box in boxes:
        assert spec is not None
        pixels = prepare(_cut(image, box), spec, low_high, reducing_gap=_GAP)
        yield Moment(SegmentKind.REGION, start_s, end_s, page, box, pixels=pixels)


def _cut(image: Image.Image, box: Box) -> Image.Image:
    left, top = round(box.x * image.width), round(box.y * image.height)
    right, bottom = round((box.x + box.width) * image.width), round((box.y + box.height) * image.height)
    return image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


def _at_most(image: Image.Image, longest: int, low_high: Levels | None) -> Image.Image:
    """In RGB, its longer side no longer than that."""
    scale = longest / max(image.size)
    if scale < 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.HAMMING, reducing_gap=_GAP)  # sharp, and half bicubic's time
    return to_srgb(image, low_high)


def _webp(image: Image.Image) -> bytes:
    data = BytesIO()
    image.save(data, "WEBP", **_WEBP)
    return data.getvalue()
