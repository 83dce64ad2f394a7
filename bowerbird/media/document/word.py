"""Word documents (.docx, ECMA-376), by lxml: a moment for each section under its headings, footnotes after.

Read block by block from the file itself: text in tables, text boxes and forms is found wherever it lies, and what other
libraries follow, such as the address of a template, is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree

from bowerbird.errors import DecodeFailed
from bowerbird.media.document import archive as zips
from bowerbird.media.document import markup
from bowerbird.media.document.archive import Archive
from bowerbird.media.document.documents import Block, DocumentDecoder, Heading, sections, text_moments
from bowerbird.media.document.markup import Element, attribute, children_of, described, local, parse_xml
from bowerbird.media.document_formats import WORD
from bowerbird.moments import Decoded, Wanted
from bowerbird.types import AssetInfo

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_MAIN = "word/document.xml"
_NOTES = ("word/footnotes.xml", "word/endnotes.xml")
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "p": "\n"}
"""What elements between the letters stand for; a paragraph within another is a text box's."""
_NO_TEXT = frozenset(("Fallback", "tabs"))
"""The same again, for programs that do not know the first form; and where the stops of the tabulator are."""


class WordDecoder(DocumentDecoder):
    """Headers, footers, deleted text and comments are left out."""

    format = WORD
    broken = (*zips.BROKEN, *markup.BROKEN)

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """One moment for each section. Raises `DecodeFailed` where it is locked, a bomb, or no document."""
        archive = Archive(file, self.limits)
        if _MAIN not in archive:
            raise DecodeFailed("is no Word document, or is damaged: its text is missing")
        info = described(AssetInfo(self.kind, _MEDIA_TYPE), archive, "docProps/core.xml")
        return Decoded(info, text_moments(sections(_blocks(archive)), self.limits))


def _blocks(archive: Archive) -> Iterator[Block]:
    levels = _heading_levels(archive)
    with archive.open(_MAIN) as part:
        for child in children_of(part, "body"):
            yield from _block(child, levels)
    for name in _NOTES:
        if name in archive:
            with archive.open(name) as part:
                for note in children_of(part, name.removeprefix("word/").removesuffix(".xml")):
                    yield text_of(note, _BREAKS)


def _block(element: Element, levels: dict[str, int]) -> Iterator[Block]:
    match local(element):
        case "p":
            text = text_of(element, _BREAKS)
            level = _level(element, levels)
            yield Heading(level, text) if level and text.strip() else text
        case "tbl":
            yield "\n".join(_rows(element))
        case "sdt" | "sdtContent" | "customXml" | "ins" | "moveTo" | "smartTag":
            for child in element:
                yield from _block(child, levels)


def _rows(table: Element) -> Iterator[str]:
    for row in table.iter("{*}tr"):
        if next(row.iterancestors("{*}tbl"), None) is table:  # a table in a cell is part of the cell
            cells = (" ".join(text_of(cell, _BREAKS).split()) for cell in row.iter("{*}tc") if _row(cell) is row)
            yield " | ".join(cell for cell in cells if cell)


def _row(cell: Element) -> Element | None:
    return next(cell.iterancestors("{*}tr"), None)


def text_of(element: Element, breaks: dict[str, str]) -> str:
    """The letters (elements ``t``) below an element of Word's or PowerPoint's, ``breaks`` between them."""
    pieces: list[str] = []
    walk = etree.iterwalk(element, events=("start",))
    for _, each in walk:
        name = local(each)
        if name in _NO_TEXT:
            walk.skip_subtree()
        elif name == "t":
            pieces.append(each.text or "")
        elif name in breaks:
            pieces.append(breaks[name])
    return "".join(pieces).strip()


def _level(paragraph: Element, levels: dict[str, int]) -> int:
    """1 and deeper for headings, 0 for other paragraphs."""
    properties = paragraph.find("{*}pPr")
    if properties is None:
        return 0
    if (outline := properties.find("{*}outlineLvl")) is not None:
        return _outline_level(outline)
    style = properties.find("{*}pStyle")
    return 0 if style is None else levels.get(attribute(style, "val"), 0)


def _outline_level(element: Element) -> int:
    value = attribute(element, "val")
    return int(value) + 1 if value in set("012345678") else 0


def _heading_levels(archive: Archive) -> dict[str, int]:
    """Style -> level, of those that are headings by name, which is English in every language, or by outline."""
    own: dict[str, int] = {}
    based_on: dict[str, str] = {}
    data = archive.read_if_there("word/styles.xml")
    for style in parse_xml(data).iter("{*}style") if data else ():
        key = attribute(style, "styleId")
        for child in style.iter("{*}name", "{*}basedOn", "{*}outlineLvl"):
            value = attribute(child, "val")
            if local(child) == "basedOn":
                based_on[key] = value
            elif local(child) == "outlineLvl":
                own.setdefault(key, _outline_level(child))
            elif found := re.fullmatch(r"heading (\d)", value.lower()):
                own[key] = int(found[1])
            elif value.lower() == "title":
                own[key] = 1
    for key in based_on:
        above = key
        for _ in range(10):  # styles may be based on one another in a circle
            if above in own:
                own[key] = own[above]
                break
            above = based_on.get(above, "")
    return own
