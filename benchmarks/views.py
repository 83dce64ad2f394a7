"""Vector views: are they exact, what does catching up cost, and what do a search and a cold opening cost?

``python -m benchmarks.views [--count N] [--dimension D] [--log MODULE:FUNCTION]``

Every ratio is of two things measured in this run, side by side. By default the change log lies in memory, so that
neither catching up nor rebuilding pays for SQL. ``--log`` swaps in another: a function ``(folder, vectors) ->
ChangingLog`` that commits ``vectors``, of shape ``(n, d)`` float16, as the embeddings of one view.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bowerbird.ports import ChangeLog, VectorView
from bowerbird.store.views.exact import ExactView
from bowerbird.store.views.keeper import ViewKeeper
from bowerbird.store.views.snapshot import VERIFIED
from bowerbird.types import ChangeBatch, SegmentKind, Space, SpaceName, SpaceState, ViewKey

QUERIES, CHANGES, REPEATS = 200, 1000, 9

_NONE = np.empty(0, dtype=np.int64)


class ChangingLog(ChangeLog, Protocol):
    """A change log with the one writing verb that the benchmark needs."""

    def change(self, vectors: NDArray[np.float16], removed: int) -> None:
        """Commit new embeddings with these vectors, and the removal of the first ``removed`` that are live."""
        ...


class MemoryLog:
    """Arrays in memory: the cheapest log there can be."""

    def __init__(self, folder: Path, vectors: NDArray[np.float16]) -> None:
        self._ids, self._vectors = np.arange(1, len(vectors) + 1), vectors
        self._later: list[ChangeBatch] = []
        self._head = len(vectors)

    def head(self) -> int:
        """The last line."""
        return self._head

    def since(self, seq: int) -> Iterator[ChangeBatch]:
        """The batches as they were committed."""
        return (batch for batch in self._later if batch.seq > seq)

    def live(self) -> Iterator[ChangeBatch]:
        """Runs of 1,000."""
        for start in range(0, len(self._ids), 1000):
            run = slice(start, start + 1000)
            yield ChangeBatch(self._head, self._ids[run], self._vectors[run], _NONE)

    def change(self, vectors: NDArray[np.float16], removed: int) -> None:
        """As one batch."""
        ids = np.arange(self._head + 1, self._head + 1 + len(vectors))
        self._head += len(vectors) + removed
        self._later.append(ChangeBatch(self._head, ids, vectors, self._ids[:removed]))
        self._ids = np.concatenate([self._ids[removed:], ids])
        self._vectors = np.concatenate([self._vectors[removed:], vectors])


def clustered(n: int, dimension: int, seed: int) -> NDArray[np.float16]:
    """Unit vectors around 200 centres; one in twenty is a copy of another, as in real libraries."""
    centres = np.random.default_rng(0).standard_normal((200, dimension), dtype=np.float32)
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(0, 200, n)] + 0.7 * rng.standard_normal((n, dimension), dtype=np.float32)
    vectors[: n // 20] = vectors[rng.integers(n // 20, n, n // 20)]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def seconds(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """The median of several runs."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return median(taken)


def report(what: str, mine: float, rival: str, other: float) -> None:
    print(f"{what:<52} {mine * 1e3:9.2f} ms | {rival:<34} {other * 1e3:9.2f} ms | ratio {mine / other:8.4f}")


def oracle_of(log: ChangeLog, dimension: int) -> ExactView:
    """`ExactView` of all that is live, applied in one batch, as it sorts anew with each."""
    batches = list(log.live())
    oracle = ExactView(dimension)
    ids = np.concatenate([batch.ids for batch in batches])
    oracle.apply(ChangeBatch(batches[0].seq, ids, np.concatenate([batch.vectors for batch in batches]), _NONE))
    return oracle


def same_answers(view: VectorView, oracle: VectorView, queries: NDArray[np.float32]) -> int:
    """How many queries have the same top 10, ids and scores to the last bit."""
    (scores, ids), (right_scores, right_ids) = view.search(queries, 10), oracle.search(queries, 10)
    return int(((ids == right_ids) & (scores == right_scores)).all(axis=1).sum())


class MarksInMemory:
    """The database's side of a snapshot's mark, for one run."""

    def __init__(self) -> None:
        self._marks: dict[ViewKey, str] = {}

    def get(self, key: ViewKey) -> str:
        """The mark of the newest snapshot."""
        return self._marks.get(key, "")

    def set(self, key: ViewKey, mark: str) -> None:
        """Keep it."""
        self._marks[key] = mark


