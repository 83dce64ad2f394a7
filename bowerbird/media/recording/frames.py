"""The film of a container -> moments of kind `frame`: one for each scene, with the stretch that it stands for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from PIL import Image

from bowerbird.media.picture.renditions import picture_moments
from bowerbird.media.recording.container import MAX_FRAME_PIXELS
from bowerbird.media.recording.frame_picture import turn_of, upright
from bowerbird.media.recording.scenes import GLANCE, Glance, Scene, SceneSampler
from bowerbird.media.recording.stream_clock import StreamClock
from bowerbird.media.recording.stream_reader import decoded
from bowerbird.moments import Moment, Wanted
from bowerbird.types import SegmentKind

_LIVELY = 20
"""Frames a second from which on those are passed over that no other one builds on: every second one or so, and what
they show differs little from their neighbours.
"""
_THREAD_PIXELS = 60_000_000
"""Pixels of all frames that threads may have in work: each takes one more."""


def limit(stream: VideoStream) -> None:
    """Hold a film that is not decoded yet to its limits: the size of a frame, and how many are in work at once."""
    codec = stream.codec_context
    codec.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
    codec.thread_type = "AUTO"
    room = _THREAD_PIXELS // max(1, stream.width * stream.height)
    codec.thread_count = max(1, min(os.cpu_count() or 1, room, 16))


class FrameReader:
    """Decodes a film packet by packet, looks at it ten times a second, and makes pictures of what is kept."""

    def __init__(self, stream: VideoStream, begin_s: float, wanted: Wanted) -> None:
        self.found = False
        self._stream = stream
        self._wanted = wanted
        self._clock = StreamClock(stream.time_base, begin_s)
        self._scenes: SceneSampler[Image.Image] = SceneSampler()
        self._reformatter = VideoReformatter()
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        self._step_s = 1 / rate if rate >= 1 else 1.0
        self._end_s = 0.0
        self._turn: Image.Transpose | None = None
        limit(stream)
        if rate >= _LIVELY:
            stream.codec_context.skip_frame = "NONREF"

    def read(self, packet: Packet[VideoStream]) -> Iterator[Moment]:
        """The moments whose end this packet makes known."""
        for frame in decoded(self._stream, packet):
            yield from self._see(frame)

    def finish(self) -> Iterator[Moment]:
        """What the codec still holds, and the last moment."""
        for frame in decoded(self._stream, None):
            yield from self._see(frame)
        yield from self._moments(self._scenes.end(self._end_s))

    def _see(self, frame: VideoFrame) -> Iterator[Moment]:
        if not self.found:
            self._turn = turn_of(frame)
        self.found = True
        at_s = self._clock.at(frame.pts, self._step_s)
        self._end_s = at_s + self._step_s
        if self._scenes.is_due(at_s):
            grey = self._reformatter.reformat(frame, *GLANCE, "gray", interpolation="AREA", threads=1)
            glance: Glance = grey.to_ndarray().astype(np.uint8, copy=False)
            show = partial(upright, frame, self._stream.sample_aspect_ratio, self._turn, self._wanted)
            yield from self._moments(self._scenes.look(at_s, glance, show))

    def _moments(self, scenes: Iterable[Scene[Image.Image]]) -> Iterator[Moment]:
        for scene in scenes:
            start_s, end_s = round(scene.start_s, 3), round(scene.end_s, 3)
            yield from picture_moments(scene.shown, self._wanted, SegmentKind.FRAME, start_s=start_s, end_s=end_s)
