"""A picture that is asked with finds itself first.

How far a picture stands out from the background says little where it is like much else: a beach under fog has the
vector of any empty page. Whether two pictures are the same is another question, and `search.duplicates` has its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bowerbird.store.catalog import Transaction
from bowerbird.store.thumbnails import Thumbnails
from bowerbird.types import SegmentKind, Source
from search.duplicates import NEAR, is_same
from search.fuse import Candidate, Gathered

LOOKED_AT = 24
"""Of the nearest: the same picture is among the very first by score, if not by relevance."""
_SURE = {SegmentKind.IMAGE: 1.0, SegmentKind.REGION: 1.0, SegmentKind.FRAME: 0.99}
"""A photo goes before the film that shows it."""


def recognised(
    tx: Transaction, thumbnails: Thumbnails, picture: Callable[[], bytes | None], gathered: Sequence[Gathered]
) -> list[Gathered]:
    """``gathered`` with those first that are the picture itself, and certain.

    ``picture`` gives it as a thumbnail, JPEG or WebP, once something comes near; None where there is none.
    """
    near = sorted((each for each in gathered if _score(each.best) >= NEAR), key=lambda each: -_score(each.best))
    moments = tx.segments.moments([each.best.segment_id for each in near[:LOOKED_AT]])
    seen = {id_: each for id_, each in moments.items() if each.segment.kind in _SURE}
    if not seen or (shown := picture()) is None:
        return list(gathered)
    found: dict[int, float] = {}
    for id_, moment in seen.items():
        ordinal = 0 if moment.segment.kind is SegmentKind.REGION else moment.segment.ordinal
        if is_same(shown, thumbnails.path(moment.asset.hash, ordinal)):
            found[id_] = _SURE[moment.segment.kind]
    same = [_certain(each, found[each.best.segment_id]) for each in gathered if each.best.segment_id in found]
    others = [each for each in gathered if each.best.segment_id not in found]
    return [*sorted(same, key=lambda each: each.best.order), *others]


def _score(candidate: Candidate) -> float:
    return max((each.score for each in candidate.evidence if each.source is Source.JOINT), default=0.0)


def _certain(gathered: Gathered, relevance: float) -> Gathered:
    return replace(gathered, best=replace(gathered.best, relevances={Source.JOINT: relevance}))
