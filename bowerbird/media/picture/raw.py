"""Camera RAW, by LibRaw: the picture that the camera made of it, or, where there is none of use, one developed here."""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import rawpy
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.photo_facts import of_exif, with_facts
from bowerbird.media.picture.pictures import SIDEWAYS, explained, hold_to_limit, open_picture, still, turned
from bowerbird.media.picture.renditions import picture_moments
from bowerbird.media.registry import RAW, Limits
from bowerbird.media.regular_file import open_regular
from bowerbird.moments import Decoded, Moment, Wanted
from bowerbird.types import AssetInfo

_MOST_BYTES = 400 << 20
"""LibRaw has a file in memory as a whole; the largest cameras write 200 MB."""
_PREVIEW_PX = 512
"""The longer side from which on a preview shows enough."""
_ORIENTATIONS = {3: 3, 5: 8, 6: 6}
"""LibRaw's way of saying how the camera was held -> EXIF's; 0 is upright."""
_TIFF = (b"II*\0", b"MM\0*")
_HEAD = 1 << 20
"""Bytes in which what a camera says of a picture lies."""
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, RuntimeError, struct.error)
"""What Pillow raises on damaged metadata."""
_MAKERS = {
    "3fr": "hasselblad", "arw": "sony", "cr2": "canon", "cr3": "canon", "dcr": "kodak", "dng": "adobe",
    "erf": "epson", "kdc": "kodak", "mef": "mamiya", "mrw": "minolta", "nef": "nikon", "nrw": "nikon",
    "orf": "olympus", "pef": "pentax", "raf": "fuji", "rw2": "panasonic", "rwl": "leica", "sr2": "sony",
    "srf": "sony", "srw": "samsung", "x3f": "sigma",
}  # fmt: skip
"""Suffix -> whose it is, as shared-mime-info has it."""


class RawDecoder:
    """The files of digital cameras before they are developed."""

    name = RAW.name
    version = RAW.version
    kind = RAW.kind
    suffixes = RAW.suffixes

    def __init__(self, limits: Limits) -> None:
        self._max_megapixels = limits.max_megapixels

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """One moment, the picture, and its tiles; its size is that of the full picture, not of a preview."""
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise DecodeFailed("is empty")
            if size > _MOST_BYTES:
                raise DecodeFailed(f"has {size >> 20} MB, and a picture of this kind at most {_MOST_BYTES >> 20}")
            try:
                with rawpy.imread(file) as raw:
                    suffix = path.suffix.lower()[1:]
                    maker = _MAKERS.get(suffix)
                    media_type = f"image/x-{maker}-{suffix}" if maker else "image/x-dcraw"
                    info = _with_own_facts(AssetInfo(RAW.kind, media_type, *_upright_size(raw)), file)
                    preview = self._preview(raw, wanted, info)
                    return preview or Decoded(info, self._developed(raw, wanted))
            except rawpy.LibRawFileUnsupportedError:
                raise DecodeFailed("is not a RAW file of a camera that is known, or is damaged") from None
            except rawpy.LibRawError as error:
                raise DecodeFailed(f"is damaged: {_said(error)}") from None

    def _preview(self, raw: rawpy.RawPy, wanted: Wanted, info: AssetInfo) -> Decoded | None:
        """The largest picture inside the file; None where there is none, or it is small or damaged."""
        try:
            preview = raw.extract_thumb()
        except (rawpy.LibRawError, rawpy.NotSupportedError):
            return None
        orientation = _ORIENTATIONS.get(raw.sizes.flip, 1)
        if preview.format is rawpy.ThumbFormat.BITMAP:
            image = turned(Image.fromarray(np.asarray(preview.data)), orientation)
            return Decoded(info, list(picture_moments(image, wanted))) if max(image.size) >= _PREVIEW_PX else None
        with suppress(DecodeFailed), explained(), open_picture(BytesIO(bytes(preview.data)), ("JPEG",)) as jpeg:
            if max(jpeg.size) < _PREVIEW_PX:
                return None
            width, height = _upright_size(raw)
            if orientation in SIDEWAYS and (jpeg.width > jpeg.height) == (width > height):
                orientation = 1  # some cameras, and most converters, keep the preview upright already
            shown = still(jpeg, wanted, self._max_megapixels, orientation=orientation)
            return Decoded(with_facts(info, jpeg), shown.parts)
        return None

    def _developed(self, raw: rawpy.RawPy, wanted: Wanted) -> list[Moment]:
        """Half as wide and high as the sensor, for a quarter of the time: no colour has to be guessed."""
        hold_to_limit((raw.sizes.width, raw.sizes.height), self._max_megapixels)
        pixels = raw.postprocess(half_size=True, use_camera_wb=True)
        grey = pixels.ndim == 3 and pixels.shape[2] == 1
        return list(picture_moments(Image.fromarray(pixels[..., 0] if grey else pixels), wanted))


def _with_own_facts(info: AssetInfo, file: BinaryIO) -> AssetInfo:
    """Most cameras write their RAW files as TIFF does, so that their heads read as EXIF."""
    file.seek(0)
    head = file.read(_HEAD)
    if head[:4] not in _TIFF:
        return info
    exif = Image.Exif()
    with suppress(*_BROKEN):
        exif.load(b"Exif\0\0" + head)
    return of_exif(info, exif)


def _upright_size(raw: rawpy.RawPy) -> tuple[int, int]:
    width, height = raw.sizes.width, raw.sizes.height
    return (height, width) if _ORIENTATIONS.get(raw.sizes.flip, 1) in SIDEWAYS else (width, height)


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else type(error).__name__
    return said.decode("ascii", "replace") if isinstance(said, bytes) else str(said)
