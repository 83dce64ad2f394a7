"""Books (.epub; EPUB 2 and 3), by lxml: a moment for each chapter, in reading order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from bowerbird.errors import DecodeFailed
from bowerbird.media.document import archive as zips
from bowerbird.media.document import markup
from bowerbird.media.document.archive import Archive, inside
from bowerbird.media.document.documents import DocumentDecoder, text_moments
from bowerbird.media.document.markup import described, parse_xml
from bowerbird.media.document.web_page import parse_page, visible
from bowerbird.media.document_formats import BOOKS
from bowerbird.moments import Decoded, Wanted
from bowerbird.types import AssetInfo

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_PAGES = (".xhtml", ".html", ".htm", ".xml")


class BookDecoder(DocumentDecoder):
    """Covers, fonts and the table of contents are left out."""

    format = BOOKS
    broken = (*zips.BROKEN, *markup.BROKEN)

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """Raises `DecodeFailed` where the chapters are locked (DRM), or which they are is not said."""
        archive = Archive(file, self.limits)
        package = _package(archive)
        info = described(AssetInfo(self.kind, "application/epub+zip"), archive, package)
        chapters = _chapters(archive, package)
        if locked := _locked(archive).intersection(chapters):
            raise DecodeFailed(f"is locked by copy protection ({len(locked)} of its chapters)")
        return Decoded(info, text_moments(_texts(archive, chapters), self.limits))


def _package(archive: Archive) -> str:
    """The name of the part that lists the rest."""
    if _CONTAINER in archive:
        for rootfile in parse_xml(archive.read(_CONTAINER)).iter("{*}rootfile"):
            name = inside("", rootfile.get("full-path", ""))
            if name in archive:
                return name
    raise DecodeFailed("is no book, or is damaged: its list of chapters is missing")


def _chapters(archive: Archive, package: str) -> list[str]:
    """The parts that hold the chapters, in reading order, each once."""
    root = parse_xml(archive.read(package))
    pages = {
        item.get("id", ""): inside(package, item.get("href", ""))
        for item in root.iter("{*}item")
        if "nav" not in item.get("properties", "").split()
    }
    read = (pages.get(item.get("idref", ""), "") for item in root.iter("{*}itemref"))
    return [name for name in dict.fromkeys(read) if name in archive and name.lower().endswith(_PAGES)]


def _locked(archive: Archive) -> set[str]:
    data = archive.read_if_there(_ENCRYPTION)
    return {inside("", each.get("URI", "")) for each in parse_xml(data).iter("{*}CipherReference")} if data else set()


def _texts(archive: Archive, chapters: list[str]) -> Iterator[str]:
    for name in chapters:
        page = parse_page(archive.read(name))
        if page is not None:
            yield "\n\n".join(block if isinstance(block, str) else block.text for block in visible(page))
