"""`bowerbird mcp`."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.common import LibraryOption, chosen, say


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("mcp", epilog="Example: bowerbird mcp --library ~/library")(mcp)


def mcp(
    context: typer.Context,
    http: Annotated[
        bool, typer.Option("--http", help="Serve over HTTP, as `bowerbird serve` does, instead of stdin and stdout.")
    ] = False,
    host: Annotated[
        str | None,
        typer.Option(
            help="With --http: where to listen; anything but this machine alone wants keys.",
            metavar="H",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="With --http.  [default: 8765]", metavar="P", min=0, max=65535, show_default=False),
    ] = None,
    library: LibraryOption = None,
) -> None:
    """Let an assistant search the library and look at what it finds, by the Model Context Protocol.

    An assistant on this machine starts it itself: give it the command `bowerbird mcp`. Over HTTP it is a part of what
    `bowerbird serve` serves.
    """
    if not http and not (host is None and port is None):
        raise typer.BadParameter("--host and --port go with --http.")
    from bowerbird.wiring import open_library

    with open_library(chosen(context, library)) as opened:
        if not http:
            from api.mcp.stdio import serve

            serve(opened)
            return
        from api.http.server import serve as serve_http

        settings = opened.settings.serve
        serve_http(
            opened,
            host=settings.host if host is None else host,
            port=settings.port if port is None else port,
            on_start=lambda address: say(f"point an MCP client at {address}mcp (end it with Ctrl-C)"),
        )
