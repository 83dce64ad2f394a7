"""Opens a hit with the program for its file, at its moment where one is there that can."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from api.cli.common import printable, say
from bowerbird.errors import UsageError

if TYPE_CHECKING:
    from bowerbird.answers import Citation
    from bowerbird.queries import Hit, SearchResult

PLAYERS = {"mpv": "--start={}", "vlc": "--start-time={}"}
"""Programs that play films and recordings from a second on, and the option by which they are told."""
READERS = {"evince": "--page-index={}", "okular": "--page={}", "zathura": "--page={}"}
"""Programs that show a PDF at a page, counted from 1."""
OPENERS = ("open",) if sys.platform == "darwin" else ("xdg-open",)
_FAILS_WITHIN_S = 1.0
"""How long a program has to say that it cannot; one that runs on is taken to show the file."""


class TakesOpen(TyperCommand):
    """A command whose option ``--open N`` may be given without N, and then means the best hit."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Only digits are a number of a hit: ``--open beach`` looks for beaches."""
        options = args[: args.index("--")] if "--" in args else args
        followed = pairwise([*options, ""])
        said = ["--open=1" if each == "--open" and not after.isdecimal() else each for each, after in followed]
        return super().parse_args(ctx, [*said, *args[len(options) :]])


def open_hit(result: SearchResult, number: int) -> None:
    """Open the hit of this rank and leave its program running.

    Raises `UsageError` where there is no such hit or none that stands out, its file is not there now, there is no
    screen to show it on, or no program that would.
    """
    if not result.matched:
        raise UsageError("nothing stands out, so nothing is opened: say it otherwise, or add --min-relevance 0")
    hit = next((hit for hit in result.hits if hit.rank == number), None)
    if hit is None:
        raise UsageError(f"there is no hit {number} on this page, which ends at {result.hits[-1].rank}: see --limit")
    open_place(hit)


def open_place(hit: Hit | Citation) -> None:
    """Open the file at the moment that a hit or a citation names. Raises `UsageError` as `open_hit` does."""
    path = os.path.abspath(hit.path)  # begins with a slash, so that no name can pass for an option
    if not os.path.exists(path):
        raise UsageError(f"{printable(path)} is not there now: plug its drive in, or index its folder again")
    _check_screen(path)
    _run(command(hit, path), path)
    say(f"opened {printable(path)}")


def command(hit: Hit | Citation, path: str) -> list[str]:
    """The program and its arguments. Raises `UsageError` where none is installed."""
    import shutil

    for program, option in _at_moment(hit):
        if found := shutil.which(program):
            return [found, option, path]
    for program in OPENERS:
        if found := shutil.which(program):
            return [found, path]
    raise UsageError(f"there is no program {OPENERS[0]} to open {printable(path)} with: install it, or open it by hand")


def _at_moment(hit: Hit | Citation) -> list[tuple[str, str]]:
    if hit.start_s is not None and hit.kind in {"video", "audio"}:
        return [(program, option.format(f"{hit.start_s:.2f}")) for program, option in PLAYERS.items()]
    if hit.page is not None and hit.path.lower().endswith(".pdf"):
        return [(program, option.format(hit.page)) for program, option in READERS.items()]
    return []


def _check_screen(path: str) -> None:
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UsageError(
            f"there is no screen to show {printable(path)} on: call it from a desktop, or leave out --open"
        )


def _run(call: Sequence[str], path: str) -> None:
    try:
        running = subprocess.Popen(
            call,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # closing the terminal shall not close the film
        )
        code = running.wait(_FAILS_WITHIN_S)
    except subprocess.TimeoutExpired:
        return
    except OSError as error:
        raise UsageError(f"{call[0]} cannot be run: {error.strerror}; open {printable(path)} by hand") from None
    if code:
        raise UsageError(f"{call[0]} could not open {printable(path)} (exit {code}): open it by hand")
