"""Processes that search: the same answers, errors and all; one that is killed is replaced; they end with the server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from api.http.pools import Pool
from api.http.problems import Refused
from api.http.searchers import Searchers
from bowerbird.errors import QueryError
from bowerbird.queries import Query, SearchResult
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from search.service import Search
from tests.indexer.conftest import PLAIN
from tests.waiting import until

NOTES = ("The tide was out and the harbour smelt of tar.", "Two eggs and a spoon of flour.", "A night train to Vienna.")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Three notes under the built-in encoder, which a child can load too."""
    folder = tmp_path_factory.mktemp("searched")
    (folder / "media").mkdir()
    for number, text in enumerate(NOTES):
        (folder / "media" / f"{number}.txt").write_text(text)
    open_library(folder / "library", create=True, encoder="concepts").close()
    (folder / "library" / "library.toml").write_text(PLAIN)
    with open_library(folder / "library") as library:
        Indexer(library).index([folder / "media"])
        yield library


@pytest.fixture(scope="module")
def search(library: Library) -> Search:
    return Search(library)


@pytest.fixture(scope="module")
def searchers(search: Search) -> Iterator[Searchers]:
    pool = Pool("search", 4, 512)
    searchers = Searchers(search, pool, 2)
    yield searchers
    searchers.close()
    pool.close()
    assert not children()


def children() -> list[psutil.Process]:
    """Searchers of this process."""
    return searchers_of(psutil.Process())


def searchers_of(process: psutil.Process) -> list[psutil.Process]:
    found = []
    for each in process.children():
        with suppress(psutil.NoSuchProcess):  # it ended just now, and may not have been buried
            if "spawn_main" in " ".join(each.cmdline()):
                found.append(each)
    return found


def ask(searchers: Searchers, *queries: Query) -> list[SearchResult | BaseException]:
    async def together():
        return await asyncio.gather(*map(searchers.run, queries), return_exceptions=True)

    return asyncio.run(together())


def shown(result: SearchResult) -> list[tuple[str, float, object]]:
    return [(hit.path, hit.relevance, hit.evidence) for hit in result.hits]


def test_they_answer_as_the_server_itself_would(searchers, search):
    queries = [Query(text, limit=limit) for text in (*NOTES, "a journey by rail", '"spoon of"') for limit in (1, 3)]
    search.prepare(queries)
    for query, found in zip(queries, ask(searchers, *queries), strict=True):
        assert isinstance(found, SearchResult), found
        same = search.run(query)
        assert shown(found) == shown(same)
        assert (found.matched, found.next_cursor, found.understood) == (
            same.matched,
            same.next_cursor,
            same.understood,
        )
    until(
        lambda: bool(ask(searchers, *queries)) and len(children()) == 2
    )  # the second starts when the first is at work


def test_what_was_not_encoded_before_they_encode(searchers, search):
    query = Query("nobody has asked this before")
    (found,) = ask(searchers, query)
    assert isinstance(found, SearchResult), found
    assert shown(found) == shown(search.run(query))


def test_errors_come_across(searchers):
    for query, says in (
        (Query(), "the query is empty"),
        (Query("x", limit=0), "limit"),
        (Query(like=("0",)), "the id"),
    ):
        (error,) = ask(searchers, query)
        assert isinstance(error, QueryError)
        assert says in str(error)


def test_one_that_is_killed_is_replaced_and_the_query_answered(searchers):
    ask(searchers, Query("tide"))
    victims = children()
    os.kill(victims[0].pid, signal.SIGKILL)
    queries = [Query(text) for text in NOTES * 4]
    found = ask(searchers, *queries)
    assert all(isinstance(each, SearchResult) for each in found), found
    # The other one may have answered them all before the death was noticed; who asks next has two again.
    until(lambda: bool(ask(searchers, *queries)) and len(children()) == 2)
    assert victims[0].pid not in {each.pid for each in children()}


def test_one_that_is_killed_while_it_searches(searchers):
    ask(searchers, Query("tide"))
    for victim in children():
        victim.suspend()

    async def run():
        asked = [asyncio.create_task(searchers.run(Query(text))) for text in NOTES]
        await asyncio.sleep(0.1)
        for victim in victims:
            victim.kill()
        return await asyncio.gather(*asked, return_exceptions=True)

    victims = children()
    found = asyncio.run(run())
    assert all(isinstance(each, SearchResult) for each in found), found


def test_where_they_cannot_be_had_it_is_said(search, monkeypatch, tmp_path):
    monkeypatch.setattr(search.library, "folder", tmp_path / "gone")
    pool = Pool("search", 1, 8)
    none = Searchers(search, pool, 1)
    (error,) = ask(none, Query("tide"))
    assert isinstance(error, Refused)
    assert error.status_code == 503
    none.close()
    pool.close()


def test_rerankers_stay_with_the_models(searchers, search, monkeypatch):
    here = []
    monkeypatch.setattr(search, "run", lambda query: here.append(query) or SearchResult((), matched=False, took_ms=0))
    ask(searchers, Query("tide", rerank="encoder:concepts"), Query("tide"))
    assert [query.rerank for query in here] == ["encoder:concepts"]


def test_none_at_all(search):
    pool = Pool("search", 1, 8)
    threads = Searchers(search, pool, 0)
    before = len(children())
    (found,) = ask(threads, Query("tide"))
    assert isinstance(found, SearchResult)
    assert len(children()) == before
    threads.close()
    pool.close()


PARENT = """
import asyncio, sys, time
from api.http.pools import Pool
from api.http.searchers import Searchers
from bowerbird.queries import Query
from bowerbird.wiring import open_library
from search.service import Search

if __name__ == "__main__":
    with open_library(sys.argv[1]) as library:
        searchers = Searchers(Search(library), Pool("search", 2, 8), 2)
        asyncio.run(searchers.run(Query("tide")))
        print("ready", flush=True)
        time.sleep(600)
"""


def test_they_end_with_a_server_that_is_killed(library, tmp_path):
    program = tmp_path / "parent.py"
    program.write_text(PARENT)
    path = os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])
    parent = subprocess.Popen(
        [sys.executable, program, library.folder],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
    )
    assert parent.stdout is not None
    try:
        assert parent.stdout.readline() == b"ready\n"
        theirs = searchers_of(psutil.Process(parent.pid))
        assert theirs
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    _, alive = psutil.wait_procs(theirs, timeout=60)
    assert not alive
