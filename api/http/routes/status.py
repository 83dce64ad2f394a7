"""What the library holds, and where its files lie."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.http.deps import TheState, needs
from api.http.replies import reply
from api.http.schemas_library import RootsOut, StatusOut
from api.keys import Scope
from indexer.status import roots_of, status_of

router = APIRouter(prefix="/v1", tags=["library"], dependencies=[needs(Scope.SEARCH)])


@router.get("/status", response_model=StatusOut)
async def status(state: TheState) -> Response:
    """Spaces, counts by kind, roots, the last index run."""
    return reply(await state.pools.quick.run(status_of, state.library))


@router.get("/roots", response_model=RootsOut)
async def roots(state: TheState) -> Response:
    """The folders that the owner has added: what jobs may touch."""
    return reply({"roots": await state.pools.quick.run(roots_of, state.library)})
