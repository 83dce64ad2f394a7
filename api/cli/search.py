"""`bowerbird search`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.common import JsonOption, LibraryOption, chosen, print_json, printable, say

if TYPE_CHECKING:
    from bowerbird.types import Box, Hit, SearchResult

# Spelled out, since the types that hold them import NumPy, which help can do without; a test holds the two together.
KINDS = ("image", "region", "frame", "speech", "page", "text", "ocr", "caption")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("search", epilog="Example: bowerbird search 'a dog on a beach' --not people --kind image")(search)


def search(
    context: typer.Context,
    text: Annotated[str | None, typer.Argument(help="What you look for, in words.", show_default=False)] = None,
    image: Annotated[
        Path | None, typer.Option(help="A picture to search by.", metavar="FILE", show_default=False, readable=False)
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(help="An indexed file to find the like of.", metavar="PATH", show_default=False, readable=False),
    ] = None,
    negatives: Annotated[
        list[str] | None, typer.Option("--not", help="What hits must not be like.", metavar="TEXT", show_default=False)
    ] = None,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", help=f"Only these moments: {', '.join(KINDS)}.", metavar="KIND", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many hits at most.")] = 10,
    min_relevance: Annotated[
        float | None,
        typer.Option("--min-relevance", help="Leave out hits below, 0 to 1.", metavar="R", show_default=False),
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="Print a table into a pipe too.")] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find by text, by a picture, by likeness to an indexed file, or by several of them at once."""
    _check_kinds(kinds or [])
    from search import open_search

    with open_search(chosen(context, library)) as opened:
        result = opened.search(
            text,
            image=image,
            like=like,
            negatives=negatives or (),
            kinds=kinds or (),
            limit=limit,
            min_relevance=min_relevance,
        )
    if as_json:
        asked = {"text": text, "image": image, "like": like, "not": negatives or [], "kinds": kinds or []}
        said = {key: str(value) if isinstance(value, Path) else value for key, value in asked.items()}
        print_json(as_object(result, {**said, "limit": limit, "min_relevance": min_relevance}))
    else:
        _tell(result, table or sys.stdout.isatty())


def as_object(result: SearchResult, query: dict[str, Any]) -> dict[str, Any]:
    """The answer as scripts rely on it."""
    hits = [{**asdict(hit), "box": _box(hit.box)} for hit in result.hits]
    return {
        "query": query,
        "took_ms": result.took_ms,
        "matched": result.matched,
        "next_cursor": result.next_cursor,
        "hits": hits,
    }


def _box(box: Box | None) -> list[float] | None:
    return None if box is None else [box.x, box.y, box.width, box.height]


def _check_kinds(kinds: list[str]) -> None:
    import difflib

    for kind in kinds:
        if kind not in KINDS:
            near = difflib.get_close_matches(kind, KINDS, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise typer.BadParameter(f"there is no kind {kind!r}.{meant} Kinds: {', '.join(KINDS)}.")


def _tell(result: SearchResult, as_table: bool) -> None:
    if not result.matched:
        say("Nothing here stands out for this query." + (" The nearest are:" if result.hits else ""))
    if not as_table:
        for hit in result.hits:
            line = (str(hit.rank), f"{hit.relevance:.2f}", hit.segment_kind, printable(hit.path), _excerpt(hit))
            typer.echo("\t".join(line).rstrip())
        return
    if not result.hits:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", justify="right", style="dim")
    table.add_column("relevance", justify="right")
    table.add_column("what")
    table.add_column("where", overflow="fold", ratio=1)
    for hit in result.hits:
        where = Text(printable(hit.path), style="bold")
        if hit.text:
            where.append("\n" + _excerpt(hit), style="not bold dim")
        table.add_row(str(hit.rank), f"{hit.relevance:.2f}", hit.segment_kind, where)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print(table)


def _excerpt(hit: Hit, most: int = 160) -> str:
    text = printable(" ".join((hit.text or "").split()))
    return text if len(text) <= most else text[: most - 1] + "…"
