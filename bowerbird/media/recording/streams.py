"""Which of a container's streams are its film and its sound, and when they begin."""

from __future__ import annotations

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

_NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


def film_stream(container: InputContainer) -> VideoStream | None:
    """The default one, or the first: no cover, and no pictures of chapters."""
    streams = [each for each in container.streams.video if each.codec_context and not each.disposition & _NO_FILM]
    return max(streams, key=_is_default, default=None)


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The default one, or the first."""
    return max((each for each in container.streams.audio if each.codec_context), key=_is_default, default=None)


def begin(container: InputContainer) -> float:
    """The time, in seconds, that its packets bear at its start."""
    return (container.start_time or 0) / av.time_base


def _is_default(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.default)
