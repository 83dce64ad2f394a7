"""What an indexer at low priority costs those who search meanwhile.

    python -m benchmarks.busy [--files 3000] [--seconds 30]

A library is filled with part of some generated JPEGs. The same few queries, whose vectors are kept from then on, are
asked again and again: first alone, then while ``nice -n 19 bowerbird index`` adds the rest in a process of its own.
The searcher sees what has been committed at every query, so its views follow all the while. The p95 of the second may
be twice that of the first.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.indexing import make
from indexer import open_indexer
from search import Search, open_search

QUERIES = ("a cat on a sofa", "people at the sea", "red flowers", "a bridge at night", "clouds over a field")


def asked_for(search: Search, seconds: float) -> tuple[list[float], int]:
    """Milliseconds of each answer, one query after the other with a pause between, and how many segments were seen."""
    took, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        for query in QUERIES:
            started = time.perf_counter()
            search.search(query)
            took.append(1000 * (time.perf_counter() - started))
            time.sleep(0.02)
    with search.library.catalog.read() as tx:
        return took, sum(tx.segments.counts().values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.files, options.seconds)


def measure(folder: Path, files: int, seconds: float) -> None:
    """Print the table."""
    media, library = folder / "media", folder / "library"
    make(media, files)
    some = sorted(media.iterdir())[: max(1, files // 2000)]
    with open_indexer(library, encoder="concepts") as indexer:
        indexer.index(some)
    with open_search(library) as search:
        asked_for(search, 3)
        idle, before = asked_for(search, seconds)
        command = ["nice", "-n", "19", str(Path(sys.executable).parent / "bowerbird")]
        indexing = subprocess.Popen(
            [*command, "index", str(media), "--library", str(library)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "BOWERBIRD_INDEX__COMMIT_EVERY_S": "1"},
        )
        try:
            time.sleep(10)  # until its models are loaded and it is at work
            busy, after = asked_for(search, seconds)
            working = indexing.poll() is None
        finally:
            indexing.terminate()
            indexing.wait(60)
    print(f"{before:,} segments at first, {after - before:,} more while busy; indexing to the end: {working}\n")
    print("| | queries | p50 ms | p95 ms |\n|-|-|-|-|")
    for name, took in (("idle", idle), ("busy", busy)):
        print(f"| {name} | {len(took)} | {np.percentile(took, 50):.1f} | {np.percentile(took, 95):.1f} |")
    print(f"\np95 busy / idle: {np.percentile(busy, 95) / np.percentile(idle, 95):.2f} (asked: at most 2)")


if __name__ == "__main__":
    main()
