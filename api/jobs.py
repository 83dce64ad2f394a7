"""Index, re-encode and caption jobs of a server: each in a process of its own, with live progress, and on record.

A job that crashes, outgrows the memory or is cancelled never touches the server, and its queries stay quick. What it
has done until then is kept, as with every run that is ended.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from api.job import Job, NoSuchJob, OutsideRoots, Progress
from api.job_process import JobProcess
from bowerbird.errors import BowerbirdError, LibraryBusy, UsageError
from bowerbird.models.captioners import BUILT_IN
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.jobs import Job as Record
from bowerbird.store.lease import check_free, works_on
from bowerbird.wiring import Library
from indexer.roots import is_offline

__all__ = ["Job", "Jobs", "NoSuchJob", "OutsideRoots", "Progress"]

_DOING = {
    "index": "indexing into this library",
    "reencode": "re-encoding this library",
    "caption": "captioning the pictures of this library",
}
_TELL_EVERY_S = 0.2
_KEPT = 20
"""Jobs that have ended and stay in memory, for their reports."""


class Jobs:
    """The jobs of one library. Safe to share between threads; a context manager.

    At most one of a kind runs at a time, be it here or in another process.
    """

    def __init__(self, library: Library, *, grace_s: float = 10.0) -> None:
        """``grace_s``: how long a job that is to end may take before its process is killed."""
        self._library = library
        self._grace_s = grace_s
        self._runs: dict[str, JobProcess] = {}
        self._changed = threading.Condition()
        """Guards the runs, and tells of every change of theirs."""
        self._closed = False

    def start_index(self, paths: Sequence[str] = (), *, retry_failed: bool = False) -> Job:
        """Bring files and folders up to date, or every root that is there where ``paths`` is empty.

        Raises `OutsideRoots` where a path, links resolved, lies in no root; `UsageError` where one is not absolute, or
        there is no root; `LibraryBusy` while an index run goes on; `LibraryError` where no process can be started.
        """
        with self._library.catalog.read() as tx:
            roots = tx.roots.all()
        if paths:
            known = [Path(root.path) for root in roots]
            chosen = [_inside(known, path) for path in paths]
        else:
            chosen = [root.path for root in roots if not is_offline(root)]
        if not chosen:
            state = "none of the roots is there now; plug its drive in" if roots else "the library has no roots yet"
            raise UsageError(f"{state}, or add one with `bowerbird roots add FOLDER` on the machine itself")
        return self._start("index", chosen, retry_failed=retry_failed)

    def start_reencode(self, encoder: str | None = None) -> Job:
        """Build the spaces of another encoder beside those that are searched; None: go on with what was begun.

        A spec that will not do is told by the job's ``error``. Raises `LibraryBusy`, `LibraryError`.
        """
        return self._start("reencode", (), encoder=encoder)

    def start_caption(
        self,
        kinds: Sequence[str] = (),
        *,
        limit: int | None = None,
        again: bool = False,
        captioner: str | None = None,
    ) -> Job:
        """Caption what lacks a caption, as `indexer.caption.caption` does.

        ``captioner`` is `BUILT_IN` or what the settings name, which None stands for. Raises `UsageError` where it is
        another one, `LibraryBusy`, `LibraryError`.
        """
        if captioner not in {None, BUILT_IN, self._library.settings.caption.captioner}:
            raise UsageError(f"{captioner!r} is not the captioner of this library's settings; say {BUILT_IN}, or none")
        return self._start("caption", (), kinds=list(kinds), limit=limit, again=again, captioner=captioner)

    def all(self, limit: int = 50) -> list[Job]:
        """The newest jobs, newest first: those started here, and runs of any process that are on record."""
        with self._library.catalog.read() as tx:
            known = [(record.owner, _on_record(tx, record)) for record in tx.jobs.newest(limit)]
        with self._changed:
            jobs = [run.job for run in self._runs.values()]
            ours = {run.owner for run in self._runs.values()}
        jobs += [job for who, job in known if who not in ours]
        return sorted(jobs, key=lambda job: job.started_at, reverse=True)[:limit]

    def at(self, job_id: str) -> Job:
        """The job with this id, which for those that this server has not started is the one of their record.

        Raises `NoSuchJob`.
        """
        with self._changed:
            if (run := self._runs.get(job_id)) is not None:
                return run.job
        if job_id.isascii() and job_id.isdecimal() and len(job_id) < 19:  # what fits into 63 bits
            with self._library.catalog.read() as tx:
                if (record := tx.jobs.at(int(job_id))) is not None:
                    return _on_record(tx, record)
        raise NoSuchJob("there is no such job; list those that there are with GET /v1/jobs")

    def cancel(self, job_id: str) -> Job:
        """Ask a job to end, and have it killed where it does not; returns it as it is now, most likely still running.

        One that has ended is left as it is. Raises `NoSuchJob`, and `UsageError` where another program runs it.
        """
        job = self.at(job_id)
        with self._changed:
            run = self._runs.get(job_id)
            if run is not None and run.job.state == "running":
                run.stop(self._grace_s)
        if run is None and job.state == "running":
            raise UsageError("another program runs this job; end it where it was started")
        return job

    def follow(self, job_id: str, *, heartbeat_s: float = 1.0) -> Iterator[Job]:
        """The job as it is, again at each change, at most five times a second, and last as it has ended.

        Where nothing changes it comes again every ``heartbeat_s``, so that whoever hands it on finds out in time that
        nobody listens any more, and closes the iterator. Blocks between them. Raises `NoSuchJob`, at once.
        """
        return self._follow(self.at(job_id), heartbeat_s)

    def close(self) -> None:
        """End what runs, wait for that, and start no more. What was done so far is kept."""
        with self._changed:
            self._closed = True
            running = [run for run in self._runs.values() if run.job.state == "running"]
            for run in running:
                run.stop(self._grace_s)
        for run in running:
            run.attendant.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, kind: str, paths: Sequence[str], **asked: object) -> Job:
        with self._changed:
            if self._closed:
                raise LibraryBusy("the server is going down; ask again when it is back")
            if any(run.job.kind == kind and run.job.state == "running" for run in self._runs.values()):
                raise LibraryBusy(f"this server is already {_DOING[kind]}; wait until it is done, or cancel it")
            with self._library.catalog.read() as tx:
                check_free(tx, kind, _DOING[kind])
            run = JobProcess(Job(f"j{uuid.uuid4().hex[:16]}", kind, "running", datetime.now(UTC), paths=tuple(paths)))
            request = {"library": str(self._library.folder), "kind": kind, "paths": list(paths), **asked}
            run.attendant = threading.Thread(target=self._attend, args=(run, request), name=run.job.id, daemon=True)
            self._runs[run.job.id] = run
            run.attendant.start()
            for old in [each for each, known in self._runs.items() if known.job.state != "running"][:-_KEPT]:
                del self._runs[old]
            return run.job

    def _attend(self, run: JobProcess, request: Mapping[str, object]) -> None:
        """Tell the process what to do, pass on what it says, and note its end."""
        for said in run.talk(request):
            with self._changed:
                run.note(said)
                self._changed.notify_all()
        ended = run.ended()
        if ended.state != "done":
            with suppress(BowerbirdError), self._library.catalog.write() as tx:  # or it is on record as one that died
                if (record := tx.jobs.of(run.owner)) is not None:
                    tx.jobs.finish(record.id, ended.state, None)
        with self._changed:
            run.job = ended
            self._changed.notify_all()

    def _follow(self, job: Job, heartbeat_s: float) -> Iterator[Job]:
        yield job
        while job.state == "running" and not self._closed:
            job = self._awaited(job, heartbeat_s)
            yield job

    def _awaited(self, job: Job, seconds: float) -> Job:
        """The job when it has changed, but not at once unless it has ended; or as it was, after so many seconds."""
        with self._changed:
            if (run := self._runs.get(job.id)) is not None:
                if not self._changed.wait_for(lambda: run.job.state != "running", min(_TELL_EVERY_S, seconds)):
                    self._changed.wait_for(lambda: run.job is not job, max(seconds - _TELL_EVERY_S, 0))
                return run.job
        time.sleep(seconds)
        return self.at(job.id)


def _inside(roots: Sequence[Path], path: str) -> str:
    """``path`` with its links resolved. What lies outside is refused alike, whether it is there or not."""
    if not Path(path).is_absolute():
        raise UsageError("the paths of a job are absolute; write them out from the root of the file system")
    try:
        real = Path(os.path.realpath(path))
    except ValueError:
        raise UsageError("a path holds a character that no file name holds; write it as it is on disk") from None
    if not any(real.is_relative_to(root) for root in roots):
        raise OutsideRoots(
            "a path lies in no root of this library; add it with `bowerbird roots add FOLDER` on the machine itself"
        )
    return str(real)


def _on_record(tx: Transaction, record: Record) -> Job:
    return Job.on_record(record, lives=works_on(tx, record.kind, record.owner))