def run(count: int, dimension: int, make_log: Callable[[Path, NDArray[np.float16]], ChangingLog]) -> None:
    with TemporaryDirectory() as folder:
        log = make_log(Path(folder), clustered(count, dimension, seed=1))
        space = Space(1, SpaceName.JOINT, "benchmark", "f" * 64, dimension, SpaceState.ACTIVE)
        kind, marks = SegmentKind.IMAGE, MarksInMemory()
        queries = clustered(QUERIES, dimension, seed=2).astype(np.float32)
        print(f"{count:,} vectors of {dimension} dimensions; {make_log.__name__}; medians of {REPEATS}\n")

        def keeper() -> ViewKeeper:
            return ViewKeeper(Path(folder) / "views", lambda key: log, marks=marks)

        def verified_anew() -> None:
            next(Path(folder).rglob(VERIFIED)).unlink()
            keeper().view(space, kind)

        rebuilding = seconds(lambda: keeper().rebuild(space, kind), 5)
        start = time.perf_counter()
        keeper().save(space, kind, force=True)
        saving = time.perf_counter() - start
        cold, unverified = seconds(lambda: keeper().view(space, kind)), seconds(verified_anew)
        report("cold opening, mapped and remembered as verified", cold, "the same, sha256 taken", unverified)
        report("cold opening, mapped and remembered as verified", cold, "rebuild from the log", rebuilding)
        report("first snapshot: rebuild, write, sync, verify", saving, "rebuild from the log", rebuilding)

        # A view that was open before, and changes by others: half of them additions, half removals.
        catching_up = []
        for turn in range(5):
            behind = keeper()
            behind.view(space, kind)
            log.change(clustered(CHANGES // 2, dimension, seed=10 + turn), CHANGES // 2)
            lag = log.head()
            start = time.perf_counter()
            assert behind.view(space, kind).seq == lag
            catching_up.append(time.perf_counter() - start)
        rebuilding = seconds(lambda: keeper().rebuild(space, kind), 5)
        report(f"catching up on {CHANGES:,} changes", median(catching_up), "rebuild from the log", rebuilding)

        view, oracle = keeper().view(space, kind), oracle_of(log, dimension)
        print(f"\nlatest view: {len(view):,} vectors, {view.changes:,} changes over its snapshot")
        print(f"top 10 the same as the oracle's, to the last bit: {same_answers(view, oracle, queries)} of {QUERIES}\n")

        matrix = np.concatenate([batch.vectors for batch in log.live()]).astype(np.float32)
        turn = iter(range(10**9))

        def next_query() -> NDArray[np.float32]:
            return queries[next(turn) % QUERIES][None]

        def raw_numpy(some: NDArray[np.float32], k: int = 10) -> None:
            """The rival: float32 in memory, one matrix product, a partition; ties fall as they may."""
            scores = some @ matrix.T
            top = np.argpartition(-scores, k, axis=1)[:, :k]
            np.take_along_axis(scores, top, axis=1).argsort(axis=1)

        within = np.sort(np.concatenate([batch.ids for batch in log.live()])[:: count // 10][:10])
        one = seconds(lambda: raw_numpy(next_query()), 50)
        report("one query", seconds(lambda: view.search(next_query(), 10), 50), "raw NumPy, float32", one)
        report(
            "one query within 10 ids",
            seconds(lambda: view.search(next_query(), 10, within=within), 50),
            "one query, raw NumPy",
            one,
        )
        report(
            "one query, k = 1,000", seconds(lambda: view.search(next_query(), 1000), 20), "one query, raw NumPy", one
        )
        many = seconds(lambda: raw_numpy(queries), 3)
        report(f"{QUERIES} queries at once", seconds(lambda: view.search(queries, 10), 3), "raw NumPy, float32", many)
        folded = view.folded()
        report(
            "one query over snapshot, tombstones and delta",
            seconds(lambda: view.search(next_query(), 10), 50),
            "one query, all in one block",
            seconds(lambda: folded.search(next_query(), 10), 50),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--log", metavar="MODULE:FUNCTION", default="benchmarks.views:MemoryLog")
    chosen = parser.parse_args()
    module, function = chosen.log.split(":")
    run(chosen.count, chosen.dimension, getattr(importlib.import_module(module), function))


if __name__ == "__main__":
    main()
