"""Formats -> decoders. Light: a decoder's own library is imported when a file of its kind is first decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from bowerbird.ports import Decoder
from bowerbird.types import AssetKind, PictureSpec, Stage


class Limits(Protocol):
    """What decoders themselves must keep to; `DecodeSettings` has it, and so has the child's own copy."""

    @property
    def max_megapixels(self) -> int:
        """Of a picture as it is decoded, a JPEG after its own scaling."""
        ...

    @property
    def max_text_mb(self) -> float:
        """Of a text file."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One medium: what its files are called, and which class, called with the limits, makes its decoder."""

    name: str
    version: int
    kind: AssetKind
    suffixes: frozenset[str]
    library: str
    """What reads it, for people."""
    decoder: str
    """``module:Class``."""
    makes_pictures: bool
    """Whether the `PictureSpec` changes what comes out."""

    def open(self, limits: Limits) -> Decoder:
        """The decoder itself. Imports its library."""
        module, _, attribute = self.decoder.partition(":")
        decoder: Decoder = getattr(import_module(module), attribute)(limits)
        return decoder


PICTURES = Format(
    name="pictures",
    version=1,
    kind=AssetKind.IMAGE,
    suffixes=frozenset(
        (
            *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp", ".avif", ".bmp", ".dib"),
            *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".ico", ".icns", ".tga", ".jp2", ".j2k", ".jpx"),
            *(".pcx", ".qoi", ".sgi", ".dds"),
        )
    ),
    library="Pillow",
    decoder="bowerbird.media.pictures:PictureDecoder",
    makes_pictures=True,
)
PLAIN_TEXT = Format(
    name="plain_text",
    version=1,
    kind=AssetKind.DOCUMENT,
    suffixes=frozenset({".txt", ".text", ".md", ".markdown", ".rst", ".log"}),
    library="charset-normalizer",
    decoder="bowerbird.media.plain_text:PlainTextDecoder",
    makes_pictures=False,
)

FORMATS: Mapping[str, Format] = {each.name: each for each in (PICTURES, PLAIN_TEXT)}
"""By name. The child's decoders come from this table or from another of the same shape."""


def formats() -> list[Format]:
    """Every format that is read."""
    return list(FORMATS.values())


def format_for(path: Path, table: Mapping[str, Format] = FORMATS) -> Format | None:
    """The format that reads files of this name, None where there is none."""
    suffix = path.suffix.lower()
    return next((each for each in table.values() if suffix in each.suffixes), None)


def decoder_for(path: Path, limits: Limits | None = None) -> Decoder | None:
    """The decoder of files of this name, None where there is none; ``limits`` None: the default settings.

    Opening it imports its library, so whoever only asks *whether* a file is read calls `format_for`.
    """
    if (found := format_for(path)) is None:
        return None
    if limits is None:
        from bowerbird.settings import DecodeSettings

        limits = DecodeSettings()
    return found.open(limits)


def stage_of(decoder: str | Path, spec: PictureSpec | None) -> Stage:
    """The decoding step as the catalogue records it, for a decoder's name or a file that it reads.

    Limits are no options: they decide whether a file is read, never what comes out of it, and raising one must not
    make a whole library stale. Raises ValueError where nothing reads such files.
    """
    found = format_for(decoder) if isinstance(decoder, Path) else FORMATS.get(decoder)
    if found is None:
        raise ValueError(f"no decoder for {str(decoder)!r}")
    options = {"picture": asdict(spec)} if spec is not None and found.makes_pictures else {}
    return Stage(name=f"decode:{found.name}", version=found.version, options=options)
