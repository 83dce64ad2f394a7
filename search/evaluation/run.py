"""Puts judged queries to a library: once as a person would, and once to every source by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bowerbird.errors import QueryError
from bowerbird.queries import Hit, Query, SearchResult
from bowerbird.types import Source, Space, SpaceName
from search.evaluation.lookup import Meant, look_up
from search.evaluation.metrics import MEASURES
from search.evaluation.queries import Judged
from search.service import Search

FUSED = "fused"
"""What stands beside the names of the sources: all of them together."""
DEPTH = 100
"""How many hits are looked through for what is relevant."""
SHOWN = 10
"""How many hits a person is shown: what is timed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source, or all together, made of one query."""

    ranks: tuple[int, ...]
    """Of the hits that are relevant, or stand for what is, ascending, from 1."""
    relevant: int
    """How many things there are to find: relevant assets that were folded into one hit are one."""
    relevance: float
    """Of its first hit; 0 where there is none."""
    matched: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one query."""

    query: Judged
    relevant: tuple[str, ...]
    """Hashes of the assets that ought to be found and are in this library."""
    missing: tuple[str, ...]
    """Paths of relevant files that are not."""
    answers: Mapping[str, Answer]
    """By source, and of all sources together under `FUSED`."""
    first: Hit | None
    """What came first of all."""
    took_ms: float
    """For the first `SHOWN` hits, nothing of the query being cached."""
    cold: bool = False
    """Whether it came first, so that models were loaded and views opened for it."""

    @property
    def answerable(self) -> bool:
        """Whether something in this library ought to be found."""
        return bool(self.relevant)

    @property
    def unanswerable(self) -> bool:
        """Whether nothing should match. A query all of whose files are missing is neither."""
        return not self.query.relevant

    @property
    def fused(self) -> Answer:
        """What all sources together made of it."""
        return self.answers[FUSED]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What became of all queries, in order, and what it comes to."""

    name: str
    """Tells this run from another."""
    library: str
    """The folder of the library that was asked."""
    encoders: tuple[str, ...]
    """The spec strings of the spaces that were searched."""
    outcomes: tuple[Outcome, ...]
    depth: int
    threshold: float
    """The relevance from which on something is said to match."""

    @property
    def label(self) -> str:
        """The name as it fits over a column: of a library's folder, its end."""
        return "/".join(Path(self.name).parts[-2:]) if self.name == self.library else self.name

    @property
    def sources(self) -> tuple[str, ...]:
        """What was asked: `FUSED`, then every source."""
        return tuple(self.outcomes[0].answers) if self.outcomes else (FUSED,)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of the queries, in the order in which they first come."""
        return tuple(dict.fromkeys(each.query.group for each in self.outcomes if each.query.group is not None))

    @property
    def answerable(self) -> tuple[Outcome, ...]:
        """Those that measures are taken of."""
        return tuple(each for each in self.outcomes if each.answerable)

    @property
    def unanswerable(self) -> tuple[Outcome, ...]:
        """Those that ought to be refused."""
        return tuple(each for each in self.outcomes if each.unanswerable)

    @property
    def missing(self) -> tuple[str, ...]:
        """Relevant paths that are not in this library, each once."""
        return tuple(dict.fromkeys(path for each in self.outcomes for path in each.missing))

    @property
    def cold_ms(self) -> float | None:
        """What the very first query took; None where it is not among these."""
        return next((each.took_ms for each in self.outcomes if each.cold), None)

    @property
    def latencies(self) -> tuple[float, ...]:
        """Milliseconds that each query took, without the one that found everything cold."""
        return tuple(each.took_ms for each in self.outcomes if not each.cold)

    def values(self, measure: str, source: str = FUSED) -> list[float]:
        """One of `MEASURES` for each answerable query, in order. A source that cannot take one has found nothing."""
        take = MEASURES[measure]
        return [take(each.answers[source].ranks, each.answers[source].relevant) for each in self.answerable]

    def refused(self, *, answerable: bool) -> list[float]:
        """1 for each query of this sort to which it was said that nothing matches, 0 for the others, in order."""
        asked = self.answerable if answerable else self.unanswerable
        return [float(not each.fused.matched) for each in asked]

    def only(self, wanted: Callable[[Outcome], bool]) -> Evaluation:
        """The part of the queries for which ``wanted`` holds: a group, a half."""
        return replace(self, outcomes=tuple(filter(wanted, self.outcomes)))

    def of_group(self, group: str) -> Evaluation:
        """The part of the queries that is of this group."""
        return self.only(lambda each: each.query.group == group)


@dataclass(frozen=True, slots=True)
class Setup:
    """Something to evaluate: ``spaces`` are those that ``search`` was made with; None: the library's active ones."""

    search: Search
    name: str
    spaces: Sequence[Space] | None = None


