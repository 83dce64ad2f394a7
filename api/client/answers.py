"""What the server says, as the dataclasses that a call in Python would return. What is not known here is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bowerbird.queries import Evidence, Hit, SearchResult
from bowerbird.types import AssetKind, Box, Position, SegmentKind, Source

Object = Mapping[str, Any]
"""A JSON object."""


@dataclass(frozen=True, slots=True)
class AssetFound:
    """One piece of content, where it lies and what is known of it."""

    asset_id: str
    """The sha256 of its content, in hex."""
    kind: AssetKind
    media_type: str
    size: int
    """In bytes."""
    name: str
    path: str
    """Where it lies; the first of `paths`."""
    paths: tuple[str, ...]
    width: int | None
    height: int | None
    duration_s: float | None
    taken_at: str | None
    """ISO 8601 without a zone, by the clock on the wall there."""
    place: str | None
    camera: str | None
    lens: str | None
    position: Position | None
    title: str | None
    artist: str | None
    album: str | None
    keywords: tuple[str, ...]
    segments: Mapping[SegmentKind, int]
    """How many moments of each kind it has."""


@dataclass(frozen=True, slots=True)
class SegmentFound:
    """A moment of an asset."""

    segment_id: int
    kind: SegmentKind
    start_s: float | None
    end_s: float | None
    page: int | None
    box: Box | None
    text: str | None
    language: str | None
    confidence: float | None
    """0..1, of text that was heard or read off a picture."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word on a page, and where it stands there."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come, in files; ``total`` is None until they have been counted."""

    done: int
    total: int | None
    failed: int
    eta_s: float | None
    """Seconds that are left at the pace so far; None until that can be told."""


@dataclass(frozen=True, slots=True)
class Job:
    """A run on the server."""

    id: str
    kind: str
    state: Literal["running", "done", "failed", "cancelled"]
    started_at: datetime | None
    finished_at: datetime | None
    paths: tuple[str, ...]
    progress: Progress
    report: Object | None
    """What `bowerbird index --json` prints, once it is done."""
    error: str | None


@dataclass(frozen=True, slots=True)
class Label:
    """Which label fits one file."""

    path: str
    asset_id: str
    label: str | None
    """The best, None where none reaches the threshold."""
    relevance: float
    scores: Mapping[str, float]
    """Relevance of every label, in 0..1, the best first."""
    shares: Mapping[str, float]
    """The same labels held against each other: these add up to 1."""


@dataclass(frozen=True, slots=True)
class SavedFound:
    """A saved search; ``query`` as `search.query_json` has it."""

    name: str
    saved_at: datetime
    query: Object


def result_of(said: Object) -> SearchResult:
    """An answer to a search."""
    return SearchResult(
        hits=tuple(_hit(hit) for hit in said["hits"]),
        matched=said["matched"],
        took_ms=said["took_ms"],
        next_cursor=said.get("next_cursor"),
        understood=tuple(said.get("understood", ())),
    )


def _hit(said: Object) -> Hit:
    return Hit(
        rank=said["rank"],
        relevance=said["relevance"],
        asset_id=said["asset_id"],
        path=said["path"],
        kind=AssetKind(said["kind"]),
        segment_id=said["segment_id"],
        segment_kind=SegmentKind(said["segment_kind"]),
        start_s=said["start_s"],
        end_s=said["end_s"],
        page=said["page"],
        box=box_of(said["box"]),
        text=said["text"],
        folded=said["folded"],
        evidence=tuple(Evidence(Source(each["source"]), each["rank"], each["score"]) for each in said["evidence"]),
        taken_at=said.get("taken_at"),
        place=said.get("place"),
        stands_for=tuple(said.get("stands_for", ())),
    )


def box_of(said: list[float] | None) -> Box | None:
    """``[x, y, width, height]`` as fractions of the picture."""
    return None if said is None else Box(*said)


def asset_of(said: Object) -> AssetFound:
    """What is known of an asset."""
    plain = {name: said.get(name) for name in ("width", "height", "duration_s", "taken_at", "place", "camera", "lens")}
    plain |= {name: said.get(name) for name in ("title", "artist", "album")}
    return AssetFound(
        asset_id=said["asset_id"],
        kind=AssetKind(said["kind"]),
        media_type=said["media_type"],
        size=said["size"],
        name=said["name"],
        path=said["path"],
        paths=tuple(said["paths"]),
        position=None if said.get("position") is None else Position(*said["position"]),
        keywords=tuple(said.get("keywords") or ()),
        segments={SegmentKind(kind): n for kind, n in (said.get("segments") or {}).items()},
        **plain,
    )


def segment_of(said: Object) -> SegmentFound:
    """A moment."""
    return SegmentFound(
        segment_id=said["segment_id"],
        kind=SegmentKind(said["kind"]),
        start_s=said["start_s"],
        end_s=said["end_s"],
        page=said["page"],
        box=box_of(said["box"]),
        text=said["text"],
        language=said["language"],
        confidence=said["confidence"],
    )


def word_of(said: Object) -> Word:
    """A word on a page."""
    return Word(said["text"], Box(*said["box"]))


def job_of(said: Object) -> Job:
    """A run."""
    progress = said["progress"]
    return Job(
        id=str(said["id"]),
        kind=said["kind"],
        state=said["state"],
        started_at=_when(said["started_at"]),
        finished_at=_when(said["finished_at"]),
        paths=tuple(said["paths"]),
        progress=Progress(progress["done"], progress["total"], progress["failed"], progress.get("eta_s")),
        report=said["report"],
        error=said["error"],
    )


def label_of(said: Object) -> Label:
    """What one file was labelled."""
    return Label(
        said["path"], said["asset_id"], said["label"], said["relevance"], dict(said["scores"]), dict(said["shares"])
    )


def saved_of(said: Object) -> SavedFound:
    """A saved search."""
    return SavedFound(said["name"], datetime.fromisoformat(said["saved_at"]), said["query"])


def _when(said: str | None) -> datetime | None:
    return None if said is None else datetime.fromisoformat(said)
