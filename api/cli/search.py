"""`bowerbird search`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.common import JsonOption, LibraryOption, chosen
from api.cli.completion import one_of
from api.cli.hits import PicturesOption, drawing_of, show
from api.cli.open_hit import TakesOpen, open_hit

# Spelled out, since the types that hold them import NumPy, which help can do without; a test holds the two together.
TYPES = ("image", "video", "audio", "document")
KINDS = ("image", "region", "frame", "speech", "page", "text", "ocr", "caption")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    epilog = "Example: bowerbird search 'a dog on a beach' --not people --kind image"
    app.command("search", cls=TakesOpen, epilog=epilog)(search)


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
        typer.Option(
            "--kind",
            help=f"Only these moments: {', '.join(KINDS)}.",
            metavar="KIND",
            show_default=False,
            autocompletion=one_of(*KINDS),
        ),
    ] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            help=f"Only these files: {', '.join(TYPES)}.",
            metavar="TYPE",
            show_default=False,
            autocompletion=one_of(*TYPES),
        ),
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
    pictures: PicturesOption = "auto",
    opens: Annotated[
        int | None,
        typer.Option(
            "--open",
            help="Open the best hit, or the Nth, at its moment where a program can: mpv, vlc, evince, okular, zathura.",
            metavar="[N]",
            min=1,
            show_default=False,
        ),
    ] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find by text, by a picture, by likeness to an indexed file, or by several of them at once.

    TEXT may hold filters: beach -people type:video after:2023-06 camera:"Pixel 7" near:Lisbon path:trips/ lang:en.
    To begin with what hits must not be like, write -- first: bowerbird search -- '-people beach'.
    Hits must bear "words in quotes" as they stand, and begin* is any word that begins so. Filters alone list what
    meets them, the newest first.
    """
    _check("kind", kinds or [], KINDS)
    _check("type", types or [], TYPES)
    drawn = drawing_of(pictures)
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
        said = {name: str(value) if isinstance(value, Path) else value for name, value in asked.items()}
        query = {"text": text, **said, "not": negatives or [], "kinds": kinds or [], "filters": given, **how}
        show(result, query, as_json=as_json, table=table, pictures=drawn)
    if opens is not None:
        open_hit(result, opens)


def example(said: str) -> str | int:
    """The id of a segment, unless a file is called so: a path then."""
    return int(said) if said.isdecimal() and len(said) < _LONGEST_ID and not Path(said).exists() else said


_LONGEST_ID = 20


def _check(what: str, said: list[str], known: tuple[str, ...]) -> None:
    import difflib

    for each in said:
        if each not in known:
            near = difflib.get_close_matches(each, known, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise typer.BadParameter(f"there is no {what} {each!r}.{meant} {what.capitalize()}s: {', '.join(known)}.")
