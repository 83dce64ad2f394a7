"""Paths as people write them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar, cast

from bowerbird.errors import UsageError

T = TypeVar("T")


def at_home(path: Path) -> Path:
    """``path`` with ``~`` and ``~user`` written out; one of a user whom nobody knows is left as it stands.

    Nothing lies there, so that whoever looks says what he says of any file that is missing.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def named(said: Path | str) -> Path:
    """The path that ``said`` names, `at_home`. Raises `UsageError` where it is empty, which `Path` takes for ``.``."""
    if not os.fspath(said):
        raise UsageError("an empty path names nothing; write . for this folder")
    return at_home(Path(said))


def listed(said: os.PathLike[str] | Iterable[T]) -> list[T]:
    """What is named: of one text or path alone itself, not its letters, which Python would go through."""
    return [cast(T, said)] if isinstance(said, str | os.PathLike) else list(said)
