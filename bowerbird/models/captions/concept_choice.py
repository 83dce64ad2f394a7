"""What to say of a picture, once it is known how probable each class is: the breed, or rather that it is a dog."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from bowerbird.models.captions.caption_sentence import PERHAPS, Seen
from bowerbird.models.captions.concept_names import LAST_RESORTS, concepts

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

MOST = 3
"""Concepts that one sentence names."""
SHARE = 0.95
"""Of what speaks for a kind, that which must speak for a member of it, if that is to be named instead of the kind."""


def seen_in(odds: Floats) -> list[Seen]:
    """From the probability of each class, ``(1000,)``, what may be said, the surest first.

    Of concepts that hold together the one that says most is taken, unless a kind it belongs to is a good
    deal surer. The confidence of a kind is that of its classes together, rounded to hundredths.
    """
    phrases, members, starts, within = _table()
    confidences = np.minimum(np.add.reduceat(odds[members], starts), 1)
    likely = [int(each) for each in np.flatnonzero(confidences >= PERHAPS)]
    settled = [
        each
        for each in likely
        if all(
            confidences[each] >= SHARE * confidences[kind] for kind in within[each] if phrases[kind] not in LAST_RESORTS
        )
    ]
    implied = {kind for each in settled for kind in within[each]}
    surest = sorted(set(settled) - implied, key=lambda each: (-confidences[each], each))[:MOST]
    return [Seen(phrases[each], round(float(confidences[each]), 2)) for each in surest]


@cache
def _table() -> tuple[list[str], Indices, Indices, list[list[int]]]:
    """Phrases; the classes for which each holds, one after the other, and where each phrase's begin; and for each
    phrase the larger kinds that it belongs to.
    """
    known = concepts()
    sets = [set(classes) for _, classes in known]
    members = np.concatenate([np.asarray(classes, np.intp) for _, classes in known])
    starts = np.cumsum([0, *(len(own) for own in sets[:-1])])
    within = [[kind for kind, wider in enumerate(sets) if own < wider] for own in sets]
    return [phrase for phrase, _ in known], members, starts, within
