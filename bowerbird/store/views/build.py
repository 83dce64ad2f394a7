"""Makes `Cells` from SQL: two passes over what is live, in memory no larger than the result and a sample."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bowerbird.ports import ChangeLog
from bowerbird.store.views.arguments import check_batch
from bowerbird.store.views.base import Halves
from bowerbird.store.views.cells import Cells
from bowerbird.store.views.reach import Reach, Survey, drawn
from bowerbird.types import Ids, Vectors

LISTS = 2.0
"""Lists for each square root of the number of vectors: 2,048 for a million."""
SAMPLE = 131_072
"""Vectors from which centres are learnt, at most: 128 MB at 512 dimensions."""
_PER_LIST, _ROUNDS = 64, 10
"""Of the sample for each centre, and rounds of k-means."""
_ASKED = 256
"""Queries of each sort that the survey asks."""


def lists_for(count: int) -> int:
    """How many lists ``count`` vectors are put into."""
    return max(1, round(LISTS * math.sqrt(count)))


def outgrown(cells: Cells, count: int) -> bool:
    """Whether ``count`` vectors are so many more or fewer than when the centres were learnt that others are due."""
    return not 0.5 <= (cells.lists / max(1, lists_for(count))) ** 2 <= 2


def build(log: ChangeLog, dimension: int, texts: Vectors | None) -> tuple[Cells, int]:
    """Everything that is live, and the line of the change log up to which it is. There must be a vector at least.

    ``texts``, shape ``(n, dimension)``: such queries as will come from without. Where none are known, random directions
    stand for them, which lie further off than most texts.
    """
    random = np.random.default_rng(0)
    count, ids, sample = _reservoir(log, dimension, random)
    own, held_out = drawn(sample, ids, _ASKED, random)
    sorts = [own, _strangers(own, random) if texts is None or not len(texts) else _some(texts, random)]
    turn = _rotation(dimension)
    # The least that a search looks into until the survey is over; it never searches before that.
    cells = Cells.blank(dimension, _centres(sample, turn, lists_for(count)), turn, Reach({1: 1}), log.vectors)
    del sample
    survey = Survey(sorts, held_out)
    names: list[Ids] = []
    seq = rows = 0
    for batch in log.live():
        check_batch(batch, dimension)
        vectors = batch.vectors.astype(np.float32)
        lists = cells.add(np.arange(rows, rows + len(vectors)), vectors)
        survey.see(batch.ids, vectors, lists)
        names.append(batch.ids)
        rows, seq = rows + len(vectors), batch.seq
    cells.name(np.concatenate(names))
    cells.reach = survey.reach(cells.order(np.concatenate(sorts)))
    return cells, seq


def _reservoir(log: ChangeLog, dimension: int, random: np.random.Generator) -> tuple[int, Ids, Halves]:
    """How many vectors are live, and an even sample of at most `SAMPLE` (Vitter's algorithm R, a batch at a time)."""
    held_ids, held = np.empty(SAMPLE, dtype=np.int64), np.empty((SAMPLE, dimension), dtype=np.float16)
    seen = 0
    for batch in log.live():
        check_batch(batch, dimension)
        free = max(0, min(SAMPLE - seen, len(batch.ids)))
        held_ids[seen : seen + free], held[seen : seen + free] = batch.ids[:free], batch.vectors[:free]
        places = random.integers(0, np.arange(seen + free, seen + len(batch.ids)) + 1)
        into = np.flatnonzero(places < SAMPLE)
        held_ids[places[into]], held[places[into]] = batch.ids[free:][into], batch.vectors[free:][into]
        seen += len(batch.ids)
    return seen, held_ids[:seen], held[:seen]


def _rotation(dimension: int) -> Any:
    import faiss

    turn: Any = faiss.RandomRotationMatrix(dimension, dimension)
    turn.init(1)
    return turn


def _centres(sample: Halves, turn: Any, count: int) -> Any:
    """A flat FAISS index of the centres of ``sample``, turned, by spherical k-means."""
    import faiss

    count = min(count, len(sample))
    some = turn.apply(sample[: _PER_LIST * count].astype(np.float32))
    settings = faiss.ClusteringParameters()
    settings.niter, settings.seed, settings.spherical = _ROUNDS, 1, True
    settings.min_points_per_centroid, settings.max_points_per_centroid = 1, _PER_LIST
    centres: Any = faiss.IndexFlatIP(sample.shape[1])
    faiss.Clustering(sample.shape[1], count, settings).train(some, centres)
    return centres


def _strangers(vectors: Vectors, random: np.random.Generator) -> Vectors:
    """Random mixtures of ``vectors``, of length one: directions within their span that lead to none of them."""
    mixed = random.standard_normal((len(vectors), len(vectors)), dtype=np.float32) @ vectors
    strangers: Vectors = mixed / np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-6)
    return strangers


def _some(vectors: Vectors, random: np.random.Generator) -> Vectors:
    return vectors[random.choice(len(vectors), size=min(_ASKED, len(vectors)), replace=False)]
