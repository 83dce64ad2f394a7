"""What goes in and comes out, as OpenAPI tells it. Queries are read by `search.query_json`, which explains mistakes."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SegmentKindName = Literal["image", "region", "frame", "speech", "page", "text", "ocr", "caption"]
AssetKindName = Literal["image", "video", "audio", "document"]
SourceName = Literal["joint", "text", "words"]
AssetIdText = Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["0f" * 32])]
BoxList = Annotated[
    list[Annotated[float, Field(ge=0, le=1)]],
    Field(min_length=4, max_length=4, description="x, y, width, height as fractions of the picture"),
]


class FiltersIn(BaseModel):
    """What a hit must be, apart from near."""

    model_config = ConfigDict(extra="forbid")

    types: list[AssetKindName] | None = None
    after: date | None = Field(None, description="Made on this day or later", examples=["2019-07-04"])
    before: date | None = Field(None, description="Made before this day")
    place: str | None = Field(None, examples=["Lisbon"])
    camera: str | None = Field(None, examples=["Pixel 7"])
    path: str | None = Field(None, examples=["trips/"])
    language: str | None = Field(None, examples=["en"])
    phrases: list[str] | None = Field(None, description="Words in a row that a hit must bear")


class QueryIn(BaseModel):
    """What someone looks for: at least one of `text`, `also`, `image_base64`, `like` and `filters`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"text": "a dog on a beach -people", "kinds": ["image", "frame"], "limit": 20}]
        },
    )

    text: str | None = Field(None, description="A line of the query language", max_length=10_000)
    also: list[str] | None = Field(None, description="Further texts that hits are to be near as well")
    image_base64: str | None = Field(None, description="An encoded picture (JPEG, PNG …)")
    crop: BoxList | None = None
    like: str | int | list[str | int] | None = Field(None, description="Ids of assets, or of segments")
    unlike: str | int | list[str | int] | None = None
    not_: list[str] | None = Field(None, alias="not", description="What hits must not be like")
    kinds: list[SegmentKindName] | None = None
    filters: FiltersIn | None = None
    sources: list[SourceName] | None = None
    limit: int | None = Field(None, ge=1, le=1000, description="10 where nothing is said")
    min_relevance: float | None = Field(None, ge=0, le=1)
    cursor: str | None = Field(None, description="`next_cursor` of the page before")
    rerank: str | None = Field(None, description="`none`, or the reranker that the library's settings name")


class EvidenceOut(BaseModel):
    """Why a hit is a hit."""

    source: Literal["joint", "text", "words", "rerank"]
    rank: int
    score: float


class HitOut(BaseModel):
    """The best moment of one asset."""

    rank: int
    relevance: float
    asset_id: AssetIdText
    path: str
    kind: AssetKindName
    segment_id: int
    segment_kind: SegmentKindName
    start_s: float | None
    end_s: float | None
    page: int | None
    box: list[float] | None
    text: str | None
    folded: int
    evidence: list[EvidenceOut]
    taken_at: str | None
    place: str | None
    stands_for: list[AssetIdText]


class Found(BaseModel):
    """Hits, best first; `matched` is false where nothing stands out."""

    version: Literal[1]
    query: dict[str, Any]
    took_ms: float
    matched: bool
    next_cursor: str | None
    understood: list[str]
    hits: list[HitOut]
