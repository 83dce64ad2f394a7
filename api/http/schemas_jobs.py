"""What goes into the routes of jobs and comes out, as OpenAPI tells it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_PATHS = 1000


class IndexIn(BaseModel):
    """What is to be brought up to date."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"paths": ["/home/ada/Pictures/2019"]}, {}]}
    )

    paths: list[str] = Field(
        default=[], max_length=MOST_PATHS, description="Absolute, each inside a root; none: every root"
    )
    retry_failed: bool = Field(default=False, description="Try files again that could not be read, too")


class ProgressOut(BaseModel):
    """How far it is: in files of an index job, in vectors of a re-encode job, in pictures of a caption job."""

    done: int
    total: int | None = Field(description="null until they have been counted")
    failed: int
    eta_s: float | None = Field(description="Seconds that are left, at the pace so far")


class JobOut(BaseModel):
    """A run, of this server or of another process."""

    id: str = Field(examples=["j0f3a2b1c4d5e6f70"])
    kind: Literal["index", "reencode", "caption"]
    state: Literal["running", "done", "failed", "cancelled"]
    started_at: str
    finished_at: str | None
    paths: list[str]
    progress: ProgressOut
    report: dict[str, Any] | None = Field(description="What `--json` of its verb prints, once it is done")
    error: str | None


class JobAnswer(BaseModel):
    """One job."""

    version: Literal[1]
    job: JobOut


class JobsOut(BaseModel):
    """Jobs, the newest first."""

    version: Literal[1]
    jobs: list[JobOut]
