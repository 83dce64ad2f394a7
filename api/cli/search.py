"""`bowerbird search`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.common import JsonOption, LibraryOption, chosen, print_json, printable, say

if TYPE_CHECKING:
    from bowerbird.queries import Hit, SearchResult
    from bowerbird.types import Box

# Spelled out, since the types that hold them import NumPy, which help can do without; a test holds the two together.
TYPES = ("image", "video", "audio", "document")
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
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help=f"Only these files: {', '.join(TYPES)}.", metavar="TYPE", show_default=False),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(help="Made on this day or later: 2019, 2019-07, 2019-07-04.", metavar="DATE", show_default=False),
    ] = None,
    before: Annotated[
        str | None, typer.Option(help="Made before this day.", metavar="DATE", show_default=False)
    ] = None,
    place: Annotated[
        str | None, typer.Option(help="Made in this place, region or country.", metavar="TEXT", show_default=False)
    ] = None,
    camera: Annotated[
        str | None, typer.Option(help="Made with this camera or lens.", metavar="TEXT", show_default=False)
    ] = None,
    path: Annotated[
        str | None,
        typer.Option(
            help="With this in its path, or a pattern for its end: '*.png'.", metavar="TEXT", show_default=False
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--lang", help="Spoken or written in it: en.", metavar="CODE", show_default=False)
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
    """Find by text, by a picture, by likeness to an indexed file, or by several of them at once.

    Filters alone list what meets them, the newest first. In TEXT, "words in quotes" are looked for as they stand, and
    begin* is any word that begins so.
    """
    _check("kind", kinds or [], KINDS)
    _check("type", types or [], TYPES)
    from search import open_search

    with open_search(chosen(context, library)) as opened:
        result = opened.search(
            text,
            image=image,
            like=like,
            negatives=negatives or (),
            kinds=kinds or (),
            types=types or (),
            after=after,
            before=before,
            place=place,
            camera=camera,
            path=path,
            language=language,
            limit=limit,
            min_relevance=min_relevance,
        )
    if as_json:
        asked = {"text": text, "image": image, "like": like, "not": negatives or [], "kinds": kinds or []}
        said = {key: str(value) if isinstance(value, Path) else value for key, value in asked.items()}
        filters = {"types": types, "after": after, "before": before, "place": place, "camera": camera, "path": path}
        given = {key: value for key, value in {**filters, "language": language}.items() if value}
        print_json(as_object(result, {**said, "filters": given, "limit": limit, "min_relevance": min_relevance}))
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


def _check(what: str, said: list[str], known: tuple[str, ...]) -> None:
    import difflib

    for each in said:
        if each not in known:
            near = difflib.get_close_matches(each, known, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise typer.BadParameter(f"there is no {what} {each!r}.{meant} {what.capitalize()}s: {', '.join(known)}.")


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
        if spot := _spot(hit):
            where.append(f"  {spot}", style="not bold cyan")
        if circumstances := _circumstances(hit):
            where.append("\n" + circumstances, style="not bold")
        if hit.text:
            where.append("\n" + _excerpt(hit), style="not bold dim")
        table.add_row(str(hit.rank), f"{hit.relevance:.2f}", hit.segment_kind, where)
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print(table)


def _spot(hit: Hit) -> str:
    """Where in the file: ``1:05–1:12``, ``page 4``, ``middle left``."""
    spots = []
    if hit.start_s is not None:
        ends = hit.end_s is not None and int(hit.end_s) > int(hit.start_s)
        spots.append(_clock(hit.start_s) + (f"–{_clock(hit.end_s)}" if ends and hit.end_s is not None else ""))
    if hit.page is not None:
        spots.append(f"page {hit.page}")
    if hit.box is not None:
        spots.append(_in_words(hit.box))
    return ", ".join(spots)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def _in_words(box: Box) -> str:
    x, y = box.x + box.width / 2, box.y + box.height / 2
    across = "left" if x < 0.4 else "right" if x > 0.6 else ""
    down = "top" if y < 0.4 else "bottom" if y > 0.6 else ""
    return " ".join(word for word in (down, across) if word) or "middle"


def _circumstances(hit: Hit) -> str:
    """When and where it was made."""
    said = [] if hit.taken_at is None else [hit.taken_at[:16].replace("T", " ")]
    return printable(" · ".join([*said, *([hit.place] if hit.place else [])]))


def _excerpt(hit: Hit, most: int = 160) -> str:
    text = printable(" ".join((hit.text or "").split()))
    return text if len(text) <= most else text[: most - 1] + "…"
