"""`bowerbird label`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.common import JsonOption, LibraryOption, chosen, print_json, printable

if TYPE_CHECKING:
    from search.label import Labelled


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("label", epilog="Example: bowerbird label cat dog 'a mountain lake' ~/Pictures/2019")(label)


def label(
    context: typer.Context,
    labels: Annotated[
        list[str], typer.Argument(help="What may be seen or said there.", metavar="LABEL...", show_default=False)
    ],
    path: Annotated[
        Path,
        typer.Argument(help="A file or folder that is indexed, or any picture.", metavar="PATH", show_default=False),
    ],
    threshold: Annotated[
        float | None,
        typer.Option(
            help="The relevance from which on a label fits.  [default: as a search matches]",
            metavar="R",
            show_default=False,
        ),
    ] = None,
    top: Annotated[int, typer.Option(help="How many labels of each file at most.", metavar="N", min=1)] = 1,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which of the labels fits each picture, film, talk and paper under PATH; "-" where none does.

    What is indexed is not read again. Lines are label, relevance and path, with tabs between.
    """
    from search import open_search
    from search.label import label as label_in

    with open_search(chosen(context, library)) as opened:
        floor = opened.library.settings.search.stands_out if threshold is None else threshold
        found = label_in(opened, labels, path, threshold=floor)
    if as_json:
        said = dict.fromkeys(" ".join(each.split()) for each in labels)
        print_json({"labels": list(said), "threshold": floor, "files": [_as_object(each) for each in found]})
    elif sys.stdout.isatty():
        _show(found, floor, top)
    else:
        for each in found:
            for name, relevance in _best(each, floor, top):
                typer.echo(f"{printable(name)}\t{relevance:.2f}\t{printable(each.path)}")


def _best(found: Labelled, floor: float, top: int) -> Sequence[tuple[str, float]]:
    """The labels that fit, the best first; a dash where there is none, with how near the nearest came."""
    fitting = [(name, relevance) for name, relevance in found.scores.items() if relevance >= floor]
    return fitting[:top] or [("-", found.relevance)]


def _as_object(found: Labelled) -> dict[str, Any]:
    return {
        "path": found.path,
        "asset_id": found.asset_id,
        "label": found.label,
        "relevance": found.relevance,
        "scores": dict(found.scores),
        "shares": dict(found.shares),
    }


def _show(found: Sequence[Labelled], floor: float, top: int) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("label")
    table.add_column("relevance", justify="right")
    table.add_column("where", overflow="fold", ratio=1)
    for each in found:
        for name, relevance in _best(each, floor, top):
            style = "dim" if name == "-" else "bold"
            table.add_row(Text(printable(name), style=style), f"{relevance:.2f}", Text(printable(each.path)))
    Console().print(table)
