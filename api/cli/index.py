"""`bowerbird index`."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.common import JsonOption, LibraryOption, chosen, print_json, printable, say, some_path

if TYPE_CHECKING:
    from bowerbird.types import IndexReport

_SHOWN = 20  # failures listed for people; --json lists all


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("index", epilog="Example: bowerbird index ~/Pictures ~/Documents/notes")(index)


def index(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(help="Files and folders.", metavar="PATH...", show_default=False, parser=some_path)
    ],
    library: LibraryOption = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="For a new library: auto, concepts, open_clip:ARCH/TAG or open_clip:ARCH//FILE.",
            metavar="SPEC",
            show_default=False,
        ),
    ] = None,
    regions: Annotated[
        int | None,
        typer.Option(
            help="Tiles of each picture that are encoded too, from now on: 0, 4 or 9.",
            metavar="0|4|9",
            show_default=False,
        ),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try failed files again too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the library up to date with files and folders.

    Only what is new or changed costs work: renamed, moved, copied and touched files are recognised by their content.
    """
    if regions not in {None, 0, 4, 9}:
        raise typer.BadParameter(f"there is no grid of {regions} tiles: choose 0, 4 or 9.")
    from api.cli.progress import shown
    from bowerbird.settings import default_library
    from indexer import open_indexer

    folder = chosen(context, library) or default_library()
    if not folder.exists() and not any(os.path.lexists(path) for path in paths):  # make no library for nothing
        raise typer.BadParameter(f"{paths[0]} is not there: check the spelling.")
    with open_indexer(chosen(context, library), encoder=encoder, say=say) as indexer, shown() as bar:
        report = indexer.index(
            paths, on_start=bar.start, on_progress=bar.update, retry_failed=retry_failed, regions=regions
        )
    if as_json:
        print_json(asdict(report))
    else:
        _tell(report)
    if report.failed:
        raise typer.Exit(1)


def _tell(report: IndexReport) -> None:
    counts = ", ".join(
        f"{count:,} {what}"
        for what, count in (
            ("indexed", report.indexed),
            ("unchanged or copied", report.reused),
            ("moved", report.moved),
            ("removed", report.removed),
            ("failed", len(report.failed)),
        )
        if count or what == "indexed"
    )
    say(f"{report.seen:,} files seen in {report.seconds:.1f} s: {counts}; {report.segments:,} new segments")
    for failed in report.failed[:_SHOWN]:
        say(f"  {printable(failed.path)}: {failed.reason} [{failed.stage}]")
    if len(report.failed) > _SHOWN:
        say(f"  … and {len(report.failed) - _SHOWN:,} more: --json lists them all")
