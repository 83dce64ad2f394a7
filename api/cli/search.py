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
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            help="What you look for, in words, with filters if you like.", metavar="TEXT", show_default=False
        ),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--and", help="A further text that hits are near to as well.", metavar="TEXT", show_default=False),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="A picture to search by.", metavar="FILE", show_default=False, readable=False)
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(help="The part of it that is meant, as fractions.", metavar="X,Y,W,H", show_default=False),
    ] = None,
    like: Annotated[
        list[str] | None,
        typer.Option(
            help="An indexed file, or the segment id of a hit, to find the like of.", metavar="PATH", show_default=False
        ),
    ] = None,
    unlike: Annotated[
        list[str] | None,
        typer.Option(help="One that hits are not to be like.", metavar="PATH", show_default=False),
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
        typer.Option(
            help="Made on this day or later: 2019, 2019-07-04, March 2021, last summer.",
            metavar="DATE",
            show_default=False,
        ),
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
        typer.Option(
            "--min-relevance", help="Leave out hits below, 0 to 1; 0 shows all.", metavar="R", show_default=False
        ),
    ] = None,
    cursor: Annotated[
        str | None,
        typer.Option(help="The next page: next_cursor of the last.", metavar="CURSOR", show_default=False),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(help="Look at the best hits again with this model.", metavar="SPEC", show_default=False),
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="Print a table into a pipe too.")] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find by text, by a picture, by likeness to an indexed file, or by several of them at once.

    TEXT may hold filters: beach -people type:video after:2023-06 camera:"Pixel 7" near:Lisbon path:trips/ lang:en.
    Hits must bear "words in quotes" as they stand, and begin* is any word that begins so. Filters alone list what
    meets them, the newest first.
    """
    _check("kind", kinds or [], KINDS)
    _check("type", types or [], TYPES)
    from search import open_search

    text = " ".join(texts) if texts else None
    filters = {"types": types, "after": after, "before": before, "place": place, "camera": camera, "path": path}
    given: dict[str, Any] = {
        name: value for name, value in {**filters, "language": language}.items() if value not in (None, [])
    }
    asked: dict[str, Any] = {"also": also or [], "image": image, "crop": crop}
    asked |= {"like": like or [], "unlike": unlike or []}
    how: dict[str, Any] = {"limit": limit, "min_relevance": min_relevance, "cursor": cursor, "rerank": rerank}
    with open_search(chosen(context, library)) as opened:
        examples = {name: [example(each) for each in asked[name]] for name in ("like", "unlike")}
        result = opened.search(
            text, negatives=negatives or (), kinds=kinds or (), **{**asked, **examples, **given, **how}
        )
    if as_json:
        said = {name: str(value) if isinstance(value, Path) else value for name, value in asked.items()}
        query = {"text": text, **said, "not": negatives or [], "kinds": kinds or [], "filters": given, **how}
        print_json(as_object(result, query))
    else:
        _tell(result, table or sys.stdout.isatty())


def example(said: str) -> str | int:
    """The id of a segment, unless a file is called so: a path then."""
    return int(said) if said.isdecimal() and len(said) < _LONGEST_ID and not Path(said).exists() else said


_LONGEST_ID = 20


def as_object(result: SearchResult, query: dict[str, Any]) -> dict[str, Any]:
    """The answer as scripts rely on it."""
    hits = [{**asdict(hit), "box": _box(hit.box)} for hit in result.hits]
    return {
        "query": query,
        "took_ms": result.took_ms,
        "matched": result.matched,
        "next_cursor": result.next_cursor,
        "understood": list(result.understood),
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
    for each in result.understood:
        say(f"Taken for a filter, {printable(each)}. Put it in quotes to look for the words.")
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


def show(result: SearchResult, query: dict[str, Any], *, as_json: bool, table: bool = False) -> None:
    """Print what a query was answered, for verbs that run one: ``query`` is what JSON says was asked."""
    if as_json:
        print_json(as_object(result, query))
    else:
        _tell(result, table or sys.stdout.isatty())
