"""Hits as a person or a script reads them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.common import print_json, printable, say
from api.cli.completion import one_of
from api.cli.terminal import Drawing

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from bowerbird.queries import Hit
    from search.notebook import ShownResult

PICTURES = ("auto", *Drawing)
PicturesOption = Annotated[
    str,
    typer.Option(
        "--pictures",
        help=f"How the table shows them: {', '.join(PICTURES)}.",
        metavar="HOW",
        autocompletion=one_of(*PICTURES),
    ),
]


def drawing_of(said: str) -> Drawing | None:
    """How pictures are to be drawn; None: as the terminal can. Raises a usage error where ``said`` is no such way."""
    if said not in PICTURES:
        raise typer.BadParameter(f"there is no way {said!r} to show pictures. Ways: {', '.join(PICTURES)}.")
    return None if said == "auto" else Drawing(said)


def show(
    result: ShownResult,
    query: dict[str, Any],
    *,
    as_json: bool,
    table: bool = False,
    pictures: Drawing | None = Drawing.NONE,
) -> None:
    """Print what a query was answered: ``query`` is what JSON says was asked, ``pictures`` as `drawing_of` has it.

    To be called while the library is open.
    """
    if as_json:
        from search.query_json import result_to_json

        print_json(result_to_json(result, query))
        return
    for each in result.understood:
        say(f"Taken for a filter, {printable(each)}. Put it in quotes to look for the words.")
    if not result.matched:
        say("Nothing here stands out for this query." + (" The nearest are:" if result.hits else ""))
    if not (table or pictures not in {None, Drawing.NONE} or sys.stdout.isatty()):
        for hit in result.hits:
            line = (str(hit.rank), f"{hit.relevance:.2f}", hit.segment_kind, printable(hit.path), _excerpt(hit))
            typer.echo("\t".join(line).rstrip())
    elif result.hits and not _print_with_pictures(result, pictures):
        _print_table(result.hits)


def _print_with_pictures(result: ShownResult, pictures: Drawing | None) -> bool:
    """False where there is no way to draw, or nothing to be drawn."""
    from api.cli import terminal, terminal_pictures

    paths = [] if pictures is Drawing.NONE else result.thumbnails()
    if not any(paths):  # the terminal need not be asked
        return False
    how = terminal.drawing() if pictures is None else pictures
    if how is Drawing.NONE:
        return False
    loaded = [terminal_pictures.load(each) for each in paths]
    cell = terminal.cell(sys.stdout.fileno()) if sys.stdout.isatty() else (8, 16)
    console = _console()
    width = max(20, console.width - terminal_pictures.COLUMNS - terminal_pictures.GAP)
    for hit, picture in zip(result.hits, loaded, strict=True):
        with console.capture() as captured:
            console.print(_in_full(hit), width=width, overflow="fold")
        typer.echo(terminal_pictures.beside(picture, captured.get().splitlines(), how, cell), nl=False, color=True)
    return True


def _print_table(hits: tuple[Hit, ...]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", justify="right", style="dim")
    table.add_column("relevance", justify="right")
    table.add_column("what")
    table.add_column("where", overflow="fold", ratio=1)
    for hit in hits:
        table.add_row(str(hit.rank), f"{hit.relevance:.2f}", hit.segment_kind, _where(hit))
    _console().print(table)


def _console() -> Console:
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=120)


def _in_full(hit: Hit) -> Text:
    from rich.text import Text

    return Text.assemble((f"{hit.rank}  ", "dim"), f"{hit.relevance:.2f}  {hit.segment_kind}\n", _where(hit))


def _where(hit: Hit) -> Text:
    from rich.text import Text

    from search.moments_in_words import spot

    where = Text(printable(hit.path), style="bold")
    if moment := spot(hit):
        where.append(f"  {moment}", style="not bold cyan")
    if circumstances := circumstances_of(hit):
        where.append("\n" + circumstances, style="not bold")
    if hit.text:
        where.append("\n" + _excerpt(hit), style="not bold dim")
    return where


def circumstances_of(hit: Hit) -> str:
    """When and where it was made."""
    said = [] if hit.taken_at is None else [hit.taken_at[:16].replace("T", " ")]
    return printable(" · ".join([*said, *([hit.place] if hit.place else [])]))


def _excerpt(hit: Hit) -> str:
    from search.moments_in_words import excerpt

    return excerpt(printable(" ".join((hit.text or "").split())))
