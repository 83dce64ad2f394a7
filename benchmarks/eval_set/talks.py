"""Recordings: what stands in ``talks.toml``, spoken by espeak-ng."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from benchmarks.eval_set import entries

CODECS = {".ogg": "libopus", ".m4a": "aac", ".mp3": "libmp3lame", ".flac": "flac"}
RATE = 48_000


def make_talks(folder: Path) -> None:
    """One file a talk."""
    folder.mkdir(parents=True)
    for talk in entries("talk"):
        path = folder / talk["file"]
        with av.open(path, "w", options={"fflags": "+bitexact"}) as out:
            stream = add_sound(out, CODECS[path.suffix])
            write_sound(out, stream, spoken(talk["text"], talk["voice"], talk["speed"]))


def spoken(text: str, voice: str, speed: int = 150) -> NDArray[np.int16]:
    """``text`` as sound, ``(1, samples)`` of one channel at `RATE`; ``speed`` in words a minute."""
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        raise SystemExit("the talks are spoken by espeak-ng, which is not installed: apt-get install espeak-ng")
    call = [espeak, "-v", voice, "-s", str(speed), "--stdout", " ".join(text.split())]
    with wave.open(io.BytesIO(subprocess.run(call, capture_output=True, check=True).stdout)) as said:
        rate, samples = said.getframerate(), np.frombuffer(said.readframes(10**9), "<i2")
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler("s16", "mono", RATE)
    made = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([each.to_ndarray() for each in made], axis=1).astype(np.int16)


def add_sound(out: Any, codec: str) -> AudioStream:
    """A track for `write_sound` in the container ``out``."""
    stream: AudioStream = out.add_stream(codec, rate=RATE, layout="mono")
    return stream


def write_sound(out: Any, stream: AudioStream, samples: NDArray[np.int16]) -> None:
    """Encode all of ``samples``, ``(1, samples)``."""
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts = RATE, 0
    fifo = av.AudioFifo()
    fifo.write(frame)
    fits = av.AudioResampler(stream.codec_context.format, "mono", RATE)
    size = stream.codec_context.frame_size or 4096
    while piece := fifo.read(size) or fifo.read():
        for each in fits.resample(piece):
            out.mux(stream.encode(each))
    out.mux(stream.encode(None))
