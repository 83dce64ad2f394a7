"""The measures, held against their definitions written out over the ranking itself, and against scikit-learn's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.evaluation.metrics import MEASURES, RESAMPLES, difference, mean, percentile, recall

rankings = st.lists(st.booleans(), max_size=30)
"""For each hit, from the first, whether it is relevant."""


def measured(name, hits, missed):
    ranks = [rank for rank, relevant in enumerate(hits, 1) if relevant]
    return MEASURES[name](ranks, len(ranks) + missed)


def gain(hits):
    return sum(relevant / math.log2(place + 2) for place, relevant in enumerate(hits))


@given(rankings, st.integers(0, 5), st.sampled_from([1, 5, 10]))
def test_recall_is_the_share_of_all_that_is_relevant(hits, missed, k):
    if relevant := sum(hits) + missed:
        assert measured(f"recall@{k}", hits, missed) == pytest.approx(sum(hits[:k]) / relevant)


@given(rankings, st.integers(0, 5))
def test_mrr_looks_at_the_first_that_is_relevant(hits, missed):
    if sum(hits) + missed:
        assert measured("mrr", hits, missed) == (1 / (hits.index(True) + 1) if any(hits) else 0)


@given(rankings, st.integers(0, 5))
def test_map_is_the_mean_precision_at_every_relevant_hit(hits, missed):
    if relevant := sum(hits) + missed:
        precisions = [sum(hits[: place + 1]) / (place + 1) for place in range(len(hits)) if hits[place]]
        assert measured("map", hits, missed) == pytest.approx(sum(precisions) / relevant)


@given(rankings, st.integers(0, 5))
def test_ndcg_is_the_gain_as_a_share_of_the_best_order_s(hits, missed):
    if relevant := sum(hits) + missed:
        assert measured("ndcg@10", hits, missed) == pytest.approx(gain(hits[:10]) / gain([True] * min(relevant, 10)))


@given(rankings, st.integers(0, 5))
def test_all_lie_between_0_and_1_and_are_1_where_all_that_is_relevant_comes_first(hits, missed):
    if relevant := sum(hits) + missed:
        for name, measure in MEASURES.items():
            assert 0 <= measured(name, hits, missed) <= 1 + 1e-12
            most = int(name.partition("@")[2] or relevant)
            assert measure(range(1, relevant + 1), relevant) == pytest.approx(
                min(1, most / relevant) if "recall" in name else 1
            )


@given(st.lists(st.booleans(), min_size=2, max_size=30).filter(any))
def test_scikit_learn_says_the_same(hits):
    sklearn = pytest.importorskip("sklearn.metrics")
    scores = [np.arange(len(hits), 0, -1.0)]
    assert measured("ndcg@10", hits, 0) == pytest.approx(sklearn.ndcg_score([hits], scores, k=10))
    assert measured("map", hits, 0) == pytest.approx(sklearn.average_precision_score(hits, scores[0]))


@given(rankings, st.integers(0, 5))
def test_recall_grows_with_depth(hits, missed):
    if relevant := sum(hits) + missed:
        ranks = [rank for rank, here in enumerate(hits, 1) if here]
        curve = [recall(ranks, relevant, at=k) for k in range(1, 31)]
        assert curve == sorted(curve)


def test_an_interval_holds_the_difference_and_is_the_one_that_theory_gives():
    generator = np.random.default_rng(3)
    first = generator.normal(0.5, 0.2, 400)
    by = generator.normal(0.05, 0.1, 400)
    found = difference(first, first + by)
    middle, error = by.mean(), by.std() / math.sqrt(400)
    assert found.low == pytest.approx(middle - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(middle + 1.96 * error, abs=0.2 * error)
    assert found.excludes_zero


def test_it_is_paired_so_that_a_small_steady_gain_is_told_from_chance():
    first = np.linspace(0, 1, 50)
    assert difference(first, first + 0.01).excludes_zero
    assert not difference(first, np.random.default_rng(0).permutation(first)).excludes_zero


@given(st.lists(st.floats(0, 1), min_size=6, max_size=40))
def test_what_is_the_same_does_not_differ(values):
    found = difference(values, values)
    assert (found.low, found.high, found.excludes_zero) == (0, 0, False)


def test_nothing_has_no_mean_and_no_interval():
    found = difference([], [])
    assert all(math.isnan(each) for each in (mean([]), percentile([], 95), found.low, found.high))
    assert not found.excludes_zero


def test_too_few_queries_tell_nothing():
    assert not difference([0] * 5, [1] * 5).excludes_zero
    assert difference([0] * 6, [1] * 6).excludes_zero


def test_many_queries_are_drawn_in_parts_that_fit_into_memory():
    values = np.zeros(3_000_000 // RESAMPLES * 10)
    assert difference(values, values + 1).low == 1


def test_percentiles_are_interpolated():
    assert percentile([1, 2, 3, 4], 50) == 2.5
    assert percentile([7], 99) == 7
