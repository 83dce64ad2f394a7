"""The vocabulary of the house: plain frozen data, no behaviour beyond what a word means.

Arrays are NumPy. A *vector* is float32 of unit length unless a docstring says otherwise; *pixels* are
uint8 RGB of shape ``(height, width, 3)``, upright. Times are seconds, sizes bytes, boxes fractions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""Unit vectors, shape ``(n, dimension)``, float32."""

Pixels = NDArray[np.uint8]
"""One picture, shape ``(height, width, 3)``, uint8, RGB, upright."""

Sound = NDArray[np.float32]
"""One channel at 16,000 samples a second, shape ``(samples,)``, float32 in -1..1."""

Ids = NDArray[np.int64]
"""Embedding ids; ``-1`` stands where there is none."""


class AssetKind(StrEnum):
    """What sort of content an asset is."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"


class SegmentKind(StrEnum):
    """What sort of moment a segment is."""

    IMAGE = "image"
    REGION = "region"
    FRAME = "frame"
    SPEECH = "speech"
    PAGE = "page"
    TEXT = "text"
    OCR = "ocr"
    CAPTION = "caption"


PICTURED = frozenset({SegmentKind.IMAGE, SegmentKind.REGION, SegmentKind.FRAME, SegmentKind.PAGE})
"""Kinds whose joint vectors come from pixels; those of all others come from text."""


class SpaceName(StrEnum):
    """``joint`` holds every segment, ``text`` those that bear text."""

    JOINT = "joint"
    TEXT = "text"


class SpaceState(StrEnum):
    """A space is built beside the active one, switched to, and then retired."""

    BUILDING = "building"
    ACTIVE = "active"
    RETIRED = "retired"


class Source(StrEnum):
    """Where evidence for a hit comes from."""

    JOINT = "joint"
    TEXT = "text"
    WORDS = "words"
    RERANK = "rerank"
    """Nothing is found by it: it puts what was found in a better order."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle as fractions of the picture, origin at the top left."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Root:
    """A folder (or a single file) that someone asked to have indexed."""

    id: int
    path: str
    device: int
    """``st_dev`` when last seen: tells an unplugged drive from a deleted folder."""
    added_at: datetime


@dataclass(frozen=True, slots=True)
class FileStat:
    """What ``stat`` says of a file: while it stands, the content is taken to be the same."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Location:
    """Where one copy of an asset lies."""

    id: int
    root_id: int
    path: str
    """Relative to the root, ``/``-separated; ``""`` when the root is itself a file."""
    asset_id: int
    stat: FileStat


class TakenFrom(StrEnum):
    """What tells when something was taken, the surest first."""

    EXIF = "exif"
    XMP = "xmp"
    CONTAINER = "container"
    NAME = "name"
    MTIME = "mtime"


@dataclass(frozen=True, slots=True)
class Taken:
    """When a picture or recording was made: the clock on the wall there, without a zone, since people ask by it."""

    at: datetime
    source: TakenFrom


@dataclass(frozen=True, slots=True)
class Position:
    """A point on the Earth, in degrees of WGS 84; south and west are negative."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Place:
    """The nearest place that has a name; ``country`` in English, ``region`` the part of it."""

    name: str
    region: str
    country: str


@dataclass(frozen=True, slots=True)
class AssetInfo:
    """What a decoder learns of a file as a whole."""

    kind: AssetKind
    media_type: str
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    taken: Taken | None = None
    camera: str | None = None
    lens: str | None = None
    position: Position | None = None
    place: Place | None = None
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asset:
    """One piece of content, named by the sha256 of its bytes."""

    id: int
    hash: str
    size: int
    info: AssetInfo


@dataclass(frozen=True, slots=True)
class Segment:
    """A moment that the catalogue holds."""

    id: int
    asset_id: int
    ordinal: int
    """Its place among the segments of the same derivation, from 0."""
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
class Stage:
    """A step that derives something from content. The same step at another version or with other options is stale."""

    name: str
    version: int
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EncoderDescription:
    """An encoder as frozen data. Vectors of different fingerprints are never compared."""

    spec: str
    """The spec string that names this encoder for good (never ``auto``)."""
    name: str
    dimension: int
    fingerprint: str
    """sha256 over name, weights' hashes, preprocessing and dimension."""
    reads_pictures: bool
    text_is_semantic: bool
    """True where texts compare well with texts, so that no second space is needed for them."""
    source: str
    licence: str
    size_mb: int


@dataclass(frozen=True, slots=True)
class Space:
    """A space of meaning in this library: one encoder's vectors."""

    id: int
    name: SpaceName
    spec: str
    fingerprint: str
    dimension: int
    state: SpaceState


@dataclass(frozen=True, slots=True)
class Embedding:
    """A segment's place in one space; ``vector`` is float16, as SQL keeps it."""

    id: int
    segment_id: int
    space_id: int
    vector: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class ViewKey:
    """There is one vector view for each space and segment kind."""

    space_id: int
    kind: SegmentKind


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """A run of the change log for one view, netted: an id is in ``ids`` or in ``removed``, never in both.

    ``ids`` has shape ``(n,)``, ``vectors`` ``(n, dimension)`` float16; ``seq`` is the last line covered.
    """

    seq: int
    ids: Ids
    vectors: NDArray[np.float16]
    removed: Ids


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A file that could not be indexed: where it lies, the stage that failed and why, in one line."""

    path: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What one run of the indexer did. Every file seen is counted once: indexed, reused, moved or failed."""

    seen: int = 0
    indexed: int = 0
    reused: int = 0
    moved: int = 0
    removed: int = 0
    failed: tuple[FailedFile, ...] = ()
    segments: int = 0
    seconds: float = 0.0
