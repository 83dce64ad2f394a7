"""Recordings: the sound, the tags, and the picture on the cover."""

from __future__ import annotations

from pathlib import Path

from bowerbird.media.recording.recording import decode_recording
from bowerbird.media.registry import AUDIO, Limits
from bowerbird.moments import Decoded, Wanted


class AudioDecoder:
    """Whatever FFmpeg reads of what is called a recording; one with moving pictures is a film."""

    name = AUDIO.name
    version = AUDIO.version
    kind = AUDIO.kind
    suffixes = AUDIO.suffixes

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """The cover, and the sound in stretches of half a minute."""
        return decode_recording(path, wanted, self._limits)
