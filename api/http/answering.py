"""An answer under way: made event by event in a thread, waited for on the event loop, ended when nobody listens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Generic, Literal, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect, HTTPConnection

from api.asking import pictures_of
from api.http.allowance import Allowed, who_asks
from api.http.pools import Pool
from api.http.state import State
from bowerbird.answers import Question
from bowerbird.errors import UsageError
from bowerbird.models.answerers import BUILT_IN
from bowerbird.models.listener import Left, Listener
from search.answer import Ended, Event, answer

T = TypeVar("T")

HEARTBEAT_S = 0.5
"""After which an answer with nothing new to tell looks whether anybody listens, and still may."""


class Answering(Generic[T]):
    """Goes through an iterator in a thread of ``pool``; to be made on the event loop, and closed there.

    The iterator is closed in its own thread: at its end, or at the first event after `close`, which also wakes what
    waits in it for a model elsewhere.
    """

    def __init__(self, pool: Pool | Allowed, begin: Callable[[], Iterator[T]]) -> None:
        self._come: asyncio.Queue[T | None] = asyncio.Queue()
        self._listener = Listener()
        self._loop = asyncio.get_running_loop()
        self._work = asyncio.create_task(pool.run(self._go_through, begin))
        self._work.add_done_callback(self._end)

    async def next(self, within_s: float) -> T | None:
        """The next event; None where none has come in that time.

        Raises what the iterator raises, `Refused` where the pool takes no more, and `StopAsyncIteration` at the end.
        """
        try:
            event = await asyncio.wait_for(self._come.get(), within_s)
        except TimeoutError:
            return None
        if event is None:
            self._come.put_nowait(None)  # it stays ended
            await self._work
            raise StopAsyncIteration
        return event

    def close(self) -> None:
        """Have the work end; whatever still comes is thrown away."""
        self._listener.leave()
        self._work.cancel()

    def _end(self, work: asyncio.Task[None]) -> None:
        if not work.cancelled():
            work.exception()  # or it would be logged as one that nobody asked for, where everybody has gone
        self._come.put_nowait(None)

    def _go_through(self, begin: Callable[[], Iterator[T]]) -> None:
        if self._listener.left:
            return
        with self._listener.served(), closing(begin()) as events:  # type: ignore[type-var]  # all that are begun here are generators
            for event in events:
                if self._listener.left:
                    return
                with suppress(RuntimeError):  # the loop has ended, and nobody listens
                    self._loop.call_soon_threadsafe(self._come.put_nowait, event)


def answering_to(
    state: State, asked_by: HTTPConnection, question: Question, spec: str | None = None
) -> Answering[Event]:
    """An answer to ``question``, counted by what becomes of it; ``spec`` is the answerer's, None: the library's own."""
    return Answering(threads_for(state, asked_by, spec), lambda: events_of(state, question, spec))


def threads_for(state: State, asked_by: HTTPConnection, spec: str | None = None) -> Pool | Allowed:
    """Where a question that came with this request is answered, if its caller has not asked too much.

    The built-in answerer costs nothing but time on this machine, which the pool alone bounds.
    """
    answers = state.pools.answers
    if (spec or state.library.settings.answer.answerer) == BUILT_IN:
        return answers
    return Allowed(answers, state.allowance, who_asks(asked_by.scope))


async def next_event(answering: Answering[Event], request: Request) -> Event:
    """The next event. Raises `ClientDisconnect` once nobody waits for it, and what `Answering.next` raises."""
    while True:
        event = await answering.next(HEARTBEAT_S)
        if await request.is_disconnected():
            raise ClientDisconnect
        if event is not None:
            return event


async def whole(answering: Answering[Event], request: Request) -> Ended:
    """The last event. Closes ``answering``; raises what `next_event` raises."""
    try:
        while not isinstance(event := await next_event(answering, request), Ended):
            pass
        return event
    finally:
        answering.close()


def events_of(state: State, question: Question, spec: str | None = None) -> Iterator[Event]:
    """The way to an answer, which is counted by what becomes of it. Raises what `search.answer.answer` raises."""
    try:
        pictures = pictures_of(state.search, state.renditions)
        events = answer(state.search, question, state.library.answerer(spec), pictures)
        with closing(events):  # type: ignore[type-var]
            for event in events:
                if isinstance(event, Ended):
                    state.metrics.answered(_outcome(event))
                yield event
    except (UsageError, Left):  # it was no question, or nobody waits for the answer any more
        raise
    except Exception:
        state.metrics.answered("failed")
        raise


def _outcome(ended: Ended) -> Literal["supported", "unsupported", "declined", "failed"]:
    if ended.trouble is not None:
        return "failed"
    if not ended.answer.text:
        return "declined"
    return "supported" if ended.answer.supported else "unsupported"
