"""Paths as people write them."""

from __future__ import annotations

from pathlib import Path


def at_home(path: Path) -> Path:
    """``path`` with ``~`` and ``~user`` written out; one of a user whom nobody knows is left as it stands.

    Nothing lies there, so that whoever looks says what he says of any file that is missing.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        return path
