"""Search, in long and in short."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.http.asked import BODY, admitted, answer, as_object, query_of
from api.http.deps import TheState, needs
from api.http.replies import reply
from api.http.schemas import AssetKindName, Found, SegmentKindName
from api.keys import Scope
from bowerbird.errors import QueryError
from search.query_json import query_from_json

_IN_SHORT = ("q", "limit", "kind", "type", "min_relevance", "cursor")

router = APIRouter(prefix="/v1", tags=["search"], dependencies=[needs(Scope.SEARCH)])


@router.post("/search", response_model=Found, openapi_extra=BODY)
async def search(request: Request, state: TheState) -> Response:
    """Find by text, by a picture, by likeness to an asset or a moment, or by several of them at once."""
    query = await query_of(request, state)
    return reply(as_object(await answer(query, state), query))


@router.get("/search", response_model=Found)
async def search_in_short(
    request: Request,
    state: TheState,
    q: Annotated[str, Query(description="A line of the query language", max_length=10_000, examples=["a cat"])],
    limit: Annotated[int, Query(ge=1, le=1000)] = 10,
    kind: Annotated[list[SegmentKindName] | None, Query(description="Only these moments")] = None,
    type_: Annotated[list[AssetKindName] | None, Query(alias="type", description="Only these files")] = None,
    min_relevance: Annotated[float | None, Query(ge=0, le=1)] = None,
    cursor: Annotated[str | None, Query(max_length=100_000)] = None,
) -> Response:
    """The same for a text."""
    if unknown := sorted(set(request.query_params) - set(_IN_SHORT)):
        raise QueryError(
            f"the parameter {unknown[0][:40]!r} is not known here; leave it out, or write filters in q, as after:2020. "
            f"Parameters: {', '.join(_IN_SHORT)}"
        )
    said = {"text": q, "limit": limit, "kinds": kind, "min_relevance": min_relevance, "cursor": cursor}
    query = admitted(query_from_json({**said, "filters": {"types": type_}}), state)
    return reply(as_object(await answer(query, state), query))
