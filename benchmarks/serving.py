"""The server under load, against its own parts called directly; its memory; and the page, against what it is made of.

    python -m benchmarks.serving [--files 10000] [--queries 2000] [--more 18000] [--keep FOLDER]

A library of small pictures and `bowerbird serve` before it, as people run it. 32 clients in a closed loop ask texts
that were never asked before. The bound is what these texts cost when the encoder is called with 32 at a time, the views
with 32 vectors at a time, and the ten best of each query are hydrated, by one process with nothing around it; a second
bound is the same by as many processes as there are cores. A lone client is held against `open_search` in one process.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import numpy as np
import psutil
from PIL import Image

from benchmarks.http_clients import texts
from bowerbird.store.catalog import Transaction
from search import Search, open_search
from search.fuse import Candidate, Gathered
from search.hydrate import first_hits

TOGETHER = 32
BIN = Path(sys.executable).parent


def pictures(folder: Path, files: int) -> None:
    """``files`` JPEGs of distinct content and colours, 480 x 320, called as cameras call them."""
    for number in range(files):
        drawn = np.random.default_rng(number)
        coarse = drawn.integers(0, 256, (4, 6, 3), np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(coarse).resize((480, 320), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=80)
        place = folder / f"{number // 500:03}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"IMG_{number:05}.jpg").write_bytes(buffer.getvalue())


@contextmanager
def serving(library: Path) -> Iterator[tuple[psutil.Process, str]]:
    """The server as a process, ready, and its address."""
    call = [str(BIN / "bowerbird"), "serve", "--library", str(library), "--port", "0"]
    with subprocess.Popen(call, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            address = urlsplit(process.stderr.readline().split(" at ")[1].split()[0]).netloc
            while True:
                try:
                    urlopen(f"http://{address}/readyz", timeout=60).close()
                    break
                except OSError:
                    time.sleep(0.2)
            yield psutil.Process(process.pid), address
        finally:
            process.terminate()
            process.wait(30)


def asked(address: str, clients: int, queries: int, seed: int) -> tuple[float, np.ndarray]:
    """Queries a second, and milliseconds of each answer, by clients in a process of their own."""
    call = [sys.executable, "-m", "benchmarks.http_clients", address]
    call += ["--clients", str(clients), "--queries", str(queries), "--seed", str(seed)]
    done = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
    return queries / done["seconds"], np.asarray(done["ms"])


def directly(library: Path, queries: int, seed: int) -> float:
    """Queries a second by encoder, views and hydration alone."""
    with open_search(library) as search:
        warm = texts(2 * TOGETHER, seed + 1)
        _directly(search, warm)
        asked_for = texts(queries, seed)
        started = time.perf_counter()
        _directly(search, asked_for)
        return queries / (time.perf_counter() - started)


def _directly(search: Search, asked_for: list[str]) -> None:
    library = search.library
    encoders = [(space, library.encoder(space)) for space in library.spaces]
    for start in range(0, len(asked_for), TOGETHER):
        batch = asked_for[start : start + TOGETHER]
        found: list[list[int]] = [[] for _ in batch]
        with library.catalog.read() as tx:
            for space, encoder in encoders:
                vectors = encoder.encode_texts(batch)
                for kind in tx.segments.kinds(space.id):
                    _, ids = library.views.view(space, kind).search(vectors, 10)
                    for row, near in zip(found, ids.tolist(), strict=True):
                        row += [each for each in near if each >= 0]
        for near in found:
            with library.catalog.read() as tx:
                _hydrated(library.joint, library.thumbnails, tx, near)


def _hydrated(space, thumbnails, tx: Transaction, near: list[int]) -> None:  # type: ignore[no-untyped-def]
    placed = tx.segments.placed(near)
    best = {owned.asset_id: Gathered(Candidate(owned.segment_id, owned.asset_id)) for owned in placed.values()}
    hits = first_hits(tx, list(best.values()), 10, space=space, thumbnails=thumbnails)
    assert hits


def alone(library: Path, queries: int, seed: int) -> np.ndarray:
    """Milliseconds of each query by `open_search`."""
    took = []
    with open_search(library) as search:
        for query in texts(queries + 10, seed):
            started = time.perf_counter()
            search.search(query)
            took.append(1000 * (time.perf_counter() - started))
    return np.asarray(took[10:])


def memory(server: psutil.Process) -> float:
    """Megabytes of the server and its children, shared pages counted once."""
    return sum(each.memory_full_info().pss for each in (server, *server.children(recursive=True))) / 1e6


def measure(library: Path, queries: int, more: int) -> None:
    """Print the tables."""
    cores = psutil.cpu_count() or 1
    with serving(library) as (server, address):
        asked(address, TOGETHER, 500, 5)
        rows: list[tuple[float, np.ndarray, float, float]] = []
        for turn in range(3):  # in turn, since the machine is not equally quick all the time
            rate, took = asked(address, TOGETHER, queries, 10 + turn)
            with ProcessPoolExecutor(cores, get_context("spawn")) as processes:
                bound = processes.submit(directly, library, queries, 20 + turn).result()
                all_cores = sum(processes.map(directly, [library] * cores, [queries] * cores, range(30, 30 + cores)))
            rows.append((rate, took, bound, all_cores))
        print("| round | server, queries/s | one process | ratio | every core | ratio | p95 ms | 32 / throughput |")
        print("|-|-|-|-|-|-|-|-|")
        for number, (rate, took, bound, all_cores) in enumerate(rows, 1):
            p95, turn_ms = np.percentile(took, 95), 1000 * TOGETHER / rate
            print(
                f"| {number} | {rate:.1f} | {bound:.1f} | {rate / bound:.2f} | {all_cores:.1f} "
                f"| {rate / all_cores:.2f} | {p95:.0f}: {p95 / turn_ms:.2f} x | {turn_ms:.0f} |"
            )
        print("\n| round | a lone client, p50 ms | open_search, p50 ms | difference |\n|-|-|-|-|")
        for turn in range(3):
            _, lone = asked(address, 1, 300, 40 + turn)
            with ProcessPoolExecutor(1, get_context("spawn")) as processes:
                direct = processes.submit(alone, library, 300, 50 + turn).result()
            lone_ms, direct_ms = np.median(lone), np.median(direct)
            print(f"| {turn + 1} | {lone_ms:.1f} | {direct_ms:.1f} | {lone_ms - direct_ms:+.1f} |")
    with serving(library) as (server, address):
        asked(address, TOGETHER, 1000, 60)
        before = memory(server)
        asked(address, TOGETHER, more, 61)
        after = memory(server)
        grown = f"{before:.0f} MB, after {1000 + more:,} {after:.0f} MB: {after / before - 1:+.1%}"
        print(f"\nmemory after 1,000 queries {grown}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--more", type=int, default=19_000)
    parser.add_argument("--keep", type=Path, help="Make the library here, and leave it for another run.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = options.keep or Path(folder)
        library = filled(place, options.files)
        measure(library, options.queries, options.more)


def filled(place: Path, files: int) -> Path:
    """The library in ``place``, made and filled if it is not there."""
    library = place / "library"
    if not (library / "library.toml").exists():
        pictures(place / "media", files)
        call = [str(BIN / "bowerbird"), "index", str(place / "media"), "--library", str(library)]
        subprocess.run([*call, "--encoder", "concepts", "--regions", "0"], check=True, stderr=subprocess.DEVNULL)
    return library


if __name__ == "__main__":
    main()
