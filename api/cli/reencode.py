"""`bowerbird reencode`: another encoder for a library, built beside the old one, switched to, and back from."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.common import JsonOption, LibraryOption, chosen, print_json, printable, say

if TYPE_CHECKING:
    from bowerbird.wiring import Library
    from indexer.reencode import ReencodeReport
    from indexer.spaces import Switched

_SHOWN = 20  # waiting files listed for people; --json lists all


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("reencode", epilog="Example: bowerbird reencode --encoder open_clip:ViT-B-32/laion2b_s34b_b79k")(
        reencode
    )


def reencode(
    context: typer.Context,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="concepts, open_clip:ARCH/TAG or open_clip:ARCH//FILE; left out: go on with what was begun.",
            metavar="SPEC",
            show_default=False,
        ),
    ] = None,
    status: Annotated[bool, typer.Option("--status", help="Say how far it is.")] = False,
    activate: Annotated[bool, typer.Option("--activate", help="Switch to what has been built.")] = False,
    even_so: Annotated[
        bool, typer.Option("--even-so", help="With --activate: although some files are out of reach.")
    ] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Switch back to the encoder before.")] = False,
    retire: Annotated[
        bool, typer.Option("--retire", help="Free what is kept to go back to; without any, what is being built.")
    ] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build the vectors of another encoder beside those that are searched, and switch when they are there.

    It may be stopped at any time and gone on with by the same command; searches and index runs go on meanwhile.
    Exit 1: the pictures of some files are out of reach, and they are listed.
    """
    if sum((encoder is not None, status, activate, rollback, retire)) > 1:
        raise typer.BadParameter("--encoder, --status, --activate, --rollback and --retire: choose one.")
    if even_so and not activate:
        raise typer.BadParameter("--even-so goes with --activate.")
    from bowerbird.wiring import open_library
    from indexer import spaces

    with open_library(chosen(context, library)) as opened:
        if status:
            _status(opened, as_json)
        elif activate:
            _switched(spaces.activate(opened, even_so=even_so), as_json)
        elif rollback:
            _switched(spaces.rollback(opened), as_json)
        elif retire:
            done = spaces.retire(opened)
            if as_json:
                print_json({"retired": [spaces.as_object(space) for space in done.spaces], "freed": done.freed})
            else:
                say(f"retired {', '.join(space.spec for space in done.spaces)}: {done.freed:,} vectors are gone")
        else:
            _build(opened, encoder, as_json)


def _build(library: Library, encoder: str | None, as_json: bool) -> None:
    from api.cli.progress import shown
    from indexer import spaces
    from indexer.reencode import reencode as run

    with shown("encoding") as bar:
        report = run(library, encoder, on_start=bar.expect, on_progress=bar.update, say=say)
    if as_json:
        print_json({**asdict(report), "spaces": [spaces.as_object(space) for space in report.spaces]})
    else:
        _tell(report)
    if report.waiting:
        raise typer.Exit(1)


def _tell(report: ReencodeReport) -> None:
    say(
        f"{report.encoded:,} vectors of {report.encoder} in {report.seconds:.1f} s: {report.from_text:,} of texts, "
        f"{report.from_originals:,} of pictures, {report.from_thumbnails:,} of thumbnails for want of the files"
    )
    for waiting in report.waiting[:_SHOWN]:
        say(f"  {printable(waiting.path)}: {waiting.reason}")
    if len(report.waiting) > _SHOWN:
        say(f"  … and {len(report.waiting) - _SHOWN:,} more: --json lists them all")
    if report.ready:
        say("ready; switch to it with: bowerbird reencode --activate")
    else:
        say("not all there yet; go on with: bowerbird reencode")


def _switched(done: Switched, as_json: bool) -> None:
    from indexer.spaces import as_object

    if as_json:
        print_json({**asdict(done), "spaces": [as_object(space) for space in done.spaces]})
        return
    say(f"searches now go to {done.encoder}; `bowerbird reencode --rollback` switches back")
    if done.unfinished:
        say(f"{done.unfinished:,} files are not wholly encoded by it: run `bowerbird index` on their folders")


def _status(library: Library, as_json: bool) -> None:
    from indexer.spaces import reencoding_of, spaces_of

    with library.catalog.read() as tx:
        found: dict[str, Any] = {"spaces": spaces_of(tx), **reencoding_of(tx)}
    if as_json:
        print_json(found)
        return
    typer.echo(f"searched  {found['spaces'][0]['encoder']}")
    if building := found["building"]:
        done = building["segments"] - building["missing"]
        ready = "ready to --activate" if building["ready"] else f"{building['waiting']:,} files out of reach"
        typer.echo(f"building  {building['encoder']}: {done:,} of {building['segments']:,} vectors; {ready}")
        if building["from_thumbnails"]:
            typer.echo(f"          {building['from_thumbnails']:,} files encoded from thumbnails")
    if found["kept"]:
        typer.echo(f"kept      {found['kept']}: --rollback switches back to it, --retire frees it")
