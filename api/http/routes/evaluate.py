"""How well the library answers queries whose answers are known."""

from __future__ import annotations

import threading
from typing import Any

from fastapi import APIRouter, Response

from api.http.deps import TheState, needs
from api.http.replies import reply
from api.http.schemas_queries import EvalIn, EvalOut
from api.http.state import State
from api.keys import Scope
from bowerbird.errors import UsageError
from search.evaluation import evaluate, queries_of, summary

router = APIRouter(prefix="/v1", tags=["library"], dependencies=[needs(Scope.ADMIN)])


@router.post("/eval", response_model=EvalOut)
async def evaluate_search(asked: EvalIn, state: TheState) -> Response:
    """Measure it, by every source and by all together, as `bowerbird eval --json` does."""
    gone = threading.Event()
    try:
        return reply(await state.pools.slow.run(_measured, state, asked, gone))
    finally:
        gone.set()


def _measured(state: State, asked: EvalIn, gone: threading.Event) -> dict[str, Any]:
    def go_on(_done: int, _of: int) -> None:
        if gone.is_set():
            raise UsageError("nobody waits for the answer any more; ask again")

    return summary(evaluate(state.search, queries_of(asked.queries), depth=asked.limit, progress=go_on))
