"""Third stage: scores -> relevance, so that a picture and a sentence can be held against each other.

A cosine says little by itself: texts lie nearer to texts than to any picture, and some queries lie near to everything.
So each score is counted in standard deviations from what the same query scores on things in general, of the same kind:
the encoder's own background, shrunk towards a sample of the library as that grows. Of n things in general the best
comes to about sqrt(2 ln n) deviations by accident alone (the extreme value of normal variates), so what stands out of
ten files need not stand out of a million. How much more than that means a match was fitted by logistic regression.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bowerbird.types import PICTURED, SegmentKind, Space, Vectors, ViewKey
from bowerbird.wiring import Library


@dataclass(frozen=True, slots=True)
class Curve:
    """A logistic curve from deviations, less the accidental ones, to relevance."""

    middle: float
    """Where relevance is one half."""
    width: float
    """Deviations in which it goes from 0.5 to 0.73."""


WORDED = Curve(1.75, 0.55)
"""Of texts for texts, and texts for pictures under encoders that nobody has measured."""
MEASURED = {("concepts", True): Curve(3.5, 1.25)}
"""By encoder, and whether vectors come from pixels. A classifier sees something in every picture, so much of what
stands out is a mistake. Fitted on one half of the eval set: see benchmarks/relevance.py."""
SAMPLE = 1000
"""Vectors of the library that stand for all of them."""
TRUST = 300
"""The size at which a library's own sample weighs as much as the encoder's background."""
FEWEST = 30
"""A view is never taken to hold fewer than this: queries come in numbers too."""
MOST_SPREAD = 1.5
"""Of a library's own sample, in terms of the background's: more comes of what is asked for being in it."""
LEAST_SPREAD = 0.01
"""Of cosines; less is the accident of a tiny library."""


MOST_KNOWN = 8192
"""Backgrounds of queries that are kept, up to a dozen of each, for when one is asked again: 3 MB."""
REDRAWN = 0.1
"""How far a view has to have grown or shrunk, as a share, for its sample to be drawn anew."""


@dataclass(frozen=True, slots=True)
class _Sample:
    seq: int
    size: int
    """Of the view it was drawn from."""
    vectors: Vectors


class Calibrator:
    """Relevance of scores. Keeps a sample of every view, drawn anew when the view has changed much."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._samples: dict[ViewKey, _Sample] = {}
        self._backgrounds: dict[tuple[int, bool], Vectors | None] = {}
        self._known: dict[tuple[object, ...], tuple[float, float]] = {}
        self._lock = threading.Lock()

    def relevance(self, space: Space, kind: SegmentKind, query: Vectors, scores: Vectors) -> Vectors:
        """What ``scores`` are worth in 0..1, shape ``(n,)``: those of vectors of this kind for the unit ``query``."""
        middle, spread = self.background(space, kind, query)
        curve = MEASURED.get((space.spec, kind in PICTURED), WORDED)
        by_accident = np.sqrt(2 * np.log(max(self._sample(space, kind).size, FEWEST)))
        more = (scores - middle) / spread - by_accident
        return np.asarray(1 / (1 + np.exp((curve.middle - more) / curve.width)), np.float32)

    def background(self, space: Space, kind: SegmentKind, query: Vectors) -> tuple[float, float]:
        """What ``query``, shape ``(dimension,)``, scores on things in general: middle and standard deviation."""
        sample = self._sample(space, kind)
        key = (space.id, kind, sample.seq, _digest(query))
        return self._kept(key, lambda: self._worked_out(space, kind, sample.vectors, query))

    def _kept(self, key: tuple[object, ...], work_out: Callable[[], tuple[float, float]]) -> tuple[float, float]:
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = work_out()
            with self._lock:
                self._known[key] = known
                if len(self._known) > MOST_KNOWN:
                    del self._known[next(iter(self._known))]
        return known

    def _worked_out(self, space: Space, kind: SegmentKind, own: Vectors, query: Vectors) -> tuple[float, float]:
        background = self._background(space, kind)
        if background is None:  # an encoder of somebody else's that brings none
            return _in_general(_products(own, query))
        # The same for every kind that comes from pixels, and for every other.
        key = (space.id, kind in PICTURED, _digest(query))
        middle, spread = self._kept(key, lambda: _in_general(_products(background, query)))
        if not len(own):
            return middle, spread
        own_middle, own_spread = _in_general(_products(own, query))
        # Where most of a library is about the query, its own scores would hide what is asked for.
        own_middle, own_spread = min(own_middle, middle + spread), min(own_spread, MOST_SPREAD * spread)
        share = len(own) / (len(own) + TRUST)
        variance = (1 - share) * spread**2 + share * own_spread**2
        return (1 - share) * middle + share * own_middle, float(np.sqrt(variance))

    def _background(self, space: Space, kind: SegmentKind) -> Vectors | None:
        pictured = kind in PICTURED
        key = (space.id, pictured)
        if key not in self._backgrounds:
            self._backgrounds[key] = self._library.encoder(space).background("image" if pictured else "text")
        return self._backgrounds[key]

    def _sample(self, space: Space, kind: SegmentKind) -> _Sample:
        key = ViewKey(space.id, kind)
        view = self._library.views.opened(space, kind)
        kept = self._samples.get(key)
        if kept is None or (kept.seq != view.seq and self._is_stale(kept, len(view))):
            # Outside the lock, since it may take a while; of two threads that draw at once either will do.
            drawn = _Sample(view.seq, len(view), view.sample(SAMPLE))
            with self._lock:
                kept = self._samples[key] = drawn
        return kept

    @staticmethod
    def _is_stale(kept: _Sample, size: int) -> bool:
        # Of a small library the sample is all, and cheap; drawing one of a large view takes longer than a search.
        return kept.size < SAMPLE or abs(size - kept.size) > REDRAWN * kept.size


def _digest(query: Vectors) -> bytes:
    """What names a vector in little room."""
    return hashlib.blake2b(query.tobytes(), digest_size=16).digest()


def _products(vectors: Vectors, query: Vectors) -> Vectors:
    """Not by BLAS, which wakes a thread for each processor and is slower for it with a thousand vectors."""
    return np.asarray(np.einsum("ij,j->i", vectors, query), np.float32)


def _in_general(scores: Vectors) -> tuple[float, float]:
    """Median, and a standard deviation from the upper half, which is where accidental matches come from.

    Queries differ in that more than in the lower half: some have a long tail of things that are a little like it. On
    the tuned half of the eval set it tells right pictures from wrong ones with an AUC of 0.84; the lower half's spread
    does so with 0.72, that of all with 0.79.
    """
    if not len(scores):
        return 0.0, 1.0
    middle = float(np.median(scores))
    above = scores[scores >= middle] - middle
    return middle, max(float(np.sqrt(np.mean(above**2))), LEAST_SPREAD)
