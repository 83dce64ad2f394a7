"""Files that are there whole or not at all: written under another name, synced, then renamed into place."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from bowerbird.errors import LibraryError, StorageFull

TEMPORARY = ".tmp"
"""The suffix of a file still being written."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_durably(folder: Path, fill: Callable[[BinaryIO], str]) -> None:
    """Let ``fill`` write a file and return the name it gets in ``folder``; after this a power cut does not lose it.

    The folder is made if need be. Raises `StorageFull` where there is no space, `LibraryError` where the folder
    cannot be written to; in either case what had that name still has it, and nothing is left beside it.
    """
    temporary = folder / f"arriving{TEMPORARY}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                name = fill(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(folder / name)
        except BaseException:
            with suppress(OSError):  # the first error is the one worth telling
                temporary.unlink(missing_ok=True)
            raise
        _sync(folder)
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(
                f"no space left to write in {folder}: free some and run the same command again"
            ) from error
        raise LibraryError(f"cannot write in {folder}: {error.strerror}; make the folder writable") from error


def _sync(folder: Path) -> None:
    """Make a rename in ``folder`` last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
