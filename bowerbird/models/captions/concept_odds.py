"""How probable each class is of a picture, as far as its vector in a library tells. No picture is looked at again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.models.cache import digest, remembered
from bowerbird.models.captions.concept_names import CLASSES, names, with_article
from bowerbird.models.concepts import Concepts
from bowerbird.models.minilm import DIMENSION as MEANING
from bowerbird.models.vectors import unit
from bowerbird.ports import Encoder
from bowerbird.types import Vectors

Floats = NDArray[np.float32]
Odds = Callable[[Vectors], Floats]
"""Vectors of pictures ``(n, dimension)`` -> the probability of each class, ``(n, 1000)``, each row's sum at most 1."""

ROWS = 32
"""Vectors are taken up this many at a time, and never fewer: sums come out alike whatever company a vector has."""
_ONE_AT_A_TIME = threading.Lock()
STEPS, STEP = 10, 0.6
FIRST, SECOND = 0.7, 0.9
"""Of 154 photos ten steps bring the probability of the best class within 0.011 of the classifier's own, on average, and
name the same class for 95 %; twenty within 0.005 and for 97 %, at twice the cost.
"""
START = 5.0
"""Times the likenesses to all classes: logits near enough to start from."""
SHARPER = 1.25
"""Power of the probabilities: at 1 it is right more often than it says, at 1.5 less often."""
CLIP_SCALE = 100.0
"""Of CLIP's cosines, as it was trained (Radford et al. 2021)."""


def odds_of(encoder: Encoder, folder: Path) -> Odds:
    """What tells the classes of the vectors of ``encoder``. Text vectors of another encoder than `concepts`, whose
    vectors hold the classes themselves, are made once and kept in ``folder``.
    """
    if isinstance(encoder, Concepts):
        meanings, directions = encoder.class_vectors(), encoder.directions()
        return lambda vectors: _in_rows(lambda rows: sharpened(recovered(rows, meanings, directions)), vectors)
    key = digest(encoder.description.fingerprint, *_prompts())[:16]
    texts = remembered(
        folder / "captions" / f"names-{key}.npy",
        (CLASSES, encoder.description.dimension),
        lambda: encoder.encode_texts(_prompts()),
    )
    background = encoder.background("image")
    # A name fits every picture a little; what fits no better than it fits pictures of nothing is not seen.
    bar = np.full(CLASSES, -1, np.float32) if background is None else (background @ texts.T).max(axis=0)
    return lambda vectors: _in_rows(lambda rows: zero_shot(rows, texts, bar), vectors)


def recovered(vectors: Vectors, meanings: Floats, directions: Floats) -> Floats:
    """The classifier's probabilities ``(n, 1000)``, from vectors that `Concepts.place` made of them.

    ``meanings`` ``(1000, 384)`` and ``directions`` ``(1000, 128)`` are what it used. 512 numbers do not settle 1,000,
    but few classes are probable at all: logits are moved, by Adam (Kingma & Ba 2015), until the vector that they would
    give lies along the one there is, in both of its parts.
    """
    meaning, look = unit(vectors[:, :MEANING]), unit(vectors[:, MEANING:])
    apart = unit(directions)
    logits = np.asarray(START * (meaning @ meanings.T + look @ apart.T), np.float32)
    speed, force = np.zeros_like(logits), np.zeros_like(logits)  # Adam's two moments
    for step in range(STEPS):
        probabilities = _softmax(logits)
        roots = np.sqrt(probabilities)
        uphill = probabilities * (_towards(meaning, probabilities @ meanings) @ meanings.T)
        uphill += 0.5 * roots * (_towards(look, roots @ directions) @ directions.T)
        uphill -= probabilities * uphill.sum(axis=1, keepdims=True)
        speed += (1 - FIRST) * (uphill - speed)
        force += (1 - SECOND) * (uphill * uphill - force)
        length = STEP * (1 - 0.9 * step / STEPS) / (1 - FIRST ** (step + 1))
        logits += np.float32(length) * speed / (np.sqrt(force / (1 - SECOND ** (step + 1))) + 1e-8)
    return _softmax(logits)


def zero_shot(vectors: Vectors, texts: Vectors, bar: Floats) -> Floats:
    """CLIP's own reading: the softmax of likenesses to ``texts``, and nothing where a likeness is not over its ``bar``
    ``(1000,)``.
    """
    likenesses = vectors @ texts.T
    odds = _softmax(np.float32(CLIP_SCALE) * likenesses)
    return np.where(likenesses > bar, odds, np.float32(0))


def sharpened(probabilities: Floats) -> Floats:
    """With the temperature at which they come true as often as they say (Guo et al. 2017)."""
    powers = probabilities**SHARPER
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def _in_rows(work: Callable[[Floats], Floats], vectors: Vectors) -> Floats:
    count = len(vectors)
    filled = np.concatenate([vectors, np.repeat(vectors[:1], -count % ROWS, axis=0)])
    # On one core: for matrices as small as these, threads wait for one another longer than they work, and where other
    # work keeps the cores busy ten times as long. One at a time, since the limit is the whole process's.
    with _ONE_AT_A_TIME, _linear_algebra().limit(limits=1, user_api="blas"):
        parts = [work(filled[start : start + ROWS]) for start in range(0, count, ROWS)]
    return np.concatenate([np.empty((0, CLASSES), np.float32), *parts])[:count]


@cache
def _linear_algebra() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _towards(wanted: Floats, reached: Floats) -> Floats:
    """The way in which the cosine of the two grows fastest, seen from ``reached``."""
    length = np.linalg.norm(reached, axis=1, keepdims=True)
    along = reached / length
    return np.asarray((wanted - along * (along * wanted).sum(axis=1, keepdims=True)) / length, np.float32)


def _softmax(logits: Floats) -> Floats:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def _prompts() -> list[str]:
    return [f"a photo of {with_article(name)}" for name in names()]
