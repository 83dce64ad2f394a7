"""OpenDocument texts, slides and sheets (.odt, .odp, .ods; ISO/IEC 26300), by lxml, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree

from bowerbird.errors import DecodeFailed
from bowerbird.media.document import archive as zips
from bowerbird.media.document import markup
from bowerbird.media.document.archive import Archive
from bowerbird.media.document.documents import (
    Block,
    DocumentDecoder,
    Heading,
    hold_to_text_limit,
    sections,
    text_moments,
)
from bowerbird.media.document.markup import Element, attribute, children_of, described, local
from bowerbird.media.document.tables import row_texts, table_moments
from bowerbird.media.document_formats import OPEN_DOCUMENT
from bowerbird.moments import Decoded, Moment, Wanted
from bowerbird.types import AssetInfo, SegmentKind

_MEDIA_TYPE = "application/vnd.oasis.opendocument."
_MAIN = "content.xml"
_NO_TEXT = frozenset(("annotation", "tracked-changes", "forms", "sequence-decls", "desc"))
_MOST_REPEATED = 100
"""How often a cell that is said to be repeated is: those at the end of a row fill it up to its thousands."""


class OpenDocumentDecoder(DocumentDecoder):
    """Which of the three it is, its media type says, or else its name."""

    format = OPEN_DOCUMENT
    broken = (*zips.BROKEN, *markup.BROKEN)

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """Sections of texts; a moment for each slide, and for every fifty rows of a sheet, ``page`` its number."""
        archive = Archive(file, self.limits)
        if b"encryption-data" in archive.read_if_there("META-INF/manifest.xml"):
            raise DecodeFailed("is locked by a password; save a copy without one")
        if _MAIN not in archive:
            raise DecodeFailed("is no OpenDocument file, or is damaged: its text is missing")
        said = archive.read_if_there("mimetype").decode("ascii", "replace").strip().removeprefix(_MEDIA_TYPE)
        if said.startswith("presentation") or suffix in (".odp", ".otp"):
            sort, parts = "presentation", self._slides(archive)
        elif said.startswith("spreadsheet") or suffix in (".ods", ".ots"):
            sort, parts = "spreadsheet", _sheets(archive)
        else:
            sort, parts = "text", text_moments(sections(_blocks(archive)), self.limits)
        info = described(AssetInfo(self.kind, _MEDIA_TYPE + sort), archive, "meta.xml")
        return Decoded(info, parts)

    def _slides(self, archive: Archive) -> Iterator[Moment]:
        number = total = 0
        with archive.open(_MAIN) as part:
            for child in children_of(part, "presentation"):
                if local(child) != "page":
                    continue
                number += 1
                said = [block if isinstance(block, str) else block.text for block in _block(child)]
                text = "\n\n".join(filter(None, said))
                total += len(text)
                hold_to_text_limit(total, self.limits)
                if text:
                    yield Moment(SegmentKind.TEXT, page=number, text=text)


def _blocks(archive: Archive) -> Iterator[Block]:
    with archive.open(_MAIN) as part:
        for child in children_of(part, "text"):
            yield from _block(child)


def _block(element: Element) -> Iterator[Block]:
    """Headings, paragraphs, and tables row by row, however deep in sections, lists and frames they lie."""
    walk = etree.iterwalk(element, events=("start",))
    for _, each in walk:
        name = local(each)
        if name in _NO_TEXT:
            walk.skip_subtree()
        elif name == "h":
            level = attribute(each, "outline-level")
            yield Heading(int(level) if level in set("123456789") else 1, _text(each))
            walk.skip_subtree()
        elif name == "p":
            yield _text(each)
            walk.skip_subtree()
        elif name == "table":
            yield "\n".join(" | ".join(filter(None, map(_cell_text, row))) for row in _rows(each))
            walk.skip_subtree()


def _sheets(archive: Archive) -> Iterator[Moment]:
    number = 0
    with archive.open(_MAIN) as part:
        for child in children_of(part, "spreadsheet"):
            if local(child) == "table":
                number += 1
                yield from table_moments(row_texts(_sheet_rows(child)), attribute(child, "name"), number)


def _sheet_rows(table: Element) -> Iterator[list[str]]:
    for row in _rows(table):
        cells: list[str] = []
        for cell in row:
            times = attribute(cell, "number-columns-repeated")
            cells += [_cell_text(cell)] * (min(int(times), _MOST_REPEATED) if times.isdecimal() else 1)
        yield cells


def _rows(table: Element) -> Iterator[list[Element]]:
    """The cells of each row, of tables in cells none: those are part of the cell. A repeated row is told once."""
    for row in table.iter("{*}table-row"):
        if next(row.iterancestors("{*}table"), None) is table:
            yield [cell for cell in row if local(cell) in ("table-cell", "covered-table-cell")]


def _cell_text(cell: Element) -> str:
    return " ".join(" ".join(_text(each) for each in cell.iter("{*}p", "{*}h")).split())


def _text(element: Element) -> str:
    """The letters of a paragraph."""
    pieces: list[str] = []
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, each in walk:
        name = local(each)
        if event == "start" and name in _NO_TEXT:
            pieces.append(each.tail or "")
            walk.skip_subtree()
        elif event == "start":
            pieces.append({"s": " ", "tab": "\t", "line-break": "\n"}.get(name, each.text or ""))
        elif each is not element and name not in _NO_TEXT:
            pieces.append(each.tail or "")
    return "".join(pieces).strip()
