"""Opening a film or recording with FFmpeg so that nothing but the file itself is ever read.

FFmpeg would take a text file that is named ``film.mp4`` for a playlist and open what it lists. So the demuxer is pinned
from the file's first bytes, or else its suffix, to one of the few below, none of which is a list of other files; it is
given a file object and no name; and whatever it asks to have opened besides is refused by a callback.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn

import av
from av.container import InputContainer
from av.error import FFmpegError

from bowerbird.errors import DecodeFailed
from bowerbird.media.registry import TRANSPORT_PACKETS
from bowerbird.media.regular_file import open_regular

MAX_FRAME_PIXELS = 40_000_000
"""Of a frame as it is coded: 8K has 33 million. The several frames that a codec holds must fit a child's memory."""

_MARKS = (
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"OggS", "ogg"),
    (0, b"fLaC", "flac"),
    (0, b"FLV\x01", "flv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"#!AMR", "amr"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"\x00\x00\x01\xb3", "mpegvideo"),
    (8, b"AVI ", "avi"),
    (8, b"WAVE", "wav"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    *((4, atom, "mov") for atom in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp")),
)
"""Where it stands, what stands there, which demuxer reads it."""
_BY_SUFFIX = {
    "mov": "mp4 m4v mov qt 3gp 3g2 m4a m4b",
    "matroska": "mkv webm mka",
    "mpegts": "ts mts m2ts",
    "mpeg": "mpg mpeg",
    "asf": "wmv wma",
    "ogg": "ogg oga ogv opus",
    "aiff": "aiff aif aifc",
} | {name: name for name in ("avi", "flv", "mp3", "aac", "flac", "wav", "amr")}
_DEMUXERS = {f".{suffix}": demuxer for demuxer, suffixes in _BY_SUFFIX.items() for suffix in suffixes.split()}
_HEAD = 4096


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The container, its streams known. Raises `DecodeFailed`, here and wherever FFmpeg fails within the block."""
    with open_regular(path) as file, explained():
        if os.fstat(file.fileno()).st_size == 0:
            raise DecodeFailed("is empty")
        with av.open(
            _Nameless(file),
            "r",
            format=_demuxer(file, path.suffix.lower()),
            options={"protocol_whitelist": "none", "max_pixels": str(MAX_FRAME_PIXELS)},
            metadata_errors="replace",
            io_open=_refuse,
        ) as container:
            yield container


@contextmanager
def explained() -> Iterator[None]:
    """Turn what PyAV raises into a line that says what is wrong with the file."""
    try:
        yield
    except MemoryError:
        raise DecodeFailed("takes more memory than there is") from None
    except EOFError:
        raise DecodeFailed("is cut short") from None
    except (FFmpegError, OSError):
        raise DecodeFailed("is damaged or cut short, or no film or recording of a kind that is read") from None


def demuxer(head: bytes, suffix: str) -> str:
    """FFmpeg's name of what reads a file that begins with ``head``, behind any ID3 tag; by its suffix if need be."""
    for at, mark, name in _MARKS:
        if head[at : at + len(mark)] == mark:
            return name
    if any(head[at : at + 1] == b"G" == head[at + step : at + step + 1] for at, step in TRANSPORT_PACKETS):
        return "mpegts"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # MPEG audio: layer 0 stands for AAC
        return "mp3" if head[1] & 0x06 else "aac"
    if suffix not in _DEMUXERS:
        raise DecodeFailed("is no film or recording of a kind that is read")
    return _DEMUXERS[suffix]


def _demuxer(file: BinaryIO, suffix: str) -> str:
    head = file.read(_HEAD)
    if head.startswith(b"ID3") and len(head) >= 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(10 + size)
        head = file.read(_HEAD)
    file.seek(0)
    return demuxer(head, suffix)


class _Nameless:
    """A file without its name, since FFmpeg finds other files beside that, and without `write`."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell


def _refuse(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError("nothing but the file itself is opened")
