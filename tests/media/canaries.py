"""What must not happen, made noticeable: a file that tells whether it was opened, a port that tells who called."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_IN_OPEN = 0x20
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Canaries:
    """A readable file, and a port of this machine on which somebody listens."""

    file: Path
    port: int
    _watch: int = field(repr=False)
    _listener: socket.socket = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/film.mp4"

    def opened(self) -> int:
        """How often the file was opened since this was last asked."""
        try:
            data = os.read(self._watch, 65_536)
        except BlockingIOError:
            return 0
        count, at = 0, 0
        while at < len(data):
            count += 1
            at += 16 + struct.unpack_from("I", data, at + 12)[0]
        return count

    def called(self) -> bool:
        """Whether anybody has connected since this was last asked."""
        try:
            self._listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@contextmanager
def canaries(file: Path) -> Iterator[Canaries]:
    """Watch ``file`` (by inotify) and listen on a free port."""
    watch = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert watch >= 0
    assert _libc.inotify_add_watch(watch, os.fsencode(file), _IN_OPEN) >= 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        try:
            yield Canaries(file, listener.getsockname()[1], watch, listener)
        finally:
            os.close(watch)
