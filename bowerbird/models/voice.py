"""Where somebody speaks in a recording, and the windows in which speech is transcribed.

The detector is Silero's (github.com/snakers4/silero-vad, MIT), whose weights come with faster-whisper.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from bowerbird.models.spoken_sentences import Word
from bowerbird.types import Sound

RATE = 16_000
WINDOW_S = 30.0
"""What Whisper hears at once."""
EARLIEST_CUT_S = 25.0
"""From here on a window may end; it ends at the longest pause between here and `WINDOW_S`."""
STRAY_S = 0.5
"""How far from a voice the times of a word may be off."""
BLOCK_S, CUT_WITHIN_S = 600, 5
"""The detector copies what it reads several times over: blocks bound the memory that a long recording takes."""

DETECTOR: dict[str, Any] = {
    "threshold": 0.5,
    "min_speech_duration_ms": 200,  # a click is shorter, a "yes" is not
    "min_silence_duration_ms": 160,  # so that windows can end between words even in hurried speech
    "speech_pad_ms": 300,  # the detector is late at soft beginnings
    "max_speech_duration_s": WINDOW_S,
}


@dataclass(frozen=True, slots=True)
class Span:
    """From ``start`` up to ``end``, in seconds."""

    start: float
    end: float

    @property
    def length(self) -> float:
        """In seconds."""
        return self.end - self.start


def voiced(sound: Sound) -> list[Span]:
    """The stretches in which somebody speaks, in order and apart, none longer than `WINDOW_S`."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(**DETECTOR)
    edges = [0, *_quiet_points(sound), len(sound)]
    return [
        Span((begin + span["start"]) / RATE, (begin + span["end"]) / RATE)
        for begin, end in pairwise(edges)
        if begin < end
        for span in get_speech_timestamps(sound[begin:end], options)
    ]


def _quiet_points(sound: Sound) -> list[int]:
    """Samples about every `BLOCK_S` at which the sound is quietest, so that a cut there parts no word."""
    step = RATE // 10
    points = []
    for middle in range(BLOCK_S * RATE, len(sound) - BLOCK_S * RATE // 2, BLOCK_S * RATE):
        around = sound[middle - CUT_WITHIN_S * RATE : middle + CUT_WITHIN_S * RATE].reshape(-1, step)
        quietest = int(np.argmin(np.abs(around).sum(axis=1)))
        points.append(middle - CUT_WITHIN_S * RATE + quietest * step + step // 2)
    return points


def windows(spans: Sequence[Span]) -> list[Span]:
    """Stretches of at most `WINDOW_S` that cover all ``spans`` and cut none, as few as long pauses allow."""
    made: list[Span] = []
    first = 0
    while first < len(spans):
        start = spans[first].start
        last = bisect_left(spans, start + WINDOW_S + 1e-6, lo=first + 1, key=lambda span: span.end) - 1
        if last + 1 < len(spans):  # not the end of the recording: choose where to stop
            earliest = bisect_left(spans, start + EARLIEST_CUT_S, lo=first, hi=last, key=lambda span: span.end)
            last = max(range(earliest, last + 1), key=lambda index: spans[index + 1].start - spans[index].end)
        made.append(Span(start, spans[last].end))
        first = last + 1
    return made


def held_to_voice(words: Sequence[Word], spans: Sequence[Span]) -> list[Word]:
    """``words`` with their times cut to the span that they lie in most, in order.

    Cross-attention stretches words into the pauses beside them. A word a little off is moved to its span; one further
    than `STRAY_S` from any was made up of silence, and is left out.
    """
    held = []
    for word in words:
        near = bisect_left(spans, word.start - STRAY_S, key=lambda span: span.end)
        around = [span for span in spans[near : near + 64] if span.start <= word.end + STRAY_S]
        if around:
            span = max(around, key=lambda one: min(one.end, word.end) - max(one.start, word.start))
            start = min(max(word.start, span.start), span.end)
            held.append(replace(word, start=start, end=max(start, min(word.end, span.end))))
    return held
