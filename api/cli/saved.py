"""`bowerbird saved`: searches kept under a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.common import JsonOption, LibraryOption, State, chosen, print_json, printable, say
from api.cli.completion import saved_searches
from api.cli.hits import PicturesOption, drawing_of, show
from api.cli.query import TAKES_A_QUERY, QueryArgument, query_of

if TYPE_CHECKING:
    from search.saved import Saved

NameArgument = Annotated[str, typer.Argument(help="The name it is kept under.", metavar="NAME", show_default=False)]
SavedArgument = Annotated[
    str,
    typer.Argument(
        help="The name it is kept under.", metavar="NAME", show_default=False, autocompletion=saved_searches
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verb and the verbs below it."""
    group = typer.Typer(epilog="Example: bowerbird saved add beaches 'a beach at sunset type:image when:last year'")
    group.callback(invoke_without_command=True)(saved)
    group.command("add", context_settings=TAKES_A_QUERY, epilog="Example: bowerbird saved add cats a cat type:image")(
        add
    )
    group.command("run", epilog="Example: bowerbird saved run cats --limit 5")(run)
    group.command("remove", epilog="Example: bowerbird saved remove cats")(remove)
    app.add_typer(group, name="saved")


def saved(context: typer.Context, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Keep searches under names, and run them again. By itself: list them."""
    context.obj = State(chosen(context, library))
    if context.invoked_subcommand is not None:
        return
    from bowerbird.wiring import open_library
    from search.saved import saved as saved_in

    with open_library(chosen(context, None)) as opened:
        found = saved_in(opened)
    if as_json:
        print_json({"saved": [_as_object(each) for each in found]})
        return
    for each in found:
        typer.echo(f"{printable(each.name)}\t{_in_words(each)}")
    if not found:
        say("no saved searches yet; keep one with: bowerbird saved add NAME QUERY")


def add(
    context: typer.Context,
    name: NameArgument,
    query: QueryArgument = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of one of the same name.")] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a query under NAME.

    Dates in the text such as when:"last month" are counted from the day on which it is run, those in options from now.
    A picture is kept with it.
    """
    if name.startswith("-"):
        raise typer.BadParameter(f"the name comes before the query and its options, not {name}.")
    from search import open_search
    from search.saved import MOST_PICTURE, save

    with open_search(chosen(context, library)) as opened:
        kept = save(opened.library, name, query_of(context, opened, query, most_bytes=MOST_PICTURE), overwrite=replace)
    if as_json:
        print_json({"saved": _as_object(kept)})
        return
    say(f"saved {printable(kept.name)}; run it with: bowerbird saved run {printable(repr(kept.name))}")


def run(
    context: typer.Context,
    name: SavedArgument,
    limit: Annotated[int | None, typer.Option(help="How many hits at most, not as saved.", show_default=False)] = None,
    min_relevance: Annotated[
        float | None,
        typer.Option("--min-relevance", help="Leave out hits below, not as saved.", metavar="R", show_default=False),
    ] = None,
    cursor: Annotated[
        str | None, typer.Option(help="The next page: next_cursor of the last.", metavar="CURSOR", show_default=False)
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="Print a table into a pipe too.")] = False,
    pictures: PicturesOption = "auto",
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the search that is saved as NAME."""
    from dataclasses import replace

    drawn = drawing_of(pictures)
    from search import open_search
    from search.saved import find

    with open_search(chosen(context, library)) as opened:
        kept = find(opened.library, name)
        query = replace(kept.query, cursor=cursor)
        if limit is not None:
            query = replace(query, limit=limit)
        if min_relevance is not None:
            query = replace(query, min_relevance=min_relevance)
        result = opened.run(query)
        said = {"saved": kept.name, **_as_object(kept)["query"]}
        show(result, said, as_json=as_json, table=table, pictures=drawn)


def remove(
    context: typer.Context, name: SavedArgument, library: LibraryOption = None, as_json: JsonOption = False
) -> None:
    """Forget the search that is saved as NAME. What it finds is not touched."""
    from bowerbird.wiring import open_library
    from search.saved import remove as remove_in

    with open_library(chosen(context, library)) as opened:
        remove_in(opened, name)
    if as_json:
        print_json({"removed": name.strip()})
        return
    say(f"removed the saved search {printable(name.strip())}")


def _as_object(kept: Saved) -> dict[str, Any]:
    """As scripts rely on it; of a picture it is told how large it is."""
    query = {name: value for name, value in kept.said.items() if name not in {"version", "image_base64"}}
    if "image_base64" in kept.said:
        query["image_bytes"] = len(kept.said["image_base64"]) * 3 // 4
    return {"name": kept.name, "saved_at": kept.saved_at.isoformat(timespec="seconds"), "query": query}


def _in_words(kept: Saved) -> str:
    """The line of the query language, and what was asked besides."""
    query = dict(_as_object(kept)["query"])
    text = query.pop("text", "")
    besides = {**query.pop("filters", {}), **query}
    said = [text, *(f"[{name} {_joined(value)}]" for name, value in besides.items())]
    return printable(" ".join(each for each in said if each))


def _joined(value: object, most: int = 40) -> str:
    said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return said if len(said) <= most else said[: most - 1] + "…"
