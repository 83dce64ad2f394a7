"""Tables as text, a row as a paragraph that names its columns, ``name: Ann; city: Lisbon``; and CSV files.

So each row makes sense by itself, wherever passages are cut. Of a huge table the first rows stand for the rest: what
has been read when a bound is met is kept.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice
from typing import BinaryIO

from bowerbird.media.document.documents import DocumentDecoder, read_text_bytes
from bowerbird.media.document.plain_text import to_text
from bowerbird.media.document_formats import TABLES
from bowerbird.moments import Decoded, Moment, Wanted
from bowerbird.types import AssetInfo, SegmentKind

ROWS_AT_ONCE = 50
"""How many rows a moment holds."""
_MAX_ROWS = 1 << 20
_MAX_CELLS = 200_000
"""Of those that are not empty, in one table."""
_MAX_PLACES = 5_000_000
"""Of all, empty ones too."""
_LONGEST_CELL = 2_000
_LONGEST_NAME = 80
"""Characters of a column's name, which every row repeats."""

_MEDIA_TYPES = {".csv": "text/csv", ".tsv": "text/tab-separated-values"}
_DELIMITERS = ",;\t|"


class TableDecoder(DocumentDecoder):
    """CSV in whatever encoding and with whatever common delimiter."""

    format = TABLES
    broken = (csv.Error,)

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """A moment for every `ROWS_AT_ONCE` rows; none in an empty file."""
        text = to_text(read_text_bytes(file, self.limits))
        csv.field_size_limit(max(csv.field_size_limit(), len(text)))
        delimiter = "\t" if suffix == ".tsv" else _delimiter(text)
        rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
        texts = row_texts(rows)
        return Decoded(AssetInfo(self.kind, _MEDIA_TYPES.get(suffix, "text/csv")), table_moments(texts))


def table_moments(rows: Iterator[str], name: str = "", page: int | None = None) -> Iterator[Moment]:
    """Rows as `row_texts` gives them, by the fifty, each lot under the table's name."""
    while lot := list(islice(rows, ROWS_AT_ONCE)):
        yield Moment(SegmentKind.TEXT, page=page, text="\n\n".join([name, *lot] if name else lot))


def row_texts(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A text for each row that is not blank; the first row's words are the names of the columns where it looks so."""
    names: Sequence[str] | None = None
    cells = places = 0
    for number, row in enumerate(rows):
        places += len(row) + 1
        filled = sum(1 for cell in row if cell and not cell.isspace())
        if not filled:
            continue
        cells += filled
        if cells > _MAX_CELLS or places > _MAX_PLACES or number >= _MAX_ROWS:
            return
        if names is None:
            names = [_clean(cell)[:_LONGEST_NAME] for cell in row] if _names_columns(row) else []
            if names:
                yield "; ".join(filter(None, names))  # so that a table of nothing else is found by them
                continue
        yield _row_text(row, names)


def _row_text(row: Sequence[str], names: Sequence[str]) -> str:
    parts = []
    for at, cell in enumerate(row):
        if text := _clean(cell):
            name = names[at] if at < len(names) else ""
            parts.append(f"{name}: {text}" if name else text)
    return "; ".join(parts)


def _clean(cell: str) -> str:
    return " ".join(cell[:_LONGEST_CELL].split())


def _names_columns(row: Sequence[str]) -> bool:
    """Whether a first row is a header: several words, all different, and no numbers among them."""
    words = [cell.strip() for cell in row if cell.strip()]
    return len(words) > 1 and len(set(words)) == len(words) and not any(map(_is_number, words))


def _is_number(word: str) -> bool:
    return any(map(str.isdigit, word)) and not any(map(str.isalpha, word))


def _delimiter(text: str) -> str:
    """The character that cuts the first lines into rows of one length, the longest such."""
    sample = text[:20_000].splitlines(keepends=True)[:30]

    def agreement(delimiter: str) -> tuple[int, int]:
        widths = Counter(len(row) for row in csv.reader(sample, delimiter=delimiter) if row)
        width, times = max(widths.items(), key=lambda found: (found[1], found[0]), default=(1, 0))
        return (times, width) if width > 1 else (0, 0)

    return max(_DELIMITERS, key=agreement)
