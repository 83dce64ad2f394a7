"""Counters for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from api.http.deps import TheState, needs
from api.keys import Scope

router = APIRouter(tags=["health"], dependencies=[needs(Scope.ADMIN)])


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(state: TheState) -> Response:
    """Requests, queries, batches, pools, jobs and the process, in Prometheus's text format."""
    return Response(await state.pools.quick.run(state.metrics.text), media_type=CONTENT_TYPE_LATEST)
