"""Puts the HTTP API together: the gate, the limits, the routes, the page."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api import keys
from api.http import openapi, problems
from api.http.answering import events_of, threads_for
from api.http.asked import answer
from api.http.deps import check
from api.http.gate import Gate
from api.http.limits import Limits
from api.http.metrics import Measured
from api.http.problems import Refused
from api.http.routes import answer as questions
from api.http.routes import (
    assets,
    captions,
    completion,
    embeddings,
    evaluate,
    facets,
    health,
    jobs,
    labels,
    like,
    metrics,
    reencode,
    saved,
    search,
    sign_in,
    status,
)
from api.http.state import State
from api.mcp.http import McpApp
from api.mcp.parts import Parts
from api.web import chat, viewer
from api.web import routes as page
from bowerbird import __version__
from bowerbird.errors import BowerbirdError
from bowerbird.queries import Query, SearchResult
from bowerbird.wiring import Library

log = logging.getLogger(__name__)

_AGAIN_S = 15.0
"""After which models that could not be loaded are tried again."""

ROUTERS = (
    *(search.router, questions.router, like.router, facets.router, saved.router, completion.router),
    *(assets.router, captions.router, labels.router, embeddings.router, jobs.router),
    *(status.router, reencode.router, evaluate.router, health.router, metrics.router),
    *(sign_in.router, page.router, chat.router, viewer.router),
)
_DESCRIPTION = """Search, index and look at what a Bowerbird library holds.

Every error is a problem (RFC 9457) whose `detail` says in one line what was wrong and what would be right."""


def create_app(library: Library, *, keyless: bool = True) -> FastAPI:
    """The API and the page of one library, which the caller opens before and closes after.

    ``keyless``: the server listens on a loopback address, and whoever reaches it is its user.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state = app.state.bowerbird = State.of(library, keyless=keyless)
        app.state.mcp = McpApp(_parts(state))
        warming = asyncio.create_task(_warm(state))
        try:
            async with app.state.mcp.running():
                yield
        finally:
            warming.cancel()
            await asyncio.to_thread(state.close)

    app = FastAPI(
        title="Bowerbird",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # what shows the document comes from foreign hosts
        redoc_url=None,
        openapi_url=None,  # a route of ours, behind the gate like any other
        responses=problems.RESPONSES,
        generate_unique_id_function=lambda route: route.name,  # what clients made from the document call it
    )
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    openapi.install(app)
    app.router.routes.append(Route("/mcp", _Mcp(app), include_in_schema=False))
    # The last one added is the first that a request meets.
    app.add_middleware(Limits, settings=library.settings.serve)
    app.add_middleware(Measured, metrics=lambda: app.state.bowerbird.metrics)
    app.add_middleware(Gate, library=library, pool=lambda: app.state.bowerbird.pools.quick, keyless=keyless)
    return app


def _parts(state: State) -> Parts:
    """What MCP works with: the same as the routes."""

    def find(query: Query) -> Awaitable[SearchResult]:
        return answer(query, state)

    return Parts(
        library=state.library,
        search=state.search,
        find=find,
        events=partial(events_of, state),
        jobs=state.jobs,
        renditions=state.renditions,
        threads=state.pools.quick,
        searching=state.pools.search,
        decoding=state.pools.decode,
        answering=partial(threads_for, state),
    )


class _Mcp:
    """A route of the app that is made when the app starts."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        check(scope["bowerbird.caller"], keys.Scope.SEARCH)
        await self._app.state.mcp(scope, receive, send)


async def _warm(state: State) -> None:
    """Load models and views before somebody waits for them, however often it takes: what stood in the way may pass."""
    while not state.ready:
        try:
            await state.texts.put(Query("a photo"))
            await state.searchers.start()
        except Exception as error:  # whatever it was: else nothing would ever say that it has passed
            _note(state, error)
            await asyncio.sleep(_AGAIN_S)
        else:
            state.ready, state.trouble = True, None


def _note(state: State, error: Exception) -> None:
    """Say why the server is not ready; once, however often it tries."""
    before = state.trouble
    if isinstance(error, BowerbirdError | Refused):
        state.trouble = error.detail if isinstance(error, Refused) else str(error)
        if state.trouble != before:
            log.warning("%s", state.trouble)
    else:
        state.trouble = "a fault of ours; the server's log says where: please report it"
        if state.trouble != before:
            log.error("models could not be loaded", exc_info=error)
