"""More like this."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.http.asked import JSON, admitted, answer, as_object, object_of
from api.http.deps import AssetId, TheState, needs
from api.http.problems import NotThere
from api.http.replies import reply
from api.http.schemas import Found
from api.http.schemas_queries import LikeIn
from api.http.state import State
from api.keys import Scope
from bowerbird.errors import QueryError
from search.query_json import query_from_json

router = APIRouter(prefix="/v1", tags=["search"], dependencies=[needs(Scope.SEARCH)])

_FIELDS = frozenset(field.alias or name for name, field in LikeIn.model_fields.items())
_BODY: dict[str, Any] = {
    "requestBody": {"content": {JSON: {"schema": {"$ref": f"#/components/schemas/{LikeIn.__name__}"}}}}
}


@router.post("/assets/{asset_id}/like", response_model=Found, openapi_extra=_BODY)
async def more_like_this(asset_id: AssetId, request: Request, state: TheState) -> Response:
    """Find what is like an asset, or like one moment of it. The answer is that of a search."""
    said = await object_of(request)
    for name in said:
        if name not in _FIELDS:
            raise QueryError(
                f"the field {name[:40]!r} is not known here; leave it out. Fields: {', '.join(sorted(_FIELDS))}"
            )
    segment_id = said.pop("segment_id", None)
    await state.pools.quick.run(_check, state, asset_id, segment_id)
    query = query_from_json({**said, "like": [asset_id if segment_id is None else segment_id]})
    return reply(as_object(await answer(admitted(query, state), state), query))


def _check(state: State, asset_id: str, segment_id: object) -> None:
    """Raises `UnknownAsset`, and `NotThere` where the asset has no such moment."""
    state.originals.find(asset_id)
    if segment_id is None:
        return
    if type(segment_id) is not int or not 0 < segment_id < 1 << 63:
        raise QueryError("the field 'segment_id' must be the number of a moment, as hits have it: correct it")
    with state.library.catalog.read() as tx:
        found = tx.segments.moments([segment_id]).get(segment_id)
    if found is None or found.asset.hash != asset_id:
        raise NotThere(f"asset {asset_id[:12]} has no moment {segment_id}: take both from one hit")
