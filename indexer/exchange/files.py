"""The files of exports: which there are, by their names, and opening one that is to be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from pydantic import ValidationError

from bowerbird.errors import LibraryTooNew, UsageError
from indexer.exchange import jsonl, parquet
from indexer.exchange.records import VERSION, Header


class Writer(Protocol):
    """Writes rows as `record_of` makes them."""

    def put(self, record: dict[str, Any]) -> None:
        """Take a row, which may be written later."""
        ...

    def close(self) -> None:
        """Write what is left; the stream stays open."""
        ...


class Reader(Protocol):
    """Reads rows, unchecked but for their being rows."""

    header: object
    unit: str
    """What its numbers count: lines or rows."""

    def rows(self) -> Iterator[tuple[int, float, object]]:
        """The number of each row, the share of the file that has been read to its end, in 0..1, and what it says."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write rows, and to read them."""

    writer: Callable[[IO[bytes], Header], Writer]
    reader: Callable[[IO[bytes], str], Reader]


JSONL = Format(jsonl.Writer, jsonl.Reader)
PARQUET = Format(parquet.Writer, parquet.Reader)


def format_of(file: Path) -> Format:
    """How a file of this name is written. Raises `UsageError` where none is."""
    match file.suffix.lower():
        case ".jsonl":
            return JSONL
        case ".parquet":
            return PARQUET
    raise UsageError(f"{file} is named neither *.jsonl nor *.parquet, which tells how it is written; rename it")


@dataclass(frozen=True, slots=True)
class Source:
    """An export that has been opened."""

    file: Path
    header: Header
    reader: Reader

    def fault(self, number: int, what: str) -> UsageError:
        """What to say of a row that is not as it should be."""
        return UsageError(
            f"{self.file} {self.reader.unit} {number}: {what}; correct it, or export anew: what came before it is kept"
        )


@contextmanager
def opened(file: Path) -> Iterator[Source]:
    """An export, by its name JSON lines or Parquet. Raises `UsageError` where it is none, and `LibraryTooNew`."""
    form = format_of(file)
    try:
        stream = file.open("rb")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {(error.strerror or str(error)).lower()}") from error
    with stream:
        reader = form.reader(stream, str(file))
        yield Source(file, _header(file, reader.header), reader)


def _header(file: Path, said: object) -> Header:
    made_as = said.get("bowerbird_export") if isinstance(said, dict) else None
    if not isinstance(made_as, int):
        raise UsageError(f"{file} does not begin as an export does; name a file that `bowerbird export` wrote")
    if made_as > VERSION:
        raise LibraryTooNew(
            f"{file} was written by a newer Bowerbird (version {made_as}, this one knows up to {VERSION}); "
            "upgrade: pip install -U bowerbird"
        )
    try:
        return Header.model_validate(said)
    except ValidationError as error:
        raise UsageError(f"{file} is damaged where it begins ({reason_of(error)}); export anew") from None


def reason_of(error: ValidationError) -> str:
    """What is wrong, and where, in one line."""
    first = error.errors()[0]
    return " ".join(f"{'.'.join(map(str, first['loc']))}: {first['msg']}".split())
