"""`bowerbird backup` and `bowerbird restore`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.common import JsonOption, LibraryOption, chosen, print_json, printable, say

if TYPE_CHECKING:
    from bowerbird.store.archive import Manifest

ForceOption = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("backup", epilog="Example: bowerbird backup /mnt/drive/library.bowerbird")(backup)
    app.command("restore", epilog="Example: bowerbird restore library.bowerbird --library ~/restored")(restore)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE", show_default=False)],
    force: ForceOption = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the whole library into one file: what was found and said, vectors, settings, keys and thumbnails.

    It is of one moment, also while the library is being indexed. Your own files are not in it, nor what can be worked
    out again, nor who is signed in, nor the URL of a database: a library in PostgreSQL gives the same file as another.
    """
    from bowerbird import __version__
    from bowerbird.paths import at_home
    from bowerbird.store.backup import backup as back_up
    from bowerbird.wiring import open_library

    target = at_home(file)
    with open_library(chosen(context, library)) as opened, hundredths("backing up") as tell:
        made = back_up(opened.catalog, opened.folder, target, made_by=__version__, overwrite=force, on_progress=tell)
    size = target.stat().st_size
    if as_json:
        print_json({"file": str(target), "bytes": size, **_as_object(made)})
    else:
        say(f"{printable(str(target))}: {_in_words(made)}, {size / 1e6:,.1f} MB")


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that backup wrote.", metavar="FILE", show_default=False)],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a library of a backup, in a folder that is new or empty.

    A folder that holds a library.toml alone keeps it; the database that this (or BOWERBIRD_DATABASE) names is filled.
    """
    from bowerbird.paths import at_home
    from bowerbird.settings import Settings, default_library
    from bowerbird.store.restore import restore as restore_to

    named = chosen(context, library)
    folder = (default_library() if named is None else at_home(named)).absolute()
    with hundredths("restoring") as tell:
        made = restore_to(at_home(file), folder, database=Settings.of_library(folder).database, on_progress=tell)
    if as_json:
        print_json({"library": str(folder), **_as_object(made)})
    else:
        say(f"{printable(str(folder))}: {_in_words(made)}, as of {made.made_at}")


def _as_object(made: Manifest) -> dict[str, Any]:
    return {"made_at": made.made_at, "schema": made.schema_, "encoders": made.encoders, "counts": made.counts}


def _in_words(made: Manifest) -> str:
    return ", ".join(f"{count:,} {what}" for what, count in made.counts.items())


@contextmanager
def hundredths(doing: str) -> Iterator[Callable[[float], None]]:
    """A bar on a terminal for the length of the ``with`` block, which is told the share that is done, in 0..1."""
    from api.cli.progress import shown
    from indexer import Progress

    with shown(doing) as bar:
        bar.expect(100)
        yield lambda share: bar.update(Progress(int(100 * share), 0))
