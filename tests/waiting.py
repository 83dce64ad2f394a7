"""Waiting for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable


def until(true: Callable[[], object]) -> None:
    """Wait for what is bound to come; the limit only ends a test that has failed."""
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.01)
