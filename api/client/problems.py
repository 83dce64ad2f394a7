"""Problem details (RFC 9457) of a server as the errors that the same call in Python would raise.

UsageError
├── NotAllowed            no key, or one that may not do this
└── NotThere              what was named is not in this library
BowerbirdError
├── ServerUnreachable     nobody answers at this address, or not in time
└── ServerFailed          the server could not do what was asked, for no fault of the call
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx

from bowerbird import errors


class NotAllowed(errors.UsageError):
    """The server asks for a key, or the key may not do this."""


class NotThere(errors.UsageError):
    """The asset, job or saved search that was named is not in this library."""


class ServerUnreachable(errors.BowerbirdError):
    """Nobody answers at this address, or not in time."""


class ServerFailed(errors.BowerbirdError):
    """The server could not do what was asked, for no fault of the call."""


_BY_STATUS: Mapping[int, type[errors.BowerbirdError]] = {
    HTTPStatus.BAD_REQUEST: errors.QueryError,
    HTTPStatus.UNAUTHORIZED: NotAllowed,
    HTTPStatus.FORBIDDEN: NotAllowed,
    HTTPStatus.NOT_FOUND: NotThere,
    HTTPStatus.CONFLICT: errors.LibraryError,
    HTTPStatus.UNPROCESSABLE_ENTITY: errors.QueryError,
    HTTPStatus.INSUFFICIENT_STORAGE: errors.StorageFull,
}


def _slug(name: str) -> str:
    """``QueryError`` -> ``query-error``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


_BY_NAME = {
    _slug(kind.__name__): kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.BowerbirdError)
}


def error_of(response: httpx.Response) -> errors.BowerbirdError:
    """What to raise for a response that is no success, whose body has been read; the message is the server's own."""
    detail, type_ = _told(response)
    status = response.status_code
    fallback = errors.UsageError if status < HTTPStatus.INTERNAL_SERVER_ERROR else ServerFailed
    kind = _BY_NAME.get(type_.rpartition(":")[2]) or _BY_STATUS.get(status, fallback)
    return kind(detail)


def error_told(told: Mapping[str, Any]) -> errors.BowerbirdError:
    """What to raise for a problem that came within a stream which had begun well."""
    kind = _BY_NAME.get(str(told.get("type", "")).rpartition(":")[2], ServerFailed)
    return kind(" ".join(str(told["detail"]).split()))


def _told(response: httpx.Response) -> tuple[str, str]:
    """The server's line and the type of the problem; of a body that is no problem, what can be said without it."""
    try:
        told = response.json()
    except ValueError:  # not JSON, or not UTF-8
        told = None
    if isinstance(told, dict) and isinstance(told.get("detail"), str):
        return " ".join(told["detail"].split()), str(told.get("type", ""))
    return (
        f"{response.request.url} answered {response.status_code} {response.reason_phrase} and did not say why: "
        "check that a Bowerbird server answers at this address",
        "",
    )


def unreachable(error: httpx.HTTPError, url: str) -> ServerUnreachable:
    """What to raise where there is no response, or not all of it."""
    if isinstance(error, httpx.TimeoutException):
        return ServerUnreachable(f"{url} did not answer in time: try again, or give the client a longer timeout")
    if isinstance(error, httpx.ConnectError):
        return ServerUnreachable(
            f"nobody answers at {url}: start the server with `bowerbird serve`, or check the address"
        )
    said = " ".join(str(error).split()) or type(error).__name__
    return ServerUnreachable(f"the connection to {url} broke, {said}: try again")
