"""Index runs: started, listed, followed, cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.http.deps import TheCaller, TheState, needs
from api.http.replies import reply
from api.http.schemas_jobs import IndexIn, JobAnswer, JobsOut
from api.http.state import State
from api.job import Job
from api.keys import Caller, Scope, lives

router = APIRouter(prefix="/v1", tags=["jobs"], dependencies=[needs(Scope.INDEX)])

HEARTBEAT_S = 0.5
"""After which a stream with nothing new to tell looks whether anybody listens, and still may."""


@router.post("/index", response_model=JobAnswer, status_code=HTTPStatus.ACCEPTED)
async def start_indexing(state: TheState, asked: IndexIn | None = None) -> Response:
    """Bring files and folders up to date, or every root: a job, to be followed where `Location` says.

    A path outside the roots that the owner has added is refused, 403; so is a second run while one goes on, 409.
    """
    said = asked or IndexIn()
    return started(await state.pools.quick.run(state.jobs.start_index, said.paths, retry_failed=said.retry_failed))


@router.get("/jobs", response_model=JobsOut)
async def jobs(state: TheState, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> Response:
    """The newest jobs, of this server and of other processes."""
    return reply({"jobs": [job.as_object() for job in await state.pools.quick.run(state.jobs.all, limit)]})


@router.get("/jobs/{job_id}", response_model=JobAnswer)
async def job(job_id: str, state: TheState) -> Response:
    """One job as it stands."""
    return _answer(await state.pools.quick.run(state.jobs.at, job_id))


@router.delete("/jobs/{job_id}", response_model=JobAnswer)
async def cancel_job(job_id: str, state: TheState) -> Response:
    """Ask a job to end; what it has done so far is kept. It is answered as it is now, most likely still running."""
    return _answer(await state.pools.quick.run(state.jobs.cancel, job_id))


async def _followed(job_id: str, state: TheState) -> Iterator[Job]:
    """The job, to be gone through in a thread; asked for before the stream begins, so that 404 can be said."""
    return await state.pools.streams.run(state.jobs.follow, job_id, heartbeat_s=HEARTBEAT_S)


@router.get("/jobs/{job_id}/events", response_class=EventSourceResponse)
async def job_events(
    followed: Annotated[Iterator[Job], Depends(_followed)], state: TheState, caller: TheCaller
) -> AsyncIterator[ServerSentEvent]:
    """Its progress as server-sent events, `progress` and at last `end`, each with the job as data.

    A stream that stops without `end` was cut off, by the end of the server or of the key: ask for it again.
    """
    while (job := await state.pools.streams.run(_next, state, followed, caller)) is not None:
        yield ServerSentEvent(event="progress" if job.state == "running" else "end", data=job.as_object())


def _next(state: State, followed: Iterator[Job], caller: Caller) -> Job | None:
    """What comes next; None at the end, and once the key has been revoked."""
    job = next(followed, None)
    return job if lives(state.library, caller) else None


def started(job: Job) -> Response:
    """The answer to what began a job."""
    answer = _answer(job, HTTPStatus.ACCEPTED)
    answer.headers["Location"] = f"/v1/jobs/{job.id}"
    return answer


def _answer(job: Job, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return reply({"job": job.as_object()}, status)
