"""What is said to a model and where, what that costs, and how it may turn out other than asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from bowerbird.errors import EndpointFailed

Message = Mapping[str, Any]
"""One of the chat: ``role`` and ``content``, as the protocol has them."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an endpoint says that it has read and written: what its owner may bill."""

    prompt: int = 0
    completion: int = 0


class TooLong(EndpointFailed):
    """The model had more to say than it was given tokens for; what it did say has come."""


class NoPictures(EndpointFailed):
    """Pictures were sent, and the model takes none."""


def is_this_machine(host: str) -> bool:
    """Whether what is sent to ``host`` leaves this machine not at all."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
