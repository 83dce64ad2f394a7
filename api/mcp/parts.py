"""What the tools work with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, Protocol, Self, TypeVar

import anyio
from anyio import to_thread

from api.asking import pictures_of
from bowerbird.answers import Event, Question
from bowerbird.queries import Query, SearchResult
from bowerbird.wiring import Library
from search.answer import answer
from search.service import Search

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from api.jobs import Jobs
    from api.renditions import Renditions

P = ParamSpec("P")
T = TypeVar("T")


class Threads(Protocol):
    """Where work that blocks is done, off the event loop."""

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``call`` returns or raises."""
        ...


class OwnThreads:
    """So many threads of the event loop's own; whoever comes when all are busy waits.

    ``leaves``: a caller who is cancelled goes at once, and has told the work to end by other means.
    """

    def __init__(self, threads: int, *, leaves: bool = False) -> None:
        self._limiter = anyio.CapacityLimiter(threads)
        self._leaves = leaves

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``call`` returns or raises."""
        return await to_thread.run_sync(
            lambda: call(*args, **kwargs), limiter=self._limiter, abandon_on_cancel=self._leaves
        )


_ANSWERS = 8
"""Questions that are answered at a time."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One of everything, which whoever makes the server opens before and closes after."""

    library: Library
    search: Search
    find: Callable[[Query], Awaitable[SearchResult]]
    """By which queries are answered: `Search.run`, off the event loop."""
    events: Callable[[Question], Iterator[Event]]
    """By which questions are answered: `search.answer.answer`, with pictures."""
    jobs: Jobs
    renditions: Renditions
    threads: Threads
    """Where jobs and small files are looked up."""
    searching: Threads
    """Where all is done that costs about as much as a query."""
    decoding: Threads
    """Where files are opened and decoded, which may take a minute: nothing else waits for that."""
    answering: Callable[[HTTPConnection | None], Threads]
    """Where a question is answered, which may take a minute; by the request that it came with, if any."""

    @classmethod
    def of(cls, library: Library, jobs: Jobs, renditions: Renditions, threads: Threads) -> Self:
        """Parts of which the threads do all but answer questions: they are one person's."""
        search, answering = Search(library), OwnThreads(_ANSWERS, leaves=True)
        return cls(
            library=library,
            search=search,
            find=lambda query: threads.run(search.run, query),
            events=lambda question: answer(search, question, None, pictures_of(search, renditions)),
            jobs=jobs,
            renditions=renditions,
            threads=threads,
            searching=threads,
            decoding=threads,
            answering=lambda _: answering,
        )
