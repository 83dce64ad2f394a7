"""The MCP server over stdin and stdout, for an assistant on the same machine that starts it."""

from __future__ import annotations

import os
import signal

import anyio

from api.jobs import Jobs
from api.mcp.parts import OwnThreads, Parts
from api.mcp.server import make_server
from api.renditions import Renditions
from bowerbird.wiring import Library


def serve(library: Library) -> None:
    """Serve ``library``, which the caller closes, until stdin ends; what is being indexed then is ended.

    Meanwhile nothing but the protocol reaches stdout: what others print goes to stderr. Call it from the main thread.
    """
    # Waiting for a line cannot be called off, so Ctrl-C would wait for one too. Nothing is lost by ending at once: what
    # was committed stands, and the processes of jobs and decoders end when ours has.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with Jobs(library) as jobs:
            parts = Parts.of(library, jobs, Renditions(library), OwnThreads(os.cpu_count() or 1))
            anyio.run(make_server(parts).run_stdio_async)
    finally:
        signal.signal(signal.SIGINT, before)
