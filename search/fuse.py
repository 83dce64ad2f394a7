"""Fourth stage: the lists of all kinds and sources become one, and moments of one asset are gathered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

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


@dataclass(frozen=True, slots=True)
class Entry:
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

    @property
    def relevance(self) -> float:
        """What the surest source says; another one that agrees adds a little. Code that was only listed is no match."""
        best, second = (*self.relevances.values(), 0.0, 0.0)[:2]
        if len(self.relevances) > 1:
            second, best = sorted(self.relevances.values())[-2:]
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
    candidates: dict[int, Candidate] = {}
    named: list[tuple[Source, int, Entry]] = []

    def candidate(found: Owned) -> Candidate:
        known = candidates.get(found.segment_id)
        if known is None:
            left = 1.0 if spared is None else spared.get(found.segment_id, 1.0)
            known = Candidate(found.segment_id, found.asset_id, _is_code(found.media_type), spared=left)
            candidates[found.segment_id] = known
        return known

    for listed in lists:
        for rank, entry in enumerate(listed.entries, 1):
            if entry.named:
                named.append((listed.source, rank, entry))
            else:
                candidate(entry.found).add(listed.source, rank, entry)
    # What is said of an asset as a whole goes to its best moment, not to all: they have not all been found by it.
    best = {asset_id: moments[0][1] for asset_id, moments in _by_asset(candidates.values()).items()} if named else {}
    for source, rank, entry in named:
        chosen = best.get(entry.found.asset_id) or candidate(entry.found)
        chosen.add(source, rank, entry)
    # Nothing is added from here on, so each is judged once.
    gathered = [
        (order, Gathered(first, sum(each.relevance >= stands_out for _, each in others)))
        for (order, first), *others in _by_asset(candidates.values()).values()
    ]
    return [each for _, each in sorted(gathered, key=itemgetter(0))]


def _by_asset(candidates: Iterable[Candidate]) -> dict[int, list[tuple[Order, Candidate]]]:
    """The candidates of each asset, best first, each with its place in the order."""
    found: dict[int, list[tuple[Order, Candidate]]] = {}
    for order, each in sorted(((each.order, each) for each in candidates), key=itemgetter(0)):
        found.setdefault(each.asset_id, []).append((order, each))
    return found


def _is_code(media_type: str) -> bool:
    return (media_type.startswith("text/x-") or media_type in _SCRIPTS) and media_type not in _PROSE
