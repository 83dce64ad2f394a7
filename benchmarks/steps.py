"""What each step beside decoding and encoding adds to indexing photos: thumbnails, tiles, words read off them.

    python -m benchmarks.steps FOLDER [--rounds 3]

FOLDER holds photos. Each round indexes them into a new library for every set of steps, taking turns; the least time of
each counts. The steps are set against pictures alone, and against what the extra views alone explain.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from benchmarks.indexing import only_pictures
from bowerbird.wiring import Library, open_library
from indexer import Indexer

SETS: dict[str, dict[str, object]] = {
    "pictures alone": {},
    "thumbnails": {"thumbnail_px": 256},
    "words": {"ocr": True},
    "4 tiles": {"regions": 4},
    "9 tiles": {"regions": 9},
    "9 tiles, thumbnails": {"regions": 9, "thumbnail_px": 256},
    "9 tiles, thumbnails, words": {"regions": 9, "thumbnail_px": 256, "ocr": True},
}


def seconds(photos: Path, folder: Path, steps: dict[str, object]) -> float:
    """Of indexing ``photos`` with these steps, models loaded."""
    with open_library(folder, create=True, encoder="concepts") as library:
        only_pictures(library)
        for name, value in steps.items():
            setattr(library.settings.index, name, value)
        _warm(library, photos)
        started = time.perf_counter()
        report = Indexer(library).index([photos])
        assert not report.failed, report.failed
        return time.perf_counter() - started


def _warm(library: Library, photos: Path) -> None:
    """Load what would be loaded once for many more photos than there are."""
    with tempfile.TemporaryDirectory() as temporary:
        first = sorted(each for each in photos.iterdir() if each.suffix == ".jpg")[0]
        copy = Path(temporary, first.name)
        copy.write_bytes(first.read_bytes() + b"\0")  # other content, so that the first is not known afterwards
        Indexer(library).index([copy])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    best = dict.fromkeys(SETS, float("inf"))
    for number in range(given.rounds):
        for name, steps in SETS.items():
            with tempfile.TemporaryDirectory() as temporary:
                best[name] = min(best[name], seconds(given.folder, Path(temporary, str(number)), steps))
    count = sum(each.suffix == ".jpg" for each in given.folder.iterdir())
    print(f"{count} photos, {os.cpu_count()} cores, concepts, best of {given.rounds}\n")
    print("| steps | ms a photo | against pictures alone | against the same without the last |\n|-|-|-|-|")
    before = {"thumbnails": "pictures alone", "words": "pictures alone", "9 tiles, thumbnails": "9 tiles"}
    before["9 tiles, thumbnails, words"] = "9 tiles, thumbnails"
    for name, took in best.items():
        last = f"{took / best[before[name]]:.2f}" if name in before else ""
        print(f"| {name} | {1000 * took / count:.1f} | {took / best['pictures alone']:.2f} | {last} |")


if __name__ == "__main__":
    main()
