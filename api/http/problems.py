"""Every refusal and failure as problem details (RFC 9457): one table says which of our errors is which status."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as PlainHTTPException
from starlette.requests import ClientDisconnect

from api.job import NoSuchJob, OutsideRoots
from api.keys import KeyRefused
from api.originals import OutOfReach, UnknownAsset
from api.renditions import NoPicture
from bowerbird import errors
from search.saved import NoSuchSearch

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Refused(HTTPException):
    """A request that is refused for what it is, not for what it asks: no key, too large, too late.

    FastAPI's own kind, since from within the reading of a body it lets no other through.
    """

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, dict(headers or {}))


class NotThere(errors.UsageError):
    """What the path names is not in this library."""


STATUS: Mapping[type[Exception], HTTPStatus] = {
    KeyRefused: HTTPStatus.UNAUTHORIZED,
    NotThere: HTTPStatus.NOT_FOUND,
    UnknownAsset: HTTPStatus.NOT_FOUND,
    NoPicture: HTTPStatus.NOT_FOUND,
    NoSuchJob: HTTPStatus.NOT_FOUND,
    NoSuchSearch: HTTPStatus.NOT_FOUND,
    OutOfReach: HTTPStatus.CONFLICT,
    OutsideRoots: HTTPStatus.FORBIDDEN,
    errors.LibraryBusy: HTTPStatus.CONFLICT,
    errors.UsageError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DecodeFailed: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.StorageFull: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.LibraryError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.EncoderUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.EndpointFailed: HTTPStatus.BAD_GATEWAY,
}
"""By the nearest class above an error's own."""


class Problem(BaseModel):
    """Problem details (RFC 9457)."""

    type: str = Field(examples=["urn:bowerbird:problem:query-error"])
    title: str = Field(examples=["Query error"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["the query is empty: give TEXT, --image FILE, --like PATH or a filter"])


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "A refusal, explained",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
"""What every route documents."""


def problem(
    status: HTTPStatus, detail: str, name: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """A response that says what was wrong and what would be right, in one line."""
    named = name or status.phrase
    slug = re.sub(r"[^a-z]+", "-", named.lower()).strip("-")
    line = " ".join(detail.splitlines())
    said = {"type": f"urn:bowerbird:problem:{slug}", "title": named, "status": int(status), "detail": line}
    body = json.dumps(said, ensure_ascii=True).encode("ascii")
    return Response(body, int(status), {**(headers or {}), "Cache-Control": "no-store"}, MEDIA_TYPE)


def of_error(error: Exception) -> Response:
    """The problem that one of our errors is; a fault of ours is logged, and says nothing of the inside."""
    if isinstance(error, Refused):
        return problem(HTTPStatus(error.status_code), error.detail, headers=error.headers)
    for kind in type(error).__mro__:
        if (status := STATUS.get(kind)) is not None:
            return problem(status, str(error), _words(type(error).__name__))
    log.error("a request failed", exc_info=error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of ours; the server's log says where: please report it")


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


def install(app: FastAPI) -> None:
    """Have the app answer with problems only."""

    async def ours(_request: Request, error: Exception) -> Response:
        return of_error(error)

    async def theirs(_request: Request, error: Exception) -> Response:
        assert isinstance(error, PlainHTTPException)
        status = HTTPStatus(error.status_code)
        detail = (
            error.detail if error.detail and error.detail != status.phrase else _EXPLAINED.get(status, status.phrase)
        )
        return problem(status, str(detail), headers=error.headers)

    async def unfit(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        detail = f"{first_fault(error)}; correct it, or see /openapi.json"
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, "Malformed request")

    async def hung_up(_request: Request, _error: Exception) -> Response:
        # Nobody reads it, and it is no fault of ours.
        return problem(HTTPStatus.BAD_REQUEST, "the connection ended before the request did; send all of it")

    app.add_exception_handler(ClientDisconnect, hung_up)
    app.add_exception_handler(errors.BowerbirdError, ours)
    app.add_exception_handler(PlainHTTPException, theirs)
    app.add_exception_handler(RequestValidationError, unfit)
    app.add_exception_handler(Exception, ours)


_EXPLAINED = {
    HTTPStatus.NOT_FOUND: "there is nothing at this path; /openapi.json lists what there is",
    HTTPStatus.METHOD_NOT_ALLOWED: "this path does not take that method; /openapi.json lists what it takes",
}


def first_fault(error: RequestValidationError) -> str:
    """The first fault in one line: where it is and what should be there."""
    fault = error.errors()[0]
    where = ".".join(str(each) for each in fault["loc"] if each != "body") or "the body"
    return f"{where[:200]}: {fault['msg'][:200].lower()}"
