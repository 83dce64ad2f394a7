"""The verbs that look after a library: `status`, `roots`, `forget`, `doctor`."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.common import JsonOption, LibraryOption, State, chosen, print_json, printable, say, some_path


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("status", epilog="Example: bowerbird status --json")(status)
    group = typer.Typer(epilog="Example: bowerbird roots")
    group.callback(invoke_without_command=True)(roots)
    group.command("add", epilog="Example: bowerbird roots add ~/Pictures")(add_roots)
    app.add_typer(group, name="roots")
    app.command("forget", epilog="Example: bowerbird forget ~/Pictures/private")(forget)
    app.command("doctor", epilog="Example: bowerbird doctor")(doctor)


def status(context: typer.Context, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Say what the library holds and how it is."""
    from bowerbird.wiring import open_library
    from indexer.status import status_of

    with open_library(chosen(context, library)) as opened:
        found = status_of(opened)
    if as_json:
        print_json(found)
        return
    typer.echo(f"library   {printable(found['library'])}, {found['bytes'] / 1e6:.1f} MB")
    for space in found["spaces"]:
        state = "" if space["state"] == "active" else f", {space['state']}"
        typer.echo(f"space     {space['name']}: {space['encoder']}, {space['dimension']} dimensions{state}")
    if building := found["reencoding"]["building"]:
        done = building["segments"] - building["missing"]
        typer.echo(f"building  {building['encoder']}: {done:,} of {building['segments']:,} vectors")
    if kept := found["reencoding"]["kept"]:
        typer.echo(f"kept      {kept}: `bowerbird reencode --rollback` switches back to it")
    typer.echo(f"files     {found['files']:,}; failed: {found['failed']:,}")
    for what in ("assets", "segments"):
        typer.echo(f"{what:9} " + (", ".join(f"{n:,} {kind}" for kind, n in found[what].items()) or "none"))
    if captions := found["captions"]:
        typer.echo("captions  " + ", ".join(f"{n:,} files by {printable(spec)}" for spec, n in captions.items()))
    typer.echo(f"models    {printable(_sent(found['captioner'], found['answerer']))}")
    for root in found["roots"]:
        typer.echo(f"root      {_root(root)}")
    if last := found["last_index"]:
        typer.echo(f"indexed   {last['started_at']} ({last['state']})")


def roots(context: typer.Context, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List the folders that this library covers, and whether they are there."""
    context.obj = State(chosen(context, library))
    if context.invoked_subcommand is not None:
        return
    from bowerbird.wiring import open_library
    from indexer.status import roots_of

    with open_library(chosen(context, None)) as opened:
        found = roots_of(opened)
    if as_json:
        print_json({"roots": found})
        return
    for root in found:
        typer.echo(_root(root))
    if not found:
        say("no roots yet; add one with: bowerbird index FOLDER, or bowerbird roots add FOLDER")


def add_roots(
    context: typer.Context,
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders, or single files.", metavar="FOLDER...", show_default=False, parser=some_path),
    ],
    library: LibraryOption = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="For a new library: auto, concepts, open_clip:ARCH/TAG or open_clip:ARCH//FILE.",
            metavar="SPEC",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Have the library cover folders from now on, without indexing them yet.

    The server and `bowerbird watch` index what lies in such folders, and nothing else.
    """
    from bowerbird.settings import default_library
    from bowerbird.wiring import open_library
    from indexer import roots
    from indexer.status import roots_of

    folder = chosen(context, library) or default_library()
    if not folder.exists() and not any(os.path.lexists(path) for path in folders):  # make no library for nothing
        raise typer.BadParameter(f"{folders[0]} is not there: check the spelling.")
    with open_library(folder, create=True, encoder=encoder, say=say) as opened:
        covering = {root.path for root in roots.add_roots(opened.catalog, folders)}
        found = [root for root in roots_of(opened) if root["path"] in covering]
    if as_json:
        print_json({"roots": found})
        return
    for root in found:
        typer.echo(_root(root))
    say("index them with: bowerbird index FOLDER, or bowerbird watch")


def forget(
    context: typer.Context,
    what: Annotated[list[str], typer.Argument(help="Paths, or ids of assets.", metavar="PATH...", show_default=False)],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove paths or assets from the library, with everything derived from them. Files are not touched.

    What still lies under a root comes back with the next index run, unless a .bowerbirdignore names it.
    """
    from bowerbird.wiring import open_library
    from indexer.forget import forget as forget_in

    with open_library(chosen(context, library)) as opened:
        done = forget_in(opened, *what)
    if as_json:
        print_json(asdict(done))
    else:
        say(f"forgot {done.files:,} files, {done.assets:,} assets and {done.roots:,} roots")


def doctor(
    context: typer.Context,
    library: LibraryOption = None,
    dump: Annotated[bool, typer.Option("--dump", help="Print what the library says, free of ids, and stop.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the library against itself and against the files; repair its views.

    Exit 0: well, or repaired. 1: something is left to do, and it is listed.
    """
    from bowerbird.wiring import open_library
    from indexer.doctor import examine

    if dump and as_json:
        raise typer.BadParameter("--dump prints lines of JSON, not one object: leave out --json.")
    with open_library(chosen(context, library)) as opened:
        if dump:
            for line in opened.catalog.dump():
                sys.stdout.write(line + "\n")
            return
        found = examine(opened)
    if as_json:
        print_json({**asdict(found), "well": found.well})
    else:
        for word, lines in (
            ("fault", found.faults),
            ("repaired", found.repaired),
            ("index again", found.stale),
            ("offline", found.offline),
        ):
            for line in lines:
                typer.echo(f"{word}: {printable(line)}")
        say(f"{found.views} views and {found.files:,} files checked: " + ("well" if found.well else "not well"))
    if not found.well:
        raise typer.Exit(1)


def _sent(captioner: dict[str, Any], answerer: dict[str, Any]) -> str:
    """Where pictures go, and questions: what the owner of the library must be able to see at a glance."""
    pictures, questions = captioner["sends_to"], answerer["sends_to"]
    if pictures is None and questions is None:
        return "pictures and questions stay on this machine"
    if pictures == questions:
        return f"pictures and questions are sent to {pictures}"
    told = []
    if pictures is not None:
        told.append(f"pictures are sent to {pictures} for captions")
    if questions is not None:
        told.append(f"questions, and pictures that may answer them, are sent to {questions}")
    return "; ".join(told)


def _root(root: dict[str, Any]) -> str:
    state = "" if root["online"] else ", offline"
    return f"{printable(root['path'])}  ({root['files']:,} files{state})"
