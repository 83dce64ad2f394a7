"""Films: frames where the picture changes, each with its stretch of time, and the sound or the subtitles."""

from __future__ import annotations

from pathlib import Path

from bowerbird.media.recording.recording import decode_recording
from bowerbird.media.registry import VIDEO, Limits
from bowerbird.moments import Decoded, Wanted


class VideoDecoder:
    """Whatever FFmpeg reads of what is called a film; one without pictures is a recording."""

    name = VIDEO.name
    version = VIDEO.version
    kind = VIDEO.kind
    suffixes = VIDEO.suffixes

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """Frames and sound in turn, as they lie in the film."""
        return decode_recording(path, wanted, self._limits)
