"""Somebody for whom work is done in a thread, and who may leave before its end.

A generator that waits inside for what comes from elsewhere cannot be closed from another thread. So whoever waits there
asks to be woken as the listener leaves, and need not be handed the listener through everything between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Left(Exception):
    """Whoever the work was for has left: it ended, and failed at nothing."""


class Listener:
    """Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = False
        self._waiting: dict[object, Callable[[], None]] = {}

    @property
    def left(self) -> bool:
        """Whether they have gone."""
        return self._left

    def leave(self) -> None:
        """Wake whoever waits for something on their behalf, now or later. To leave twice does no more."""
        with self._lock:
            self._left = True
            waiting = list(self._waiting.values())
            self._waiting.clear()
        for wake in waiting:
            wake()

    @contextmanager
    def served(self) -> Iterator[None]:
        """What is done within, in this thread, is done for them."""
        before = _LISTENER.set(self)
        try:
            yield
        finally:
            _LISTENER.reset(before)

    @contextmanager
    def _woken(self, wake: Callable[[], None]) -> Iterator[None]:
        mine = object()
        with self._lock:
            left = self._left
            if not left:
                self._waiting[mine] = wake
        if left:
            wake()
        try:
            yield
        finally:
            with self._lock:
                self._waiting.pop(mine, None)


@contextmanager
def woken_on_leaving(wake: Callable[[], None]) -> Iterator[None]:
    """Call ``wake``, in any thread and at most once, as soon as the listener leaves for whom this is done, if any is
    known. It must neither wait nor raise.
    """
    if (listener := _LISTENER.get()) is None:
        yield
        return
    with listener._woken(wake):
        yield


_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)
