"""Routes of the page that answer whoever opens them by hand with the page, and what is wrong with the address on it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from api.http.deps import COOKIE
from api.http.problems import first_fault, of_error
from api.http.state import State
from api.keys import Caller, Scope
from api.web.render import render
from bowerbird.errors import BowerbirdError
from search.parse import MOST_CHARACTERS
from search.query_language import FILTERS


class Explained(APIRoute):
    """A route whose refusals are a page where one was asked for. Programs are told in JSON, as elsewhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own, with that around it."""
        answered = super().get_route_handler()

        async def explained(request: Request) -> Response:
            try:
                return await answered(request)
            except (BowerbirdError, RequestValidationError) as error:
                if "text/html" not in request.headers.get("accept", "") or "x-fragment" in request.headers:
                    raise
                return explanation(request, error)

        return explained


def explanation(request: Request, error: BowerbirdError | RequestValidationError) -> Response:
    """The page without hits, that says what is wrong."""
    if isinstance(error, RequestValidationError):
        status, fault = HTTPStatus.UNPROCESSABLE_ENTITY, f"{first_fault(error)}; correct the address"
    else:
        status, fault = HTTPStatus(of_error(error).status_code), str(error)
    line = request.query_params.get("q", "")[:MOST_CHARACTERS]
    values = {"line": line, "shown": None, "fault": fault, **surroundings(request)}
    return render("page.html", values, status)


def surroundings(request: Request) -> dict[str, Any]:
    """What the page shows around its hits."""
    state: State = request.app.state.bowerbird
    caller: Caller = request.scope["bowerbird.caller"]
    return {
        "may_index": caller.may(Scope.INDEX),
        "session": COOKIE in request.cookies and not state.keyless,
        "filters": FILTERS,
        "max_mb": state.library.settings.serve.max_body_mb,
    }
