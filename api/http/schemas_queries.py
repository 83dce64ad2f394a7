"""What goes into the routes that ask in other ways than search does, and what comes out: likeness, labels, facets …"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.schemas import AssetIdText, FiltersIn, SegmentKindName, SourceName

MOST_ASSETS = 1000
MOST_JUDGED = 1000


class LikeIn(BaseModel):
    """What else may be said of what is to be like an asset; nothing need be."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"kinds": ["image"], "filters": {"after": "2019"}}, {}]}
    )

    segment_id: int | None = Field(None, ge=1, description="One moment of it that is meant; all of it, if none")
    text: str | None = Field(None, description="A line of the query language that narrows it", max_length=10_000)
    unlike: str | int | list[str | int] | None = Field(None, description="Ids of assets, or of segments")
    not_: list[str] | None = Field(None, alias="not", description="What hits must not be like")
    kinds: list[SegmentKindName] | None = None
    filters: FiltersIn | None = None
    sources: list[SourceName] | None = None
    limit: int | None = Field(None, ge=1, le=1000, description="10 where nothing is said")
    min_relevance: float | None = Field(None, ge=0, le=1)
    cursor: str | None = Field(None, description="`next_cursor` of the page before")


class LabelsIn(BaseModel):
    """Labels, and what they are held against: `asset_ids` or `path`."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"labels": ["a dog", "a cat"], "path": "/home/ada/Pictures"}]},
    )

    labels: list[str] = Field(min_length=1, max_length=1000)
    asset_ids: list[AssetIdText] = Field(default=[], max_length=MOST_ASSETS)
    path: str | None = Field(None, max_length=10_000, description="Absolute: a root, or what lies in one")
    threshold: float | None = Field(
        None, ge=0, le=1, description="The relevance from which on a label fits; as a search matches, if none"
    )


class LabelledOut(BaseModel):
    """Which label fits one file."""

    path: str
    asset_id: AssetIdText
    label: str | None
    relevance: float
    scores: dict[str, float] = Field(description="The relevance of every label, the best first")
    shares: dict[str, float] = Field(description="The same held against each other: they add up to 1")


class LabelsOut(BaseModel):
    """What fits each file, in the order of their paths."""

    version: Literal[1]
    threshold: float
    files: list[LabelledOut]


class FacetValue(BaseModel):
    """A value that can stand in a filter as it is written here."""

    value: str
    count: int


class FacetOut(BaseModel):
    """Its most frequent values, how many files have others, and how many none."""

    values: list[FacetValue]
    others: int
    none: int


class FacetsOut(BaseModel):
    """How what was asked for is spread."""

    version: Literal[1]
    total: int
    facets: dict[Literal["types", "years", "months", "countries", "places", "cameras"], FacetOut]


class SavedOut(BaseModel):
    """A saved search; of a picture it is told how large it is."""

    name: str = Field(examples=["dogs on beaches"])
    saved_at: str
    query: dict[str, Any]


class SavedAnswer(SavedOut):
    """One saved search."""

    version: Literal[1]


class SavedListOut(BaseModel):
    """All of them, by name."""

    version: Literal[1]
    saved: list[SavedOut]


class SavedRunIn(BaseModel):
    """What is to be other than saved."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"limit": 20}, {}]})

    limit: int | None = Field(None, ge=1, le=1000)
    min_relevance: float | None = Field(None, ge=0, le=1)
    cursor: str | None = Field(None, max_length=100_000, description="`next_cursor` of the page before")


class EvalIn(BaseModel):
    """Queries whose answers are known, as lines of a file for `bowerbird eval`, but that they hold no `image`."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"queries": [{"text": "a dog", "relevant": ["2019/dog.jpg"]}]}]},
    )

    queries: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_JUDGED)
    limit: int = Field(100, ge=10, le=1000, description="How many hits are looked through")


class EvalOut(BaseModel):
    """What `bowerbird eval --json` prints of one run."""

    model_config = ConfigDict(extra="allow")

    version: Literal[1]
    name: str
    encoders: list[str]
    depth: int
    threshold: float
    queries: int
    missing: list[str]
    answerable: int
    unanswerable: int
    measures: dict[str, dict[str, float | None]]
    refused: dict[str, float | None]
    groups: dict[str, Any]
    latency_ms: dict[str, float | None]
    outcomes: list[dict[str, Any]]
