"""``encoder:SPEC``: any encoder of the house looks once more at what another one has found.

A small encoder can go through a whole library; a large one need only look at the best hits, at their thumbnails. What
it sees counts as in the first stage, in standard deviations from what the query scores on the encoder's own background,
so that pictures and texts can be held against each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bowerbird.moments import Moment, PictureSpec
from bowerbird.ports import Encoder
from bowerbird.types import Pixels, Vectors

MIDDLE = 3.0
"""Deviations at which the score is one half."""
LEAST_SPREAD = 0.01
"""Of cosines."""


class SecondEncoder:
    """Compares query and candidates in another space than the library's. Implements `Reranker`.

    A candidate with pixels is judged by them. One of text alone is judged only by an encoder that compares texts well,
    or against a picture: CLIP's text towers were never taught to tell texts apart.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.spec = f"encoder:{encoder.description.spec}"
        self.picture: PictureSpec | None = encoder.picture
        self._encoder = encoder
        self._backgrounds: dict[str, Vectors | None] = {}

    def score(self, texts: Sequence[str], picture: Pixels | None, candidates: Sequence[Moment]) -> Vectors:
        """In 0..1, shape ``(len(candidates),)``; NaN where there is nothing that it can compare."""
        scores = np.full(len(candidates), np.nan, np.float32)
        seen, read = self._readable(texts, candidates)
        if not (seen or read) or not (texts or (picture is not None and self.picture)):
            return scores
        query = self._query(texts, picture)
        if seen:
            pixels = [shown for index in seen if (shown := candidates[index].pixels) is not None]
            scores[seen] = self._judged(query, self._encoder.encode_images(pixels), "image")
        if read:
            written = [candidates[index].text or "" for index in read]
            scores[read] = self._judged(query, self._encoder.encode_texts(written), "text")
        return scores

    def _readable(self, texts: Sequence[str], candidates: Sequence[Moment]) -> tuple[list[int], list[int]]:
        """Which candidates are judged by their pixels, and which by their text."""
        compares_texts = self._encoder.description.text_is_semantic or not texts
        seen, read = [], []
        for index, candidate in enumerate(candidates):
            if candidate.pixels is not None and self.picture is not None:
                seen.append(index)
            elif candidate.text is not None and compares_texts:
                read.append(index)
        return seen, read

    def _query(self, texts: Sequence[str], picture: Pixels | None) -> Vectors:
        """The vectors of its parts, ``(parts, dimension)``."""
        parts = [self._encoder.encode_texts(texts)]
        if picture is not None and self.picture is not None:
            parts.append(self._encoder.encode_images([picture]))
        return np.concatenate(parts)

    def _judged(self, query: Vectors, vectors: Vectors, kind: str) -> Vectors:
        """Scores of ``vectors``, ``(n,)``: the parts of the query count alike, each by its own standard score."""
        cosines = query @ vectors.T
        background = self._background(kind)
        if background is None:
            return np.asarray((1 + cosines.mean(axis=0)) / 2, np.float32).clip(0, 1)
        general = query @ background.T
        middle = np.median(general, axis=1, keepdims=True)
        spread = np.maximum(general.std(axis=1, keepdims=True), LEAST_SPREAD)
        deviations = ((cosines - middle) / spread).mean(axis=0)
        return np.asarray(1 / (1 + np.exp(MIDDLE - deviations)), np.float32)

    def _background(self, kind: str) -> Vectors | None:
        if kind not in self._backgrounds:
            self._backgrounds[kind] = self._encoder.background(kind)
        return self._backgrounds[kind]
