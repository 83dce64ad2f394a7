"""The words of a PDF's page, each with the box in which it stands on the page as it is drawn."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pypdfium2
import pypdfium2.raw as pdfium_c

from bowerbird.errors import DecodeFailed
from bowerbird.moments import Moment
from bowerbird.types import Box, SegmentKind

_MOST_WORDS = 20_000
"""On one page: a sheet of stock prices has 5,000."""
_FINE = 1 << 20
"""Steps across a page, in which PDFium says where on it a point is drawn."""
_HYPHENS = {0xFFFE: ord("-"), 0x02: ord("-")}
"""What PDFium writes for the hyphen of a word that goes on in the next line."""
_BLANKS = frozenset(code for code in range(0x3001) if chr(code).isspace())


def word_moments(page: pypdfium2.PdfPage, number: int) -> Iterator[Moment]:
    """A moment of kind `text` for each run of letters between blanks, in the order in which the page has them.

    Boxes surround the ink, and are cut at the edge of the page; words beyond it are left out. A word that is broken at
    the end of a line is two. Raises `DecodeFailed` where there are more than on any page that people read.
    """
    textpage = page.get_textpage()
    try:
        found = 0
        for text, edges in _words(textpage):
            if box := _box(page, edges):
                found += 1
                if found > _MOST_WORDS:
                    raise DecodeFailed(f"page {number} has more than {_MOST_WORDS} words")
                yield Moment(SegmentKind.TEXT, page=number, box=box, text=text)
    finally:
        textpage.close()


_Edges = tuple[float, float, float, float]
"""Left, bottom, right and top, in the page's own coordinates."""


def _words(textpage: pypdfium2.PdfTextPage) -> Iterator[tuple[str, _Edges]]:
    units: list[int] = []
    places: list[_Edges] = []
    left, bottom, right, top = (ctypes.c_double() for _ in range(4))
    for index in range(textpage.count_chars() + 1):  # at the last there is nothing, which ends a word as a blank does
        unit: int = pdfium_c.FPDFText_GetUnicode(textpage, index)
        if unit and unit not in _BLANKS:
            units.append(_HYPHENS.get(unit, min(unit, 0x10FFFF)))
            if pdfium_c.FPDFText_GetCharBox(textpage, index, left, right, bottom, top):
                places.append((left.value, bottom.value, right.value, top.value))
            continue
        if units and places:
            lefts, bottoms, rights, tops = zip(*places, strict=True)
            yield _text(units), (min(lefts), min(bottoms), max(rights), max(tops))
        units, places = [], []


def _text(units: list[int]) -> str:
    """Code points, or the halves of those that UTF-16 has two for."""
    return "".join(map(chr, units)).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _box(page: pypdfium2.PdfPage, edges: _Edges) -> Box | None:
    """Where on the upright page; None where that is beyond its edge."""
    left, bottom, right, top = edges
    (x, y), (x_end, y_end) = _drawn_at(page, left, bottom), _drawn_at(page, right, top)
    x, x_end = sorted((x, x_end))
    y, y_end = sorted((y, y_end))
    if x >= 1 or y >= 1 or x_end <= 0 or y_end <= 0:
        return None
    x, y = max(x, 0.0), max(y, 0.0)
    return Box(x, y, min(x_end, 1.0) - x, min(y_end, 1.0) - y)


def _drawn_at(page: pypdfium2.PdfPage, x: float, y: float) -> tuple[float, float]:
    """Fractions of the drawn page, from the top left: turned and cut as it is drawn."""
    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium_c.FPDF_PageToDevice(page, 0, 0, _FINE, _FINE, 0, x, y, across, down)
    return across.value / _FINE, down.value / _FINE
