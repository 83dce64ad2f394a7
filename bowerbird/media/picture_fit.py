"""A picture -> the square of pixels that an encoder wants, in the three ways that open_clip knows.

The numbers are those of ``open_clip.transform.image_transform`` on Pillow pictures (torchvision's ``Resize`` and
``CenterCrop``), to within rounding. Scaling and cutting are one step here: Pillow resizes only the box that is kept, so
a panorama of one row costs no more than a square.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from bowerbird.media.picture_colour import levels, resizable, to_srgb
from bowerbird.types import PictureSpec, Pixels

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def scaled_size(width: int, height: int, spec: PictureSpec) -> tuple[int, int]:
    """The width and height to which the whole picture is scaled, before anything is cut off or padded."""
    if spec.resize == "squash":
        return spec.size, spec.size
    if spec.resize == "longest":
        longer = max(width, height)
        return max(1, round(width * spec.size / longer)), max(1, round(height * spec.size / longer))
    wanted = int(spec.size / spec.crop)
    shorter = min(width, height)
    return int(wanted * width / shorter), int(wanted * height / shorter)


def prepare(image: Image.Image, spec: PictureSpec) -> Pixels:
    """Scale, cut or pad an upright picture of any mode -> ``(spec.size, spec.size, 3)`` uint8, sRGB, on white."""
    image = resizable(image)
    low_high = levels(image)
    width, height = scaled_size(*image.size, spec)
    left, right = _kept(width, spec.size)
    top, bottom = _kept(height, spec.size)
    across, down = image.width / width, image.height / height
    cut = image.resize(
        (right - left, bottom - top),
        _FILTERS[spec.interpolation],
        box=(left * across, top * down, min(right * across, image.width), min(bottom * down, image.height)),
    )
    picture = to_srgb(cut, low_high)
    if picture.size != (spec.size, spec.size):
        canvas = Image.new("RGB", (spec.size, spec.size), (spec.fill,) * 3)
        canvas.paste(picture, ((spec.size - picture.width) // 2, (spec.size - picture.height) // 2))
        picture = canvas
    return np.array(picture)


def _kept(length: int, size: int) -> tuple[int, int]:
    """The middle ``size`` of ``length``, all of it where it is shorter."""
    if length <= size:
        return 0, length
    start = round((length - size) / 2)
    return start, start + size
