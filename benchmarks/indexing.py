"""Indexing generated JPEGs: the rate against decoding and encoding alone, a second run, and memory.

    python -m benchmarks.indexing [--files 2000] [--more 8000] [--encoder concepts]

Decoding alone is the same sandbox with nobody behind it; encoding alone is the same encoder on pixels that are there
already. Both have the machine to themselves, so a perfect pipeline on the same cores does 1/(1/D + 1/E). Tiles, words
and thumbnails are off; what they add is told by `benchmarks.steps`.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from PIL import Image, ImageFilter

from bowerbird.media.sandbox import Closed, DecodeRequest, Part
from bowerbird.moments import Moment, Wanted
from bowerbird.types import Pixels
from bowerbird.wiring import Library, open_library
from indexer import Indexer

SIZE = (1200, 800)


def jpeg(seed: int) -> bytes:
    """A picture with the detail of a photo: clouds, edges and grain, about 200 KB."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (12, 18, 3), np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
    pixels = np.asarray(coarse, np.int16) + random.normal(0, 9, (*SIZE[::-1], 1)).astype(np.int16)
    for _ in range(6):
        x, y = random.integers(0, SIZE[0] - 200), random.integers(0, SIZE[1] - 200)
        pixels[y : y + random.integers(20, 200), x : x + random.integers(20, 200)] += random.integers(-90, 90, 3)
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def make(folder: Path, files: int) -> None:
    """``files`` JPEGs of distinct content; past the first 500 a byte behind the picture's end makes the difference."""
    folder.mkdir(parents=True)
    distinct = [jpeg(seed) for seed in range(min(files, 500))]
    for number in range(files):
        data = distinct[number % len(distinct)]
        place = folder / f"{number // 500:03}"
        place.mkdir(exist_ok=True)
        (place / f"{number:06}.jpg").write_bytes(data if number < len(distinct) else data + number.to_bytes(4))


class Memory(threading.Thread):
    """The greatest proportional set size of this process and its children, in MB, sampled five times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = 0.0
        self._done = threading.Event()

    def run(self) -> None:
        """Sample until told to stop."""
        me = psutil.Process()
        while not self._done.wait(0.2):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_full_info().pss
                except psutil.NoSuchProcess:
                    continue
            self.peak = max(self.peak, total / 1e6)

    def stop(self) -> float:
        """End it, and give the peak."""
        self._done.set()
        self.join()
        return self.peak


def only_pictures(library: Library) -> None:
    """Switch off every step beside decoding and encoding."""
    settings = library.settings.index
    settings.regions, settings.ocr, settings.transcriber, settings.thumbnail_px = 0, False, "none", 0


@contextmanager
def opened(folder: Path, encoder: str) -> Iterator[Library]:
    with open_library(folder, create=True, encoder=encoder) as library:
        only_pictures(library)
        warm = library.encoder(library.joint)
        assert warm.picture is not None
        size = warm.picture.size
        for _ in range(3):
            warm.encode_images([np.zeros((size, size, 3), np.uint8)] * library.settings.index.batch_size)
        yield library


def decoding_alone(library: Library, files: list[Path]) -> tuple[float, list[Pixels]]:
    wanted = Wanted(library.encoder(library.joint).picture)
    pixels: list[Pixels] = []
    list(library.decoders.decode([DecodeRequest(files[0], wanted)]))  # children are started
    started = time.perf_counter()
    for event in library.decoders.decode(DecodeRequest(file, wanted) for file in files):
        if isinstance(event, Closed):
            assert event.error is None
        elif isinstance(event, Part) and isinstance(event.part, Moment) and len(pixels) < 64:
            assert event.part.pixels is not None
            pixels.append(event.part.pixels)
    return len(files) / (time.perf_counter() - started), pixels


def encoding_alone(library: Library, pixels: list[Pixels], pictures: int) -> float:
    encoder, batch = library.encoder(library.joint), library.settings.index.batch_size
    started = time.perf_counter()
    for start in range(0, pictures, batch):
        encoder.encode_images([pixels[(start + each) % len(pixels)] for each in range(batch)])
    return pictures / (time.perf_counter() - started)


def index(folder: Path, library: Library) -> float:
    """Seconds."""
    started = time.perf_counter()
    report = Indexer(library).index([folder])
    assert not report.failed
    return time.perf_counter() - started


def memory_of(folder: Path, library: Path, encoder: str) -> float:
    """The greatest memory in MB of indexing ``folder`` in a process of its own, which has nothing left from before."""
    call = [sys.executable, "-m", "benchmarks.indexing", "--encoder", encoder, "--peak", str(folder), str(library)]
    return float(subprocess.run(call, check=True, capture_output=True, text=True).stdout)


def peak(folder: Path, library_folder: Path, encoder: str) -> float:
    """What `memory_of` runs: the peak from the moment at which the models are loaded."""
    with opened(library_folder, encoder) as library:
        memory = Memory()
        memory.start()
        index(folder, library)
        return memory.stop()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--files", type=int, default=2000)
    arguments.add_argument("--more", type=int, default=8000)
    arguments.add_argument("--encoder", default="concepts")
    arguments.add_argument("--peak", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.peak:
        print(peak(given.peak[0], given.peak[1], given.encoder))
        return
    with tempfile.TemporaryDirectory() as temporary:
        few, many = Path(temporary, "few"), Path(temporary, "many")
        make(few, given.files)
        files = sorted(few.rglob("*.jpg"))
        with opened(Path(temporary, "library"), given.encoder) as library:
            decode, pixels = decoding_alone(library, files)
            encode = encoding_alone(library, pixels, given.files)
            first = index(few, library)
            second = index(few, library)
            decode_after, _ = decoding_alone(library, files)
            encode_after = encoding_alone(library, pixels, given.files)
        decode, encode = (decode + decode_after) / 2, (encode + encode_after) / 2
        bound = 1 / (1 / decode + 1 / encode)
        rate = given.files / first
        print(f"{given.files} JPEGs of {SIZE[0]} x {SIZE[1]}, {os.cpu_count()} cores, {given.encoder}")
        print(f"decoding alone           {decode:8.1f} files/s")
        print(f"encoding alone           {encode:8.1f} files/s")
        print(f"bound 1/(1/D + 1/E)      {bound:8.1f} files/s")
        print(f"end to end               {rate:8.1f} files/s   {rate / bound:.2f} of the bound   (at least 0.80)")
        print(
            f"again, unchanged         {second:8.3f} s         1/{first / second:.0f} of the first run (at most 1/50)"
        )
        if given.more:
            make(many, given.more)
            few_mb = memory_of(few, Path(temporary, "library of few"), given.encoder)
            many_mb = memory_of(many, Path(temporary, "library of many"), given.encoder)
            print(f"memory, {given.files:>6} files     {few_mb:8.1f} MB")
            print(
                f"memory, {given.more:>6} files     {many_mb:8.1f} MB        {many_mb - few_mb:+.1f} MB (at most +50)"
            )


if __name__ == "__main__":
    main()
