"""`bowerbird serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.common import LibraryOption, chosen, say


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("serve", epilog="Example: bowerbird serve --open")(serve)


def serve(
    context: typer.Context,
    host: Annotated[
        str | None,
        typer.Option(
            help="Where to listen; anything but this machine alone wants keys.", metavar="H", show_default=False
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="[default: 8765; 0: any that is free]", metavar="P", min=0, max=65535, show_default=False),
    ] = None,
    root: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder that the page may index; makes the library if need be.", metavar="FOLDER", show_default=False
        ),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    library: LibraryOption = None,
) -> None:
    """Serve the page and the HTTP API, for this machine alone unless told otherwise."""
    from api.http.server import serve as run
    from bowerbird.wiring import open_library
    from indexer.roots import add_roots

    with open_library(chosen(context, library), create=bool(root), say=say) as opened:
        if root:
            add_roots(opened.catalog, root)
        settings = opened.settings.serve

        def started(address: str) -> None:
            say(f"serving {opened.folder} at {address} (end it with Ctrl-C)")
            if open_page:
                import webbrowser

                webbrowser.open(address)

        run(
            opened,
            host=settings.host if host is None else host,
            port=settings.port if port is None else port,
            on_start=started,
        )
