"""`bowerbird facets`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from api.cli.common import JsonOption, LibraryOption, chosen, print_json, printable, say
from api.cli.query import TAKES_A_QUERY, QueryArgument, query_of

if TYPE_CHECKING:
    from search.facets import Facet, Facets


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("facets", context_settings=TAKES_A_QUERY, epilog="Example: bowerbird facets a dog type:image")(facets)


def facets(
    context: typer.Context, query: QueryArgument = None, library: LibraryOption = None, as_json: JsonOption = False
) -> None:
    """Count files by kind, year, place and camera: all of them, or those that a query finds.

    A query with a text or a picture counts what stands out for it, at most 1,000 files; one of filters alone all that
    meets them. Within one year months are counted too.
    """
    from search import open_search
    from search.facets import as_object, facets_of

    with open_search(chosen(context, library)) as opened:
        found = facets_of(opened, query_of(context, opened, query, without=("limit",)))
    if as_json:
        print_json(as_object(found))
    else:
        _tell(found)


def _tell(found: Facets) -> None:
    say(f"{found.total:,} files")
    for name, facet in (
        ("type", found.types),
        ("year", found.years),
        ("month", found.months),
        ("country", found.countries),
        ("place", found.places),
        ("camera", found.cameras),
    ):
        for value, n in _lines(facet):
            typer.echo(f"{name}\t{n}\t{printable(value)}")


def _lines(facet: Facet) -> list[tuple[str, int]]:
    """Values and counts; a facet of which nothing is known has none."""
    if not facet.values:
        return []
    rest = [("(others)", facet.others), ("(none)", facet.none)]
    return [*facet.values, *((value, n) for value, n in rest if n)]
