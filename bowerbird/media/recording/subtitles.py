"""Subtitle files, by pysubs2: what is said in a film, with its times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pysubs2

from bowerbird.errors import DecodeFailed
from bowerbird.media.document.plain_text import to_text
from bowerbird.media.recording.cues import Cue, spoken
from bowerbird.media.recording.languages import language_of_name
from bowerbird.media.registry import SUBTITLES, Limits
from bowerbird.media.regular_file import open_regular
from bowerbird.moments import Decoded, Wanted
from bowerbird.types import AssetInfo

_FORMATS = {".srt": "srt", ".vtt": "vtt", ".ass": "ass", ".ssa": "ssa"}
_MEDIA_TYPES = {"srt": "application/x-subrip", "vtt": "text/vtt", "ass": "text/x-ssa", "ssa": "text/x-ssa"}


class SubtitleDecoder:
    """SubRip, WebVTT and (Advanced) SubStation Alpha, in any encoding; its language is what the name says."""

    name = SUBTITLES.name
    version = SUBTITLES.version
    kind = SUBTITLES.kind
    suffixes = SUBTITLES.suffixes

    def __init__(self, limits: Limits) -> None:
        self._max_mb = limits.max_text_mb

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """A moment of kind `speech` for each sentence."""
        limit = int(self._max_mb * (1 << 20))
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            data = b"" if size > limit else file.read(limit + 1)  # it may have grown since
        if (size := max(size, len(data))) > limit:
            raise DecodeFailed(
                f"{size / (1 << 20):.1f} MB of subtitles is over the limit of {self._max_mb:g}; "
                "raise decode.max_text_mb in library.toml"
            )
        if not data:
            raise DecodeFailed("is empty")
        subtitles = _parsed(to_text(data), _FORMATS.get(path.suffix.lower(), "srt"))
        info = AssetInfo(SUBTITLES.kind, _MEDIA_TYPES[subtitles.format or "srt"])
        return Decoded(info, list(spoken(_cues(subtitles), language_of_name(path.stem))))


def _parsed(text: str, expected: str) -> pysubs2.SSAFile:
    """By what it looks like, since many a ``.srt`` is none; by its name where it looks like nothing."""
    try:
        looks = pysubs2.formats.autodetect_format(text)
    except pysubs2.FormatAutodetectionError:
        looks = expected
    try:
        subtitles = pysubs2.SSAFile.from_string(text, format_=looks if looks in _MEDIA_TYPES else expected)
    except (pysubs2.Pysubs2Error, ValueError, IndexError, KeyError):
        raise DecodeFailed("is damaged, or no subtitles of a kind that is read") from None
    if not subtitles.events:
        raise DecodeFailed("holds no subtitles")
    return subtitles


def _cues(subtitles: pysubs2.SSAFile) -> Iterator[Cue]:
    for event in sorted(subtitles.events, key=lambda each: (each.start, each.end)):
        if not event.is_comment and not event.is_drawing:
            yield Cue(event.start / 1000, event.end / 1000, event.plaintext)
