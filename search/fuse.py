"""Fourth stage: the rankings of all kinds and sources become one, and moments of one asset are gathered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bowerbird.store.catalog.segments import Found
from bowerbird.types import Asset, Evidence, Segment, Vectors
from search.retrieve import Ranking


@dataclass(slots=True)
class Candidate:
    """A segment with the evidence of every source that found it."""

    segment: Segment
    asset: Asset
    relevance: float = 0.0
    evidence: list[Evidence] = field(default_factory=list)

    @property
    def order(self) -> tuple[float, float, int]:
        """Best first; scores break ties between hits of full relevance, ids the rest, so that order is stable."""
        return -self.relevance, -max(each.score for each in self.evidence), self.segment.id


@dataclass(frozen=True, slots=True)
class Gathered:
    """The best moment of one asset, and how many others of it also stand out."""

    best: Candidate
    folded: int


def fuse(
    rankings: Iterable[tuple[Ranking, Vectors]], found: Mapping[int, Found], *, stands_out: float
) -> Sequence[Gathered]:
    """One list, best first, one entry for each asset.

    Each ranking comes with its relevance. A segment that several sources found has the relevance that the best of them
    gives; since relevance is calibrated by kind, kinds can be merged by it.
    """
    candidates: dict[int, Candidate] = {}
    for ranking, relevance in rankings:
        for rank, (id_, score, relevant) in enumerate(zip(ranking.ids, ranking.scores, relevance, strict=True), 1):
            if (hit := found.get(int(id_))) is None:
                continue  # gone since the view was caught up
            candidate = candidates.setdefault(hit.segment.id, Candidate(hit.segment, hit.asset))
            candidate.relevance = max(candidate.relevance, float(relevant))
            candidate.evidence.append(Evidence(ranking.source, rank, float(score)))
    by_asset: dict[int, list[Candidate]] = {}
    for candidate in sorted(candidates.values(), key=lambda each: each.order):
        by_asset.setdefault(candidate.asset.id, []).append(candidate)
    return [
        Gathered(moments[0], sum(moment.relevance >= stands_out for moment in moments[1:]))
        for moments in by_asset.values()
    ]
