"""Third stage: scores -> relevance, so that a picture and a sentence can be held against each other.

A cosine says little by itself: texts lie nearer to texts than to any picture, and some queries lie near to everything.
So each score is counted in standard deviations from what the same query scores on things in general, of the same kind:
the encoder's own background, shrunk towards a sample of the library as that grows.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from bowerbird.store.views.faiss_view import FaissView
from bowerbird.types import SegmentKind, Space, Vectors, ViewKey
from bowerbird.wiring import Library
from search.retrieve import PICTURED, Ranking

MIDDLE = 3.0
"""Deviations at which relevance is one half."""
WIDTH = 0.8
"""Deviations in which relevance goes from 0.5 to 0.73."""
SAMPLE = 1000
"""Vectors of the library that stand for all of them."""
TRUST = 300
"""The size at which a library's own sample weighs as much as the encoder's background."""
LEAST_SPREAD = 0.01
"""Of cosines; less is the accident of a tiny library."""


@dataclass(frozen=True, slots=True)
class _Sample:
    seq: int
    vectors: Vectors


class Calibrator:
    """Relevance for rankings. Keeps a sample of every view, drawn anew when the view has changed."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._samples: dict[ViewKey, _Sample] = {}
        self._backgrounds: dict[tuple[int, bool], Vectors | None] = {}
        self._lock = threading.Lock()

    def relevance(self, ranking: Ranking) -> Vectors:
        """Of each embedding of the ranking, in 0..1, shape ``(n,)``, whatever the negatives say."""
        return self._calibrated(ranking, ranking.aim.wanted, ranking.scores)

    def spared(self, ranking: Ranking) -> Vectors:
        """What nearness to the negatives leaves of the relevance of each, as factors in 0..1, shape ``(n,)``."""
        left = np.ones(len(ranking.ids), np.float32)
        for vector, scores in zip(ranking.aim.unwanted, ranking.unwanted, strict=True):
            left *= 1 - self._calibrated(ranking, vector, scores)
        return left

    def _calibrated(self, ranking: Ranking, query: Vectors, scores: Vectors) -> Vectors:
        middle, spread = self._background_of(ranking.aim.space, ranking.kind, query)
        deviations = (scores - middle) / spread
        return np.asarray(1 / (1 + np.exp((MIDDLE - deviations) / WIDTH)), np.float32)

    def _background_of(self, space: Space, kind: SegmentKind, query: Vectors) -> tuple[float, float]:
        """What ``query`` scores on things in general: middle and standard deviation."""
        background = self._background(space, kind)
        own = self._sample(space, kind)
        if background is None:  # an encoder of somebody else's that brings none
            return _robust(own @ query)
        middle, spread = _robust(background @ query)
        if not len(own):
            return middle, spread
        own_middle, own_spread = _robust(own @ query)
        # Where most of a library is about the query, its own middle would hide what is asked for.
        own_middle = min(own_middle, middle + spread)
        share = len(own) / (len(own) + TRUST)
        variance = (1 - share) * spread**2 + share * own_spread**2
        return (1 - share) * middle + share * own_middle, float(np.sqrt(variance))

    def _background(self, space: Space, kind: SegmentKind) -> Vectors | None:
        pictured = kind in PICTURED
        key = (space.id, pictured)
        if key not in self._backgrounds:
            self._backgrounds[key] = self._library.encoder(space).background("image" if pictured else "text")
        return self._backgrounds[key]

    def _sample(self, space: Space, kind: SegmentKind) -> Vectors:
        key = ViewKey(space.id, kind)
        view: FaissView = self._library.views.view(space, kind)
        with self._lock:
            kept = self._samples.get(key)
            if kept is None or kept.seq != view.seq:
                kept = self._samples[key] = _Sample(view.seq, view.sample(SAMPLE))
            return kept.vectors


def _robust(scores: Vectors) -> tuple[float, float]:
    """Median, and a standard deviation from the lower half: what the query is about must not widen its background."""
    if not len(scores):
        return 0.0, 1.0
    middle = float(np.median(scores))
    below = scores[scores <= middle] - middle
    return middle, max(float(np.sqrt(np.mean(below**2))), LEAST_SPREAD)
