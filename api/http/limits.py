"""What a request may cost: how large its body, how long until it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import Refused, of_error
from bowerbird.settings import ServeSettings

SMALL_MB = 1.0
PATIENT_S = 600.0
_PICTURES = ("/v1/search", "/hits", "/v1/facets", "/v1/embeddings", "/v1/saved", "/v1/assets", "/v1/answer", "/mcp")
"""Routes to which a picture may be sent."""
_LONG = ("/v1/eval", "/v1/labels", "/v1/reencode", "/v1/embeddings", "/v1/answer", "/ask", "/mcp")
"""Routes that go through much of a library, or wait for a model elsewhere."""
_LISTS = ("/v1/eval",)
_BODIES = 16
"""So many bodies of the largest size are held in memory at once."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Bytes of the body, and seconds until the answer begins."""

    body: int
    seconds: float


def limit_of(path: str, settings: ServeSettings) -> Limit:
    """What a request to ``path`` may cost."""
    large = _under(path, _PICTURES) or _under(path, _LISTS)
    return Limit(
        int((settings.max_body_mb if large else SMALL_MB) * (1 << 20)),
        max(PATIENT_S, settings.deadline_s) if _under(path, _LONG) else settings.deadline_s,
    )


def _under(path: str, places: Sequence[str]) -> bool:
    return any(path == place or path.startswith(place + "/") for place in places)


class Limits:
    """A middleware that ends what costs too much. The deadline is for the answer's beginning: a film may take hours."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app = app
        self._settings = settings
        self._held = 0
        self._most = int(_BODIES * max(settings.max_body_mb, SMALL_MB) * (1 << 20))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = limit_of(scope["path"], self._settings)
        read, begun = 0, False
        whole = not any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])

        async def counted() -> Message:
            nonlocal read, whole
            message = await receive()
            if message["type"] == "http.request":
                read += (size := len(message.get("body", b"")))
                self._held += size
                whole = not message.get("more_body", False)
                if read > limit.body:
                    raise _too_large(limit)
                if self._held > self._most:
                    raise _too_many()
            return message

        try:
            async with asyncio.timeout(limit.seconds) as clock:

                async def noticed(message: Message) -> None:
                    nonlocal begun
                    if not begun:
                        begun = True
                        clock.reschedule(None)
                    await send(message)

                for name, value in scope["headers"]:
                    if name == b"content-length" and (not value.isdigit() or int(value) > limit.body):
                        raise _too_large(limit)
                await self._app(scope, counted, noticed)
        except TimeoutError:
            if begun or not clock.expired():
                raise
            await of_error(_too_late(limit, whole))(scope, receive, send)
        except Refused as refused:
            if begun:
                raise
            await of_error(refused)(scope, receive, send)
        except ClientDisconnect:  # before all of the body had come: nobody is there to be answered
            pass
        finally:
            self._held -= read


def _too_many() -> Refused:
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the server has more to read than it can hold; try again in a moment",
        {"Retry-After": "1", "Connection": "close"},
    )


def _too_large(limit: Limit) -> Refused:
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"a body may have {limit.body / (1 << 20):g} MB here: send less, or raise [serve] max_body_mb",
        {"Connection": "close"},
    )


def _too_late(limit: Limit, whole: bool) -> Refused:
    if not whole:
        return Refused(
            HTTPStatus.REQUEST_TIMEOUT,
            f"the request was not all there after {limit.seconds:g} s: send it faster, or in smaller pieces",
            {"Connection": "close"},
        )
    return Refused(
        HTTPStatus.GATEWAY_TIMEOUT,
        f"no answer within {limit.seconds:g} s: ask for less, try again, or raise [serve] deadline_s",
    )
