"""What the shell offers for values of options. Whatever goes wrong, nothing is offered, and the shell falls back on
the names of files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

_PLAIN = re.compile(r"~?[\w .,+@/-]+")
"""Names that mean nothing else to any shell: completions are pasted into scripts."""


def one_of(*values: str) -> Callable[[str], list[str]]:
    """Offers these values."""

    def offered(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return offered


def libraries(incomplete: str) -> list[str]:
    """Offers folders that are libraries; where there are none the shell goes on with those on the way to one."""
    typed, slash, begun = incomplete.rpartition("/")
    try:
        folder = Path(typed + slash or ".").expanduser()
        found = [each.parent.name for each in folder.glob("*/library.toml")]
    except (OSError, ValueError, RuntimeError):  # the last: nobody has this home
        return []
    return _as_typed([typed + slash + name for name in sorted(found) if name.startswith(begun)])


def saved_searches(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offers the names of saved searches in the library that is meant so far."""
    from bowerbird.errors import BowerbirdError
    from bowerbird.wiring import open_library
    from search.saved import saved

    try:
        with open_library(_library(ctx)) as library:
            names = [each.name for each in saved(library)]
    except (BowerbirdError, OSError):
        return []
    return _as_typed([name for name in names if name.startswith(incomplete)])


def _library(ctx: typer.Context | None) -> Path | None:
    """What ``--library`` says, after the verb or before it; nothing has been run that would have read it."""
    while ctx is not None:
        said: Any = ctx.params.get("library")
        if said is not None:
            return Path(said)
        ctx = ctx.parent  # type: ignore[assignment]
    return None


def _as_typed(names: list[str]) -> list[str]:
    plain = [name for name in names if _PLAIN.fullmatch(name)]
    # Bash takes what it is offered for what was typed; other shells quote it themselves.
    in_bash = os.environ.get("_BOWERBIRD_COMPLETE") == "complete_bash"
    return [name.replace(" ", "\\ ") for name in plain] if in_bash else plain
