"""Speech: the sound of a recording, gathered as it is decoded, is heard in blocks, so that hours take little memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bowerbird.moments import Heard, Moment
from bowerbird.ports import Transcriber
from bowerbird.types import Sound

RATE = 16_000
BLOCK_S = 600
"""Enough that finding the language and filling batches costs little."""
SEARCH_S = 60
"""How far before a block's end a quiet spot to cut at is looked for."""
QUIET_S = 0.3
"""How long a quiet spot is."""


class Listener:
    """Hears one recording. Times are those of the recording, however it is cut into blocks."""

    def __init__(self, transcriber: Transcriber, block_s: float = BLOCK_S) -> None:
        self._transcriber = transcriber
        self._most = round(block_s * RATE)
        self._pieces: list[Sound] = []
        self._size = 0
        self._start_s = 0.0

    def take(self, heard: Heard) -> Iterator[Moment]:
        """Add the next stretch; yields what was said in blocks that are full by now."""
        gap = round((heard.start_s - self._start_s) * RATE) - self._size
        if gap >= self._most:  # a recorder that slept
            yield from self.finish()
            gap = 0
        if not self._size:
            self._start_s = heard.start_s
        elif gap > 0:
            self._add(np.zeros(gap, np.float32))
        self._add(heard.sound)
        while self._size >= self._most:
            sound = np.concatenate(self._pieces)
            end = self._most - quiet_spot(sound[: self._most][::-1])
            yield from self._hear(sound[:end])
            self._start_s += end / RATE
            self._pieces, self._size = [sound[end:]], len(sound) - end

    def finish(self) -> Iterator[Moment]:
        """What was said in the rest."""
        if self._size:
            sound = np.concatenate(self._pieces)
            self._pieces, self._size = [], 0
            yield from self._hear(sound)

    def _add(self, sound: Sound) -> None:
        self._pieces.append(sound)
        self._size += len(sound)

    def _hear(self, sound: Sound) -> Iterator[Moment]:
        for moment in self._transcriber.transcribe(sound):
            assert moment.start_s is not None
            assert moment.end_s is not None
            start_s, end_s = round(moment.start_s + self._start_s, 2), round(moment.end_s + self._start_s, 2)
            yield replace(moment, start_s=start_s, end_s=end_s)


def quiet_spot(sound: Sound) -> int:
    """The middle of the quietest `QUIET_S` among the first `SEARCH_S` of ``sound``, as a number of samples."""
    step = round(QUIET_S * RATE)
    steps = min(len(sound), SEARCH_S * RATE) // step
    if steps < 2:
        return 0
    power = np.square(sound[: steps * step].reshape(steps, step), dtype=np.float64).mean(axis=1)
    return int(power.argmin()) * step + step // 2
