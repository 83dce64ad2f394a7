"""Threads for work that blocks, so many for each sort of it: the event loop itself only ever waits."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import ParamSpec, TypeVar

from api.http.problems import Refused

P = ParamSpec("P")
T = TypeVar("T")


class Pool:
    """So many threads, and a line of bounded length before them.

    A call whose caller has gone leaves the line; one that has begun runs to its end and keeps its thread until then.
    """

    def __init__(self, name: str, threads: int, line: int) -> None:
        self.name = name
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=f"http-{name}")
        self._most = threads + line
        self.busy = 0
        """Calls that run or wait."""

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``call`` returns or raises. Raises `Refused` where the line is full."""
        if self.busy >= self._most:
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the server has more requests than it can take; try again in a moment",
                {"Retry-After": "1"},
            )
        self.busy += 1
        context = contextvars.copy_context()
        future = self._executor.submit(partial(context.run, call, *args, **kwargs))
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: loop.is_closed() or loop.call_soon_threadsafe(self._done))
        return await asyncio.wrap_future(future, loop=loop)

    def _done(self) -> None:
        self.busy -= 1

    def close(self) -> None:
        """Take no more calls, and wait for those that run."""
        self._executor.shutdown(cancel_futures=True)


class Pools:
    """The pools of one server."""

    def __init__(self, searches: int, decodes: int) -> None:
        self.search = Pool("search", searches, 512)
        """Queries, and all that costs about as much."""
        self.quick = Pool("quick", 8, 1024)
        """A look into the catalogue, or a small file."""
        self.files = Pool("files", 16, 1024)
        """The files of assets. A drive may answer slowly, or never; who wants something else does not wait for it."""
        self.decode = Pool("decode", decodes, 64)
        """Pictures that are made on demand."""
        self.slow = Pool("slow", 2, 4)
        """Measuring, labelling, switching encoders: minutes, perhaps."""
        self.answers = Pool("answers", 8, 64)
        """Answers to questions. Somebody else's model may take a minute, most of which a thread only waits."""

        self.streams = Pool("streams", 32, 1024)
        """The next event of a stream. Of more streams than threads each hears of news a little later."""

    @property
    def all(self) -> tuple[Pool, ...]:
        """Every one of them."""
        return self.search, self.quick, self.files, self.decode, self.slow, self.answers, self.streams

    def close(self) -> None:
        """Close them all."""
        for pool in self.all:
            pool.close()
