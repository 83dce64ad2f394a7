"""The wire between the pool and a child.

Messages are JSON behind a length, over a socket of their own, so that nothing a native library prints can garble them;
never pickle, for the child may have been taken over by the file it reads. Texts and pixels travel beside the messages,
in a piece of unlinked memory that both ends hold by descriptor: it has no name that could outlive a killed process, and
it is read and written, not mapped, so a child that truncates it cannot fault its parent.

    parent -> child   {"decode": <path, base64>, "decoder": name or null, "spec": {...} or null}
    child -> parent   {"info": {...}, "moment": {...} or null, "last": bool}      the first answer
                      {"moment": {...}, "last": bool}                             each further one
                      {"failed": reason, "stage": stage}                          instead of any of them
    parent -> child   {"next": true}                                              after each answer that is not the last

A moment's text (UTF-8), then its pixels, lie at the start of the shared memory until ``next`` is sent, so a file of any
number of moments takes the room of one.
"""

from __future__ import annotations

import json
import math
import os
import re
import socket
import struct
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np

from bowerbird.types import AssetInfo, AssetKind, Box, Moment, PictureSpec, Pixels, SegmentKind

MAX_HEADER = 1 << 16
"""Bytes of one message."""

_Member = TypeVar("_Member", AssetKind, SegmentKind)
_LENGTH = struct.Struct("<I")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,80}")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,35}")


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


def _read(descriptor: int, into: memoryview, offset: int) -> None:
    while into:
        if not (size := os.preadv(descriptor, [into], offset)):
            raise WireError("payload cut short")
        offset += size
        into = into[size:]


# --- moments and infos, packed by the child and distrusted by the parent -------------------------


def pack_info(info: AssetInfo) -> dict[str, Any]:
    """`AssetInfo` -> what JSON can hold."""
    return asdict(info)


def unpack_info(packed: Any) -> AssetInfo:
    """The reverse of `pack_info`. Raises `WireError` where a value is not what it should be."""
    fields = _fields(packed)
    media_type = fields.get("media_type")
    if not (isinstance(media_type, str) and _MEDIA_TYPE.fullmatch(media_type)):
        raise WireError("not a media type")
    return AssetInfo(
        kind=_member(AssetKind, fields.get("kind")),
        media_type=media_type,
        width=_whole(fields.get("width"), low=1),
        height=_whole(fields.get("height"), low=1),
        duration_s=_real(fields.get("duration_s")),
    )


def pack_moment(moment: Moment, memory: int) -> dict[str, Any]:
    """Write a moment's text and pixels to ``memory`` and describe the rest."""
    text = None if moment.text is None else moment.text.encode("utf-8", "replace")
    pixels = None if moment.pixels is None else np.ascontiguousarray(moment.pixels)
    write_at_start(memory, text or b"", b"" if pixels is None else pixels.data)
    return {
        "kind": moment.kind,
        "start_s": moment.start_s,
        "end_s": moment.end_s,
        "page": moment.page,
        "box": None if moment.box is None else [moment.box.x, moment.box.y, moment.box.width, moment.box.height],
        "language": moment.language,
        "text_bytes": None if text is None else len(text),
        "pixels": None if pixels is None else pixels.shape,
    }


def unpack_moment(packed: Any, memory: int, spec: PictureSpec | None, budget: int) -> tuple[Moment, int]:
    """The reverse of `pack_moment`, and the bytes that its text and pixels take.

    Raises `WireError` where a value is not what it should be: above all where pixels are not of the size that ``spec``
    asks for, or where text and pixels take more than ``budget`` bytes.
    """
    fields = _fields(packed)
    text_bytes = _whole(fields.get("text_bytes"))
    shape = fields.get("pixels")
    if shape is not None and (spec is None or shape != [spec.size, spec.size, 3]):
        raise WireError("pixels of a size that nobody asked for")
    size = (text_bytes or 0) + (0 if shape is None else math.prod(shape))
    if size > budget:
        raise WireError("more than was allowed")
    text: str | None = None
    if text_bytes is not None:
        encoded = bytearray(text_bytes)
        _read(memory, memoryview(encoded), 0)
        text = encoded.decode("utf-8", "replace")
    pixels: Pixels | None = None
    if shape is not None:
        pixels = np.empty(shape, np.uint8)
        _read(memory, pixels.reshape(-1).data, text_bytes or 0)
    language = fields.get("language")
    if language is not None and not (isinstance(language, str) and _LANGUAGE.fullmatch(language)):
        raise WireError("not a language")
    moment = Moment(
        kind=_member(SegmentKind, fields.get("kind")),
        start_s=_real(fields.get("start_s")),
        end_s=_real(fields.get("end_s")),
        page=_whole(fields.get("page")),
        box=_box(fields.get("box")),
        text=text,
        language=language,
        pixels=pixels,
    )
    return moment, size


def _fields(packed: Any) -> dict[str, Any]:
    if not isinstance(packed, dict):
        raise WireError("not an object")
    return packed


def _member(kind: type[_Member], value: Any) -> _Member:
    try:
        return kind(value)
    except ValueError:
        raise WireError(f"not a {kind.__name__}") from None


def _whole(value: Any, *, low: int = 0) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not low <= value < 1 << 31:
        raise WireError("not a whole number within bounds")
    return value


def _real(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value < math.inf:
        raise WireError("not a number within bounds")
    return float(value)


def _box(value: Any) -> Box | None:
    if value is None:
        return None
    if not (isinstance(value, list) and len(value) == 4):
        raise WireError("not a box")
    sides = [_real(side) for side in value]
    if any(side is None or side > 1 for side in sides):
        raise WireError("not a box")
    return Box(*[float(side or 0) for side in sides])
