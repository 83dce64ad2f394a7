"""`bowerbird serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.common import LibraryOption, chosen, say, some_path


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
            help="A folder that the page may index; makes the library if need be.",
            metavar="FOLDER",
            show_default=False,
            parser=some_path,
        ),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    library: LibraryOption = None,
) -> None:
    """Serve the page and the HTTP API, for this machine alone unless told otherwise."""
    import os

    from api.http.server import serve as run
    from bowerbird.paths import at_home
    from bowerbird.settings import default_library
    from bowerbird.wiring import open_library
    from indexer.roots import add_roots

    folder = chosen(context, library) or default_library()
    if root and not folder.exists():  # make no library for nothing
        for each in root:
            if not os.path.exists(at_home(each)):
                raise typer.BadParameter(f"{each} is not there: check the spelling.")
    with open_library(folder, create=bool(root), say=say) as opened:
        if root:
            add_roots(opened.catalog, root)
        settings = opened.settings.serve

        def started(address: str) -> None:
            say(f"serving {opened.folder} at {address} (end it with Ctrl-C)")
            if open_page:
                import webbrowser

                webbrowser.open(address)

        try:
            run(
                opened,
                host=settings.host if host is None else host,
                port=settings.port if port is None else port,
                on_start=started,
            )
        except KeyboardInterrupt:  # how it is meant to end
            say("stopped serving")
