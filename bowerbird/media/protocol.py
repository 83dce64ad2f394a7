"""The wire between the pool and a child.

Messages are JSON behind a length, over a socket of their own, so that nothing a native library prints can garble them;
never pickle, for the child may have been taken over by the file it reads. Texts and pixels travel beside the messages,
in a piece of unlinked memory that both ends hold by descriptor: it has no name that could outlive a killed process, and
it is read and written, not mapped, so a child that truncates it cannot fault its parent.

    parent -> child   {"decode": <path, base64>, "decoder": name or null, "wanted": {...}}
    child -> parent   {"info": {...}, "part": {...} or null, "last": bool}      the first answer
                      {"part": {...}, "last": bool}                             each further one
                      {"failed": reason, "stage": stage}                        instead of any of them
    parent -> child   {"next": true}                                            after each answer that is not the last

A moment's text (UTF-8), its pixels in their renditions, or a stretch of sound lie at the start of the shared memory
until ``next`` is sent, so a file of any number of parts takes the room of one. What parts look like is `parcel`'s.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

MAX_HEADER = 1 << 16
"""Bytes of one message."""

_LENGTH = struct.Struct("<I")


class WireError(Exception):
    """The other end sent what no well-behaved one would."""


class WireClosed(WireError):
    """The other end closed the wire, or ended."""


class Wire:
    """Messages over a connected stream socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = bytearray()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message. Raises `WireClosed` where the other end is gone and ValueError where it is too long."""
        body = json.dumps(message).encode("ascii")
        if len(body) > MAX_HEADER:
            raise ValueError("message too long")
        try:
            self._connection.sendall(_LENGTH.pack(len(body)) + body)
        except OSError as error:
            raise WireClosed(str(error)) from None

    def receive(self, check: Callable[[], None] | None = None) -> dict[str, Any]:
        """The next message; ``check`` is called whenever it is not all there yet and the socket's own timeout passed.

        Raises `WireError` on nonsense and at the end, and whatever ``check`` raises.
        """
        length = _LENGTH.unpack(self._exactly(_LENGTH.size, check))[0]
        if length > MAX_HEADER:
            raise WireError("message too long")
        try:
            message = json.loads(self._exactly(length, check))
        except (ValueError, RecursionError):
            raise WireError("not a message") from None
        if not isinstance(message, dict):
            raise WireError("not a message")
        return message

    def _exactly(self, size: int, check: Callable[[], None] | None) -> bytes:
        while len(self._received) < size:
            try:
                received = self._connection.recv(MAX_HEADER)
            except TimeoutError:
                received = None
            except OSError as error:
                raise WireClosed(str(error)) from None
            if received == b"":
                raise WireClosed("closed")
            self._received += received or b""
            if check is not None and len(self._received) < size:
                check()
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def close(self) -> None:
        """Close the socket."""
        self._connection.close()


# --- the memory both ends hold -------------------------------------------------------------------


def shared_memory() -> int:
    """A descriptor of memory without a name, gone when the last process that holds it ends."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("bowerbird", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def write_at_start(descriptor: int, *parts: memoryview | bytes) -> None:
    """Write ``parts`` one after another from offset 0."""
    offset = 0
    for part in parts:
        rest = memoryview(part).cast("B")
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            offset += written
            rest = rest[written:]


def read_at(descriptor: int, into: memoryview, offset: int) -> None:
    """Fill ``into`` from ``offset`` on. Raises `WireError` where there is not so much."""
    while into:
        if not (size := os.preadv(descriptor, [into], offset)):
            raise WireError("payload cut short")
        offset += size
        into = into[size:]
