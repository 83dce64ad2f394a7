"""An encoded picture, or a part of one, becomes the square of pixels that an encoder wants."""

from __future__ import annotations

import math

from bowerbird.media.sandbox import DecoderPool
from bowerbird.moments import Moment, PictureSpec, Wanted
from bowerbird.types import Box, Pixels

_SHARPEST = 8192
"""The longest side of the rendition from which a part is cut."""


def pixels_of(decoders: DecoderPool, data: bytes, spec: PictureSpec, crop: Box | None = None) -> Pixels:
    """The picture ``data``, or what ``crop`` shows of it, made to ``spec``. Raises `DecodeFailed`."""
    if crop is None:
        decoded = decoders.decode_bytes(data, Wanted(spec))
        return next(part.pixels for part in decoded.parts if isinstance(part, Moment) and part.pixels is not None)
    from PIL import Image

    from bowerbird.media.picture.picture_fit import prepare

    # As much of the picture as leaves the part twice the size that the encoder wants.
    longest = min(_SHARPEST, math.ceil(2 * spec.size / min(crop.width, crop.height)))
    decoded = decoders.decode_bytes(data, Wanted(detail_px=longest))
    whole = next(part.detail for part in decoded.parts if isinstance(part, Moment) and part.detail is not None)
    height, width = whole.shape[:2]
    left, top = min(int(crop.x * width), width - 1), min(int(crop.y * height), height - 1)
    right = max(left + 1, round((crop.x + crop.width) * width))
    bottom = max(top + 1, round((crop.y + crop.height) * height))
    return prepare(Image.fromarray(whole[top:bottom, left:right]), spec, None)
