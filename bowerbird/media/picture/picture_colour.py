"""Any mode of Pillow -> RGB as a screen shows it: profiles applied, depth reduced, transparency on white."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

Levels = tuple[float, float]
"""The values shown black and white."""

_SIXTEEN_BITS = (0.0, 65535.0)


def resizable(image: Image.Image) -> Image.Image:
    """The picture in a mode whose pixels may be averaged: no palette, no bitmap, transparency as a channel."""
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    if image.mode == "1":
        image = image.convert("L")
    if image.mode.startswith("I;"):
        return image.convert("I")
    if image.mode in ("L", "RGB") and "transparency" in image.info:
        return image.convert({"L": "LA", "RGB": "RGBA"}[image.mode])
    return image


def levels(image: Image.Image) -> Levels | None:
    """What is black and what is white in a picture deeper than 8 bits, None in any other. To be asked before resizing.

    Whole numbers run to 65535 where they fit 16 bits. Real ones run from 0 to 1, or from 0 to 255, where they fit, and
    are stretched from their smallest to their largest where they do not: heights, temperatures, depths.
    """
    if image.mode not in ("I", "F"):
        return None
    low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
    if image.mode == "I":
        return _SIXTEEN_BITS if low >= 0 and high <= _SIXTEEN_BITS[1] else (low, high)
    if low >= 0 and high <= 255:
        return (0.0, 1.0) if high <= 1 else (0.0, 255.0)
    return low, high


def to_srgb(image: Image.Image, low_high: Levels | None = None) -> Image.Image:
    """A picture in a `resizable` mode -> mode RGB, sRGB, what is transparent on white."""
    if low_high is not None:
        low, high = low_high
        values = (np.asarray(image, np.float64) - low) * (255 / ((high - low) or 1))
        return Image.fromarray(np.rint(np.nan_to_num(values).clip(0, 255)).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "RGBa", "La"):
        straight = image.convert({"RGBa": "RGBA", "La": "LA"}.get(image.mode, image.mode))
        colour = _opaque_to_srgb(straight.convert(straight.mode[:-1]), image.info.get("icc_profile"))
        return Image.composite(colour, Image.new("RGB", image.size, "white"), straight.getchannel("A"))
    return _opaque_to_srgb(image, image.info.get("icc_profile"))


def _opaque_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    transform = _transform(profile, image.mode) if profile or image.mode == "LAB" else None
    if transform is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    return transform.apply(image)


@lru_cache(maxsize=8)  # a folder of photos comes from a few cameras
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From ``profile`` (None: CIELAB) to sRGB; None where it is sRGB already, is broken, or belongs to another mode."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile) if profile else ImageCms.createProfile("LAB"))
        if "srgb" in ImageCms.getProfileDescription(source).lower() and mode == "RGB":
            return None
        return ImageCms.ImageCmsTransform(source, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")), mode, "RGB")
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None  # the picture is as good without it
