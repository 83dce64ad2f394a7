"""Why a hit is a hit, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from api.web.viewer_links import Why
from api.web.viewer_words import Sought
from bowerbird.queries import Evidence
from bowerbird.types import PICTURED, Segment, SegmentKind, Source


@dataclass(frozen=True, slots=True)
class Reason:
    """What one source says."""

    source: str
    sentence: str
    score: str


def reasons(why: Why, moment: Segment | None, sought: Sought) -> Iterator[Reason]:
    """A sentence for each piece of evidence; ``moment`` is what was found."""
    for each in why.evidence:
        yield Reason(each.source, _sentence(each, moment, sought), f"{_SCORES[each.source]} {each.score:.4g}")


def in_words(relevance: float) -> str:
    """What a relevance comes to."""
    said = next(said for least, said in _DEGREES if relevance >= least)
    return f"{said}. 0 is what chance alone would bring among moments of its kind in this library, 1 is certain."


_DEGREES = (
    (0.75, "It stands out clearly"),
    (0.4, "It stands out"),
    (0.1, "It stands out a little"),
    (float("-inf"), "It hardly stands out"),
)
_SCORES = {
    Source.JOINT: "cosine",
    Source.TEXT: "cosine",
    Source.WORDS: "BM25",
    Source.RERANK: "score",
}
_CALLED = {
    SegmentKind.IMAGE: "pictures",
    SegmentKind.REGION: "parts of pictures",
    SegmentKind.FRAME: "frames",
    SegmentKind.SPEECH: "spoken sentences",
    SegmentKind.PAGE: "pages",
    SegmentKind.TEXT: "passages",
    SegmentKind.OCR: "words read off pictures",
    SegmentKind.CAPTION: "captions",
}


def _sentence(evidence: Evidence, moment: Segment | None, sought: Sought) -> str:
    rank, kinds = _ordinal(evidence.rank), "moments" if moment is None else _CALLED[moment.kind]
    match evidence.source:
        case Source.JOINT if moment is not None and moment.kind in PICTURED:
            return f"{rank} of the {kinds} that look like the query."
        case Source.JOINT | Source.TEXT:
            return f"{rank} of the {kinds} that mean the like of the query."
        case Source.WORDS:
            return f"{rank} of what bears the query's words: {_borne(moment, sought)}."
        case Source.RERANK:
            return f"{rank} after a second, closer look at the best hits."
    raise AssertionError(evidence.source)


def _borne(moment: Segment | None, sought: Sought) -> str:
    words = sought.stand_in(moment.text) if moment is not None and moment.text else []
    if not words:
        return "they stand in the file's name, its place, its date or what else is known of it"
    listed = ", ".join(f"“{word}”" for word in words[:8])
    return f"the word {listed} stands here" if len(words) == 1 else f"the words {listed} stand here"


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"
