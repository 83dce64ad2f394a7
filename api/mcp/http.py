"""The MCP server over streamable HTTP, as an ASGI app that the HTTP server mounts at ``/mcp``."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api.mcp.parts import Parts
from api.mcp.server import make_server

_OURS = TransportSecuritySettings(enable_dns_rebinding_protection=False)
"""Host and Origin are for the gate of the HTTP server to check, which knows the names that the server goes by."""


def _is_of_ours(record: logging.LogRecord) -> bool:
    """Of a client that hangs up within its request nobody has to hear."""
    return record.exc_info is None or not isinstance(record.exc_info[1], ClientDisconnect)


logging.getLogger("mcp.server.streamable_http").addFilter(_is_of_ours)


class McpApp:
    """Serves while `running` is entered, as often as that is: for the lifespan of the app that has it as a route.

    It keeps no sessions: each request stands by itself, is let in by the gate by itself, and survives a restart. It
    takes POST alone, at whatever path it is a route of. The gate before it puts who asks into the scope, under
    ``bowerbird.caller``; without that nobody may index.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._manager: StreamableHTTPSessionManager | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer requests until it is left, which ends those that go on."""
        # The SDK's manager runs once, an app may be started again.
        most = int(self._parts.library.settings.serve.max_body_mb * (1 << 20))
        server = make_server(self._parts)
        server.streamable_http_app(stateless_http=True, transport_security=_OURS, max_request_body_size=most)
        manager = server.session_manager
        async with manager.run():
            self._manager = manager
            try:
                yield
            finally:
                self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if self._manager is None:
            said = "the server is starting or ending; try again in a moment\n"
            await PlainTextResponse(said, HTTPStatus.SERVICE_UNAVAILABLE)(scope, receive, send)
        elif scope["method"] != "POST":  # without sessions there is nothing to listen to, or to end
            said = "point an MCP client at this address; it takes POST alone\n"
            await PlainTextResponse(said, HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "POST"})(scope, receive, send)
        else:
            await self._manager.handle_request(scope, receive, send)
