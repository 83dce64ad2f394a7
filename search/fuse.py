"""Fourth stage: the lists of all kinds and sources become one, and moments of one asset are gathered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bowerbird.queries import Evidence
from bowerbird.store.catalog.segments import Found
from bowerbird.types import Asset, Segment, Source

AGREEMENT = 0.2
"""How far a second source, were it certain, takes relevance on the way from what the first says to 1."""
CODE = 0.65
"""What a match in source code is worth beside others: it names all sorts of things, and few sentences look for it."""
_SCRIPTS = frozenset({"text/javascript", "text/jsx", "text/css"})
_PROSE = frozenset({"text/x-rst", "text/x-org", "text/x-tex"})
_RRF = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a list: what was found, its score there and what that is worth, in 0..1."""

    found: Found
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

    segment: Segment
    asset: Asset
    relevances: dict[Source, float] = field(default_factory=dict)
    evidence: list[Evidence] = field(default_factory=list)
    spared: float = 1.0
    """What the query's negatives leave of its relevance, as a factor."""

    @property
    def relevance(self) -> float:
        """What the surest source says; another one that agrees adds a little. Code that was only listed is no match."""
        best, second = (*sorted(self.relevances.values(), reverse=True), 0.0, 0.0)[:2]
        worth = CODE if self.evidence and _is_code(self.asset) else 1.0
        return worth * self.spared * (best + (1 - best) * AGREEMENT * second)

    @property
    def order(self) -> tuple[float, float, float, int]:
        """Best first. Reciprocal ranks order what is equally relevant, then scores do, then ids: order is stable."""
        ranks = sum(1 / (_RRF + each.rank) for each in self.evidence)
        score = max((each.score for each in self.evidence if each.source is not Source.WORDS), default=0.0)
        return -round(self.relevance, 4), -ranks, -score, self.segment.id

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

    def candidate(found: Found) -> Candidate:
        left = (spared or {}).get(found.segment.id, 1.0)
        return candidates.setdefault(found.segment.id, Candidate(found.segment, found.asset, spared=left))

    for listed in lists:
        for rank, entry in enumerate(listed.entries, 1):
            if entry.named:
                named.append((listed.source, rank, entry))
            else:
                candidate(entry.found).add(listed.source, rank, entry)
    # What is said of an asset as a whole goes to its best moment, not to all: they have not all been found by it.
    best = {asset_id: moments[0] for asset_id, moments in _by_asset(candidates.values()).items()}
    for source, rank, entry in named:
        chosen = best.get(entry.found.asset.id) or candidate(entry.found)
        chosen.add(source, rank, entry)
    gathered = [
        Gathered(moments[0], sum(moment.relevance >= stands_out for moment in moments[1:]))
        for moments in _by_asset(candidates.values()).values()
    ]
    return sorted(gathered, key=lambda each: each.best.order)


def _is_code(asset: Asset) -> bool:
    kind = asset.info.media_type
    return (kind.startswith("text/x-") or kind in _SCRIPTS) and kind not in _PROSE


def _by_asset(candidates: Iterable[Candidate]) -> dict[int, list[Candidate]]:
    """The candidates of each asset, best first."""
    found: dict[int, list[Candidate]] = {}
    for each in sorted(candidates, key=lambda each: each.order):
        found.setdefault(each.asset.id, []).append(each)
    return found
