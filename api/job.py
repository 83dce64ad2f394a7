"""What a job is, for those who look at it; `api.jobs` runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from bowerbird.errors import UsageError
from bowerbird.store.catalog.jobs import Job as Record

State = Literal["running", "done", "failed", "cancelled"]
_LISTS = ("failed", "waiting")
"""What a report lists, and the record of a run only counts."""


class OutsideRoots(UsageError):
    """A job may only touch what lies in a root that the owner of the library has added."""


class NoSuchJob(UsageError):
    """No job has this id."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: files of an index job, vectors of a re-encode job, pictures of a caption job.

    ``total`` is None until it is counted.
    """

    done: int = 0
    total: int | None = None
    failed: int = 0
    eta_s: float | None = None
    """Seconds that are left at the pace so far; None until that can be told."""

    @classmethod
    def of_report(cls, report: Mapping[str, Any]) -> Progress:
        """How far a run came that reports this, where its lists may be counts."""
        done = next(report[name] for name in ("seen", "encoded", "pictures") if name in report)
        left_out = next(report[name] for name in _LISTS if name in report)
        return cls(done, done, left_out if isinstance(left_out, int) else len(left_out), 0.0)


@dataclass(frozen=True, slots=True)
class Job:
    """One run. ``report`` is what ``--json`` of its verb prints, once it is done; ``error`` is one line.

    Of runs that this server has not started, only what SQL keeps is known: no paths, no error, progress at their end
    alone, and for ``failed`` or ``waiting`` in the report, which list files, None; ``progress.failed`` counts them.
    """

    id: str
    kind: str
    """``index``, ``reencode`` or ``caption``."""
    state: State
    started_at: datetime
    finished_at: datetime | None = None
    paths: tuple[str, ...] = ()
    progress: Progress = Progress()
    report: dict[str, Any] | None = None
    error: str | None = None

    def as_object(self) -> dict[str, Any]:
        """The job as JSON shows it, times in ISO 8601."""
        finished = self.finished_at and self.finished_at.isoformat()
        return {**asdict(self), "started_at": self.started_at.isoformat(), "finished_at": finished}

    @classmethod
    def on_record(cls, record: Record, *, lives: bool) -> Job:
        """A run as SQL knows it; ``lives``: the process that ran it still does."""
        state: State = record.state  # type: ignore[assignment]  # no other is written
        report, progress, error = None, Progress(), None
        if state == "running" and not lives:
            state, error = "failed", "the process that ran it ended; what it did is kept, run it again to go on"
        elif state == "failed":
            error = "it did not come to its end; what it did is kept, run it again to go on"
        elif state == "done" and record.report is not None:
            progress = Progress.of_report(record.report)
            report = {"version": 1, **record.report, **{name: None for name in _LISTS if name in record.report}}
        return cls(
            id=str(record.id),
            kind=record.kind,
            state=state,
            started_at=record.started_at,
            finished_at=record.finished_at,
            progress=progress,
            report=report,
            error=error,
        )
