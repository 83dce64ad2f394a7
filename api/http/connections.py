"""Connections, as a server of strangers must keep them: not for ever, not without number, and with a way to hang up.

Uvicorn bounds the time between two requests. What it leaves open, and a hostile client would hold: a head or a body
that comes a byte at a time, an answer that is never read, and as many connections as there are.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h11
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_S = 10.0
"""In which the head of a request must have come; twice that at most, since it is looked after at intervals."""
STALLED_S = 300.0
"""For which an answer may go unread: of a film that is paused, the browser asks for the rest again."""
LEAVE_S = 3.0
"""For which an answer may go on once the server is told to end."""
_HANG_UP = "bowerbird.hang_up"
_WANTED = 8192
_FOR_EACH = 3
"""Descriptors for each connection: itself, the file that it is sent, and what the rest of the server has open."""

_log = logging.getLogger(__name__)
_log.setLevel(logging.ERROR)  # whoever sends what is no HTTP does not get to fill the log


def hang_up(scope: Scope) -> None:
    """Break off the answer to a request, so that the client can tell that it is not whole. Of servers other than ours
    this asks in vain: they say by themselves that less was sent than announced.
    """
    found: Callable[[], None] | None = scope.get(_HANG_UP)
    if found is not None:
        found()


def room() -> int:
    """How many connections may be open at once; as many files as the system lets this process have are asked for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return max(16, (_WANTED if soft == resource.RLIM_INFINITY else min(soft, _WANTED)) // _FOR_EACH)


class Connection(H11Protocol):
    """One connection. H11 itself bounds how long a head may be, which the faster parser does not."""

    most = 1024
    """Connections at once; what comes beyond is turned away unread."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = _log
        self._served = self.app
        self.app = self._answered
        self._idle_since: RequestResponseCycle | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_HANG_UP] = self._hang_up
        await self._served(scope, receive, send)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, or turn it away."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
        else:
            self._watch = self.loop.call_later(HEAD_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        for timer in (self._watch, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read; it may take its time, but not for ever."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_S, self._hang_up)

    def resume_writing(self) -> None:
        """It reads again."""
        if self._stalled is not None:
            self._stalled.cancel()
        super().resume_writing()

    def shutdown(self) -> None:
        """The server ends: an answer may be finished, if it does not take long."""
        super().shutdown()
        if self._answers:
            self.loop.call_later(LEAVE_S, self._hang_up)

    def send_400_response(self, msg: str) -> None:
        """Say that this is no HTTP; in the midst of an answer there is no room to."""
        if self._answers and self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self._hang_up()
        else:
            super().send_400_response(msg)
            if self._answers:
                self.cycle.disconnected = True

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing to say: a request to speak something else may be passed over."""

    @property
    def _answers(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _look(self) -> None:
        """Close it where nothing was asked since the last look: at best a head has come in part, or a body that nobody
        waits for.
        """
        if not self._answers and self._idle_since is self.cycle:
            self.transport.abort()
            return
        # The cycle that was over; while one is under way, nothing that could be met again.
        self._idle_since = self.cycle if not self._answers else _UNDER_WAY
        self._watch = self.loop.call_later(HEAD_S, self._look)

    def _hang_up(self) -> None:
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.abort()


_UNDER_WAY: Any = object()
