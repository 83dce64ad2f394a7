"""A picture -> the square of pixels that an encoder wants, in the three ways that open_clip knows.

The numbers are those of ``open_clip.transform.image_transform`` on Pillow pictures (torchvision's ``Resize`` and
``CenterCrop``), to within rounding. The whole picture is scaled and then cut, as there: Pillow's ``box`` would scale
only what is kept, but it may swap the two passes of the filter, and then one value in eight differs.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from bowerbird.media.picture.picture_colour import Levels, levels, resizable, to_srgb
from bowerbird.moments import PictureSpec
from bowerbird.types import Pixels

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
_STRIP = 8
"""How many times longer than wide a picture may be before its ends are cut off, which the square leaves out anyway."""


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


def prepare(
    image: Image.Image, spec: PictureSpec, low_high: Levels | None = None, *, reducing_gap: float | None = None
) -> Pixels:
    """Scale, cut or pad an upright picture of any mode -> ``(spec.size, spec.size, 3)`` uint8, sRGB, on white.

    ``low_high``: the `levels` of the picture that this one is cut from; None: its own. ``reducing_gap`` as Pillow's
    ``resize`` has it; None: every pixel counts by the filter alone.
    """
    image = resizable(_without_far_ends(image) if spec.resize == "shortest" else image)
    if low_high is None:
        low_high = levels(image)
    scaled = image.resize(scaled_size(*image.size, spec), _FILTERS[spec.interpolation], reducing_gap=reducing_gap)
    left, right = _kept(scaled.width, spec.size)
    top, bottom = _kept(scaled.height, spec.size)
    cut = scaled.crop((left, top, right, bottom))
    picture = to_srgb(cut, low_high)
    if picture.size != (spec.size, spec.size):
        canvas = Image.new("RGB", (spec.size, spec.size), (spec.fill,) * 3)
        canvas.paste(picture, ((spec.size - picture.width) // 2, (spec.size - picture.height) // 2))
        picture = canvas
    return np.array(picture)


def _without_far_ends(image: Image.Image) -> Image.Image:
    """A strip cut to its middle before it is scaled: one row of 100,000 pixels would grow to millions of columns."""
    width, height = image.size
    longest = _STRIP * min(width, height)
    if max(width, height) <= longest:
        return image
    left, right = _kept(width, longest)
    top, bottom = _kept(height, longest)
    return image.crop((left, top, right, bottom))


def _kept(length: int, size: int) -> tuple[int, int]:
    """The middle ``size`` of ``length``, all of it where it is shorter."""
    if length <= size:
        return 0, length
    start = round((length - size) / 2)
    return start, start + size
