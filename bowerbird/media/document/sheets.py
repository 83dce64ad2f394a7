"""Spreadsheets (.xlsx), by openpyxl in its read-only mode: row by row, values as last computed and no formulas.

Links to other workbooks are not kept, and nothing is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

import openpyxl
from lxml import etree
from openpyxl.utils.exceptions import InvalidFileException

from bowerbird.errors import DecodeFailed
from bowerbird.media.document import archive as zips
from bowerbird.media.document.archive import Archive
from bowerbird.media.document.documents import DocumentDecoder
from bowerbird.media.document.tables import row_texts, table_moments
from bowerbird.media.document_formats import SHEETS
from bowerbird.moments import Decoded, Moment, Wanted
from bowerbird.types import AssetInfo

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class SheetDecoder(DocumentDecoder):
    """Hidden sheets are read too; charts, comments and pictures are not."""

    format = SHEETS
    broken = (
        *zips.BROKEN,
        *(ParseError, etree.XMLSyntaxError, InvalidFileException, TypeError, AttributeError, IndexError),
    )

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """A moment for every fifty rows under the sheet's name, ``page`` being the sheet's number."""
        archive = Archive(file, self.limits)
        for name in archive.names():
            if name.endswith((".xml", ".rels")):
                _refuse_entities(archive, name)
        file.seek(0)
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        title, author = book.properties.title, book.properties.creator
        author = None if author == "openpyxl" else author  # who made the file, and no person
        return Decoded(AssetInfo(self.kind, _MEDIA_TYPE, title=title or None, artist=author or None), _sheets(book))


def _sheets(book: openpyxl.Workbook) -> Iterator[Moment]:
    try:
        for number, sheet in enumerate(book.worksheets, start=1):
            sheet.reset_dimensions()  # what the file says of them would fill up each row to the widest
            rows = ([_written(cell) for cell in row] for row in sheet.iter_rows(values_only=True))
            yield from table_moments(row_texts(rows), sheet.title, number)
    finally:
        book.close()


def _written(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(" ", "minutes")
        case date():
            return value.isoformat()
        case float():
            return f"{value:.10g}"
    return str(value)


def _refuse_entities(archive: Archive, name: str) -> None:
    """openpyxl's parser would expand a document type's entities, and no spreadsheet has any (ECMA-376, part 2)."""
    with archive.open(name) as part:
        head = part.read(4096).replace(b"\x00", b"")  # as UTF-16 has between letters
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        raise DecodeFailed("declares XML entities, which no spreadsheet does")
