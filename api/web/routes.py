"""The page, its hits by themselves for what is fetched as one scrolls, and the files that lie beside it."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi import Query as Parameter

from api.http.asked import admitted, query_of
from api.http.deps import TheState, needs
from api.http.problems import NotThere
from api.http.schemas import AssetKindName, SegmentKindName
from api.http.state import State
from api.keys import Scope
from api.web.explained import Explained, explanation, surroundings
from api.web.hits import A_PAGE, shown
from api.web.render import render
from api.web.static_files import static_files, version
from bowerbird.errors import BowerbirdError
from bowerbird.queries import Query
from search.parse import MOST_CHARACTERS
from search.query_json import query_from_json
from search.saved import find

router = APIRouter(include_in_schema=False, dependencies=[needs(Scope.SEARCH)], route_class=Explained)
SavedName = Annotated[str | None, Parameter(max_length=1000, description="Ask what is kept under this name")]
_LONGEST_ID = 18
"""Digits of a segment's id; what is longer can only be an asset's."""


@router.get("/")
async def page(
    request: Request,
    state: TheState,
    q: Annotated[str, Parameter(max_length=MOST_CHARACTERS)] = "",
    like: Annotated[list[str] | None, Parameter(max_length=50)] = None,
    unlike: Annotated[list[str] | None, Parameter(max_length=50)] = None,
    type_: Annotated[list[AssetKindName] | None, Parameter(alias="type")] = None,
    kind: Annotated[list[SegmentKindName] | None, Parameter()] = None,
    cursor: Annotated[str | None, Parameter(max_length=100_000)] = None,
    saved: SavedName = None,
) -> Response:
    """Whole, with the first hits: it works without a script."""
    said = {
        "text": q.strip() or None,
        "like": [_example(each) for each in like or ()],
        "unlike": [_example(each) for each in unlike or ()],
        "kinds": kind,
        "filters": {"types": type_},
        "cursor": cursor,
    }
    try:
        query = query_from_json(said) if saved is None else await _kept(saved, cursor, state)
        found = await shown(replace(query, limit=A_PAGE), state, saved)
    except BowerbirdError as error:
        return explanation(request, error)
    return render("page.html", {"line": q, "shown": found, "fault": None, **surroundings(request)})


@router.post("/hits")
async def hits(request: Request, state: TheState, saved: SavedName = None) -> Response:
    """What `POST /v1/search` answers, as a piece of the page: only here is it known how much room pictures take."""
    query = await query_of(request, state)
    if saved is not None:
        query = await _kept(saved, query.cursor, state)
    return render("hits.html", {"shown": await shown(replace(query, limit=A_PAGE), state, saved)})


@router.get("/static/{of}/{name}")
async def static(
    request: Request,
    of: Annotated[str, Path(max_length=64)],
    name: Annotated[str, Path(max_length=64)],
) -> Response:
    """A script or a style. One asked for by its version never changes."""
    file = static_files().get(name)
    if file is None:
        raise NotThere("there is no such file: reload the page")
    kept = "private, max-age=31536000, immutable" if of == version() else "no-cache"
    headers = {"etag": file.etag, "cache-control": kept}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(file.data, headers=headers, media_type=file.media_type)


async def _kept(name: str, cursor: str | None, state: State) -> Query:
    kept = await state.pools.quick.run(find, state.library, name)
    return admitted(replace(kept.query, cursor=cursor), state)


def _example(said: str) -> str | int:
    return int(said) if said.isascii() and said.isdecimal() and len(said) <= _LONGEST_ID else said
