"""Runs the API: where it listens, whom it trusts, how it ends."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import closing

import uvicorn
from starlette.types import ASGIApp

from api.http.app import create_app
from api.http.connections import Connection, room
from api.http.gate import is_loopback
from api.keys import any_keys
from bowerbird.errors import UsageError
from bowerbird.wiring import Library

_ENDS_S = 5
"""How long open streams may go on once the server is told to end."""


def serve(library: Library, *, host: str, port: int, on_start: Callable[[str], None] = lambda _: None) -> None:
    """Serve ``library`` until told to end (Ctrl-C, SIGTERM). ``on_start`` is told the address, once it is listened at.

    Raises `UsageError` where the address cannot be listened at, or wants a key and there is none.
    """
    with closing(_listening(host, port)) as listening:
        # What it listens at counts, not what was said: a name may stand for any address.
        keyless = is_loopback(listening.getsockname()[0]) and not library.settings.serve.allow_hosts
        if not keyless and not any_keys(library):
            raise UsageError(
                f"{host} can be reached from elsewhere, so everybody needs a key there, and there is none: "
                "make one with `bowerbird keys create NAME --scope search`"
            )
        # Searchers are started by `multiprocessing`, which would have them import what lies in the working folder.
        os.environ["PYTHONSAFEPATH"] = "1"
        Connection.most = room()
        config = configured(create_app(library, keyless=keyless))
        on_start(address_of(listening))
        asyncio.run(uvicorn.Server(config).serve([listening]))


def configured(app: ASGIApp) -> uvicorn.Config:
    """How the app is run."""
    return uvicorn.Config(
        app,
        http=Connection,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_ENDS_S,
        ws="none",
        lifespan="on",
    )


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen(512)
        except BaseException:
            found.close()
            raise
    except (OSError, UnicodeError, OverflowError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"{host}:{port} cannot be listened at: {said.lower()}; choose another --host or --port"
        ) from None
    return found


def address_of(listening: socket.socket) -> str:
    """Where a browser finds what listens there."""
    host, port = listening.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:
        host = socket.gethostname()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
