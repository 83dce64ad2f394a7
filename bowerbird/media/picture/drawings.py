"""SVG, drawn by resvg at the size wanted, and the words in it as text.

resvg opens what an ``href`` names, so a drawing never reaches it as it came: it is parsed here, by expat, and written
anew without anything that refers beyond the file, without a DTD, and with a size that is known.
"""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path

from PIL import Image
from resvg_py import svg_to_bytes

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.drawing_source import Drawing, read_drawing
from bowerbird.media.picture.pictures import explained, open_picture
from bowerbird.media.picture.renditions import least_size, picture_moments
from bowerbird.media.registry import DRAWINGS, Limits
from bowerbird.media.regular_file import open_regular
from bowerbird.moments import Decoded, Moment, Wanted
from bowerbird.types import AssetInfo, SegmentKind

_LARGEST = 4096
"""Pixels of the longer side, whatever is wanted."""
_SMALLEST = 16
_MOST_SAID = 1_000_000
"""Pixels: a drawing that claims to be larger has no size that would mean anything."""


class DrawingDecoder:
    """SVG, gzipped or not. Words drawn as text, its title and its description are a moment of text."""

    name = DRAWINGS.name
    version = DRAWINGS.version
    kind = DRAWINGS.kind
    suffixes = DRAWINGS.suffixes

    def __init__(self, limits: Limits) -> None:
        self._max_megapixels = limits.max_megapixels
        self._max_mb = limits.max_text_mb

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """The drawing on white, its tiles, and its words if it has any.

        Raises `DecodeFailed` where it is no SVG, or larger or more intricate than the limits allow.
        """
        drawing = read_drawing(self._source(path), self._max_megapixels)
        said = max(drawing.width, drawing.height) <= _MOST_SAID
        size = (max(1, round(drawing.width)), max(1, round(drawing.height))) if said else (None, None)
        return Decoded(AssetInfo(DRAWINGS.kind, "image/svg+xml", *size), self._moments(drawing, wanted))

    def _moments(self, drawing: Drawing, wanted: Wanted) -> list[Moment]:
        moments = list(picture_moments(_drawn(drawing, wanted), wanted, readable=not drawing.has_text))
        if drawing.texts:
            moments.append(Moment(SegmentKind.TEXT, text="\n".join(drawing.texts)))
        return moments

    def _source(self, path: Path) -> bytes:
        most = int(self._max_mb * (1 << 20))
        with open_regular(path) as file:
            data = file.read(most + 1)
        if not data:
            raise DecodeFailed("is empty")
        if data.startswith(b"\x1f\x8b"):
            unzip = zlib.decompressobj(wbits=31)
            try:
                data = unzip.decompress(data, most + 1)
            except zlib.error as error:
                raise DecodeFailed(f"is damaged: {error}") from None
            if not unzip.eof and len(data) <= most:
                raise DecodeFailed("is cut short: part of the drawing is missing")
        if len(data) > most:
            raise DecodeFailed(
                f"is over the limit of {self._max_mb:g} MB of text; raise decode.max_text_mb in library.toml"
            )
        return data


def _drawn(drawing: Drawing, wanted: Wanted) -> Image.Image:
    """The drawing on white, no larger than is wanted of it."""
    scale = _LARGEST / max(drawing.width, drawing.height)
    width, height = max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale))
    least = least_size(width, height, wanted)
    share = max(least[0] / width, least[1] / height, _SMALLEST / _LARGEST)
    markup = drawing.markup(max(1, round(width * share)), max(1, round(height * share)))
    try:
        # The fonts are the machine's own: a drawing can name one, but bring none.
        png = svg_to_bytes(svg_string=markup, background="#ffffff", skip_system_fonts=not drawing.has_text)
    except ValueError as error:
        raise DecodeFailed(f"cannot be drawn: {error}") from None
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # what a bug in Rust is raised as, and no Exception
            raise DecodeFailed(f"cannot be drawn: {error}") from None
        raise
    with explained(), open_picture(BytesIO(png), ("PNG",)) as image:
        image.load()
        return image.convert("RGB")
