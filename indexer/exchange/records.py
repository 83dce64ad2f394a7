"""A row of an export: one segment, flat for whoever reads it, and on the first of an asset what an import needs.

=====================================  ===========================================================================
asset_id, path, paths, kind,           of the asset: its sha256, its first copy and all of them, ``image`` …
media_type, taken_at, place, region,
country, latitude, longitude, camera
segment_kind, stage, ordinal           of the segment: ``frame`` …, the step that made it, its place there from 0;
                                       null where an asset has no segments
start_s, end_s, page, box, text,       as everywhere; box is x, y, width, height in fractions
language, confidence
vectors                                by space; in Parquet a column for each: ``vector_joint``, ``vector_text``
asset                                  `AssetRecord`, on the first row of each asset only; in Parquet as JSON
=====================================  ===========================================================================
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, InstanceOf

from bowerbird.store.exchange import Line, Lying
from bowerbird.types import (
    AssetInfo,
    AssetKind,
    FileStat,
    Place,
    Position,
    SegmentKind,
    SpaceName,
    Taken,
    TakenFrom,
)

VERSION = 1


def _absolute(path: str) -> str:
    if not (path.startswith("/") and os.path.normpath(path) == path and _is_path(path)):
        raise ValueError("is no absolute path")
    return path


def _relative(path: str) -> str:
    if path and (os.path.normpath(path) != path or path.split("/")[0] in {"", ".."}):
        raise ValueError("is no path below a root")
    if not _is_path(path):
        raise ValueError("is no path")
    return path


def _is_path(path: str) -> bool:
    try:
        return b"\0" not in os.fsencode(path) and path != "."
    except UnicodeEncodeError:
        return False


# Any string: bytes that are not UTF-8 stand in them as surrogates, which pydantic's own ``str`` refuses.
_Absolute = Annotated[InstanceOf[str], AfterValidator(_absolute)]
_Relative = Annotated[InstanceOf[str], AfterValidator(_relative)]
_Whole = Annotated[int, Field(ge=0, lt=1 << 63)]
_Small = Annotated[int, Field(ge=0, lt=1 << 31)]


class SpaceRecord(BaseModel):
    """The encoder of a space."""

    spec: str
    fingerprint: str
    dimension: Annotated[int, Field(gt=0, lt=1 << 20)]


class Header(BaseModel):
    """What an export says of itself: the first line of JSON lines, and metadata under its first name in Parquet."""

    bowerbird_export: int = VERSION
    made_by: str = ""
    vectors: bool
    whole: bool
    """Whether all segments of each asset are there: False where filters have left some of them."""
    regions: int | None = None
    """Into how many tiles pictures were cut."""
    spaces: dict[SpaceName, SpaceRecord]


class CopyRecord(BaseModel):
    """`Lying`, flat."""

    root: _Absolute
    path: _Relative
    size: _Whole
    mtime_ns: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
    inode: _Whole
    dated_at: datetime | None = None
    dated_from: TakenFrom | None = None

    @classmethod
    def of(cls, copy: Lying) -> dict[str, Any]:
        """As it is written."""
        stat, dated = copy.stat, copy.dated
        return {
            "root": copy.root,
            "path": copy.path,
            "size": stat.size,
            "mtime_ns": stat.mtime_ns,
            "inode": stat.inode,
            "dated_at": dated and dated.at.isoformat(),
            "dated_from": dated and dated.source,
        }

    @property
    def lying(self) -> Lying:
        """As it was."""
        dated = Taken(self.dated_at, self.dated_from) if self.dated_at and self.dated_from else None
        return Lying(self.root, self.path, FileStat(self.size, self.mtime_ns, self.inode), dated)


class AssetRecord(BaseModel):
    """All that the catalogue says of an asset; ``derivations``: by step, the key of what has been made of it."""

    size: _Whole
    width: _Small | None = None
    height: _Small | None = None
    duration_s: FiniteFloat | None = None
    taken_at: datetime | None = None
    taken_from: TakenFrom | None = None
    camera: str | None = None
    lens: str | None = None
    position: tuple[FiniteFloat, FiniteFloat] | None = None
    place: tuple[str, str, str] | None = None
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    keywords: tuple[str, ...] = ()
    copies: tuple[CopyRecord, ...]
    derivations: dict[str, str]

    def info(self, kind: AssetKind, media_type: str) -> AssetInfo:
        """As a decoder gave it."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        return AssetInfo(
            kind,
            media_type,
            **plain,
            taken=Taken(self.taken_at, self.taken_from) if self.taken_at and self.taken_from else None,
            position=Position(*self.position) if self.position else None,
            place=Place(*self.place) if self.place else None,
            keywords=self.keywords,
        )


_PLAIN = ("width", "height", "duration_s", "camera", "lens", "title", "artist", "album")


class Record(BaseModel):
    """What an import reads of a row; all else in it is for others."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    asset_id: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    kind: AssetKind
    media_type: str
    segment_kind: SegmentKind | None = None
    stage: str | None = None
    ordinal: _Small | None = None
    start_s: FiniteFloat | None = None
    end_s: FiniteFloat | None = None
    page: _Small | None = None
    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None = None
    text: str | None = None
    language: str | None = None
    confidence: FiniteFloat | None = None
    vectors: dict[SpaceName, Any] = {}
    """Lists or arrays of numbers; looked at when they are stored."""
    asset: AssetRecord | None = None


def record_of(line: Line, *, whole: bool) -> dict[str, Any]:
    """A row as it is written; vectors as float16 arrays, ``taken_at`` as a datetime."""
    asset, segment, info = line.of.asset, line.segment, line.of.asset.info
    paths = [str(Path(copy.root, copy.path)) for copy in line.of.copies]
    box = segment.box if segment else None
    record: dict[str, Any] = {
        "asset_id": asset.hash,
        "path": paths[0] if paths else None,
        "paths": paths,
        "kind": info.kind,
        "media_type": info.media_type,
        "taken_at": info.taken and info.taken.at,
        "place": info.place and info.place.name,
        "region": info.place and info.place.region,
        "country": info.place and info.place.country,
        "latitude": info.position and info.position.latitude,
        "longitude": info.position and info.position.longitude,
        "camera": info.camera,
        "segment_kind": segment and segment.kind,
        "stage": line.stage,
        "ordinal": segment and segment.ordinal,
        **{name: getattr(segment, name, None) for name in _OF_SEGMENT},
        "box": None if box is None else [box.x, box.y, box.width, box.height],
        "vectors": line.vectors,
    }
    if line.is_first:
        record["asset"] = _asset(line, whole=whole)
    return record


_OF_SEGMENT = ("start_s", "end_s", "page", "text", "language", "confidence")


def _asset(line: Line, *, whole: bool) -> dict[str, Any]:
    asset, info = line.of.asset, line.of.asset.info
    taken, place = info.taken, info.place
    said = {
        "size": asset.size,
        **{name: getattr(info, name) for name in _PLAIN},
        "taken_at": taken and taken.at.isoformat(),
        "taken_from": taken and taken.source,
        "position": info.position and [info.position.latitude, info.position.longitude],
        "place": place and [place.name, place.region, place.country],
        "keywords": list(info.keywords),
    }
    return {
        **{name: value for name, value in said.items() if value not in (None, [])},
        "copies": [CopyRecord.of(copy) for copy in line.of.copies],
        "derivations": dict(line.of.derivations) if whole else {},
    }
