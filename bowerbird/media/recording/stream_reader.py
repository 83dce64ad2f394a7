"""What the readers of a container's streams have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from av.error import FFmpegError
from av.packet import Packet

from bowerbird.moments import Heard, Moment


class StreamReader(Protocol):
    """Takes one stream's packets in order, and gives what they hold as soon as it is known."""

    found: bool
    """Whether anything could be decoded yet."""

    def read(self, packet: Packet[Any]) -> Iterator[Moment | Heard]:
        """What this packet completes."""
        ...

    def finish(self) -> Iterator[Moment | Heard]:
        """What is left when there are no more packets. To be called once."""
        ...


def decoded(stream: Any, packet: Packet[Any] | None) -> list[Any]:
    """The frames that a packet completes, or with None those that the codec still holds. Damage costs one packet."""
    try:
        frames: list[Any] = stream.decode(packet)
    except (FFmpegError, EOFError):
        return []
    return frames
