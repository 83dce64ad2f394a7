"""``MODEL@URL``: a model behind the OpenAI chat-completions protocol, on this machine or anywhere that its user named.

Whatever speaks that protocol will do: OpenAI itself, Gemini's compatible address, Ollama, vLLM, llama.cpp and the like.
The official ``openai`` client talks to it. One thread with an event loop serves all endpoints of a process, since a
task there can be broken off wherever it stands: in a name's look-up, in a header that trickles in, in a stream that
pauses. So the deadline always holds, and an iterator that is closed lets go of the connection at once.

What is sent goes to the address in the spec and nowhere else: redirects are not followed. As with every program that
uses httpx, a proxy that the environment names is passed on the way, but not to this machine itself. No tools are ever
offered to a model.
"""

from __future__ import annotations

import asyncio
import os
import queue
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bowerbird.errors import EndpointFailed, UnknownEncoder
from bowerbird.models.endpoint.messages import Message, Tokens, is_this_machine
from bowerbird.models.endpoint.said import without_thoughts
from bowerbird.models.listener import Left, woken_on_leaving

if TYPE_CHECKING:
    from bowerbird.models.endpoint.wire import Wire

KEYS = ("BOWERBIRD_OPENAI_API_KEY", "OPENAI_API_KEY")
"""Variables of the environment that may hold the key; the first that does counts. The second, which is not set for us
alone, is not sent in clear text to another machine.
"""
FIRST_WAIT_S = 0.5
"""Before the second try; it doubles with each further one."""
_NO_KEY = "none"  # the client demands one, and endpoints at home do not look at it
_EXAMPLE = "write MODEL@URL, as in llava:7b@http://127.0.0.1:11434/v1"
_GRACE_S = 5.0
_SPEC = re.compile(r"(?P<model>\S.*?)@(?P<address>[A-Za-z][A-Za-z0-9+.-]*://.*)", re.DOTALL)


class Endpoint:
    """One model at one address. Safe to share between threads; nothing is sent before the first `say`."""

    def __init__(
        self, model: str, address: str, timeout_s: float, *, key: str | None = None, first_wait_s: float = FIRST_WAIT_S
    ) -> None:
        self.model = model
        self.address = address
        """The base URL, to which ``/chat/completions`` is added: where everything goes that is said to the model."""
        self.timeout_s = timeout_s
        """What one conversation may take, all tries together, in seconds of a monotonic clock."""
        self._key = key or _NO_KEY
        self._first_wait_s = first_wait_s
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._used = Tokens()

    @classmethod
    def of(cls, spec: str, timeout_s: float) -> Endpoint:
        """What ``MODEL@URL`` names, with the key that the environment holds.

        Raises `UnknownEncoder` where it names nothing that could be asked, or would put a password on record.
        """
        found = _SPEC.fullmatch(spec.strip())
        if not found or not found["model"].isprintable():
            raise UnknownEncoder(f"an endpoint needs a model and an address: {_EXAMPLE}")
        address = _address(found["address"])
        return cls(found["model"], address, timeout_s, key=_key(address))

    @property
    def spec(self) -> str:
        """``MODEL@URL``, without any key."""
        return f"{self.model}@{self.address}"

    @property
    def used(self) -> Tokens:
        """All tokens so far, as far as the endpoint tells."""
        with self._lock:
            return self._used

    def say(self, messages: Sequence[Message], *, most_tokens: int, until: float | None = None) -> Iterator[str]:
        """What the model says to ``messages``, piece by piece, without its thoughts.

        ``until``: when it is to be over by `time.monotonic`, where `timeout_s` are for more than this; None: it has
        them to itself.

        Raises `EndpointFailed`, one line with the address and a remedy, where nothing comes or it breaks off, of which
        `TooLong`, `NoPictures` and `EndpointUnreachable` are kinds. It is asked again, with back-off, where that may
        help and it has said nothing yet. Closing the iterator ends the request; so does the leaving of whoever listens,
        at once and with `Left`.
        """
        with closing(without_thoughts(self._pieces(messages, most_tokens, until))) as pieces:
            yield from pieces

    def _pieces(self, messages: Sequence[Message], most_tokens: int, until: float | None) -> Iterator[str]:
        came: queue.SimpleQueue[str | EndpointFailed | Left | None] = queue.SimpleQueue()
        with woken_on_leaving(lambda: came.put(Left())):  # first, so that whoever has left already hears nothing else
            asking = self._connected().ask(messages, most_tokens, self.timeout_s, until, came.put, self._count)
            task = asyncio.run_coroutine_threadsafe(asking, _loop())
            try:
                while (piece := came.get(timeout=self.timeout_s + _GRACE_S)) is not None:
                    if isinstance(piece, EndpointFailed | Left):
                        raise piece
                    yield piece
            except queue.Empty:  # only where the loop's own thread is gone, as after a fork
                raise EndpointFailed(f"{self.address} cannot be asked from here; start the program anew") from None
            finally:
                task.cancel()

    def _connected(self) -> Wire:
        with self._lock:
            if self._wire is None:
                from bowerbird.models.endpoint.wire import Wire

                self._wire = Wire(self.model, self.address, self._key, self._first_wait_s)
            return self._wire

    def _count(self, prompt: int, completion: int) -> None:
        with self._lock:
            self._used = Tokens(self._used.prompt + prompt, self._used.completion + completion)


def _address(text: str) -> str:
    """The URL as it goes on record. Raises `UnknownEncoder`, with no word of what may be a password."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # brackets that do not match, a port that is no number
        usable = False
    if not usable or not text.isprintable() or " " in text:
        raise UnknownEncoder(f"the address of an endpoint begins with http:// or https:// and names a host: {_EXAMPLE}")
    if parts.username is not None or parts.password is not None:
        raise UnknownEncoder(f"an address holds no user or password, since it goes on record; set {KEYS[0]} instead")
    if parts.query or parts.fragment:
        raise UnknownEncoder(f"the address of an endpoint ends before any ? or #: {_EXAMPLE}")
    return text.rstrip("/")


def _key(address: str) -> str | None:
    parts = urlsplit(address)
    overheard = parts.scheme == "http" and not is_this_machine(parts.hostname or "")
    for name in KEYS[:1] if overheard else KEYS:
        if key := os.environ.get(name, "").strip():
            if not key.isascii() or not key.isprintable():
                raise UnknownEncoder(f"{name} holds characters that no key has: set it again")
            return key
    return None


_starting = threading.Lock()
_running: asyncio.AbstractEventLoop | None = None


def _loop() -> asyncio.AbstractEventLoop:
    """The loop in which all endpoints of this process are asked; it runs until the process ends."""
    global _running
    with _starting:
        if _running is None:
            _running = asyncio.new_event_loop()
            threading.Thread(target=_running.run_forever, name="bowerbird-endpoints", daemon=True).start()
        return _running
