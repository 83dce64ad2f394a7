"""Zip files as office documents and books are: read part by part, bombs and locked ones refused before anything is.

No part can unpack to more than its entry declares, since ``zipfile`` stops there: what is declared is what is judged.
"""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterable
from typing import IO, BinaryIO
from urllib.parse import unquote

from bowerbird.errors import DecodeFailed
from bowerbird.media.document.documents import hold_to_text_limit, size_of
from bowerbird.media.formats import Limits

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError, NotImplementedError)
"""What ``zipfile`` raises on damaged files."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How files of old Office begin, and locked ones of today's."""
_MAX_ENTRIES = 20_000
_MARKUP = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx")
_MARKUP_PER_TEXT = 8
"""How many times larger than its text a document's markup may be, all of it together."""


class Archive:
    """An open zip file. Parts have names as in the file, ``word/document.xml``."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        if size_of(file) == 0:
            raise DecodeFailed("is empty")
        start = file.read(len(_OLE))
        file.seek(0)
        if start == _OLE:
            raise DecodeFailed(
                "is locked by a password, or in the format of Office before 2007; save a copy without a password, "
                "in today's format"
            )
        if not start.startswith(b"PK"):
            raise DecodeFailed("is not the kind of file that its name says, or is damaged")
        self.limits = limits
        try:
            self._zip = zipfile.ZipFile(file)
        except zipfile.BadZipFile:
            raise DecodeFailed("is cut short or damaged: its list of contents is missing") from None
        self._judge(self._zip.infolist())

    def _judge(self, entries: list[zipfile.ZipInfo]) -> None:
        if len(entries) > _MAX_ENTRIES:
            raise DecodeFailed(f"has {len(entries)} parts, over the limit of {_MAX_ENTRIES}")
        if any(entry.flag_bits & 1 for entry in entries):
            raise DecodeFailed("is locked by a password; save a copy without one")
        markup = sum(entry.file_size for entry in entries if entry.filename.lower().endswith(_MARKUP))
        hold_to_text_limit(markup, self.limits, times=_MARKUP_PER_TEXT)

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def names(self) -> Iterable[str]:
        """Of all parts, in the order in which they lie."""
        return self._zip.namelist()

    def open(self, name: str) -> IO[bytes]:
        """A part, to be read bit by bit."""
        entry = self._zip.getinfo(name)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # LZMA may ask for gigabytes
            raise DecodeFailed("is packed in a way that no document is")
        hold_to_text_limit(entry.file_size, self.limits, times=_MARKUP_PER_TEXT)
        return self._zip.open(entry)

    def read(self, name: str) -> bytes:
        """The whole of a part, at most ``max_text_mb``."""
        hold_to_text_limit(self._zip.getinfo(name).file_size, self.limits)
        with self.open(name) as part:
            return part.read()

    def read_if_there(self, name: str) -> bytes:
        """The same; ``b""`` where there is no such part."""
        return self.read(name) if name in self else b""


def inside(base: str, reference: str) -> str:
    """The name of the part that ``reference`` in the part ``base`` means."""
    path = unquote(reference.split("#")[0])
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(base), path)).lstrip("/")
