"""Opening a file that may be anything: a pipe, a device, a folder, or gone."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path

from bowerbird.errors import DecodeFailed


def open_regular(path: Path) -> BufferedReader:
    """Open ``path`` for reading, never waiting: a FIFO or a device named ``x.jpg`` is refused.

    Raises `DecodeFailed` where it is no regular file or cannot be opened.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # before open, which may already do something to a device
            raise DecodeFailed("is not a regular file")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise DecodeFailed("is no longer there") from None
    except PermissionError:
        raise DecodeFailed("permission denied") from None
    except OSError as error:
        raise DecodeFailed(f"cannot be opened: {(error.strerror or str(error)).lower()}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # swapped in between
        os.close(descriptor)
        raise DecodeFailed("is not a regular file")
    return open(descriptor, "rb")  # noqa: PTH123 (a descriptor, not a path)
