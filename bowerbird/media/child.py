"""What runs in a child: read a request, decode the file, send its parts one by one.

It imports the decoders' own libraries and nothing else of the house: no settings, no models, no store. Everything that
a file makes a library do, good or bad, happens here.
"""

from __future__ import annotations

import base64
import ctypes
import os
import resource
import signal
import socket
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from bowerbird.errors import DecodeFailed
from bowerbird.media.formats import Format
from bowerbird.media.parcel import pack_info, pack_part
from bowerbird.media.protocol import Wire, WireError
from bowerbird.media.registry import format_for
from bowerbird.moments import PictureSpec, Wanted
from bowerbird.ports import Decoder

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Setup:
    """What a child is told when it starts."""

    parent: int
    wire: int
    memory: int
    formats: str
    """``module:NAME`` of the table of formats, or of the function that returns it."""
    timeout_s: float
    max_memory_mb: int
    max_megapixels: int
    max_text_mb: float


def main(given: Mapping[str, Any]) -> NoReturn:
    """Serve requests until the parent closes the wire or ends."""
    setup = Setup(**given)
    _confine(setup)
    warnings.simplefilter("ignore")  # of damaged metadata and the like: nobody would see them
    wire = Wire(socket.socket(fileno=setup.wire))
    module, _, name = setup.formats.partition(":")
    found = getattr(import_module(module), name)
    formats: Mapping[str, Format] = found() if callable(found) else found
    decoders: dict[str, Decoder] = {}
    try:
        wire.send({"ready": True})
        while True:
            request = wire.receive()
            signal.setitimer(signal.ITIMER_REAL, setup.timeout_s + 10)
            for answer in _answers(request, formats, decoders, setup):
                signal.setitimer(signal.ITIMER_REAL, 0)  # the parent may take its time over what it got
                wire.send(answer)
                if answer.get("last") is False and "next" not in wire.receive():
                    raise WireError("out of step")
                signal.setitimer(signal.ITIMER_REAL, setup.timeout_s + 10)
            signal.setitimer(signal.ITIMER_REAL, 0)
    except WireError:  # the parent is gone, or wants no more
        os._exit(0)


def _confine(setup: Setup) -> None:
    """Die with the parent, leave no core dump, and fill neither the disk nor the table of open files."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != setup.parent:  # it ended before the line above
        os._exit(0)
    # An orphan that hangs in native code sees no closed wire; where there is no prctl the alarm of `main` ends it.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, 128)
    _lower(resource.RLIMIT_FSIZE, setup.max_memory_mb << 20)


def _lower(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, value))


def _answers(
    request: Mapping[str, Any], formats: Mapping[str, Format], decoders: dict[str, Decoder], setup: Setup
) -> Iterator[dict[str, Any]]:
    """The messages that answer one request. One part is decoded ahead, so that the last is known for it."""
    try:
        path = Path(os.fsdecode(base64.b64decode(request["decode"])))
        chosen = formats[request["decoder"]] if request["decoder"] else format_for(path, formats)
        if chosen is None:
            raise DecodeFailed(f"files named {path.suffix or 'without a suffix'} are not read")
        if chosen.name not in decoders:
            decoders[chosen.name] = chosen.open(setup)
        decoded = decoders[chosen.name].decode(path, _wanted(request["wanted"]))
        answer: dict[str, Any] = {"info": pack_info(decoded.info)}
        parts = iter(decoded.parts)
        part = next(parts, None)
        if part is None:
            yield {**answer, "part": None, "last": True}
        while part is not None:
            following = next(parts, None)
            yield {**answer, "part": pack_part(part, setup.memory), "last": following is None}
            answer, part = {}, following
    except DecodeFailed as failure:
        yield {"failed": _one_line(failure.reason), "stage": failure.stage}
    except MemoryError:
        yield {"failed": "needs more memory than there is", "stage": "decode"}
    except Exception as error:  # whatever a library raises on a hostile file costs that file, and is reported
        yield {"failed": _one_line(f"could not be read: {error or type(error).__name__}"), "stage": "decode"}


def _wanted(packed: Mapping[str, Any]) -> Wanted:
    spec = packed["picture"]
    return Wanted(**{**packed, "picture": None if spec is None else PictureSpec(**spec)})


def _one_line(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= 300 else line[:299] + "…"
