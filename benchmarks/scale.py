"""A million vectors: what an approximate view finds and costs, and what a whole query costs over a library of them.

    python -m benchmarks.scale --cache FOLDER [--vectors N] [--photos FOLDER]... [--part views|queries]

The vectors are made from those of really encoded pictures: see `scale_vectors`. Queries are half texts and half
held-out pictures. They are made once and kept in ``--cache``, as is the library.

*views*: an approximate snapshot against ``faiss.IndexFlatIP`` in float32 over the same vectors, one query at a time:
recall of the ten best as the codes alone rank them and after the exact rerank, latency, memory. The rerank's vectors
come from the same catalogue that the second part uses.

*queries*: a library of as many segments, each with words and an asset, asked through `search.Search`: the 95th
percentile of whole warm text queries against the sum of the raw calls: encoding, the same search in FAISS, the same
words in FTS5. And a filter that leaves ten.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale_library import Filled, filled, raw_words
from benchmarks.scale_vectors import (
    QUANTILES,
    Floats,
    encoder,
    made_vectors,
    nearest_cosines,
    photos_in,
    real_vectors,
    sentences,
)
from bowerbird.store.views.cells import Cells
from bowerbird.types import Ids, SegmentKind

TOP = 10
EACH = 100
"""Queries of each sort."""
DEEP = 4 * TOP + 50
"""What a search for ten hits asks of each kind."""
_PIECE = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--photos", type=Path, action="append", default=[])
    parser.add_argument("--part", choices=["views", "queries"])
    chosen = parser.parse_args()
    chosen.cache.mkdir(parents=True, exist_ok=True)

    import skimage

    photos = photos_in([Path(skimage.__file__).parent / "data", *chosen.photos])
    bases, pictures, texts = real_vectors(chosen.cache, photos)
    made = made_vectors(chosen.cache, bases, chosen.vectors)
    some = np.random.default_rng(5).choice(len(made), 1000, replace=False)
    print(f"{len(made):,} vectors of {made.shape[1]} dimensions from {len(bases):,} views of {len(photos)} photos\n")
    print(f"cosine to the nearest neighbour, quantiles {QUANTILES}")
    print("| real |", " | ".join(f"{each:.3f}" for each in np.quantile(nearest_cosines(bases, bases), QUANTILES)))
    print("| made |", " | ".join(f"{each:.3f}" for each in np.quantile(nearest_cosines(made[some], made), QUANTILES)))
    with filled(chosen.cache / f"library-{chosen.vectors}", made) as library:
        if library.built_s:
            print(f"\nbuilt, written and verified in {library.built_s:.0f} s, {library.built_cpu_s:.0f} s of processor")
        if chosen.part != "queries":
            queries = np.concatenate([_evenly(texts, EACH), _evenly(pictures, EACH)])
            views(library, queries, made)
        if chosen.part != "views":
            whole_queries(library)


def views(library: Filled, queries: Floats, made: NDArray[np.float16]) -> None:
    """The first part."""
    import faiss

    before = resident()
    keeper_view = library.search.library.views.view(library.space, SegmentKind.IMAGE)
    assert isinstance(keeper_view.base, Cells)
    cells = keeper_view.base
    found = [keeper_view.search(query[None], TOP)[1][0] for query in queries]
    whole = _milliseconds(lambda query: keeper_view.search(query, TOP), queries)
    alone = [_by_codes(cells, query) for query in queries]
    codes = _milliseconds(lambda query: _by_codes(cells, query[0]), queries)
    private, shared = (after - then for after, then in zip(resident(), before, strict=True))

    flat = faiss.IndexFlatIP(made.shape[1])
    for start in range(0, len(made), _PIECE):
        flat.add(made[start : start + _PIECE].astype(np.float32))
    exact = _milliseconds(partial(flat.search, k=TOP), queries[:: len(queries) // 40])
    rows = flat.search(queries, TOP)[1]
    right = [set((library.first_id + row).tolist()) for row in rows]
    memory = flat.ntotal * flat.d * 4 / 2**20
    del flat

    size = next(library.search.library.views._folder.rglob("*.faiss")).stat().st_size / 2**20
    print(f"\n{cells.lists:,} lists; of them looked into for the best by depth: {dict(cells.reach.lists)}")
    print("| | recall@10, texts | pictures | both | p50 ms | p95 ms | p50 of Flat's | p95 of Flat's |")
    print("|-|-|-|-|-|-|-|-|")
    for name, answers, taken in (("codes alone", alone, codes), ("reranked from SQL", found, whole)):
        share = [len(right[place] & set(answers[place].tolist())) / TOP for place in range(len(queries))]
        recalls = np.mean(share[:EACH]), np.mean(share[EACH:]), np.mean(share)
        ratios = [np.percentile(taken, part) / np.percentile(exact, part) for part in (50, 95)]
        print(
            f"| {name} |", *(f"{each:.3f} |" for each in recalls), *(f"{each:.2f} |" for each in _ends(taken)), end=""
        )
        print(*(f" {each:.3f} |" for each in ratios))
    print("| Flat, float32 | 1 | 1 | 1 |", *(f"{each:.2f} |" for each in _ends(exact)), "1 | 1 |")
    print(f"\nmemory: file {size:.0f} MB, {size / memory:.3f} of Flat's {memory:.0f} MB; ", end="")
    print(f"resident after these searches: private +{private:.0f} MB, shared +{shared:.0f} MB")


def whole_queries(library: Filled) -> None:
    """The second part."""
    asked = sentences()[1::2][:EACH]
    model, engine = encoder(), library.search.library.catalog.engine
    view = library.search.library.views.view(library.space, SegmentKind.IMAGE)
    for each in asked[:10]:
        library.search.search(f"{each} please")  # warm
    whole, parts = [], []
    for each in asked:
        started = time.perf_counter()
        library.search.search(each)
        whole.append(1000 * (time.perf_counter() - started))
        started = time.perf_counter()
        vectors = model.encode_texts([each])
        encoded = time.perf_counter()
        view.search(vectors, DEEP)
        looked = time.perf_counter()
        raw_words(engine, each, DEEP)
        parts.append([1000 * span for span in (encoded - started, looked - encoded, time.perf_counter() - looked)])
    sums = [sum(each) for each in parts]
    print("\n| whole text query | p50 ms | p95 ms |\n|-|-|-|")
    print("| whole, parse to hydrate |", *(f"{each:.1f} |" for each in _ends(whole)))
    for name, column in zip(("encode", "FAISS and its vectors", "FTS5"), zip(*parts, strict=True), strict=True):
        print(f"| raw: {name} |", *(f"{each:.1f} |" for each in _ends(column)))
    print("| sum of the raw calls |", *(f"{each:.1f} |" for each in _ends(sums)))
    print(f"\np95 whole - p95 sum: {_ends(whole)[1] - _ends(sums)[1]:+.1f} ms")
    found = library.search.search("a photo of a dog", camera=library.rare, limit=50)
    print(f"a filter that leaves {library.rare_count} of {len(view):,}: {len(found.hits)} hits")


def resident() -> tuple[float, float]:
    """MB of this process that are its own, and that it shares with others or the disk."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    read = {line[0]: int(line[1]) / 1024 for line in lines if line[0].startswith("Rss")}
    return read["RssAnon:"], read["RssFile:"] + read["RssShmem:"]


def _by_codes(cells: Cells, query: Floats) -> Ids:
    rows = cells._nearest(query[None], TOP, int(np.ceil(cells.reach.at(TOP))), None)[0]
    ids: Ids = cells.ids[rows]
    return ids


def _milliseconds(action: Callable[[Floats], object], queries: Floats) -> list[float]:
    taken = []
    for query in queries:
        started = time.perf_counter()
        action(query[None])
        taken.append(1000 * (time.perf_counter() - started))
    return taken


def _ends(taken: Sequence[float]) -> tuple[float, float]:
    return float(np.percentile(taken, 50)), float(np.percentile(taken, 95))


def _evenly(vectors: Floats, count: int) -> Floats:
    chosen: Floats = vectors[np.linspace(0, len(vectors) - 1, count).astype(int)]
    return chosen


if __name__ == "__main__":
    main()
