"""Between fusing and hydrating, if it is asked for: the best hits are put in a better order.

Everything before compares vectors that were made apart. A reranker looks at the query and a candidate together, which
costs too much for all, but not for the best few (Nogueira and Cho 2019, Passage re-ranking with BERT).

It changes order and nothing else. The candidates that it can read are dealt out anew over the places that these hold;
those that it cannot read stay where they are, since nothing was learnt of them. A place keeps its relevance: how sure
the first stage was of its hits is calibrated against a background, as a reranker's score is not, so what matches at all
is decided as before and relevance falls from hit to hit. Of the score only the order counts; it stands in the evidence.

How much is judged is a number of candidates and not a time, so that pages of one query fit together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np

from bowerbird.errors import DecodeFailed
from bowerbird.moments import Moment, PictureSpec
from bowerbird.queries import Evidence
from bowerbird.store.catalog.segments import Found
from bowerbird.types import Pixels, SegmentKind, Source
from bowerbird.wiring import Library
from search.fuse import Candidate, Gathered
from search.pictures import pixels_of

MOST = 50
"""How many of the best are judged."""
_SHOWN = frozenset({SegmentKind.IMAGE, SegmentKind.REGION, SegmentKind.FRAME, SegmentKind.PAGE})
"""Kinds of which a thumbnail shows what was found."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as rerankers read it."""

    texts: Sequence[str] = ()
    """Without the marks of the query language."""
    picture: Callable[[PictureSpec], Pixels] | None = None
    """The query's picture, or the part of it that is meant, made as a reranker wants it."""


@dataclass(slots=True)
class Placed(Candidate):
    """A candidate in the place that a reranker gave it, whose relevance it has."""

    place_relevance: float = 0.0

    @property
    def relevance(self) -> float:
        """How sure the first stage was of whatever stands in this place."""
        return self.place_relevance


def rerank(
    library: Library, spec: str, asked: Asked, gathered: Sequence[Gathered], moments: Mapping[int, Found]
) -> list[Gathered]:
    """``gathered``, best first, with those of its `MOST` best that are among ``moments``, by the ids of their segments,
    in the order that the rerankers ``spec`` give them.

    Of several rerankers each candidate is judged by the first that can read it, beside those that the same one reads.
    What the query's negatives leave of a candidate is left of its score. Raises `UnknownEncoder`, `EncoderUnavailable`,
    and what ``asked.picture`` raises.
    """
    result = list(gathered)
    unread = [place for place, each in enumerate(gathered[:MOST]) if each.best.segment_id in moments]
    if not asked.texts and asked.picture is None:
        unread = []
    for reranker in library.rerankers(spec):
        if not unread:
            break
        spec_ = reranker.picture
        picture = None if spec_ is None or asked.picture is None else asked.picture(spec_)
        read = _moments(library, [moments[result[place].best.segment_id] for place in unread], spec_)
        scores = reranker.score(asked.texts, picture, read)
        judged = {place: float(score) for place, score in zip(unread, scores, strict=True) if np.isfinite(score)}
        result = reordered(result, judged)
        unread = [place for place in unread if place not in judged]
    return result


def reordered(gathered: Sequence[Gathered], scores: Mapping[int, float]) -> list[Gathered]:
    """``gathered`` with those at the places ``scores``, and them alone, in the order of their scores in these places.

    Equal ones keep their order. Each that was judged says so in its evidence, with its rank among them.
    """
    places = sorted(scores)
    best_first = sorted(places, key=lambda place: (-scores[place] * gathered[place].best.spared, place))
    result = list(gathered)
    for rank, (place, former) in enumerate(zip(places, best_first, strict=True), 1):
        evidence = Evidence(Source.RERANK, rank, scores[former])
        result[place] = replace(
            gathered[former], best=_placed(gathered[former].best, gathered[place].best.relevance, evidence)
        )
    return result


def _placed(candidate: Candidate, relevance: float, evidence: Evidence) -> Placed:
    known = {each.name: getattr(candidate, each.name) for each in fields(Candidate)}
    return Placed(**known | {"evidence": [*candidate.evidence, evidence], "place_relevance": relevance})


def _moments(library: Library, candidates: Sequence[Found], spec: PictureSpec | None) -> list[Moment]:
    """The candidates as rerankers read them: with their text, and with their picture where one is wanted and kept."""

    def moment(candidate: Found) -> Moment:
        segment = candidate.segment
        pixels = None if spec is None else _thumbnail(library, candidate, spec)
        text = segment.text if segment.text and not segment.text.isspace() else None
        return Moment(segment.kind, box=segment.box, text=text, language=segment.language, pixels=pixels)

    if spec is None:
        return [moment(each) for each in candidates]
    with ThreadPoolExecutor(library.settings.decode.workers) as pool:  # each waits for a child that decodes
        return list(pool.map(moment, candidates))


def _thumbnail(library: Library, candidate: Found, spec: PictureSpec) -> Pixels | None:
    """What the candidate shows, as far as its thumbnail tells; None where there is none that can be read."""
    segment = candidate.segment
    if segment.kind not in _SHOWN:
        return None
    # A tile is a part of the picture that is its asset, and has no thumbnail of its own.
    part, ordinal = (segment.box, 0) if segment.kind is SegmentKind.REGION else (None, segment.ordinal)
    try:
        data = library.thumbnails.path(candidate.asset.hash, ordinal).read_bytes()
        return pixels_of(library.decoders, data, spec, part)
    except (OSError, DecodeFailed):
        return None  # thumbnails can be switched off or lost, and are made anew when the file is indexed again
