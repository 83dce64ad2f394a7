"""What a format is, and what its decoder must keep to: the words in which the registry's tables are written."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from bowerbird.ports import Decoder
from bowerbird.types import AssetKind


class Limits(Protocol):
    """What decoders themselves must keep to; `DecodeSettings` has it, and so has the child's own copy."""

    @property
    def max_megapixels(self) -> int:
        """Of a picture as it is decoded, a JPEG after its own scaling."""
        ...

    @property
    def max_text_mb(self) -> float:
        """Of a text file, and of the text in any other."""
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
    shows: bool = False
    """Whether there is anything to see in its files: tiles, words on pictures, thumbnails."""
    sounds: bool = False
    """Whether there is anything to hear."""
    replaces: tuple[str, ...] = ()
    """Formats that read such files in older versions; what they made gives way to what this one makes."""

    def open(self, limits: Limits) -> Decoder:
        """The decoder itself. Imports its library."""
        module, _, attribute = self.decoder.partition(":")
        decoder: Decoder = getattr(import_module(module), attribute)(limits)
        return decoder


def suffixes(names: str) -> frozenset[str]:
    """``"jpg png"`` -> ``{".jpg", ".png"}``."""
    return frozenset(f".{name}" for name in names.split())
