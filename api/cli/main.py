"""The program `bowerbird`: puts the verbs together and turns errors into one line and an exit code.

Exit 0: done. 1: done, but some files failed, and they are listed. 2: the call was wrong. 3: the library could not be
opened or used.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from api.cli import (
    ask,
    backup,
    caption,
    care,
    evaluate,
    exchange,
    facets,
    formats,
    index,
    keys,
    label,
    mcp,
    reencode,
    saved,
    search,
    serve,
    watch,
)
from api.cli.common import LibraryOption, State, printable, say
from bowerbird import __version__
from bowerbird.errors import BowerbirdError, UsageError

app = typer.Typer(
    name="bowerbird",
    help="Find the moment you mean in your own pictures, films, recordings and papers, by a sentence or a picture.",
    epilog="Start with: bowerbird index ~/Pictures, then: bowerbird search 'a dog on a beach'",
    no_args_is_help=False,
    rich_markup_mode="markdown",  # in which brackets are brackets
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_INTERRUPTED = 130  # Typer's code for Ctrl-C, and the shell's

index.register(app)
search.register(app)
ask.register(app)
caption.register(app)
care.register(app)
formats.register(app)
label.register(app)
saved.register(app)
facets.register(app)
reencode.register(app)
evaluate.register(app)
backup.register(app)
exchange.register(app)
serve.register(app)
keys.register(app)
mcp.register(app)
watch.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bowerbird {__version__}")
        raise typer.Exit


@app.callback()
def _before(
    context: typer.Context,
    library: LibraryOption = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = State(library)


def _reader_gone() -> int:
    """Whoever read our output has had enough, which is no failure."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr]
    return 0


def main() -> None:
    """Run the program and end it with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # names that are not UTF-8 must be printable
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    logging.basicConfig(format="bowerbird: %(message)s", level=logging.WARNING)
    try:
        code = app(args=sys.argv[1:] or ["--help"], standalone_mode=False)
        if code == _INTERRUPTED:
            raise KeyboardInterrupt
        sys.stdout and sys.stdout.flush()
    except TyperException as error:
        verb = getattr(getattr(error, "ctx", None), "command_path", "bowerbird")
        say(f"bowerbird: {error.format_message().rstrip('.')}. See: {verb} --help")
        code = 2
    except BowerbirdError as error:
        say(f"bowerbird: {printable(str(error))}")  # it may quote a file, or a model's config
        code = 2 if isinstance(error, UsageError) else 3
    except (Abort, KeyboardInterrupt):
        say("bowerbird: stopped; what was finished is kept, run the same command to go on")
        code = _INTERRUPTED
    except BrokenPipeError:
        code = _reader_gone()
    except SystemExit as end:  # how Typer ends where it met a closed pipe
        code = _reader_gone() if isinstance(end.__context__, BrokenPipeError) else end.code
    except Exception as error:  # the last line of defence: no traceback reaches a user who has not asked for one
        if os.environ.get("BOWERBIRD_TRACEBACK"):
            raise
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        say(f"bowerbird: a fault of ours, {said}; set BOWERBIRD_TRACEBACK=1 to see where, and please report it")
        code = 3
    sys.exit(code)
