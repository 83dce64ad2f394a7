"""What several verbs share: the library option, JSON on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.completion import libraries


@dataclass(slots=True)
class State:
    """What stood before the verb."""

    library: Path | None


def some_path(said: str) -> Path:
    """For ``parser``: click makes the working folder of an empty path."""
    if not said:
        raise typer.BadParameter("an empty path names nothing; write . for this folder.")
    return Path(said)


LibraryOption = Annotated[
    Path | None,
    typer.Option(
        "--library",
        help="The library's folder.  [default: $BOWERBIRD_LIBRARY, else the data folder]",
        metavar="DIR",
        show_default=False,
        autocompletion=libraries,
        parser=some_path,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def chosen(context: typer.Context, library: Path | None) -> Path | None:
    """The library named after the verb, or before it."""
    state: State = context.obj
    return library if library is not None else state.library


def say(line: str) -> None:
    """A line for people."""
    typer.echo(line, err=True)


def print_json(value: dict[str, Any]) -> None:
    """One object on stdout. Bytes of names that are not UTF-8 come as lone surrogates, as `os.fsencode` takes them."""
    json.dump({"version": 1, **value}, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    sys.stdout.write("\n")


def printable(path: str) -> str:
    """A path that any terminal can show: bytes that are not UTF-8 as ``\\xNN``, control characters escaped."""
    shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in shown)
