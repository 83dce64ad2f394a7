"""`bowerbird watch`."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.common import LibraryOption, chosen, print_json, printable, say, some_path

if TYPE_CHECKING:
    from bowerbird.types import IndexReport
    from indexer.watch import WatchRun

_SHOWN = 20  # failures listed for people; --json lists all


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("watch", epilog="Example: bowerbird watch ~/Pictures")(watch)


def watch(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Folders and files.  [default: all roots]", metavar="[PATH]...", show_default=False, parser=some_path
        ),
    ] = None,
    library: LibraryOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each run, each on a line.")
    ] = False,
) -> None:
    """Keep the library current: index what changes as soon as it is at rest, until Ctrl-C.

    First everything is brought up to date. Drives may be unplugged and come back.
    """
    from api.cli.progress import shown
    from bowerbird.errors import UsageError
    from bowerbird.settings import default_library
    from bowerbird.wiring import open_library
    from indexer import Indexer
    from indexer.watch import Watcher

    folder = chosen(context, library) or default_library()
    if paths and not folder.exists() and not any(os.path.lexists(path) for path in paths):
        raise typer.BadParameter(f"{paths[0]} is not there: check the spelling.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # how services are stopped
    with open_library(folder, create=bool(paths), say=say) as opened:
        indexer = Indexer(opened, say)

        def index(changed: Sequence[Path]) -> IndexReport:
            with shown() as bar:
                return indexer.index(changed, on_start=bar.start, on_progress=bar.update)

        watcher = Watcher(opened, index, paths or (), on_run=_print if as_json else _tell, say=say)
        with opened.catalog.read() as tx:
            if not tx.roots.all():
                raise UsageError("the library has no roots to watch; add one with `bowerbird roots add FOLDER`")
        say("watching; Ctrl-C ends it")
        try:
            watcher.run(threading.Event())
        except KeyboardInterrupt:
            say("stopped watching")


def _print(run: WatchRun) -> None:
    print_json({"paths": run.paths, **asdict(run.report)})
    typer.get_text_stream("stdout").flush()


def _tell(run: WatchRun) -> None:
    report = run.report
    if run.changed or run.news:
        counts = (("indexed", report.indexed), ("moved", report.moved), ("removed", report.removed))
        done = ", ".join(f"{count:,} {what}" for what, count in (*counts, ("failed", len(run.news))) if count)
        where = printable(run.paths[0]) + (f" and {len(run.paths) - 1:,} more" if run.paths[1:] else "")
        say(f"{where}: {done or 'copies noted'} in {report.seconds:.1f} s")
    for failed in run.news[:_SHOWN]:
        say(f"  {printable(failed.path)}: {failed.reason} [{failed.stage}]")
    if len(run.news) > _SHOWN:
        say(f"  … and {len(run.news) - _SHOWN:,} more: --json lists them all")
