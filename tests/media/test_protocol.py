from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator

import pytest

from bowerbird.media.protocol import MAX_HEADER, Wire, WireError


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
