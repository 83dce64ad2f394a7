"""Fourth stage: the lists of all kinds and sources become one, and moments of one asset are gathered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple, Self

from bowerbird.queries import Evidence
from bowerbird.store.catalog.segments import Owned
from bowerbird.types import Source

Order = tuple[float, float, float, int]

AGREEMENT = 0.2
"""How far a second source, were it certain, takes relevance on the way from what the first says to 1."""
CODE = 0.3
"""What a match in source code is worth beside others: it names all sorts of things, and few sentences look for it."""
_SCRIPTS = frozenset({"text/javascript", "text/jsx", "text/css"})
_PROSE = frozenset({"text/x-rst", "text/x-org", "text/x-tex", "text/x-ssa"})
_RRF = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009)."""


class Entry(NamedTuple):
    """A line of a list: what was found, its score there and what that is worth, in 0..1."""

    found: Owned
    score: float
    relevance: float
    named: bool = False
    """Whether this is said of the asset as a whole; the segment then only stands for it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What one source found of one kind or of all, best first."""

    source: Source
    entries: Sequence[Entry]


Said = tuple[Source, int, Entry]
"""A source, a rank in what it has found, from 1, and the line that stands there."""


@dataclass(slots=True)
class Candidate:
    """A segment with the evidence of every source that found it."""

    segment_id: int
    asset_id: int
    is_code: bool = False
    relevances: dict[Source, float] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    spared: float = 1.0
    """What the query's negatives leave of its relevance, as a factor."""

    @classmethod
    def of(cls, said: Sequence[Said], spared: float) -> Self:
        """A segment with all that is said of it, at least by one source."""
        found = said[0][2].found
        candidate = cls(found.segment_id, found.asset_id, is_code(found.media_type), spared=spared)
        for each in said:
            candidate.add(*each)
        return candidate

    @property
    def relevance(self) -> float:
        """What the surest source says; another one that agrees adds a little. Code that was only listed is no match."""
        second, best = sorted((0.0, 0.0, *self.relevances.values()))[-2:]
        worth = CODE if self.is_code and self.evidence else 1.0
        return worth * self.spared * (best + (1 - best) * AGREEMENT * second)

    @property
    def order(self) -> Order:
        """Best first. Reciprocal ranks order what is equally relevant, then scores do, then ids: order is stable."""
        ranks = score = 0.0
        for each in self.evidence:
            ranks += 1 / (_RRF + each.rank)
            if each.source is not Source.WORDS:
                score = max(score, each.score) if score else each.score
        return -round(self.relevance, 4), -ranks, -score, self.segment_id

    def add(self, source: Source, rank: int, entry: Entry) -> None:
        """Take in what one source says."""
        self.relevances[source] = max(entry.relevance, self.relevances.get(source, 0.0))
        self.evidence.append(Evidence(source, rank, entry.score))


@dataclass(frozen=True, slots=True)
class Gathered:
    """The best moment of one asset, and how many others of it also stand out."""

    best: Candidate
    folded: int = 0


def fuse(
    lists: Iterable[Listed], *, stands_out: float, spared: Mapping[int, float] | None = None
) -> Sequence[Gathered]:
    """One list, best first, one entry for each asset.

    Relevance is calibrated, so kinds and sources can be merged by it. ``spared`` holds, by segment, what the query's
    negatives leave of it.
    """
    left = {} if spared is None else spared
    said_of, judged = _ranked(lists, left)
    first: dict[int, int] = {}
    folded: dict[int, int] = {}
    for _, relevance, id_ in judged:
        asset_id = said_of[id_][0][2].found.asset_id
        if first.setdefault(asset_id, id_) != id_ and relevance >= stands_out:
            folded[asset_id] = folded.get(asset_id, 0) + 1
    return [
        Gathered(Candidate.of(said_of[id_], left.get(id_, 1.0)), folded.get(asset_id, 0))
        for asset_id, id_ in first.items()
    ]


def fuse_moments(lists: Iterable[Listed]) -> list[Candidate]:
    """One list, best first, of every moment that was found: of one asset there may be many."""
    said_of, judged = _ranked(lists, {})
    return [Candidate.of(said_of[id_], 1.0) for _, _, id_ in judged]


def _ranked(
    lists: Iterable[Listed], left: Mapping[int, float]
) -> tuple[Mapping[int, Sequence[Said]], Sequence[tuple[Order, float, int]]]:
    """All that is said of each segment; and of each its place in the order, its relevance and its id, best first."""
    said_of: dict[int, list[Said]] = {}
    named: list[Said] = []
    for listed in lists:
        for rank, entry in enumerate(listed.entries, 1):
            if entry.named:
                named.append((listed.source, rank, entry))
            else:
                said_of.setdefault(entry.found.segment_id, []).append((listed.source, rank, entry))
    # What is said of an asset as a whole goes to its best moment, not to all: they have not all been found by it.
    best = _best_of({entry.found.asset_id for _, _, entry in named}, said_of, left)
    for each in named:
        found = each[2].found
        said_of.setdefault(best.get(found.asset_id, found.segment_id), []).append(each)
    # Nothing is added from here on, so each is judged once.
    return said_of, sorted((*_judged(said, left.get(id_, 1.0)), id_) for id_, said in said_of.items())


def _best_of(assets: set[int], said_of: Mapping[int, Sequence[Said]], left: Mapping[int, float]) -> dict[int, int]:
    """The best segment of each of these assets of which a segment was found."""
    of_these = {id_: said for id_, said in said_of.items() if said[0][2].found.asset_id in assets} if assets else {}
    judged = sorted(((_judged(said, left.get(id_, 1.0)), id_) for id_, said in of_these.items()), reverse=True)
    return {of_these[id_][0][2].found.asset_id: id_ for _, id_ in judged}


def _judged(said: Sequence[Said], spared: float) -> tuple[Order, float]:
    """The place of a candidate in the order, and its relevance.

    Of nearly all only one source says something, and to tell that shortly takes a third of the time.
    """
    if len(said) > 1:
        candidate = Candidate.of(said, spared)
        return candidate.order, candidate.relevance
    source, rank, entry = said[0]
    relevance = (CODE if is_code(entry.found.media_type) else 1.0) * spared * entry.relevance
    score = 0.0 if source is Source.WORDS else entry.score
    return (-round(relevance, 4), -1 / (_RRF + rank), -score, entry.found.segment_id), relevance


@cache
def is_code(media_type: str) -> bool:
    """Whether a file of this type is source code."""
    return (media_type.startswith("text/x-") or media_type in _SCRIPTS) and media_type not in _PROSE
