"""Slides (.pptx, ECMA-376), by lxml: a moment for each slide, with what stands on it and the speaker's notes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from bowerbird.errors import DecodeFailed
from bowerbird.media.document import archive as zips
from bowerbird.media.document import markup
from bowerbird.media.document.archive import Archive, inside
from bowerbird.media.document.documents import DocumentDecoder, hold_to_text_limit
from bowerbird.media.document.markup import Element, attribute, described, local, parse_xml
from bowerbird.media.document.word import text_of
from bowerbird.media.document_formats import SLIDES
from bowerbird.moments import Decoded, Moment, Wanted
from bowerbird.types import AssetInfo, SegmentKind

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_MAIN = "ppt/presentation.xml"
_BREAKS = {"br": "\n", "tab": "\t"}
_FURNITURE = frozenset(("dt", "ftr", "hdr", "sldNum", "sldImg"))
"""Placeholders that say the same on every slide."""


class SlideDecoder(DocumentDecoder):
    """Hidden slides are read too: they are there to be found."""

    format = SLIDES
    broken = (*zips.BROKEN, *markup.BROKEN)

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """A moment for each slide that has words, ``page`` being its number."""
        archive = Archive(file, self.limits)
        if _MAIN not in archive:
            raise DecodeFailed("is no presentation, or is damaged: its list of slides is missing")
        info = described(AssetInfo(self.kind, _MEDIA_TYPE), archive, "docProps/core.xml")
        return Decoded(info, self._slides(archive))

    def _slides(self, archive: Archive) -> Iterator[Moment]:
        total = 0
        for number, name in enumerate(_slide_parts(archive), start=1):
            if name in archive:
                text = "\n\n".join(_words(archive, name))
                total += len(text)
                hold_to_text_limit(total, self.limits)
                if text:
                    yield Moment(SegmentKind.TEXT, page=number, text=text)


def _slide_parts(archive: Archive) -> list[str]:
    """The parts that hold the slides, in the order in which they are shown."""
    links = _links(archive, _MAIN)
    slides = (element for element in parse_xml(archive.read(_MAIN)).iter("{*}sldId"))
    ids = (value for slide in slides for key, value in slide.attrib.items() if key.endswith("}id"))
    return list(dict.fromkeys(links[key][1] for key in ids if key in links))


def _links(archive: Archive, name: str) -> dict[str, tuple[str, str]]:
    """What a part refers to within the file: id -> (kind, part). References out of the file are left alone."""
    folder, _, file = name.rpartition("/")
    data = archive.read_if_there(f"{folder}/_rels/{file}.rels")
    found = {}
    for link in parse_xml(data).iter("{*}Relationship") if data else ():
        if link.get("TargetMode") != "External":
            kind = link.get("Type", "").rpartition("/")[2]
            found[link.get("Id", "")] = kind, inside(name, link.get("Target", ""))
    return found


def _words(archive: Archive, name: str) -> Iterator[str]:
    root = parse_xml(archive.read(name))
    shapes = [shape for shape in root.iter("{*}sp", "{*}graphicFrame") if _placeholder(shape) not in _FURNITURE]
    for shape in sorted(shapes, key=lambda shape: _placeholder(shape) not in ("title", "ctrTitle")):  # a stable sort
        yield from _paragraphs(shape)
    linked = sorted(_links(archive, name).values())
    for kind, part in linked:
        if kind == "diagramData" and part in archive:
            yield from _paragraphs(parse_xml(archive.read(part)))
    for kind, part in linked:
        if kind == "notesSlide" and part in archive:
            bodies = (each for each in parse_xml(archive.read(part)).iter("{*}sp") if _placeholder(each) == "body")
            if said := "\n".join(text for body in bodies for text in _paragraphs(body)):
                yield f"Notes: {said}"


def _placeholder(shape: Element) -> str:
    """What a shape stands for on every slide, ``title`` and the like, ``""`` where for nothing in particular."""
    found = next(shape.iter("{*}ph"), None)
    return "" if found is None else attribute(found, "type")


def _paragraphs(element: Element) -> Iterator[str]:
    for each in element.iter("{*}p", "{*}tr"):
        if local(each) == "tr":
            cells = (" ".join(text_of(cell, _BREAKS).split()) for cell in each.iter("{*}tc"))
            text = " | ".join(cell for cell in cells if cell)
        elif next(each.iterancestors("{*}tr"), None) is None:
            text = text_of(each, _BREAKS)
        else:
            continue
        if text.strip():
            yield text
