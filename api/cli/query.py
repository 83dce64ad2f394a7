"""A query as `bowerbird search` takes it, for verbs that ask for one and are not it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.main import get_command

from api.cli import search as search_verb

if TYPE_CHECKING:
    from bowerbird.queries import Query
    from search import Search

TAKES_A_QUERY = {"ignore_unknown_options": True}
"""Settings of a command with a `QueryArgument`, to which the options of search go too."""
QueryArgument = Annotated[
    list[str] | None,
    typer.Argument(help="What you look for, with any options of search.", metavar="QUERY", show_default=False),
]


_OF_SEARCH = ("cursor", "table", "pictures", "opens")
"""Options that say how hits are shown, where there are none to show."""


def query_of(
    context: typer.Context,
    search: Search,
    said: list[str] | None,
    *,
    most_bytes: int | None = None,
    without: tuple[str, ...] = (),
) -> Query:
    """The query in ``said``, words and options, read as `bowerbird search` would read it.

    ``most_bytes`` is how large its picture may be; ``without`` are further options that mean nothing here. Raises
    `QueryError`, or a usage error as search would.
    """
    from dataclasses import replace

    from search.parse import MOST_BYTES, box
    from search.picture_files import read_picture
    from search.query_json import query_from_json

    verb = typer.Typer()
    search_verb.register(verb)
    with get_command(verb).make_context("search", list(said or ()), parent=context) as parsed:
        asked = parsed.params
        for name in (*_OF_SEARCH, *without):
            source = parsed.get_parameter_source(name)
            if source is not None and source.name != "DEFAULT":
                option = "open" if name == "opens" else name
                raise typer.BadParameter(f"--{option} goes with search: leave it out here.")
    filters = ("types", "after", "before", "place", "camera", "path", "language")
    query = query_from_json(
        {
            "text": " ".join(asked["texts"]) if asked["texts"] else None,
            "also": asked["also"],
            "like": [_asset(search, each) for each in asked["like"] or ()],
            "unlike": [_asset(search, each) for each in asked["unlike"] or ()],
            "not": asked["negatives"],
            "kinds": asked["kinds"],
            "filters": {name: asked[name] for name in filters if asked[name]},
            "limit": asked["limit"],
            "min_relevance": asked["min_relevance"],
            "rerank": asked["rerank"],
        }
    )
    if asked["crop"] is not None:
        query = replace(query, crop=box(asked["crop"]))
    if asked["image"] is not None:
        query = replace(query, image=read_picture(asked["image"], most_bytes or MOST_BYTES))
    return query


def _asset(search: Search, said: str) -> str | int:
    """A segment's id, or the id of the asset at this path."""
    named = search_verb.example(said)
    return named if isinstance(named, int) else search.asset_at(Path(named))
