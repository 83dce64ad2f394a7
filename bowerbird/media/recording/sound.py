"""A recording's sound -> stretches of half a minute, one channel, 16,000 samples a second."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.packet import Packet

from bowerbird.media.recording.stream_clock import StreamClock
from bowerbird.media.recording.stream_reader import decoded
from bowerbird.moments import Heard
from bowerbird.types import Sound

RATE = 16_000
_STRETCH = 30 * RATE
_GAP_S = 0.5
"""From which on missing sound is a gap, and not a sloppy timestamp."""
_MIX = {"rematrix_maxval": "1"}
"""So that channels that say the same do not add up to more than there is room for."""
_LOWEST_RATE = 4_000
"""Nothing that is meant to be heard is sampled less often; a header that says 1 would make gigabytes of a kilobyte."""


class SoundReader:
    """Decodes a stream of sound packet by packet. The channels are mixed, and values beyond -1..1 cut off."""

    def __init__(self, stream: AudioStream, begin_s: float) -> None:
        self.found = False
        self._stream = stream
        self._clock = StreamClock(stream.time_base, begin_s)
        self._resampler: AudioResampler | None = None
        self._source: tuple[str, str, int] | None = None
        self._start_s = 0.0
        self._samples = 0
        """How many have been given since ``_start_s``."""
        self._waiting: list[Sound] = []

    def read(self, packet: Packet[AudioStream]) -> Iterator[Heard]:
        """The stretches that this packet fills."""
        for frame in decoded(self._stream, packet):
            yield from self._hear(frame)

    def finish(self) -> Iterator[Heard]:
        """The last stretch."""
        for frame in decoded(self._stream, None):
            yield from self._hear(frame)
        yield from self._close()

    def _hear(self, frame: AudioFrame) -> Iterator[Heard]:
        if frame.sample_rate < _LOWEST_RATE or not frame.samples:
            return
        at_s = self._clock.at(frame.pts, frame.samples / frame.sample_rate)
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if source != self._source or at_s > self._now_s + _GAP_S:
            yield from self._close()
            self._start_s, self._samples = max(at_s, self._now_s), 0
            self._source = source
        if self._resampler is None:
            self._resampler = AudioResampler("flt", "mono", RATE, options=_MIX)
        frame.pts = None  # only samples count from here on
        try:
            self._take(self._resampler.resample(frame))
        except FFmpegError:  # channels that nobody knows how to mix; a film is seen all the same
            self._resampler = None
            return
        self.found = True
        while self._held >= _STRETCH:
            yield self._give(_STRETCH)

    @property
    def _held(self) -> int:
        return sum(map(len, self._waiting))

    @property
    def _now_s(self) -> float:
        return self._start_s + (self._samples + self._held) / RATE

    def _take(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            sound = frame.to_ndarray().reshape(-1).astype(np.float32, copy=False)
            self._waiting.append(np.nan_to_num(sound, nan=0.0, posinf=1.0, neginf=-1.0).clip(-1, 1))

    def _close(self) -> Iterator[Heard]:
        """End the stretch, with what the resampler holds."""
        if self._resampler is not None:
            self._take(self._resampler.resample(None))
            self._resampler = None
        while held := self._held:
            yield self._give(min(held, _STRETCH))

    def _give(self, count: int) -> Heard:
        sound = np.concatenate(self._waiting)
        self._waiting = [sound[count:]] if len(sound) > count else []
        heard = Heard(round(self._start_s + self._samples / RATE, 4), np.ascontiguousarray(sound[:count]))
        self._samples += count
        return heard
