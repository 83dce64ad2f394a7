"""Width and height of a WebP picture, read off its first bytes, so that a page can leave room for it.

By the container's specification (RFC 9649); a decoder would read the whole file.
"""

from __future__ import annotations

from pathlib import Path

_HEAD = 30


def size_of(path: Path) -> tuple[int, int] | None:
    """``(width, height)`` in pixels; None where there is no such file, or it is no WebP."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    return size_in(head)


def size_in(head: bytes) -> tuple[int, int] | None:
    """The same of the first 30 bytes of a file."""
    if len(head) < _HEAD or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    number = int.from_bytes
    match head[12:16]:
        case b"VP8 ":
            size = number(head[26:28], "little") & 0x3FFF, number(head[28:30], "little") & 0x3FFF
        case b"VP8L":
            bits = number(head[21:25], "little")
            size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            size = number(head[24:27], "little") + 1, number(head[27:30], "little") + 1
        case _:
            return None
    return size if all(size) else None
