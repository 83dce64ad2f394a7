"""MCP as the HTTP server mounts it: who may use it, and whom it holds up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from api import keys
from api.keys import Scope
from bowerbird.errors import QueryError
from bowerbird.store.tables import api_key
from bowerbird.wiring import Library
from tests.api.http.live import Live
from tests.api.http.test_gate import refused
from tests.waiting import until

HEADERS = {"Accept": "application/json, text/event-stream"}


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


@pytest.mark.parametrize("tool", ["get_moment", "list_facets"])
def test_what_may_take_long_leaves_the_threads_that_know_keys_to_others(library, monkeypatch, tool):
    release = threading.Event()

    def held(*_: object, **__: object) -> None:
        release.wait(120)
        raise QueryError("it was held up")

    with Live(library) as live, ThreadPoolExecutor(10) as assistants:
        until(lambda: live.client.get("/readyz").status_code == 200)
        found = live.client.get("/v1/search", params={"q": "type:image", "limit": 1}).json()["hits"][0]
        pools = live.state.pools
        monkeypatch.setattr(live.state.renditions, "picture", held)
        monkeypatch.setattr(live.state.search, "run", held)
        asked = call(tool, **({"segment_id": found["segment_id"]} if tool == "get_moment" else {"query": "a fern"}))
        pool = pools.decode if tool == "get_moment" else pools.search
        try:
            asking = [
                assistants.submit(httpx.post, f"{live.client.base_url}/mcp", json=asked, headers=HEADERS, timeout=120)
                for _ in range(10)
            ]
            until(lambda: max(pool.busy, pools.quick.busy) >= 10)
            assert pools.quick.busy < 10
            assert live.client.get("/v1/status").status_code == 200
        finally:
            release.set()
        for each in asking:
            assert "it was held up" in each.result().text


@pytest.fixture
def newer(library: Library) -> Iterator[str]:
    """A key for what only a newer program knows."""
    token, key = keys.create(library, "of a newer program", [Scope.SEARCH])
    with library.catalog.write() as tx:
        tx.connection.execute(sa.update(api_key).where(api_key.c.id == key.id).values(scopes="upload"))
    yield token
    keys.revoke(library, key.name)


def test_a_key_that_is_not_for_searching_opens_nothing(serving, newer):
    public = serving(keyless=False)
    headers = {**HEADERS, "Authorization": f"Bearer {newer}"}
    refused(public.get("/v1/search?q=x", headers=headers), 403)
    for method in ("POST", "GET"):
        response = public.request(method, "/mcp", json=call("search", query="a fern"), headers=headers)
        assert "--scope search" in refused(response, 403)["detail"]
