"""Transcription against a plain faster-whisper call with the same weights and threads: speed and word error rate.

    python -m benchmarks.speech [--minutes 10] [--threads N] [--recording FILE --reference FILE]

The plain call is ``WhisperModel(…, compute_type="float32").transcribe(sound)``: no voice-activity filter, no batches,
no times for words, which ours has. The recording is made of a few hundred sentences of all sorts, spoken by espeak-ng
in four voices; one has pauses of 0.2 to 0.6 s between sentences, the other the same sentences with none. A synthetic
voice is harder for Whisper than a person's, so the error rates are high on both sides: their difference counts.
``--recording`` measures a recording of one's own instead, against a text file of what is said in it.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import av
import numpy as np
from faster_whisper import WhisperModel

from bowerbird.models.minilm import ordinary_sentences
from bowerbird.models.voice import RATE
from bowerbird.models.whisper import load_transcriber
from bowerbird.models.whisper_weights import find
from bowerbird.settings import cache_folder
from bowerbird.types import Sound

VOICES = (("en-us", 150), ("en-gb", 160), ("en-us+f3", 150), ("en-gb-x-rp+m3", 165))


def decoded(file: Any) -> Sound:
    """One channel at 16 kHz of whatever PyAV reads."""
    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(file) as container:
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in [*frames, *resampler.resample(None)]])


def say(text: str, voice: str, speed: int) -> Sound:
    """``text`` spoken, without the silence around it."""
    call = ["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text]
    sound = decoded(io.BytesIO(subprocess.run(call, capture_output=True, check=True).stdout))
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    return sound[loud[0] : loud[-1]]


def recording(minutes: float, *, pauses: bool) -> tuple[Sound, str, float]:
    """Sound of that length, what is said in it, and what share of it is pauses between sentences."""
    random = np.random.default_rng(0)
    parts: list[Sound] = []
    said: list[str] = []
    quiet = length = 0
    for text, (voice, speed) in zip(cycle(ordinary_sentences()), cycle(VOICES), strict=False):
        pause = round(random.uniform(0.2, 0.6) * RATE) if pauses else 0
        parts += [say(text, voice, speed), np.zeros(pause, np.float32)]
        said.append(text)
        quiet += pause
        length += len(parts[-2]) + pause
        if length >= minutes * 60 * RATE:
            return np.concatenate(parts), " ".join(said), quiet / length
    raise AssertionError("there are always more sentences")


def word_error_rate(reference: str, heard: str) -> float:
    """Words wrong, missing and too many, for each word of ``reference``: Levenshtein's distance over words."""
    wanted, found = (re.findall(r"[\w']+", text.lower().replace("’", "'")) for text in (reference, heard))
    row = np.arange(len(found) + 1)
    for number, word in enumerate(wanted, 1):
        before, row = row, np.empty_like(row)
        row[0] = number
        differs = np.array([word != other for other in found])
        row[1:] = np.minimum(before[1:] + 1, before[:-1] + differs)
        # Insertions run along the row: each cell is the least of those before it plus the way from there.
        steps = np.arange(len(row))
        row = np.minimum.accumulate(row - steps) + steps
    return float(row[-1] / len(wanted))


def timed(run: Callable[[], str]) -> tuple[float, float, str]:
    """Seconds by the clock and of the processor, and what was heard."""
    clock, processor = time.perf_counter(), time.process_time()
    heard = run()
    return time.perf_counter() - clock, time.process_time() - processor, heard


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--minutes", type=float, default=10)
    arguments.add_argument("--threads", type=int, default=os.cpu_count())
    arguments.add_argument("--recording", type=Path)
    arguments.add_argument("--reference", type=Path)
    given = arguments.parse_args()
    if given.recording:
        sounds = {given.recording.name: (decoded(str(given.recording)), given.reference.read_text("utf-8"), np.nan)}
    else:
        sounds = {
            "with pauses": recording(given.minutes, pauses=True),
            "without pauses": recording(given.minutes, pauses=False),
        }
    cache = cache_folder()
    ours = load_transcriber(cache=cache, threads=given.threads)
    plain = WhisperModel(
        str(find(ours.spec, cache).folder), device="cpu", compute_type="float32", cpu_threads=given.threads
    )

    def by_us(sound: Sound) -> str:
        return " ".join(moment.text or "" for moment in ours.transcribe(sound))

    def plainly(sound: Sound) -> str:
        return " ".join(segment.text for segment in plain.transcribe(sound)[0])

    warm = next(iter(sounds.values()))[0][: 5 * RATE]
    by_us(warm)
    plainly(warm)
    print(f"{ours.spec}, {given.threads} threads; x: times the speed of the plain call; WER: word error rate\n")
    print("| recording | pauses | plain s | ours s | x by the clock | x by processor time | plain WER | ours WER |")
    print("|-|-|-|-|-|-|-|-|")
    for name, (sound, said, share) in sounds.items():
        theirs, mine = (timed(lambda run=run, sound=sound: run(sound)) for run in (plainly, by_us))  # type: ignore[misc]
        print(
            f"| {name}, {len(sound) / RATE / 60:.1f} min | {share:.1%} | {theirs[0]:.1f} | {mine[0]:.1f} "
            f"| {theirs[0] / mine[0]:.2f} | {theirs[1] / mine[1]:.2f} "
            f"| {word_error_rate(said, theirs[2]):.1%} | {word_error_rate(said, mine[2]):.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
