"""A library's folder: what lies in it under which name, whether it is one, and making it."""

from __future__ import annotations

import uuid
from pathlib import Path

from bowerbird.errors import LibraryError, UsageError

CATALOG = "catalog.db"
TOML = "library.toml"
VIEWS = "views"
THUMBS = "thumbs"


def is_library(folder: Path) -> bool:
    """Whether a library is there, be it half made. Raises `LibraryError` where that cannot be told."""
    try:
        (folder / TOML).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise LibraryError(f"{folder} cannot be read: {error.strerror}; choose another --library") from None
    return True


def check_vacant(folder: Path) -> None:
    """Raises `UsageError` where something else is there than a library could be made beside."""
    try:
        # What another process is just writing, or did not live to finish, is no reason to refuse.
        taken = folder.exists() and (not folder.is_dir() or any(TOML not in each.name for each in folder.iterdir()))
    except OSError as error:
        raise LibraryError(f"{folder} cannot be read: {error.strerror}; choose another --library") from None
    if taken:
        raise UsageError(f"{folder} is not empty and holds no library; name an empty or new folder with --library")


def make_folder(folder: Path, toml: str) -> None:
    """Make a library of ``folder``, with ``toml`` for its settings, unless it is one already. Raises OSError."""
    if (folder / TOML).exists():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # what people's pictures say is theirs alone
    fresh = folder / f".{TOML}.{uuid.uuid4().hex}"
    fresh.write_text(toml, encoding="utf-8")
    fresh.replace(folder / TOML)  # first of all, so that a library that was half made is known for one
