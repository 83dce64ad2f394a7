"""Index runs on the server: start, follow, cancel."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from api.client.answers import Job, job_of
from api.client.problems import ServerUnreachable
from api.client.transport import Transport, in_path
from bowerbird.paths import listed

_QUIET_S = 120.0
"""For which a stream of events may say nothing before it counts as broken."""
_AGAIN_S = 1.0
"""After which a stream that broke off is asked for again."""


class JobCalls:
    """Methods of `BowerbirdClient`."""

    _http: Transport

    def index(self, paths: Path | str | Sequence[Path | str] = (), *, retry_failed: bool = False) -> Job:
        """Start to index these paths of the server, each inside a root that its owner has added; none: every root.

        Raises `LibraryBusy` where a run goes on already, `NotAllowed` where a path lies outside the roots.
        """
        asked = {"paths": [str(each) for each in listed(paths)], "retry_failed": retry_failed}
        return self._http.read(lambda said: job_of(said["job"]), "POST", "/v1/index", json=asked)

    def jobs(self) -> list[Job]:
        """The runs that the server remembers."""
        return self._http.read(lambda said: [job_of(each) for each in said["jobs"]], "GET", "/v1/jobs")

    def job(self, job_id: str) -> Job:
        """One run, as it stands."""
        return self._http.read(_job, "GET", f"/v1/jobs/{in_path(job_id)}")

    def follow(self, job_id: str) -> Iterator[Job]:
        """A run whenever it has come further, until it has ended; a stream that breaks off is taken up again."""
        while True:
            heard = False
            try:
                for name, said in self._http.events(f"/v1/jobs/{in_path(job_id)}/events", _QUIET_S):
                    heard = True
                    if name in {"progress", "end"}:
                        yield self._http.made(_job, said)
                    if name == "end":
                        return
            except ServerUnreachable:
                if not heard:
                    raise
            time.sleep(_AGAIN_S)

    def cancel(self, job_id: str) -> Job:
        """Ask a run to end; what it has finished is kept. Returns it as it is now, most likely still running."""
        return self._http.read(_job, "DELETE", f"/v1/jobs/{in_path(job_id)}")


def _job(said: Mapping[str, Any]) -> Job:
    """A job by itself, or in the envelope in which a new one comes."""
    return job_of(said.get("job", said))
