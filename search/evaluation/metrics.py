"""Measures of a ranking, and how sure one can be of them.

A ranking is given by ``ranks``, the places (from 1, ascending) of the relevant things that it holds, and by how many
relevant things there are in all: what was not found counts against it. Relevance is binary. The definitions are those
of trec_eval, with the ranking cut where it was asked for no more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

Ranks = Sequence[int]
Numbers = NDArray[np.float64]

RESAMPLES = 2000
"""Enough for the ends of a 95 % interval to be steady to about a fiftieth of its width."""
LEAST_QUERIES = 6
"""For an interval: fewer all go one way by chance more often than once in twenty (2 / 2**5), says the sign test."""
PERCENTILES = (50, 95, 99)


def recall(ranks: Ranks, relevant: int, *, at: int) -> float:
    """The share of what is relevant that stands among the first ``at``."""
    return sum(rank <= at for rank in ranks) / relevant


def reciprocal_rank(ranks: Ranks, relevant: int) -> float:
    """One over the place of the first relevant thing, 0 where there is none.

    Its mean is MRR (Voorhees 1999, "The TREC-8 question answering track report").
    """
    return 1 / ranks[0] if ranks else 0.0


def ndcg(ranks: Ranks, relevant: int, *, at: int) -> float:
    """Discounted cumulated gain of the first ``at``, as a share of what the ideal ranking has.

    Gain 1, discount ``log2(1 + rank)``: Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR
    techniques", in the form that trec_eval and scikit-learn compute.
    """
    gained = sum(1 / math.log2(1 + rank) for rank in ranks if rank <= at)
    return gained / sum(1 / math.log2(1 + rank) for rank in range(1, min(relevant, at) + 1))


def average_precision(ranks: Ranks, relevant: int) -> float:
    """The precision at each relevant thing's place, 0 for those not found, averaged over all that are relevant.

    Its mean over queries is mAP (Buckley and Voorhees 2000).
    """
    return sum(found / rank for found, rank in enumerate(ranks, 1)) / relevant


MEASURES: Mapping[str, Callable[[Ranks, int], float]] = {
    "recall@1": partial(recall, at=1),
    "recall@5": partial(recall, at=5),
    "recall@10": partial(recall, at=10),
    "mrr": reciprocal_rank,
    "ndcg@10": partial(ndcg, at=10),
    "map": average_precision,
}
"""Each of a ranking's ``ranks`` and the number of relevant things, which is at least 1; all lie in 0..1."""


TITLES = {measure: measure.capitalize() for measure in MEASURES} | {"mrr": "MRR", "ndcg@10": "nDCG@10", "map": "mAP"}
"""What people call them."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a number lies with a probability of 95 %."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference is more than chance."""
        return self.low > 0 or self.high < 0


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` per cent lie, interpolated; NaN of nothing."""
    return float(np.percentile(values, share)) if len(values) else math.nan


def mean(values: Sequence[float]) -> float:
    """NaN of nothing."""
    return float(np.mean(values)) if len(values) else math.nan


def _mean(values: Numbers) -> Numbers:
    return np.asarray(np.mean(values, axis=-1), np.float64)


def difference(
    first: Sequence[float],
    second: Sequence[float],
    statistic: Callable[[Numbers], Numbers] = _mean,
    *,
    seed: int = 0,
) -> Interval:
    """The 95 % interval of ``statistic(second) - statistic(first)``, of the same queries in the same order.

    The percentile bootstrap (Efron 1979), paired: queries are drawn, and each brings what both runs made of it (Sakai
    2006). ``statistic`` maps shape ``(…, n)`` to ``(…)``. NaN of fewer than `LEAST_QUERIES`.
    """
    if len(first) < LEAST_QUERIES:
        return Interval(math.nan, math.nan)
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    generator = np.random.default_rng(seed)
    drawn = []
    at_once = max(1, 1_000_000 // len(one))  # so that 100,000 queries take megabytes, not gigabytes
    for begin in range(0, RESAMPLES, at_once):
        rows = generator.integers(0, len(one), (min(at_once, RESAMPLES - begin), len(one)))
        drawn.append(statistic(two[rows]) - statistic(one[rows]))
    low, high = np.percentile(np.concatenate(drawn), [2.5, 97.5])
    return Interval(float(low), float(high))
