"""Pictures, by Pillow: upright, sRGB, on white, made to the encoder's size where they are decoded.

A picture is shrunk first and its colours are converted after, so that a 16-bit scan or a wide-gamut photo costs no more
than a plain one. A JPEG shrinks while it is read, by libjpeg's scaled DCT, never below twice the wanted size.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture_fit import prepare, scaled_size
from bowerbird.media.registry import PICTURES, Limits
from bowerbird.media.regular_file import open_regular
from bowerbird.types import AssetInfo, Decoded, Moment, PictureSpec, SegmentKind

# Not PSD, FITS, WMF and the like, of which Pillow reads a preview or nothing, and never EPS: it starts Ghostscript.
_READ = (
    "JPEG", "PNG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "PPM", "ICO", "ICNS", "JPEG2000", "AVIF", "PCX", "QOI", "SGI",
    "DDS",
)  # fmt: skip
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, RuntimeError, struct.error)
"""What Pillow raises on damaged files."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what undoes it."""
_SIDEWAYS = {_UPRIGHT[orientation] for orientation in (5, 6, 7, 8)}

_MEDIA_TYPES = {"image/mpo": "image/jpeg"}
"""Where Pillow's word is not the usual one."""
_CUT_SHORT = ("truncated", "not enough", "unexpected end")


class PictureDecoder:
    """Whatever Pillow reads by itself, known by content and not by name; of several frames or pages the first."""

    name = PICTURES.name
    version = PICTURES.version
    kind = PICTURES.kind
    suffixes = PICTURES.suffixes

    def __init__(self, limits: Limits) -> None:
        self._max_megapixels = limits.max_megapixels
        Image.MAX_IMAGE_PIXELS = None  # its own check knows nothing of a JPEG's draft; `_hold_to_limit` takes its place

    def decode(self, path: Path, spec: PictureSpec | None) -> Decoded:
        """One moment, the picture. With no ``spec`` it is read through all the same, and damage found."""
        with open_regular(path) as file, _explained():
            if os.fstat(file.fileno()).st_size == 0:
                raise DecodeFailed("is empty")
            # A TARGA file has no mark of its own, so that much that is no picture would pass for one.
            with Image.open(file, formats=(*_READ, "TGA") if path.suffix.lower() == ".tga" else _READ) as image:
                return self._read(image, spec)

    def _read(self, image: ImageFile, spec: PictureSpec | None) -> Decoded:
        width, height = image.size
        wanted = (1, 1) if spec is None else scaled_size(width, height, spec)
        image.draft(None, (2 * wanted[0], 2 * wanted[1]))
        self._hold_to_limit(image)
        drafted = image.size != (width, height)
        image.load()
        if not drafted:
            width, height = image.size  # an icon's header may name another size than the picture inside
        turn = _UPRIGHT.get(_orientation(image))
        if turn in _SIDEWAYS:
            width, height = height, width
        media_type = Image.MIME.get(image.format or "", f"image/{(image.format or 'x-unknown').lower()}")
        pixels = None
        if spec is not None:
            pixels = prepare(image if turn is None else image.transpose(turn), spec)
        info = AssetInfo(PICTURES.kind, _MEDIA_TYPES.get(media_type, media_type), width, height)
        return Decoded(info, [Moment(SegmentKind.IMAGE, pixels=pixels)])

    def _hold_to_limit(self, image: ImageFile) -> None:
        """Judge the size by the header, before a pixel is decoded."""
        megapixels = image.width * image.height / 1e6
        if megapixels > self._max_megapixels:
            raise DecodeFailed(
                f"{megapixels:.0f} megapixels is over the limit of {self._max_megapixels}; "
                "raise decode.max_megapixels in library.toml"
            )


def _orientation(image: ImageFile) -> int:
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except _BROKEN:
        return 1  # damaged metadata costs no picture
    return orientation if isinstance(orientation, int) else 1


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what Pillow raises into a line that says what is wrong with the file."""
    try:
        yield
    except UnidentifiedImageError:
        raise DecodeFailed("is not a picture of a kind that is read, or is damaged") from None
    except _BROKEN as error:
        said = str(error)
        if isinstance(error, EOFError) or any(word in said.lower() for word in _CUT_SHORT):
            raise DecodeFailed("is cut short: part of the picture is missing") from None
        raise DecodeFailed(f"is damaged: {said or type(error).__name__}") from None
