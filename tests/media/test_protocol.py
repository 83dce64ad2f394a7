from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.media.protocol import (
    MAX_HEADER,
    Wire,
    WireError,
    pack_info,
    pack_moment,
    shared_memory,
    unpack_info,
    unpack_moment,
)
from bowerbird.types import AssetInfo, AssetKind, Box, Moment, PictureSpec, SegmentKind

SPEC = PictureSpec(8)
TIME = st.none() | st.floats(0, 1e6)
SIDE = st.floats(0, 1)
MEMORY = shared_memory()


@given(
    kind=st.sampled_from(SegmentKind),
    start_s=TIME,
    end_s=TIME,
    page=st.none() | st.integers(0, 10_000),
    box=st.none() | st.builds(Box, SIDE, SIDE, SIDE, SIDE),
    text=st.none() | st.text(),
    language=st.none() | st.sampled_from(["en", "pt-BR"]),
    grey=st.none() | st.integers(0, 255),
)
def test_a_moment_comes_through_whole(grey: int | None, **fields: Any) -> None:
    if fields["text"] is not None:
        fields["text"] = fields["text"].encode("utf-8", "replace").decode()
    pixels = None if grey is None else np.full((8, 8, 3), grey, np.uint8)
    moment = Moment(**fields, pixels=pixels)
    packed = json.loads(json.dumps(pack_moment(moment, MEMORY)))
    again, size = unpack_moment(packed, MEMORY, SPEC, 1 << 20)
    assert again == moment
    assert size == len((moment.text or "").encode()) + (0 if grey is None else 192)
    assert (again.pixels is None) == (pixels is None)
    if pixels is not None:
        np.testing.assert_array_equal(again.pixels, pixels)


def test_an_info_comes_through_whole() -> None:
    info = AssetInfo(AssetKind.VIDEO, "video/mp4", 640, 480, 12.5)
    assert unpack_info(json.loads(json.dumps(pack_info(info)))) == info


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "nonsense"},
        {"start_s": -1},
        {"start_s": float("nan")},
        {"end_s": float("inf")},
        {"end_s": "soon"},
        {"page": 1.5},
        {"page": True},
        {"page": -1},
        {"box": [0, 0, 1]},
        {"box": [0, 0, 1, None]},
        {"box": [0, 0, 2, 1]},
        {"language": "x" * 100},
        {"text_bytes": -1},
        {"text_bytes": 1 << 25},
        {"text_bytes": 1 << 40},
        {"pixels": [9, 8, 3]},
        {"pixels": [8, 8]},
        {"pixels": "8x8"},
    ],
)
def test_a_moment_that_no_decoder_makes_is_refused(changed: dict[str, Any]) -> None:
    packed = pack_moment(Moment(SegmentKind.FRAME, text="x", pixels=np.zeros((8, 8, 3), np.uint8)), MEMORY)
    packed["pixels"] = list(packed["pixels"])
    unpack_moment(packed, MEMORY, SPEC, 1000)
    with pytest.raises(WireError):
        unpack_moment({**packed, **changed}, MEMORY, SPEC, 1 << 24)


def test_more_than_the_budget_or_the_memory_holds_is_refused() -> None:
    packed = pack_moment(Moment(SegmentKind.TEXT, text="x" * 100), MEMORY)
    with pytest.raises(WireError, match="more than was allowed"):
        unpack_moment(packed, MEMORY, SPEC, 99)
    os.ftruncate(MEMORY, 50)
    with pytest.raises(WireError, match="payload cut short"):
        unpack_moment(packed, MEMORY, SPEC, 100)


@pytest.mark.parametrize("info", [None, [], {"kind": "image"}, {"kind": "image", "media_type": "a\nb"}])
def test_an_info_that_no_decoder_makes_is_refused(info: Any) -> None:
    with pytest.raises(WireError):
        unpack_info(info)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Wire]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, Wire(other)


def test_messages_keep_their_bounds_however_they_arrive(ends: tuple[socket.socket, Wire]) -> None:
    raw, wire = ends
    messages = [{"n": i, "text": "é" * i} for i in range(5)]
    stream = b"".join(struct.pack("<I", len(body)) + body for body in (json.dumps(each).encode() for each in messages))
    raw.sendall(stream[:7])
    raw.sendall(stream[7:])
    assert [wire.receive() for _ in messages] == messages


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x05\x00",
        struct.pack("<I", 1 << 31),
        struct.pack("<I", 3) + b"[1]",
        struct.pack("<I", 3) + b"{{{",
        struct.pack("<I", 60_000) + b"[" * 60_000,
    ],
)
def test_nonsense_and_the_end_are_wire_errors(sent: bytes, ends: tuple[socket.socket, Wire]) -> None:
    raw, wire = ends
    raw.sendall(sent)
    raw.shutdown(socket.SHUT_WR)
    with pytest.raises(WireError):
        wire.receive()


def test_a_message_has_a_bound(ends: tuple[socket.socket, Wire]) -> None:
    with pytest.raises(ValueError, match="too long"):
        ends[1].send({"text": "x" * MAX_HEADER})


def test_whoever_waits_may_give_up(ends: tuple[socket.socket, Wire]) -> None:
    ends[1]._connection.settimeout(0.01)

    def check() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        ends[1].receive(check)
