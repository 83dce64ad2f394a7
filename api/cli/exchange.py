"""`bowerbird export` and `bowerbird import`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from api.cli.backup import ForceOption, hundredths
from api.cli.common import JsonOption, LibraryOption, chosen, print_json, say
from api.cli.query import TAKES_A_QUERY, query_of

if TYPE_CHECKING:
    from bowerbird.queries import Filters
    from bowerbird.wiring import Library
    from indexer.exchange.records import Header
    from search import Search

_STDOUT = Path("-")


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(
        "export",
        epilog="Example: bowerbird export films.parquet type:video after:2020",
        context_settings=TAKES_A_QUERY,
    )(export)
    app.command("import", epilog="Example: bowerbird import films.parquet --library ~/other")(import_)


def export(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="FILE.jsonl, FILE.parquet, or - for JSON lines on stdout.", metavar="FILE", allow_dash=True
        ),
    ],
    query: Annotated[
        list[str] | None,
        typer.Argument(help="Filters, as search takes them.", metavar="QUERY", show_default=False),
    ] = None,
    no_vectors: Annotated[bool, typer.Option("--no-vectors", help="Leave out the vectors.")] = False,
    force: ForceOption = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what the library knows, a row for each moment with its vectors, for other programs or another library.

    QUERY is of filters alone, such as type:video after:2020, and then what they leave is written. Thumbnails are not
    in it; `bowerbird backup` keeps them.
    """
    from api.cli.progress import shown
    from bowerbird import __version__
    from bowerbird.errors import UsageError
    from bowerbird.paths import at_home
    from indexer import Progress
    from indexer.exchange.files import JSONL, format_of
    from indexer.exchange.leaving import export as export_from
    from search import open_search

    target = file if file == _STDOUT else at_home(file)
    if target == _STDOUT and as_json:
        raise UsageError("--json would write into the rows on stdout: leave it out, or name a FILE")
    form = JSONL if target == _STDOUT else format_of(target)
    with open_search(chosen(context, library)) as opened:
        filters = _filters(context, opened, query)
        with _writing(target, overwrite=force) as stream, shown("exporting") as bar:
            done = export_from(
                opened.library,
                filters,
                stream,
                form,
                vectors=not no_vectors,
                made_by=__version__,
                on_progress=lambda rows: bar.update(Progress(rows, 0)),
            )
    if as_json:
        print_json({"file": str(target), "bytes": target.stat().st_size, **asdict(done)})
    else:
        say(f"exported {done.assets:,} files: {done.segments:,} moments, {done.vectors:,} vectors")


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that export wrote.", metavar="FILE", show_default=False)],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring what another library knows into this one. Nothing is decoded or encoded, and nothing that is here changes.

    Where the files lie elsewhere now, index them there afterwards: they are known by their content. A library that is
    not there yet is made, with the encoder of the export.
    """
    from bowerbird.paths import at_home
    from indexer.exchange.arriving import import_from
    from indexer.exchange.files import opened

    with (
        opened(at_home(file)) as source,
        _library(chosen(context, library), source.header) as target,
        hundredths("importing") as tell,
    ):
        done = import_from(target, source, on_progress=tell)
    if as_json:
        print_json(asdict(done))
        return
    say(f"imported {done.assets:,} files: {done.segments:,} moments; known before: {done.known:,}")
    if done.displaced:
        say(f"left out {done.displaced:,} files, since something else lies at their paths by now")


def _library(folder: Path | None, header: Header) -> Library:
    from bowerbird.errors import LibraryMissing
    from bowerbird.types import SpaceName
    from bowerbird.wiring import open_library

    try:
        return open_library(folder)
    except LibraryMissing:
        joint = header.spaces.get(SpaceName.JOINT)
        return open_library(folder, create=True, encoder=joint.spec if joint else None, say=say)


def _filters(context: typer.Context, search: Search, said: list[str] | None) -> Filters:
    """The filters in ``said``; raises `QueryError` where it asks for more than filters can tell."""
    from dataclasses import replace

    from bowerbird.errors import QueryError
    from bowerbird.queries import Filters, Query
    from search.parse import parse

    if not said:
        return Filters()
    asked = parse(query_of(context, search, said)).query
    if replace(asked, filters=Filters()) != Query():
        raise QueryError(
            "export takes filters alone, such as type:video after:2020, and writes all they leave; "
            "what a search finds is written by `bowerbird search --json`"
        )
    return asked.filters


@contextmanager
def _writing(file: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    if file == _STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    from bowerbird.store.fresh_file import fresh_file

    with fresh_file(file, overwrite=overwrite) as stream:
        yield stream
