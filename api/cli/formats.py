"""`bowerbird formats`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from api.cli.common import JsonOption, LibraryOption, chosen, print_json

if TYPE_CHECKING:
    from bowerbird.media.formats import Format


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("formats", epilog="Example: bowerbird formats")(formats)


def formats(context: typer.Context, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List what is read, and by which library; `[media]` in library.toml switches a format off."""
    from bowerbird.media.registry import formats as known
    from bowerbird.settings import Settings, default_library

    switched = Settings.of_library(chosen(context, library) or default_library()).media
    found = [(each, switched.get(each.name, True)) for each in known().values()]
    if as_json:
        print_json({"formats": [_as_object(each, on) for each, on in found]})
    elif sys.stdout.isatty():
        _show(found)
    else:
        for each, on in found:
            line = (each.name, each.kind, "on" if on else "off", each.library, " ".join(sorted(each.suffixes)))
            typer.echo("\t".join(line))


def _as_object(each: Format, on: bool) -> dict[str, Any]:
    suffixes = sorted(each.suffixes)
    return {"name": each.name, "kind": each.kind, "on": on, "library": each.library, "suffixes": suffixes}


def _show(found: Sequence[tuple[Format, bool]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("format", "kind", "", "read by", "files"):
        table.add_column(heading)
    for each, on in found:
        files = " ".join(suffix[1:] for suffix in sorted(each.suffixes))
        table.add_row(each.name, each.kind, "" if on else "off", each.library, files)
    Console().print(table)
