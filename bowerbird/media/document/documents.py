"""What decoders of documents share: opening and closing, the limit on text, and sections under their headings."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

from bowerbird.errors import DecodeFailed
from bowerbird.media.formats import Format, Limits
from bowerbird.media.regular_file import open_regular
from bowerbird.moments import Decoded, Heard, Moment, Wanted
from bowerbird.types import SegmentKind


class DocumentDecoder(ABC):
    """Subclasses say how an open file is read; the rest is the same for all."""

    format: ClassVar[Format]
    broken: ClassVar[tuple[type[Exception], ...]] = ()
    """What the library raises on damaged files."""

    def __init__(self, limits: Limits) -> None:
        self.name = self.format.name
        self.version = self.format.version
        self.kind = self.format.kind
        self.suffixes = self.format.suffixes
        self.limits = limits

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """Open ``path`` and `read` it; it is closed with the last part."""
        with ExitStack() as opened:
            file = opened.enter_context(open_regular(path))
            if wanted.sees and wanted.page is not None and not self.format.shows:
                raise DecodeFailed("is read for its text, and its pages are not drawn; open the file itself")
            with self.explained():
                decoded = self.read(file, path.suffix.lower(), wanted)
            return Decoded(decoded.info, _Parts(self, decoded.parts, opened.pop_all()))

    @abstractmethod
    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """What lies in a file that is open, at its start, and stays so until the parts have been gone through."""

    def parts_of(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Iterator[Moment | Heard]:
        """What `read` finds in a file that somebody else opened, with errors explained."""
        with self.explained():
            yield from self.read(file, suffix, wanted).parts

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the library raises into a line that says what is wrong with the file."""
        try:
            yield
        except self.broken as error:
            raise DecodeFailed(f"is damaged: {error or type(error).__name__}") from None
        except RecursionError:
            raise DecodeFailed("is nested too deeply") from None


class _Parts(Iterator[Moment | Heard]):
    """Parts that close their file behind them, also where they are closed before the first was asked for."""

    def __init__(self, decoder: DocumentDecoder, parts: Iterable[Moment | Heard], opened: ExitStack) -> None:
        self._decoder = decoder
        self._parts = iter(parts)
        self._opened = opened

    def __next__(self) -> Moment | Heard:
        try:
            with self._decoder.explained():
                return next(self._parts)
        except BaseException:  # the end is one too
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        if close := getattr(self._parts, "close", None):
            close()
        self._opened.close()


def size_of(file: BinaryIO) -> int:
    """Bytes of an open file, or of bytes in memory; leaves the position at the start."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def read_text_bytes(file: BinaryIO, limits: Limits) -> bytes:
    """The whole of a text file. Raises `DecodeFailed` where it is over ``max_text_mb``."""
    limit = text_limit(limits)
    size = size_of(file)
    data = b"" if size > limit else file.read(limit + 1)  # it may have grown since
    hold_to_text_limit(max(size, len(data)), limits)
    return data


def text_limit(limits: Limits) -> int:
    """``max_text_mb`` in bytes."""
    return int(limits.max_text_mb * (1 << 20))


def hold_to_text_limit(size: int, limits: Limits, times: int = 1) -> None:
    """Raises `DecodeFailed` where ``size`` bytes of text, or of what text is packed in, are over the limit."""
    if size > times * text_limit(limits):
        raise DecodeFailed(
            f"{size / (1 << 20):.1f} MB of text is over the limit of {times * limits.max_text_mb:g}; "
            "raise decode.max_text_mb in library.toml"
        )


def keywords(line: str | None) -> tuple[str, ...]:
    """``"birds, blue; nests"`` -> each by itself, once."""
    words = (" ".join(word.split()) for word in re.split("[,;]", (line or "").replace("\x00", "")))
    return tuple(dict.fromkeys(word for word in words if word))


def text_moments(texts: Iterable[str], limits: Limits, page: int | None = None) -> Iterator[Moment]:
    """A moment for each text that is not blank. Raises `DecodeFailed` where they are too many, or too much together."""
    total = number = 0
    for text in texts:
        total += len(text)
        hold_to_text_limit(total, limits)
        if text.strip():
            number += 1
            if number > _MAX_TEXTS:
                raise DecodeFailed(f"falls into more than {_MAX_TEXTS} sections; split it")
            yield Moment(SegmentKind.TEXT, page=page, text=text)


_MAX_TEXTS = 50_000
"""Twice as many as the longest text makes passages."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that names what follows it; ``level`` 1 is the highest."""

    level: int
    text: str


Block = Heading | str
"""A heading, or a paragraph."""


def sections(blocks: Iterable[Block]) -> Iterator[str]:
    """A text for each heading with words under it: the path of headings, ``Guide > Install``, then its paragraphs.

    Paragraphs lie apart by a blank line. A heading with nothing under it stands in the paths below it, or alone.
    """
    path: list[Heading] = []
    paragraphs: list[str] = []
    led_on = True  # whether the last heading has been seen in some text
    for block in blocks:
        if isinstance(block, str):
            if block.strip():
                paragraphs.append(block.strip("\n"))
            continue
        deeper = bool(path) and block.level > path[-1].level
        if paragraphs or not (led_on or deeper):
            yield _section(path, paragraphs)
        paragraphs = []
        path = [above for above in path if above.level < block.level]
        if text := " ".join(block.text.split())[:_LONGEST_HEADING]:
            path.append(Heading(block.level, text))
            led_on = False
        del path[:-_DEEPEST]
    if paragraphs or not led_on:
        yield _section(path, paragraphs)


_LONGEST_HEADING = 200
_DEEPEST = 6
"""Bounds on what every section repeats."""


def _section(path: list[Heading], paragraphs: list[str]) -> str:
    title = " > ".join(dict.fromkeys(heading.text for heading in path))  # a page's title is often its first heading
    return "\n\n".join([title, *paragraphs] if title else paragraphs)
