"""PDF, by PDFium: every page is a picture and a text.

The library is built without JavaScript and XFA, and nothing that a page refers to is opened. A page is drawn no larger
than what is made of it, one at a time, and let go before the next.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

import pypdfium2
import pypdfium2.raw as pdfium_c
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.media.document.documents import DocumentDecoder, hold_to_text_limit, keywords, size_of
from bowerbird.media.document.pdf_words import word_moments
from bowerbird.media.document_formats import PDF
from bowerbird.media.picture.renditions import hold_to_pages, least_size, picture_moments
from bowerbird.moments import Decoded, Moment, Wanted
from bowerbird.types import AssetInfo, SegmentKind

_MAX_PAGES = 20_000
_FINEST_DPI = 300
"""The finest that a page is taken to be: what a page of ordinary size is drawn at where much is wanted of it."""
_MAX_MEGAPIXELS = 24
"""Of a drawn page: a strip a thousand times longer than wide is drawn small rather than large."""
_LITTLE_TEXT = 40
"""Letters and digits up to which a page covered by a picture is a scan with a stamp, and not a page with a text."""


class PdfDecoder(DocumentDecoder):
    """Each page a moment of kind `page`, then one of kind `text` where there is any on it, or one for each word."""

    format = PDF
    broken = (pypdfium2.PdfiumError, OSError)

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """Pages that are damaged are left out. Raises `DecodeFailed` where none is left, or a password is needed."""
        if size_of(file) == 0:
            raise DecodeFailed("is empty")
        document = _opened(file)
        try:
            if len(document) > _MAX_PAGES:
                raise DecodeFailed(f"has {len(document)} pages, over the limit of {_MAX_PAGES}; split it")
            if wanted.page is not None:
                hold_to_pages(wanted.page, len(document))
            said = document.get_metadata_dict()
            info = AssetInfo(
                self.kind,
                "application/pdf",
                title=_line(said.get("Title")),
                artist=_line(said.get("Author")),
                keywords=keywords(said.get("Keywords")),
            )
        except BaseException:
            document.close()
            raise
        return Decoded(info, self._pages(document, wanted))

    def _pages(self, document: pypdfium2.PdfDocument, wanted: Wanted) -> Iterator[Moment]:
        letters, read = 0, 0
        try:
            for number in range(1, len(document) + 1) if wanted.page is None else [wanted.page]:
                try:
                    page = document[number - 1]
                except pypdfium2.PdfiumError:
                    continue
                try:
                    text = _text(page)
                    yield from self._drawn(page, number, wanted, _is_scan(page, text))
                    read += 1
                    letters += len(text)
                    hold_to_text_limit(letters, self.limits)
                    if wanted.word_boxes:
                        yield from word_moments(page, number)
                finally:
                    page.close()
                if text and not wanted.word_boxes:
                    yield Moment(SegmentKind.TEXT, page=number, text=text)
        finally:
            document.close()
        if not read:
            which = "not one page" if wanted.page is None else f"no page {wanted.page}"
            raise DecodeFailed(f"is damaged: {which} can be read")

    def _drawn(self, page: pypdfium2.PdfPage, number: int, wanted: Wanted, scan: bool) -> Iterator[Moment]:
        if not wanted.sees:
            yield Moment(SegmentKind.PAGE, page=number)
            return
        width, height = (max(1.0, side) for side in page.get_size())  # in points, 72 to the inch
        finest = _FINEST_DPI / 72
        shown = wanted if scan else replace(wanted, detail_px=0)
        needed = least_size(math.ceil(width * finest), math.ceil(height * finest), shown)
        scale = max(needed[0] / width, needed[1] / height)
        most = min(_MAX_MEGAPIXELS, self.limits.max_megapixels)
        scale = min(scale, math.sqrt(most * 1e6 / (width * height)))
        bitmap = page.render(scale=scale, rev_byteorder=True, prefer_bgrx=True)
        try:
            image: Image.Image = bitmap.to_pil().convert("RGB")  # a copy: the bitmap's own memory goes with it
        finally:
            bitmap.close()
        yield from picture_moments(image, wanted, SegmentKind.PAGE, page=number, readable=scan)


def _opened(file: BinaryIO) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise DecodeFailed("is locked by a password; save a copy without one") from None
        if "security" in str(error).lower():
            raise DecodeFailed("is locked in a way that is not read; save a copy without protection") from None
        raise DecodeFailed("is damaged, or no PDF") from None


def _text(page: pypdfium2.PdfPage) -> str:
    textpage = page.get_textpage()
    try:
        text: str = textpage.get_text_bounded()
    finally:
        textpage.close()
    # PDFium writes U+FFFE for the hyphen of a word that goes on in the next line.
    joined = text.replace("\r\n", "\n").replace("\ufffe\n", "").replace("\ufffe", "").replace("\x00", "")
    return joined.strip()


def _is_scan(page: pypdfium2.PdfPage, text: str) -> bool:
    """Whether its words have to be read off the picture: no text to speak of, or one that no font explains."""
    spoken = sum(map(str.isalnum, text))
    if spoken < 3 or text.count("\ufffd") > 0.2 * len(text):
        return True
    return spoken <= _LITTLE_TEXT and _is_covered(page)


def _is_covered(page: pypdfium2.PdfPage) -> bool:
    """Whether pictures take up most of the page."""
    width, height = page.get_size()
    covered = 0.0
    for picture in page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE]):
        left, bottom, right, top = picture.get_bounds()
        covered += max(0.0, right - left) * max(0.0, top - bottom)
    return bool(covered > 0.5 * width * height)


def _line(value: str | None) -> str | None:
    return " ".join((value or "").replace("\x00", "").split())[:500] or None
