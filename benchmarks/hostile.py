"""What files that hang cost the good ones: 8 among 2,000, against the good ones alone.

    python -m benchmarks.hostile [--files 2000] [--hanging 8] [--timeout 3]

Every good file must be indexed, and the whole may take at most the time of the good ones alone plus the time limits of
the hanging ones, one after another.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.indexing import make, only_pictures
from bowerbird.media.picture.pictures import PictureDecoder
from bowerbird.media.registry import PICTURES
from bowerbird.media.sandbox import DecoderPool
from bowerbird.moments import Decoded, Wanted
from bowerbird.types import IndexReport
from bowerbird.wiring import open_library
from indexer import Indexer


class Hanging(PictureDecoder):
    """Reads pictures, but for those of which the name says that they hang it."""

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """As pictures are read, or not at all."""
        if path.name.startswith("hang"):
            time.sleep(3600)
        return super().decode(path, wanted)


FORMATS = {PICTURES.name: replace(PICTURES, decoder="benchmarks.hostile:Hanging")}


def indexed(media: Path, folder: Path, timeout_s: float) -> tuple[IndexReport, float]:
    with open_library(folder, create=True, encoder="concepts") as library:
        only_pictures(library)
        library.settings.decode.timeout_s = timeout_s
        library.encoder(library.joint)
        with DecoderPool(library.settings.decode, formats="benchmarks.hostile:FORMATS") as pool:
            library.__dict__["decoders"] = pool
            started = time.perf_counter()
            report = Indexer(library).index([media])
            return report, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--hanging", type=int, default=8)
    parser.add_argument("--timeout", type=float, default=3.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        media = Path(temporary, "media")
        make(media, given.files)
        report, alone = indexed(media, Path(temporary, "alone"), given.timeout)
        assert report.indexed == given.files
        folders = sorted(media.iterdir())
        good = next(folders[0].iterdir())
        for number in range(given.hanging):
            bad = folders[number % len(folders)] / f"hang {number}.jpg"
            shutil.copyfile(good, bad)
            with bad.open("ab") as file:
                file.write(bytes([number]))  # or one verdict would do for all
        report, together = indexed(media, Path(temporary, "together"), given.timeout)
        assert len(report.failed) == given.hanging, report.failed
        allowed = alone + given.hanging * given.timeout
        print(f"{given.files} good files alone              {alone:7.1f} s")
        print(f"with {given.hanging} that hang for {given.timeout:g} s      {together:7.1f} s")
        print(f"against what their limits explain  {together / allowed:7.2f}     (at most 1)")


if __name__ == "__main__":
    main()
