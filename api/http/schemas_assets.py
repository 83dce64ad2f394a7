"""What comes out of the routes of assets, as OpenAPI tells it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from api.http.schemas import AssetIdText, AssetKindName, SegmentKindName


class AssetOut(BaseModel):
    """What is known of an asset."""

    version: Literal[1]
    asset_id: AssetIdText
    kind: AssetKindName
    media_type: str
    size: int
    width: int | None
    height: int | None
    duration_s: float | None
    place: str | None
    position: list[float] | None
    """Latitude and longitude."""
    camera: str | None
    lens: str | None
    title: str | None
    artist: str | None
    album: str | None
    keywords: list[str]
    name: str
    path: str
    paths: list[str]
    taken_at: str | None
    segments: dict[SegmentKindName, int]


class SegmentOut(BaseModel):
    """A moment of it."""

    segment_id: int
    kind: SegmentKindName
    start_s: float | None
    end_s: float | None
    page: int | None
    box: list[float] | None
    text: str | None
    language: str | None
    confidence: float | None


class SegmentsOut(BaseModel):
    """Moments, and from where the next ones are to be had."""

    version: Literal[1]
    segments: list[SegmentOut]
    next_skip: int | None


class WordOut(BaseModel):
    """A word and where it stands."""

    text: str
    box: list[float]


class PageWordsOut(BaseModel):
    """The words of a page."""

    version: Literal[1]
    page: int
    words: list[WordOut]
