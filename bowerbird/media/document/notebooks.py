"""Notebooks (.ipynb, Jupyter's JSON): a moment for each cell, code with the text that it put out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from bowerbird.errors import DecodeFailed
from bowerbird.media.document.documents import DocumentDecoder, read_text_bytes, text_moments
from bowerbird.media.document.plain_text import to_text
from bowerbird.media.document_formats import NOTEBOOKS
from bowerbird.moments import Decoded, Wanted
from bowerbird.types import AssetInfo

_LONGEST_OUTPUT = 2_000
"""Characters of what a cell puts out: the rest of a log says little more."""


class NotebookDecoder(DocumentDecoder):
    """Of outputs only text is read, no pictures."""

    format = NOTEBOOKS
    broken = (json.JSONDecodeError,)

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """One moment for each cell that is not empty. Raises `DecodeFailed` where it is no notebook."""
        text = to_text(read_text_bytes(file, self.limits))
        if not text.strip():
            raise DecodeFailed("is empty")
        book = json.loads(text)
        if not isinstance(book, dict) or not ("cells" in book or "worksheets" in book):
            raise DecodeFailed("is no notebook: it has no cells")
        info = AssetInfo(self.kind, "application/x-ipynb+json")
        return Decoded(info, text_moments((_text(cell) for cell in _cells(book)), self.limits))


def _cells(book: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for sheet in (book, *_mappings(book.get("worksheets"))):  # as before version 4
        yield from _mappings(sheet.get("cells"))


def _text(cell: Mapping[str, Any]) -> str:
    pieces = [_joined(cell.get("source", cell.get("input")))]
    for output in _mappings(cell.get("outputs")):
        data = output.get("data")
        said = (
            output.get("text") or (data.get("text/plain") if isinstance(data, dict) else None) or output.get("evalue")
        )
        pieces.append(_joined(said)[:_LONGEST_OUTPUT])
    return "\n\n".join(piece for piece in pieces if piece)


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _joined(value: object) -> str:
    """Text, which may be written as a list of lines."""
    lines = value if isinstance(value, list) else [value]
    return "".join(line for line in lines if isinstance(line, str)).strip()
