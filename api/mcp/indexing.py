"""The tool `index`: starts a run, tells how far it is, and answers with its report."""

from __future__ import annotations

import time
from typing import Any

import anyio
from mcp.server.mcpserver import Context

from api.cli.common import printable
from api.job import Job
from api.keys import Scope
from api.mcp.answers import FailedFile, IndexRun
from api.mcp.parts import Parts
from bowerbird.errors import UsageError

WAIT_S = 25.0
"""For which a caller waits who does not follow the progress: less than clients and servers wait for an answer."""
_LOOK_EVERY_S = 0.25
_MOST_FAILURES = 20


async def run(
    parts: Parts, context: Context[Any, Any], paths: list[str], job_id: str | None, wait_s: float | None
) -> IndexRun:
    """Start a run over ``paths``, or take up ``job_id``, and wait; a caller who follows the progress until the end.

    Raises `UsageError` where the caller's key is not for indexing, and as `Jobs.start_index` and `Jobs.at`. The run
    goes on where the caller goes away.
    """
    _check(context)
    if job_id is None:
        job = await parts.threads.run(parts.jobs.start_index, paths)
    elif paths:
        raise UsageError("either paths or a job: leave out the paths to go on waiting for the job")
    else:
        job = await parts.threads.run(parts.jobs.at, job_id)
    follows = (context.request_context.meta or {}).get("progress_token") is not None
    patience = wait_s if wait_s is not None else float("inf") if follows else WAIT_S
    until, told = time.monotonic() + patience, None
    while True:
        progress = job.progress
        if (progress.done, progress.total) != told:
            told = progress.done, progress.total
            await context.report_progress(progress.done, progress.total, _line(job))
        if job.state != "running" or time.monotonic() >= until:
            return _run_of(job)
        await anyio.sleep(_LOOK_EVERY_S)
        job = await parts.threads.run(parts.jobs.at, job.id)


def _check(context: Context[Any, Any]) -> None:
    """Over HTTP whoever searches may not index yet; the gate has noted who asks. Over stdio it is the library's user.

    Raises `UsageError`.
    """
    request = context.request_context.request
    if request is None:
        return
    caller = request.scope.get("bowerbird.caller")
    if caller is None or not caller.may(Scope.INDEX):
        raise UsageError(f"this key may not index: make one with `bowerbird keys create NAME --scope {Scope.INDEX}`")


def _line(job: Job) -> str:
    failed = f", {job.progress.failed:,} of them could not be read" if job.progress.failed else ""
    return f"{job.progress.done:,} files{failed}"


def _run_of(job: Job) -> IndexRun:
    report = job.report or {}
    counts = {name: report.get(name) for name in ("seen", "indexed", "reused", "moved", "removed", "segments")}
    failures = [
        FailedFile(path=printable(each["path"]), reason=printable(each["reason"]))
        for each in (report.get("failed") or [])[:_MOST_FAILURES]
    ]
    return IndexRun(
        job=job.id,
        state=job.state,
        done=job.progress.done,
        total=job.progress.total,
        failed=job.progress.failed,
        seconds=report.get("seconds"),
        failures=failures,
        error=job.error,
        **counts,
    )
