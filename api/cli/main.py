"""The program `bowerbird`: puts the verbs together and turns errors into one line and an exit code.

Exit 0: done. 1: done, but some files failed, and they are listed. 2: the call was wrong. 3: the library could not be
opened or used.
"""

from __future__ import annotations

import errno
import logging
import os
import shlex
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
from api.cli.variables import warn_of_unknown
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
_FULL = {errno.ENOSPC, errno.EDQUOT}
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
    if not {"-h", "--help"} & set(sys.argv):
        warn_of_unknown(os.environ)


def _reader_gone() -> int:
    """Whoever read our output has had enough, which is no failure."""
    _write_nowhere()
    return 0


def _write_nowhere() -> None:
    """What is left to be written goes nowhere, or the end of the process would try once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno())  # type: ignore[union-attr]


def _remedy(error: TyperException) -> str:
    """What to write where a line that begins with a word to be without was taken for options."""
    option, context = getattr(error, "option_name", ""), getattr(error, "ctx", None)
    said = next((each for each in sys.argv[1:] if option and each.startswith(option)), "")
    if not said or option.startswith("--") or context is None or context.info_name != "search":
        return ""
    if context.parent.parent is not None:  # a verb that takes a query passes it on without the dashes
        return "; to search without it, begin with what you look for: 'beach -people'"
    return f"; to search without it, write -- first: bowerbird search -- {printable(shlex.quote(said))}"


def _fault(error: Exception) -> int:
    """Say that it is ours, in one line."""
    if os.environ.get("BOWERBIRD_TRACEBACK"):
        raise error
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    say(f"bowerbird: a fault of ours, {said}; set BOWERBIRD_TRACEBACK=1 to see where, and please report it")
    return 3


def main() -> None:
    """Run the program and end it with its exit code."""
    if sys.stdout is None:  # closed by whoever called
        sys.stdout = sys.__stdout__ = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")  # type: ignore[misc]
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # names that are not UTF-8 must be printable
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    logging.basicConfig(format="bowerbird: %(message)s", level=logging.WARNING)
    try:
        code = app(args=sys.argv[1:] or ["--help"], standalone_mode=False)
        if code == _INTERRUPTED:
            raise KeyboardInterrupt
        sys.stdout.flush()
    except TyperException as error:
        verb = getattr(getattr(error, "ctx", None), "command_path", "bowerbird")
        say(f"bowerbird: {error.format_message().rstrip('.')}{_remedy(error)}. See: {verb} --help")
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
    except OSError as error:
        if error.errno not in _FULL:
            code = _fault(error)
        else:
            _write_nowhere()
            say("bowerbird: no space left on the device; free some and run the same command again")
            code = 3
    except Exception as error:  # the last line of defence: no traceback reaches a user who has not asked for one
        code = _fault(error)
    sys.exit(code)
