"""How what was asked for is spread over kinds, years, places and cameras."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.http.asked import BODY, encode, query_of
from api.http.deps import TheState, needs
from api.http.replies import reply
from api.http.schemas_queries import FacetsOut
from api.keys import Scope
from search.facets import as_object, facets_of

router = APIRouter(prefix="/v1", tags=["search"], dependencies=[needs(Scope.SEARCH)])


@router.post("/facets", response_model=FacetsOut, openapi_extra=BODY)
async def facets(request: Request, state: TheState) -> Response:
    """Count files: all of them for an empty query, all that meet filters alone, else what stands out, 1,000 at most."""
    query = await query_of(request, state)
    await encode(query, state)
    return reply(as_object(await state.pools.search.run(facets_of, state.search, query)))
