"""Runs of the indexer: what was asked, how it ended, what it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from bowerbird.store.tables import job


@dataclass(frozen=True, slots=True)
class Job:
    """One run, and in ``owner`` the process that runs it, as `bowerbird.store.lease.owner` names it.

    ``state`` is ``running``, ``done``, ``failed`` or ``cancelled``; a run that was killed stays ``running``.
    """

    id: int
    kind: str
    state: str
    owner: str
    started_at: datetime
    finished_at: datetime | None
    report: dict[str, Any] | None


class Jobs:
    """The history of runs."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def start(self, kind: str, owner: str) -> int:
        """Note that a run has begun; returns its id."""
        values = {"kind": kind, "state": "running", "owner": owner, "started_at": datetime.now(UTC)}
        return int(self._connection.execute(sa.insert(job).values(values).returning(job.c.id)).scalar_one())

    def finish(self, job_id: int, state: str, report: dict[str, Any] | None) -> None:
        """Note how it ended."""
        values = {"state": state, "report": report, "finished_at": datetime.now(UTC)}
        self._connection.execute(sa.update(job).where(job.c.id == job_id).values(values))

    def at(self, job_id: int) -> Job | None:
        """The run with this id."""
        row = self._connection.execute(sa.select(job).where(job.c.id == job_id)).one_or_none()
        return None if row is None else Job(*row)

    def of(self, owner: str) -> Job | None:
        """The newest run of this process."""
        query = sa.select(job).where(job.c.owner == owner).order_by(job.c.id.desc()).limit(1)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Job(*row)

    def newest(self, limit: int) -> Sequence[Job]:
        """The newest runs of any kind, newest first."""
        return [Job(*row) for row in self._connection.execute(sa.select(job).order_by(job.c.id.desc()).limit(limit))]

    def last(self, kind: str) -> Job | None:
        """The newest run of this kind."""
        query = sa.select(job).where(job.c.kind == kind).order_by(job.c.id.desc()).limit(1)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Job(*row)
