"""What someone asks of a library, and what they are answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from bowerbird.types import AssetKind, Box, SegmentKind, Source


@dataclass(frozen=True, slots=True)
class Filters:
    """What a hit must be, apart from near. All that are given must hold; of several kinds or types one will do."""

    kinds: tuple[SegmentKind, ...] = ()
    types: tuple[AssetKind, ...] = ()
    after: date | None = None
    """Made on this day or later, by the clock on the wall there."""
    before: date | None = None
    """Made before this day began."""
    place: str | None = None
    """Words of the name of the place, its region or its country, all of which must stand there."""
    camera: str | None = None
    """Words of the camera's or the lens's name."""
    path: str | None = None
    """A part of the path, in any case; with ``*`` and ``?``, a pattern for its end that begins where a name begins."""
    language: str | None = None
    """What the moment is written or spoken in: ``en`` takes in ``en-GB``."""
    phrases: tuple[str, ...] = ()
    """Words in a row that the moment, or what is known of its asset, must bear."""

    @property
    def narrow(self) -> bool:
        """Whether they ask for more than kinds, which need no filter: there is one vector view for each."""
        return self != Filters(kinds=self.kinds)


@dataclass(frozen=True, slots=True)
class Query:
    """What someone looks for: at least one of ``text``, ``also``, ``image``, ``like`` and ``filters``."""

    text: str | None = None
    """A line of the query language, as it was typed: see `search.query_language`."""
    also: tuple[str, ...] = ()
    """Further texts, each of which the hits are to be near as well."""
    image: bytes | None = field(default=None, repr=False)
    """An encoded picture (JPEG, PNG …), as it came."""
    crop: Box | None = None
    """The part of ``image`` that is meant."""
    like: tuple[str | int, ...] = ()
    """What the hits are to be like: assets of this library by their hashes, or segments by their ids."""
    unlike: tuple[str | int, ...] = ()
    """What they are not to be like, named in the same way."""
    negatives: tuple[str, ...] = ()
    filters: Filters = Filters()
    sources: tuple[Source, ...] = ()
    """Which sources are asked; none named: all there are."""
    limit: int = 10
    min_relevance: float | None = None
    """Hits below are left out, and nothing matches unless one reaches it: with 0 whatever there is does. None: the
    library's defaults, of which that for matching is higher."""
    cursor: str | None = None
    """`SearchResult.next_cursor` of the page before, to the same query."""
    rerank: str | None = None
    """What puts the best hits in a better order; None: the library's default."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a hit is a hit: its rank (from 1) and score in one source."""

    source: Source
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """The best moment of one asset, with the reasons.

    ``folded`` counts what this hit stands for besides: other moments of the asset that also matched, the other half of
    a pair (a raw file and its JPEG, a photo and the film that a phone takes with it), and near-duplicates.
    """

    rank: int
    relevance: float
    asset_id: str
    path: str
    kind: AssetKind
    segment_id: int
    segment_kind: SegmentKind
    start_s: float | None
    end_s: float | None
    page: int | None
    box: Box | None
    text: str | None
    folded: int
    evidence: tuple[Evidence, ...]
    """Empty where nothing but filters was asked for."""
    taken_at: str | None = None
    """ISO 8601 without a zone, by the clock on the wall there, or
    for want of metadata as the file's name or time tells."""
    place: str | None = None
    """``Lisbon, Portugal``."""
    stands_for: tuple[str, ...] = ()
    """The other assets among what is folded, by their ids."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first; ``matched`` is False where nothing stands out: they are then the nearest, and no answer."""

    hits: tuple[Hit, ...]
    matched: bool
    took_ms: float
    next_cursor: str | None = None
    """What to ask the same query with for the next page; None where this was the last."""
    understood: tuple[str, ...] = ()
    """What was taken for more than words, though nothing marks it so: ``last summer: from 2026-06-01 to 2026-08-31``.
    """
