"""The program of the process in which `api.jobs` runs one index, re-encode or caption job.

On stdin comes one line, the request. stdin then stays open for as long as the server lives: at its end, as at SIGTERM,
the run ends, and what it has done so far is kept. On stdout go JSON lines: ``{"total": n}``,
``{"done": n, "failed": n}``, and last ``{"report": {…}}`` or ``{"error": "one line"}``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bowerbird.errors import BowerbirdError

if TYPE_CHECKING:
    from bowerbird.wiring import Library
    from indexer import Progress
    from indexer.pipeline import Run

_TELL_EVERY_S = 0.2
_GRACE_S = 20.0
"""For what is under way, when the server is gone."""


def main() -> int:
    """Do what stdin asks; returns the exit code: 0 where there is a report."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(AttributeError, OSError):  # Windows has no such thing
        os.nice(10)  # searches come first
    wire = Wire()
    try:
        request = json.loads(sys.stdin.buffer.readline())
        threading.Thread(target=_end_with_the_server, name="stdin", daemon=True).start()
        wire.send(report=_run(request, wire))
    except BowerbirdError as error:
        wire.send(error=str(error))
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # the last line of defence: what is wrong with us is told in one line too
        if os.environ.get("BOWERBIRD_TRACEBACK"):
            raise
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        wire.send(error=f"a fault of ours, {said}; set BOWERBIRD_TRACEBACK=1 to see where, and please report it")
    else:
        return 0
    return 1


class Wire:
    """JSON lines on what was stdout; whatever libraries print there goes to stderr from now on."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="ascii")
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._told = 0.0

    def send(self, **what: Any) -> None:
        """One object. Nobody listening any more is no failure: stdin tells of it."""
        with self._lock, suppress(BrokenPipeError):
            self._out.write(json.dumps(what) + "\n")
            self._out.flush()

    def tell(self, progress: Progress) -> None:
        """How far it is, not more often than a person could see."""
        if (now := time.monotonic()) - self._told >= _TELL_EVERY_S:
            self._told = now
            self.send(done=progress.done, failed=progress.failed)


def _run(request: Mapping[str, Any], wire: Wire) -> dict[str, Any]:
    from bowerbird.wiring import open_library

    with open_library(request["library"]) as library:
        if request["kind"] == "index":
            return _index(library, request["paths"], request["retry_failed"], wire)
        if request["kind"] == "caption":
            return _caption(library, request, wire)
        return _reencode(library, request["encoder"], wire)


def _index(library: Library, paths: Sequence[str], retry_failed: bool, wire: Wire) -> dict[str, Any]:
    from indexer import Indexer

    def begun(run: Run) -> None:
        threading.Thread(target=count, args=(run,), name="count files", daemon=True).start()

    def count(run: Run) -> None:
        wire.send(total=sum(1 for _ in run.files()))

    report = Indexer(library).index(paths, on_start=begun, on_progress=wire.tell, retry_failed=retry_failed)
    return {"version": 1, **asdict(report)}


def _reencode(library: Library, encoder: str | None, wire: Wire) -> dict[str, Any]:
    from indexer.reencode import reencode
    from indexer.spaces import as_object

    def work(begun: Callable[[int], None]) -> dict[str, Any]:
        report = reencode(library, encoder, on_start=begun, on_progress=wire.tell)
        return {**asdict(report), "spaces": [as_object(space) for space in report.spaces]}

    return _on_record(library, "reencode", wire, work, counted="waiting")


def _caption(library: Library, request: Mapping[str, Any], wire: Wire) -> dict[str, Any]:
    from api.captioning import as_object, caption_library
    from bowerbird.types import SegmentKind

    def work(begun: Callable[[int], None]) -> dict[str, Any]:
        report = caption_library(
            library,
            library.captioner(request["captioner"]),
            kinds=[SegmentKind(each) for each in request["kinds"]],
            limit=request["limit"],
            again=request["again"],
            replacing=request["captioner"] is not None,
            on_start=begun,
            on_progress=wire.tell,
        )
        return as_object(report)

    return _on_record(library, "caption", wire, work, counted="failed")


def _on_record(
    library: Library, kind: str, wire: Wire, work: Callable[[Callable[[int], None]], dict[str, Any]], counted: str
) -> dict[str, Any]:
    """What ``work`` answers; it calls what it is given when it knows how much there is to do.

    From then on the catalogue tells every process of the job, and in the end what came of it: of the list ``counted``
    only how many stand there.
    """
    from bowerbird.store.lease import owner

    record: int | None = None

    def begun(total: int) -> None:
        nonlocal record
        with library.catalog.write() as tx:
            record = tx.jobs.start(kind, owner())
        wire.send(total=total)

    state, found = "failed", dict[str, Any]()
    try:
        found = work(begun)
        state = "done"
    finally:
        if record is not None:
            with library.catalog.write() as tx:
                tx.jobs.finish(record, state, {**found, counted: len(found.get(counted, ()))})
    return {"version": 1, **found}


def _end_with_the_server() -> None:
    os.read(0, 1)  # of the descriptor: a thread that waits inside `sys.stdin` would hold up the end of the program
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
