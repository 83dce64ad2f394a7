"""`bowerbird caption`: says in words what pictures show, or keeps what their owner says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.common import JsonOption, LibraryOption, chosen, print_json, printable, say

if TYPE_CHECKING:
    from bowerbird.wiring import Library
    from indexer.caption import CaptionReport

KINDS = ("image", "frame", "page")
_SHOWN = 20  # failures listed for people; --json lists all


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "caption", epilog="Example: bowerbird caption ~/Pictures/2019 --captioner openai:llava@URL --limit 100"
    )(caption)


def caption(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="What of the library is meant; left out: all of it.",
            metavar="PATH",
            show_default=False,
            readable=False,
        ),
    ] = None,
    captioner: Annotated[
        str | None,
        typer.Option(
            help="concepts, transformers:NAME_OR_FOLDER or openai:MODEL@URL.  [default: the library's setting]",
            metavar="SPEC",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Only moments of this kind, {', '.join(KINDS)}; may be given again.  [default: image; with concepts "
            "frame too]",
            metavar="KIND",
            show_default=False,
            autocompletion=lambda: list(KINDS),
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="So many pictures at most.", metavar="N", min=1, show_default=False)
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Caption anew what is captioned already.")] = False,
    own: Annotated[
        str | None,
        typer.Option("--say", help="Keep these words of yours for PATH, one file.", metavar="TEXT", show_default=False),
    ] = None,
    forget: Annotated[
        bool,
        typer.Option(
            "--forget", help="Take the captions of PATHs out, yours too; with --captioner only those by SPEC."
        ),
    ] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say in words what pictures show, so that they are found by that too. Fills in what is missing.

    It may be stopped at any time and gone on with by the same command. Exit 1: some pictures could not be captioned,
    and they are listed. Your own words are never replaced; --forget --captioner owner takes out them alone.
    """
    wanted = kind or []
    if unknown := [each for each in wanted if each not in KINDS]:
        raise typer.BadParameter(f"there are no captions of {unknown[0]!r}: choose {', '.join(KINDS)}.")
    if own is not None and (forget or again or captioner or wanted or limit):
        raise typer.BadParameter("--say keeps your own words and goes with nothing else.")
    if own is not None and len(paths or ()) != 1:
        raise typer.BadParameter("--say is about one file: name it.")
    if forget and (again or wanted or limit):
        raise typer.BadParameter("--forget goes with PATHs and --captioner only.")
    if forget and not paths:
        raise typer.BadParameter("--forget needs to know of what: name PATHs.")
    from bowerbird.wiring import open_library

    with open_library(chosen(context, library)) as opened:
        if own is not None:
            _say(opened, (paths or [])[0], own, as_json)
        elif forget:
            _forget(opened, paths or [], captioner, as_json)
        else:
            _run(opened, paths or [], captioner, wanted, limit, again, as_json)


def _say(library: Library, path: Path, text: str, as_json: bool) -> None:
    from bowerbird.errors import UsageError
    from indexer import own_captions

    with library.catalog.read() as tx:
        found = own_captions.assets_at(tx, [path])
    if len(found) != 1:
        raise UsageError(f"{path} holds {len(found):,} files; --say is about one of them")
    kept = own_captions.say(library, found.pop(), text)
    if as_json:
        print_json({"path": str(path), "text": kept})
    else:
        say(f"{printable(str(path))}: {printable(kept)}")


def _forget(library: Library, paths: list[Path], spec: str | None, as_json: bool) -> None:
    from indexer import own_captions

    count = own_captions.remove(library, paths, spec)
    if as_json:
        print_json({"forgotten": count})
    else:
        by = "" if spec is None else f" by {printable(spec)}"
        say(f"captions of {_files(count)} are gone" if count else f"there were no captions{by} to take out")


def _run(
    library: Library,
    paths: list[Path],
    spec: str | None,
    kinds: list[str],
    limit: int | None,
    again: bool,
    as_json: bool,
) -> None:
    from api.captioning import as_object, caption_library
    from api.cli.progress import shown
    from bowerbird.types import SegmentKind

    captioner = library.captioner(spec)
    if captioner.sends_to is not None:
        say(f"pictures are sent to {captioner.sends_to}")
    with shown("captioning") as bar:
        report = caption_library(
            library,
            captioner,
            paths,
            kinds=[SegmentKind(each) for each in kinds],
            limit=limit,
            again=again,
            replacing=spec is not None,
            on_start=bar.expect,
            on_progress=bar.update,
        )
    if as_json:
        print_json(as_object(report))
    else:
        _tell(report)
    if report.failed:
        raise typer.Exit(1)


def _files(count: int) -> str:
    return f"{count:,} file" if count == 1 else f"{count:,} files"


def _tell(report: CaptionReport) -> None:
    cost = f" {report.tokens['prompt'] + report.tokens['completion']:,} tokens were used." if report.tokens else ""
    if not (report.pictures or report.failed):
        say(f"Nothing is left for {report.captioner} to caption; --again captions anew.")
        return
    silent = f"; about {report.skipped:,} it had nothing to say" if report.skipped else ""
    pictures = "picture" if report.captioned == 1 else "pictures"
    say(f"{report.captioned:,} {pictures} captioned by {report.captioner} in {report.seconds:.1f} s{silent}.{cost}")
    for failed in report.failed[:_SHOWN]:
        say(f"  {printable(failed.path)}: {printable(failed.reason)} [{failed.stage}]")
    if len(report.failed) > _SHOWN:
        say(f"  … and {len(report.failed) - _SHOWN:,} more: --json lists them all")
