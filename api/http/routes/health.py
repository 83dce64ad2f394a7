"""Whether the server lives, and whether it can answer: for whoever starts and watches it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.http.deps import TheState
from api.http.problems import Refused
from api.http.replies import reply

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """All is well."""

    version: Literal[1]
    status: Literal["ok"]


@router.get("/healthz", response_model=Health)
async def healthz() -> Response:
    """Whether the server lives."""
    return reply({"status": "ok"})


@router.get("/readyz", response_model=Health)
async def readyz(state: TheState) -> Response:
    """Whether models are loaded and the catalogue answers, so that a query need not wait; 503 until then."""
    if not state.ready:
        why = state.trouble or "models are being loaded; ask again in a moment"
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, why, {"Retry-After": "1"})
    await state.pools.quick.run(_look, state)
    return reply({"status": "ok"})


def _look(state: TheState) -> None:
    with state.library.catalog.read() as tx:
        tx.head()
