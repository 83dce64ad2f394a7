"""What captions cost by `concepts`, beside indexing the same pictures.

    python -m benchmarks.captions PHOTOS [--files 500]

Pictures are cut out of the photos in PHOTOS, each another part of one, mirrored or not, so that no two are the same.
`bowerbird index` and then `bowerbird caption` run as people run them, as processes of their own, with the settings of a
new library. Both are told as a whole and without what the same command takes when it finds nothing left to do, which is
the start of the process.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from bowerbird.types import SegmentKind
from bowerbird.wiring import open_library

MOST_OF_INDEXING = 0.05
BIN = Path(sys.executable).parent
KEPT = 0.8
"""Of a photo's width and height, in a picture that is cut out of it."""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds of a command, by the clock on the wall or of all processors."""

    first: float
    again: float
    """When it finds nothing left to do."""

    @property
    def work(self) -> float:
        """Without the start of the process."""
        return self.first - self.again


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a command. On a machine with other work, processor time is the steadier of the two."""

    wall: Took
    processor: Took


def make(photos: Path, folder: Path, files: int) -> None:
    """``files`` JPEGs of distinct content in ``folder``."""
    sources = sorted(photos.glob("*.jpg"))
    if not sources:
        raise SystemExit(f"{photos} holds no .jpg; name a folder of photos")
    folder.mkdir()
    for number in range(files):
        turn, which = divmod(number, len(sources))
        with Image.open(sources[which]) as image:
            width, height = image.size
            left, top = (turn * (1 - KEPT) / (1 + files // len(sources)) * side for side in image.size)
            cut = image.convert("RGB").crop((int(left), int(top), int(left + KEPT * width), int(top + KEPT * height)))
        made = ImageOps.mirror(cut) if turn % 2 else cut
        made.save(folder / f"IMG_{number:05}.jpg", quality=88)


def cost(library: Path, *call: str) -> Cost:
    """What ``bowerbird call`` takes, and then once more."""
    wall, processor = [], []
    for _ in range(2):
        started, spent = time.perf_counter(), _spent()
        command = [str(BIN / "bowerbird"), *call, "--library", str(library)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        wall.append(time.perf_counter() - started)
        processor.append(_spent() - spent)
    return Cost(Took(*wall), Took(*processor))


def _spent() -> float:
    """Processor time of the processes that were started here and have ended, and of those that they started."""
    used = os.times()
    return used.children_user + used.children_system


def measure(photos: Path, place: Path, files: int) -> None:
    """Print the table."""
    make(photos, place / "media", files)
    library = place / "library"
    indexing = cost(library, "index", str(place / "media"), "--encoder", "concepts")
    captioning = cost(library, "caption", "--captioner", "concepts")
    with open_library(library) as opened, opened.catalog.read() as tx:
        counts = tx.segments.counts()
    captions, pictures = counts.get(SegmentKind.CAPTION, 0), counts[SegmentKind.IMAGE]
    print(f"{pictures} pictures, {captions} captions, {os.cpu_count()} cores\n")
    if not captions:
        raise SystemExit("nothing was captioned")
    print("| | whole command, s | when nothing is left, s | work, s | ms a picture |\n|-|-|-|-|-|")
    for name, each in (("index", indexing), ("caption", captioning)):
        _row(f"`bowerbird {name}`", each.wall, pictures)
        _row("… of processor time", each.processor, pictures)
    print(f"\nshare of indexing (at most {MOST_OF_INDEXING:.0%}), of the work and of the whole commands")
    for name, ours, theirs in (
        ("by the clock", captioning.wall, indexing.wall),
        ("of processor time", captioning.processor, indexing.processor),
    ):
        print(f"  {name}: {ours.work / theirs.work:.1%}, {ours.first / theirs.first:.1%}")


def _row(name: str, took: Took, pictures: int) -> None:
    print(f"| {name} | {took.first:.2f} | {took.again:.2f} | {took.work:.2f} | {1000 * took.work / pictures:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="a folder of .jpg: coco-val128/images")
    parser.add_argument("--files", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(options.photos, Path(folder), options.files)


if __name__ == "__main__":
    main()
