"""The process of one job: it is told what to do, says how far it is, and is ended where it has to be.

`api.index_worker` is its program.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from api.job import Job, Progress, State
from bowerbird.errors import LibraryError
from bowerbird.store.lease import owner


class JobProcess:
    """A job of this server, and its process. Its own thread attends to it; ``job`` changes under the lock of `Jobs`."""

    attendant: threading.Thread

    def __init__(self, job: Job) -> None:
        self.job = job
        self._process = _process()
        self.owner = owner(self._process.pid)
        """Who its record says runs it."""
        self._killer: threading.Timer | None = None
        self._first: tuple[float, int] | None = None
        """When progress was first told, and how much had been done by then."""

    def talk(self, request: Mapping[str, object]) -> Iterator[Mapping[str, Any]]:
        """What the process says, until its end. Its stdin stays open for as long as we live."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # it is gone already, and `ended` will say so
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            with suppress(ValueError):  # half a line of a process that was killed
                yield json.loads(line)
        self._process.wait()
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()

    def note(self, said: Mapping[str, Any]) -> None:
        """Take over what it said."""
        progress = replace(
            self.job.progress, **{name: said[name] for name in ("done", "total", "failed") & said.keys()}
        )
        if "done" in said and self._first is None:
            self._first = time.monotonic(), progress.done
        progress = replace(progress, eta_s=_eta(progress, self._first))
        report, error = said.get("report", self.job.report), said.get("error", self.job.error)
        self.job = replace(self.job, progress=progress, report=report, error=error)

    def stop(self, grace_s: float) -> None:
        """Ask the process to end, and kill it if it takes longer than ``grace_s``."""
        if self._killer is None:
            self._process.terminate()
            self._killer = threading.Timer(grace_s, self._process.kill)
            self._killer.daemon = True
            self._killer.start()

    def ended(self) -> Job:
        """The job, now that its process is gone."""
        job, code = self.job, self._process.returncode
        state: State
        if job.report is not None:
            state, progress, error = "done", Progress.of_report(job.report), None
        elif self._killer is not None:
            state, progress, error = "cancelled", replace(job.progress, eta_s=None), None
        else:
            how = "was killed, most likely for want of memory" if code == -9 else f"ended early, with code {code}"
            fallback = f"the process that ran it {how}; what it did is kept, start it again to go on"
            state, progress, error = "failed", replace(job.progress, eta_s=None), job.error or fallback
        if self._killer is not None:
            self._killer.cancel()
        return replace(job, state=state, finished_at=datetime.now(UTC), progress=progress, error=error)


def _process() -> subprocess.Popen[str]:
    # It finds its modules where we found ours, and never in the folder that the server was started from.
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path if entry)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "api.index_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="ascii",
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the server, which then ends its jobs
        )
    except OSError as error:
        raise LibraryError(f"no process can be started: {error.strerror}; free some memory and try again") from None


def _eta(progress: Progress, first: tuple[float, int] | None) -> float | None:
    if first is None or progress.total is None or progress.done <= first[1]:
        return None
    pace = (time.monotonic() - first[0]) / (progress.done - first[1])
    return round(pace * max(progress.total - progress.done, 0), 1)
