"""The one frame of a film that is shown at some time, by decoding from the keyframe before it on and no further.

Where a container has no index, or one that is wrong, seeking may end behind that time: then it is tried again from
further before it, and at last from the start.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.renditions import picture_moments
from bowerbird.media.recording.container import opened
from bowerbird.media.recording.frame_picture import turn_of, upright
from bowerbird.media.recording.frames import limit
from bowerbird.media.recording.stream_reader import decoded
from bowerbird.media.recording.streams import begin, film_stream
from bowerbird.moments import Moment, Wanted
from bowerbird.types import SegmentKind

_STEPS_BACK_S = (0.0, 2.0, 10.0, 60.0)
_ROUNDING_S = 0.001
"""Times of moments are rounded to it: one that begins with a frame must not show the frame before."""


@dataclass(frozen=True, slots=True)
class _Shown:
    frame: VideoFrame
    at_s: float


def frame_at(path: Path, at_s: float, wanted: Wanted) -> Iterator[Moment]:
    """One moment of kind `frame`: what is shown at ``at_s``, the first frame before the film begins, the last behind
    its end. ``path`` holds a film. Raises `DecodeFailed` where no frame can be decoded.
    """
    gc.collect(1)  # frames that were asked which way is up, see `turn_of`: who goes through a film asks many
    for back_s in (*_STEPS_BACK_S, None):
        with opened(path) as container:
            if not (film := film_stream(container)):
                break
            if container.duration:
                at_s = min(at_s, container.duration / av.time_base)
            if back_s is not None and not _seek(container, film, at_s - back_s):
                continue
            shown = _shown_at(container, film, at_s + _ROUNDING_S)
            if shown and (back_s is None or shown.at_s <= at_s + _ROUNDING_S):
                picture = upright(shown.frame, film.sample_aspect_ratio, turn_of(shown.frame), wanted)
                when_s = max(0.0, round(shown.at_s, 3))
                yield from picture_moments(picture, wanted, SegmentKind.FRAME, start_s=when_s, end_s=when_s)
                return
    raise DecodeFailed("is damaged: no frame of it can be decoded")


def _seek(container: InputContainer, film: VideoStream, at_s: float) -> bool:
    """Go to the last keyframe up to ``at_s``, or so; False where that is the start anyway, or cannot be done."""
    if at_s <= 0 or not film.time_base:
        return False
    try:
        container.seek(round((at_s + begin(container)) / film.time_base), stream=film)
    except (FFmpegError, OverflowError):
        return False
    return True


def _shown_at(container: InputContainer, film: VideoStream, at_s: float) -> _Shown | None:
    """The last frame up to ``at_s`` from here on, or the first one behind it; None where there are no more."""
    limit(film)
    begin_s = begin(container)
    shown: _Shown | None = None
    for frame in _frames(container, film):
        when_s = shown.at_s if shown else 0.0  # of a frame that does not say
        if frame.pts is not None and film.time_base:
            when_s = float(frame.pts * film.time_base) - begin_s
        if shown and when_s > at_s:
            break
        shown = _Shown(frame, when_s)
        if when_s > at_s:
            break
    return shown


def _frames(container: InputContainer, film: VideoStream) -> Iterator[VideoFrame]:
    for stream in container.streams:
        if stream is not film:
            stream.discard = Discard.all
    try:
        for packet in container.demux(film):
            if packet.size:
                yield from decoded(film, packet)
    except (FFmpegError, IndexError):  # as in `recording`: where a film is damaged it ends
        pass
    yield from decoded(film, None)
