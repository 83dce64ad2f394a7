"""Who may enter: every request passes here before any route sees it. What is not let in by name stays out.

A server on a loopback address trusts this machine's user, and needs no key. That must not be lent to web pages, which
any site can have the user's browser open: a page's own address shows in `Origin` and in the `Sec-Fetch` headers, and
one whose domain was pointed at 127.0.0.1 (DNS rebinding) shows in `Host`.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.connections import hang_up
from api.http.deps import COOKIE
from api.http.pools import Pool
from api.http.problems import Refused, of_error
from api.keys import LOCAL, PREFIX, Caller, caller_of, caller_of_session
from bowerbird.errors import BowerbirdError
from bowerbird.settings import ServeSettings
from bowerbird.wiring import Library

PUBLIC = frozenset({"/healthz", "/readyz", "/sign-in"})
"""All that is answered to somebody without a key where one is demanded."""
_LOOK_AGAIN_S = 2.0
"""How long a stream may go on after its key was revoked."""
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FORWARDED = ("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip")
"""By which proxies tell that they are there, beside all that begins with X-Forwarded or X-Original."""
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
        "img-src 'self' blob: data:; media-src 'self'; connect-src 'self'; object-src 'none'; frame-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
}
"""On every response, unless its route says otherwise."""


def is_loopback(host: str) -> bool:
    """Whether what listens at ``host`` is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class Gate:
    """The outermost middleware: foreign pages, then keys, then headers. Anything but HTTP is turned away."""

    def __init__(self, app: ASGIApp, library: Library, pool: Callable[[], Pool], *, keyless: bool) -> None:
        self._app = app
        self._library = library
        self._pool = pool
        self._keyless = keyless
        self._settings = library.settings.serve
        self._names = _own_names(self._settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = Headers(scope=scope)

        looked, over = time.monotonic(), False

        async def dressed(message: Message) -> None:
            nonlocal looked, over
            if message["type"] == "http.response.start":
                _dress(message, self._cors(headers))
            elif message.get("more_body") and time.monotonic() - looked > _LOOK_AGAIN_S:
                looked = time.monotonic()
                over = over or not await self._still_known(scope, headers)
            if over:  # less is sent than was announced: that is how the client can tell
                hang_up(scope)
            else:
                await send(message)

        try:
            self._check_host(headers)
            if self._is_preflight(scope, headers):
                await _preflight(dressed)
                return
            self._check_page(scope, headers)
            caller = await self._caller(scope, headers)
        except (BowerbirdError, Refused) as error:
            await of_error(error)(scope, receive, dressed)
            return
        if caller is None and scope["path"] not in PUBLIC:
            await _turn_away(scope, headers)(scope, receive, dressed)
            return
        scope["bowerbird.caller"] = caller
        await self._app(scope, receive, dressed)

    def _check_host(self, headers: Headers) -> None:
        """Raises `Refused` where the request was sent to a name that is not this server's."""
        said = headers.getlist("host")
        name = _host_of(said[0]) if len(said) == 1 else None
        if name is None or not (_is_address(name) or name in self._names):
            raise Refused(
                HTTPStatus.MISDIRECTED_REQUEST,
                "this server does not go by that name; if it should, add it to [serve] allow_hosts in library.toml",
            )

    def _check_page(self, scope: Scope, headers: Headers) -> None:
        """Raises `Refused` where a web page of another site sent the request."""
        foreign = Refused(
            HTTPStatus.FORBIDDEN,
            "web pages of other sites may not use this server; to allow one, name it in [serve] cors_origins",
        )
        origins = headers.getlist("origin")
        if origins:
            if len(origins) > 1 or not (self._is_own(origins[0], headers) or origins[0] in self._settings.cors_origins):
                raise foreign
            return
        if headers.get("sec-fetch-site", "none") in {"none", "same-origin"}:
            return
        # A link on another site may lead to the page, as any link may; nothing else may come from there.
        led = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if not (led and scope["method"] == "GET" and not scope["path"].startswith(("/v1/", "/mcp", "/metrics"))):
            raise foreign

    def _is_own(self, origin: str, headers: Headers) -> bool:
        """Whether a page that this server gave out sent the request: same name, same port."""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in {"http", "https"} and parts.netloc.lower() == headers["host"].lower()

    def _is_preflight(self, scope: Scope, headers: Headers) -> bool:
        asked = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        return asked and headers.get("origin") in self._settings.cors_origins

    def _cors(self, headers: Headers) -> dict[str, str]:
        origin = headers.get("origin")
        if origin is None or origin not in self._settings.cors_origins:
            return {}
        # No credentials: a page elsewhere brings a key of its own, and is not lent the cookie.
        return {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": "GET, POST, PUT, DELETE",
            "access-control-allow-headers": "authorization, content-type, range",
            "access-control-expose-headers": "content-range, accept-ranges, etag, retry-after",
            "access-control-max-age": "600",
            "vary": "origin",
            "cross-origin-resource-policy": "cross-origin",
        }

    async def _still_known(self, scope: Scope, headers: Headers) -> bool:
        """Whether whoever is being answered would still be let in."""
        try:
            return await self._caller(scope, headers) is not None
        except Refused as refused:
            return refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE  # too much to do: it is asked again later

    async def _caller(self, scope: Scope, headers: Headers) -> Caller | None:
        """Who sent the request; None where nobody knows. Raises `Refused` where a key is named that is none."""
        local = self._keyless and not _came_through_a_proxy(scope, headers)
        said = headers.get("authorization")
        if local and (said is None or not said.partition(" ")[2].strip().startswith(PREFIX)):
            return LOCAL  # programs that insist on a key send any word where none is needed
        if said is not None:
            kind, _, token = said.partition(" ")
            found = None
            if kind.lower() == "bearer":
                found = await self._pool().run(caller_of, self._library, token.strip())
            if found is None:
                raise Refused(
                    HTTPStatus.UNAUTHORIZED,
                    "this is no key of this library, or it was revoked; make one with `bowerbird keys create NAME`",
                    {"WWW-Authenticate": "Bearer"},
                )
            return found
        origin = headers.get("origin")
        if (session := _session(headers)) is None or not (origin is None or self._is_own(origin, headers)):
            return None  # a page elsewhere that may use the API brings a key: the cookie is the page's own
        if scope["method"] in _UNSAFE and "origin" not in headers and headers.get("sec-fetch-site") != "same-origin":
            raise Refused(HTTPStatus.FORBIDDEN, "a session may only be used by the page itself; send a key instead")
        return await self._pool().run(caller_of_session, self._library, session)


def _own_names(settings: ServeSettings) -> frozenset[str]:
    machine = socket.gethostname().lower()
    return frozenset({"localhost", machine, f"{machine}.local", *(name.lower() for name in settings.allow_hosts)})


def _host_of(said: str) -> str | None:
    """The name in a Host header, without its port; None where it is none."""
    try:
        parts = urlsplit(f"//{said}")
        _ = parts.port
    except ValueError:
        return None
    if parts.netloc != said or "@" in said or "%" in said or parts.path or parts.hostname is None:
        return None
    return parts.hostname.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    """An address cannot be pointed elsewhere, as a name can."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _came_through_a_proxy(scope: Scope, headers: Headers) -> bool:
    """Whether somebody elsewhere may have sent it. Of nginx, set up with one line, nothing shows but the old HTTP."""
    return scope["http_version"] == "1.0" or any(
        name in _FORWARDED or name.startswith(("x-forwarded-", "x-original-")) for name in headers
    )


def _session(headers: Headers) -> str | None:
    # Other servers on this host, whatever their port, share its cookies: theirs may be no cookies at all.
    return cookie_parser("; ".join(headers.getlist("cookie"))[:16_384]).get(COOKIE)


def _turn_away(scope: Scope, headers: Headers) -> ASGIApp:
    """To the sign-in page with whoever opened a page, 401 to everybody else."""
    opened = scope["path"] in {"/", "/ask"} or scope["path"].startswith("/view/")
    if scope["method"] == "GET" and opened and "text/html" in headers.get("accept", ""):
        # A question may cost money: one that a link from elsewhere brought is not asked by signing in.
        query = "" if scope["path"] == "/ask" else scope["query_string"].decode("latin-1")
        asked = quote(scope["path"] + (f"?{query}" if query else ""), safe="")
        return RedirectResponse(f"/sign-in?next={asked}", HTTPStatus.SEE_OTHER)
    return of_error(
        Refused(
            HTTPStatus.UNAUTHORIZED,
            "this server wants a key: send it as `Authorization: Bearer KEY`; `bowerbird keys create NAME` makes one",
            {"WWW-Authenticate": "Bearer"},
        )
    )


def _dress(message: Message, more: dict[str, str]) -> None:
    there = {name.lower() for name, _ in message.get("headers", [])}
    added: Iterable[tuple[str, str]] = {**_HEADERS, **more}.items()
    message["headers"] = [
        *message.get("headers", []),
        *((name.encode("latin-1"), value.encode("latin-1")) for name, value in added if name.encode() not in there),
    ]


async def _preflight(send: Send) -> None:
    await send({"type": "http.response.start", "status": int(HTTPStatus.NO_CONTENT), "headers": []})
    await send({"type": "http.response.body", "body": b""})
