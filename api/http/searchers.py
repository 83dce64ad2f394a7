"""Processes that search: Python uses one core in each, and a server has several.

Models stay in the server, where the texts of queries are encoded together; a searcher is sent the query with its
vectors, opens the library's views and catalogue by itself, and loads no network unless something was not encoded.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from http import HTTPStatus
from multiprocessing.connection import wait
from pathlib import Path

from api.http.pools import Pool
from api.http.problems import Refused
from bowerbird.queries import Query, SearchResult
from bowerbird.types import Vectors
from search.query_vectors import Key
from search.service import Search

_TRIES = 2
"""Times that a query is put to fresh processes; one that ends them each time is not to do so for ever."""


class Searchers:
    """``processes`` searchers of one library, started with the first query; with 0, threads of this process search."""

    def __init__(self, search: Search, pool: Pool, processes: int) -> None:
        self._search = search
        self._pool = pool
        self._processes = processes
        self._lock = threading.Lock()
        self._executor: ProcessPoolExecutor | None = None

    async def run(self, query: Query) -> SearchResult:
        """Answer a query, as `Search.run` would; raises what that would, and `Refused` where the line is full."""
        return await self._pool.run(self._run, query)

    def _run(self, query: Query) -> SearchResult:
        settings = self._search.library.settings.search
        rerank = settings.rerank if query.rerank is None else query.rerank
        if not self._processes or rerank != "none":  # rerankers are models, and models are here
            return self._search.run(query)
        prepared = self._search.prepared(query)
        for _ in range(_TRIES):
            executor = self._started()
            try:
                return executor.submit(_answer, query, prepared).result()
            except BrokenProcessPool:  # one of them was killed, for want of memory perhaps
                self._give_up(executor)
        raise Refused(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the processes that search end before they answer, for want of memory perhaps; try again, or have fewer, "
            "with [serve] searchers",
            {"Retry-After": "5"},
        )

    def _give_up(self, executor: ProcessPoolExecutor) -> None:
        """Have others started for the next query, in the place of these."""
        with self._lock:
            if self._executor is executor:
                self._executor = None
        executor.shutdown(wait=False)

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._executor is None:
                self._executor = ProcessPoolExecutor(
                    self._processes,
                    multiprocessing.get_context("spawn"),
                    initializer=_open,
                    initargs=(self._search.library.folder,),
                )
            return self._executor

    async def start(self) -> None:
        """Start all of them, and have each answer a query, so that nobody waits for it later."""
        await asyncio.gather(*(self.run(Query("a photo", limit=1)) for _ in range(max(1, self._processes))))

    def close(self) -> None:
        """End them."""
        with self._lock:
            if self._executor is not None:
                self._executor.shutdown(cancel_futures=True)
                self._executor = None


_search: Search | None = None
"""The one of this process, where it is a searcher."""


def _open(folder: Path) -> None:
    global _search
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's to deal with
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from search import open_search

    _search = open_search(folder)


def _answer(query: Query, prepared: Mapping[Key, Vectors]) -> SearchResult:
    assert _search is not None
    _search.adopt(prepared)
    return _search.run(query)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)