Progress = Callable[[int, int], None]
"""Is told how many queries are done, and of how many."""


def evaluate(
    search: Search,
    queries: Sequence[Judged],
    *,
    depth: int = DEPTH,
    name: str | None = None,
    spaces: Sequence[Space] | None = None,
    progress: Progress = lambda done, of: None,
) -> Evaluation:
    """Put ``queries`` to ``search``.

    Hits are held against what is relevant by asset, so a copy counts as the thing itself, and so does a hit that
    stands for it, a near-duplicate or the other half of a pair. Every query is first asked as a person would and timed,
    then for the first ``depth`` hits, then of every source alone, without a reranker. ``spaces`` are those that
    ``search`` was made with, where they are not the library's active ones. Raises `QueryError` where a query cannot be
    answered as asked (naming its line), or none of the relevant files is in the library.
    """
    setup = Setup(search, str(search.library.folder) if name is None else name, spaces)
    return evaluate_together([setup], queries, depth=depth, progress=progress)[0]


def evaluate_together(
    setups: Sequence[Setup],
    queries: Sequence[Judged],
    *,
    depth: int = DEPTH,
    progress: Progress = lambda done, of: None,
) -> list[Evaluation]:
    """`evaluate` for each of several, which take turns with every query, so that a busy machine slows all alike."""
    meant = [look_up(setup.search, queries) for setup in setups]
    sources = [_sources(setup) for setup in setups]
    outcomes: list[list[Outcome]] = [[] for _ in setups]
    for done, query in enumerate(queries):
        progress(done, len(queries))
        turns = list(range(len(setups)))
        for at in reversed(turns) if done % 2 else turns:  # whoever goes second finds the disk's cache warm
            asked = setups[at].search, sources[at], query, meant[at][done], depth
            outcomes[at].append(_outcome(*asked, cold=not done))
    progress(len(queries), len(queries))
    return [_evaluation(setup, made, depth) for setup, made in zip(setups, outcomes, strict=True)]


def _evaluation(setup: Setup, outcomes: Sequence[Outcome], depth: int) -> Evaluation:
    library = setup.search.library
    return Evaluation(
        name=setup.name,
        library=str(library.folder),
        encoders=tuple(space.spec for space in _spaces(setup)),
        outcomes=tuple(outcomes),
        depth=depth,
        threshold=max(library.settings.search.min_relevance, library.settings.search.stands_out),
    )


def _spaces(setup: Setup) -> Sequence[Space]:
    return setup.search.library.spaces if setup.spaces is None else setup.spaces


def _sources(setup: Setup) -> list[Source]:
    """Those that it can be asked by: with an encoder whose texts compare well there is no space of texts."""
    spaces = {space.name for space in _spaces(setup)}
    return [Source.JOINT, *([Source.TEXT] if SpaceName.TEXT in spaces else []), Source.WORDS]


def _outcome(
    search: Search, sources: Sequence[Source], judged: Judged, meant: Meant, depth: int, *, cold: bool
) -> Outcome:
    try:
        query = judged.ask()
        timed = search.run(replace(query, limit=SHOWN))
        whole = search.run(replace(query, limit=depth))
    except QueryError as error:
        said = str(error)
        raise QueryError(said if said.startswith(judged.where) else f"{judged.where}: {said}") from None
    answers = {FUSED: _answer(whole, meant.assets)}
    for source in sources:
        alone = replace(query, limit=depth, sources=(source,), rerank="none")
        answers[source] = _answer(_alone(search, alone), meant.assets)
    first = whole.hits[0] if whole.hits else None
    return Outcome(judged, meant.assets, meant.missing, answers, first, timed.took_ms, cold)


def _alone(search: Search, query: Query) -> SearchResult:
    try:
        return search.run(query)
    except QueryError:  # all sources together could answer it: this one has nothing to go by, a picture say
        return SearchResult((), matched=False, took_ms=0.0)


def _answer(result: SearchResult, relevant: Collection[str]) -> Answer:
    wanted = set(relevant)
    found = {rank: len(wanted & {hit.asset_id, *hit.stands_for}) for rank, hit in enumerate(result.hits, 1)}
    ranks = tuple(rank for rank, things in found.items() if things)
    return Answer(
        ranks=ranks,
        relevant=len(wanted) - sum(found[rank] - 1 for rank in ranks),
        relevance=result.hits[0].relevance if result.hits else 0.0,
        matched=result.matched,
    )
