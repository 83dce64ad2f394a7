"""Searches that are kept under a name. A name may hold any character that can be shown, slashes too."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.http.asked import BODY, admitted, answer, as_object, query_of
from api.http.deps import TheState, needs
from api.http.replies import reply
from api.http.schemas import Found
from api.http.schemas_queries import SavedAnswer, SavedListOut, SavedRunIn
from api.keys import Scope
from search import saved as searches
from search.saved import Saved

router = APIRouter(prefix="/v1/saved", tags=["saved searches"], dependencies=[needs(Scope.SEARCH)])

Name = Annotated[
    str, Path(description="Percent-encoded", min_length=1, max_length=10_000, examples=["dogs on beaches"])
]


@router.get("", response_model=SavedListOut)
async def saved_searches(state: TheState) -> Response:
    """All of them, by name."""
    found = await state.pools.quick.run(searches.saved, state.library)
    return reply({"saved": [_told(each) for each in found]})


@router.post("/{name:path}/run", response_model=Found)
async def run_saved_search(name: Name, state: TheState, asked: SavedRunIn | None = None) -> Response:
    """Answer it with what the library holds by now, as a search is answered."""
    kept = await state.pools.quick.run(searches.find, state.library, name)
    changed = {field: value for field, value in (asked or SavedRunIn()).model_dump().items() if value is not None}
    query = admitted(replace(kept.query, **changed), state)
    return reply(as_object(await answer(query, state), query))


@router.get("/{name:path}", response_model=SavedAnswer)
async def saved_search(name: Name, state: TheState) -> Response:
    """What is kept under a name."""
    return reply(_told(await state.pools.quick.run(searches.find, state.library, name)))


@router.put("/{name:path}", response_model=SavedAnswer, openapi_extra=BODY, dependencies=[needs(Scope.INDEX)])
async def save_search(name: Name, request: Request, state: TheState) -> Response:
    """Keep a query, in the place of what is kept under the name. Its picture, 1 MB at most, is kept with it."""
    query = await query_of(request, state)
    pool = state.pools.quick if query.image is None else state.pools.decode
    return reply(_told(await pool.run(searches.save, state.library, name, query, overwrite=True)))


@router.delete("/{name:path}", status_code=HTTPStatus.NO_CONTENT, dependencies=[needs(Scope.INDEX)])
async def remove_saved_search(name: Name, state: TheState) -> Response:
    """Forget it. What it finds is not touched."""
    await state.pools.quick.run(searches.remove, state.library, name)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _told(kept: Saved) -> dict[str, Any]:
    """As scripts rely on it; of a picture it is told how large it is."""
    query = {field: value for field, value in kept.said.items() if field not in {"version", "image_base64"}}
    if (picture := kept.said.get("image_base64")) is not None:
        query["image_bytes"] = len(picture) * 3 // 4
    return {"name": kept.name, "saved_at": kept.saved_at.isoformat(timespec="seconds"), "query": query}
