"""Two runs of the same queries side by side: what differs, and whether it is more than chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from search.evaluation.metrics import MEASURES, PERCENTILES, Interval, Numbers, difference, mean, percentile
from search.evaluation.run import FUSED, Evaluation, Outcome

WITHIN_CHANCE = "within chance"


@dataclass(frozen=True, slots=True)
class Difference:
    """One number in both runs; ``interval`` is that of ``second - first``, over the ``queries`` that count in both."""

    source: str
    measure: str
    first: float
    second: float
    interval: Interval
    queries: int
    higher_is_better: bool = True

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or, where the interval takes in 0, ``within chance``."""
        if not self.interval.excludes_zero:
            return WITHIN_CHANCE
        return "better" if (self.interval.low > 0) == self.higher_is_better else "worse"


@dataclass(frozen=True, slots=True)
class Change:
    """A query that both runs can answer, and by how much nDCG@10 differs."""

    first: Outcome
    second: Outcome
    by: float


def compare(first: Evaluation, second: Evaluation) -> list[Difference]:
    """All that differs, paired by the ids of the queries; sources that only one run has are left out.

    Measures are of the queries that are answerable in both, so that libraries that hold different files can be held
    against each other.
    """
    one, two = _paired(first, second, lambda each: each.answerable)
    found = [
        _difference(source, measure, one.values(measure, source), two.values(measure, source))
        for source in one.sources
        if source in two.sources
        for measure in MEASURES
    ]
    refused = one.refused(answerable=True), two.refused(answerable=True)
    found.append(_difference(FUSED, "refused wrongly", *refused, higher_is_better=False))
    no, none = _paired(first, second, lambda each: each.unanswerable)
    refused = no.refused(answerable=False), none.refused(answerable=False)
    found.append(_difference(FUSED, "refused rightly", *refused))
    warm, other = _paired(first, second, lambda each: not each.cold)
    for share in PERCENTILES:
        interval = difference(warm.latencies, other.latencies, partial(_percentile, share=share))
        before, after = percentile(warm.latencies, share), percentile(other.latencies, share)
        name = f"latency p{share}, ms"
        found.append(Difference(FUSED, name, before, after, interval, len(warm.latencies), higher_is_better=False))
    return found


def changes(first: Evaluation, second: Evaluation) -> list[Change]:
    """The queries that both can answer, those that lose most first."""
    one, two = _paired(first, second, lambda each: each.answerable)
    values = zip(one.outcomes, two.outcomes, one.values("ndcg@10"), two.values("ndcg@10"), strict=True)
    return sorted((Change(old, new, after - before) for old, new, before, after in values), key=lambda each: each.by)


def _paired(first: Evaluation, second: Evaluation, counts: Callable[[Outcome], bool]) -> tuple[Evaluation, Evaluation]:
    """The queries that count in both, in the order of the first."""
    in_second = {each.query.id: each for each in second.outcomes if counts(each)}
    one = first.only(lambda each: counts(each) and each.query.id in in_second)
    return one, replace(second, outcomes=tuple(in_second[each.query.id] for each in one.outcomes))


def _difference(
    source: str, measure: str, first: Sequence[float], second: Sequence[float], *, higher_is_better: bool = True
) -> Difference:
    return Difference(
        source, measure, mean(first), mean(second), difference(first, second), len(first), higher_is_better
    )


def _percentile(values: Numbers, share: float) -> Numbers:
    return np.asarray(np.percentile(values, share, axis=-1), np.float64)
