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
from typing import IO

from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.photo_facts import with_facts
from bowerbird.media.picture.renditions import least_size, picture_moments
from bowerbird.media.registry import PICTURES, Limits
from bowerbird.media.regular_file import open_regular
from bowerbird.moments import Decoded, Wanted
from bowerbird.types import AssetInfo

# Not PSD, FITS, WMF and the like, of which Pillow reads a preview or nothing, and never EPS: it starts Ghostscript.
READ = (
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
SIDEWAYS = (5, 6, 7, 8)
"""The orientations in which width and height change places."""

_MEDIA_TYPES = {"image/mpo": "image/jpeg"}
"""Where Pillow's word is not the usual one."""
_READABLE = 0.6
"""The share of what is wanted for reading words that will do: at twice the size a JPEG takes three times as long."""
_CUT_SHORT = ("truncated", "not enough", "unexpected end")


class PictureDecoder:
    """Whatever Pillow reads by itself, known by content and not by name; of several frames the first."""

    name = PICTURES.name
    version = PICTURES.version
    kind = PICTURES.kind
    suffixes = PICTURES.suffixes

    def __init__(self, limits: Limits) -> None:
        self._max_megapixels = limits.max_megapixels

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """One moment, the picture, and its tiles. With nothing wanted it is read through all the same, and damage
        found.
        """
        # A TARGA file has no mark of its own, so that much that is no picture would pass for one.
        with opened(path, (*READ, "TGA") if path.suffix.lower() == ".tga" else READ) as image:
            return still(image, wanted, self._max_megapixels)


@contextmanager
def opened(path: Path, formats: tuple[str, ...] = READ, *, most_bytes: int | None = None) -> Iterator[ImageFile]:
    """A picture of which the header has been read, open until the block is left; Pillow's errors are `explained`.

    Raises `DecodeFailed` where the file is empty, of none of the ``formats``, by Pillow's names, or too large.
    """
    with open_regular(path) as file, explained():
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise DecodeFailed("is empty")
        if most_bytes is not None and size > most_bytes:
            raise DecodeFailed(f"has {size >> 20} MB, and a picture of this kind at most {most_bytes >> 20}")
        with open_picture(file, formats) as image:
            yield image


def open_picture(file: IO[bytes], formats: tuple[str, ...] = READ) -> ImageFile:
    """Read a picture's header. Raises what Pillow raises: to be called where that is `explained`."""
    Image.MAX_IMAGE_PIXELS = None  # its own check knows nothing of a JPEG's draft; `hold_to_limit` takes its place
    return Image.open(file, formats=formats)


def still(image: ImageFile, wanted: Wanted, max_megapixels: int, *, orientation: int | None = None) -> Decoded:
    """The frame that an opened file is at, as a picture: one moment, and its tiles. Arguments as for `load_upright`."""
    upright, (width, height) = load_upright(image, wanted, max_megapixels, orientation=orientation)
    info = with_facts(AssetInfo(PICTURES.kind, media_type(image), width, height), image)
    return Decoded(info, list(picture_moments(upright, wanted)))


def load_upright(
    image: ImageFile, wanted: Wanted, max_megapixels: int, *, orientation: int | None = None
) -> tuple[Image.Image, tuple[int, int]]:
    """The pixels of the frame that an opened file is at, upright, and the width and height of the full picture, since
    a JPEG is shrunk while it is read to what is ``wanted``.

    ``orientation`` as EXIF counts, 1 to 8; None: what the file says itself. Raises `DecodeFailed` where the picture is
    over the limit, and what Pillow raises where it is damaged.
    """
    width, height = image.size
    image.draft(None, least_size(width, height, wanted, reading=_READABLE))
    hold_to_limit(image.size, max_megapixels)
    drafted = image.size != (width, height)
    image.load()
    if not drafted:
        width, height = image.size  # an icon's header may name another size than the picture inside
    if orientation is None:
        orientation = exif_orientation(image) or 1
    return turned(image, orientation), (height, width) if orientation in SIDEWAYS else (width, height)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The picture upright, by its orientation as EXIF counts; itself where it is so already."""
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def hold_to_limit(size: tuple[int, int], max_megapixels: int) -> None:
    """Judge a picture by its header, before a pixel is decoded. Raises `DecodeFailed` where it is too large."""
    megapixels = size[0] * size[1] / 1e6
    if megapixels > max_megapixels:
        raise DecodeFailed(
            f"{megapixels:.0f} megapixels is over the limit of {max_megapixels}; "
            "raise decode.max_megapixels in library.toml"
        )


def media_type(image: Image.Image) -> str:
    """What an opened picture is, as MIME says."""
    found = Image.MIME.get(image.format or "", f"image/{(image.format or 'x-unknown').lower()}")
    return _MEDIA_TYPES.get(found, found)


def exif_orientation(image: ImageFile) -> int | None:
    """What EXIF says of how the camera was held, 1 to 8; None where it says nothing of use."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except _BROKEN:
        return None  # damaged metadata costs no picture
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else None


@contextmanager
def explained() -> Iterator[None]:
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
