"""A file for people that is there whole or not at all: written as ``NAME.partial``, synced, then renamed."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bowerbird.errors import StorageFull, UsageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def fresh_file(path: Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which stands at ``path`` after the ``with`` block; whatever ends the block leaves nothing.

    What a killed process has left of an earlier try is written over. Raises `UsageError` where something is there and
    ``overwrite`` is False, where nothing can be written, or where another process is writing it; `StorageFull`.
    """
    _check(path, overwrite=overwrite)
    partial = partial_of(path)
    with in_plain_words(path):
        stream = _locked(partial)
        try:
            with stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                _check(path, overwrite=overwrite)  # once more: much may have happened since
                partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync(path.parent)


def partial_of(path: Path) -> Path:
    """What a file is called until it is whole."""
    return path.with_name(f"{path.name}.partial")


@contextmanager
def in_plain_words(path: Path) -> Iterator[None]:
    """Turns what the system says of writing ``path`` into our own errors."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(f"no space left to write {path}; free some and run the same command again") from error
        reason = error.strerror or str(error)
        raise UsageError(f"{path} cannot be written: {reason.lower()}; name another file") from error


def _check(path: Path, *, overwrite: bool) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it")
    if path.exists() and not path.is_file():  # a device or a pipe, in whose place nothing shall stand
        raise UsageError(f"{path} is no regular file; name another")
    if not overwrite and os.path.lexists(path):
        raise UsageError(f"{path} is there already; name another file, or write over it with --force")


def _locked(partial: Path) -> BinaryIO:
    """The file opened anew, for this process alone."""
    # Not truncated before it is locked, or two processes would write into one another's.
    stream = os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT, 0o600), "w+b")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not partial.exists() or not os.path.samestat(os.fstat(stream.fileno()), partial.stat()):
            raise BlockingIOError  # it was finished and renamed since it was opened
        stream.truncate()
    except BlockingIOError:
        stream.close()
        raise UsageError(f"another process is writing {partial}; wait until it is done, or name another file") from None
    return stream


def _sync(folder: Path) -> None:
    """Make a rename in ``folder`` last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
