"""The filters of the query language, and what people call their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bowerbird.types import AssetKind, SegmentKind


@dataclass(frozen=True, slots=True)
class FilterHelp:
    """What help says of one filter; ``also`` are other names for it."""

    takes: str
    help: str
    example: str
    also: tuple[str, ...] = ()


FILTERS: Mapping[str, FilterHelp] = {
    "type": FilterHelp(", ".join(AssetKind), "files of this type, or of one of several", "type:video,audio"),
    "kind": FilterHelp(", ".join(SegmentKind), "moments of this kind, or of one of several", "kind:speech"),
    "after": FilterHelp("date", "made on its first day or later", "after:2023-06", ("since", "from")),
    "before": FilterHelp("date", "made before its first day", "before:2024"),
    "until": FilterHelp("date", "made on its last day or earlier", "until:2023", ("to",)),
    "when": FilterHelp("date", "made in the course of it", "when:last summer", ("date", "on", "during", "year")),
    "camera": FilterHelp("words", "made with this camera or lens", 'camera:"Pixel 7"', ("lens",)),
    "near": FilterHelp(
        "words", "made in this place, region or country", "near:Lisbon", ("place", "location", "city", "country")
    ),
    "path": FilterHelp(
        "part of a path",
        "with this in the path, or a pattern for its end: *.png",
        "path:holidays/",
        ("folder", "filename"),
    ),
    "lang": FilterHelp("language", "spoken or written in it", "lang:en", ("language",)),
}
"""The filters by their names: the one place that lists them, for help, pages and docs."""

NAMES = {name: name for name in FILTERS} | {also: name for name, each in FILTERS.items() for also in each.also}
_SAID_OF = {
    AssetKind.IMAGE: "image photo photograph picture pic",
    AssetKind.VIDEO: "video film movie clip",
    AssetKind.AUDIO: "audio sound recording music song",
    AssetKind.DOCUMENT: "document doc paper",
}
TYPES = {name: kind for kind, names in _SAID_OF.items() for name in names.split()}
KINDS = {kind.value: kind for kind in SegmentKind}
LANGUAGES = {
    "arabic": "ar", "bengali": "bn", "chinese": "zh", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en",
    "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi", "hungarian": "hu",
    "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko", "norwegian": "no", "persian": "fa",
    "polish": "pl", "portuguese": "pt", "romanian": "ro", "russian": "ru", "spanish": "es", "swedish": "sv",
    "thai": "th", "turkish": "tr", "ukrainian": "uk", "vietnamese": "vi",
}  # fmt: skip
