"""Assets: what is known of them, their files, and pictures of them. They are named by id, never by path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import Response as PlainResponse

from api.http.deps import AssetId, TheState, needs
from api.http.file_reply import file_reply
from api.http.problems import NotThere
from api.http.replies import reply
from api.http.schemas import SegmentKindName
from api.http.schemas_assets import AssetOut, PageWordsOut, SegmentsOut
from api.http.state import State
from api.keys import Scope
from api.originals import Original
from bowerbird.types import Asset, Box, Segment, SegmentKind

router = APIRouter(prefix="/v1/assets", tags=["assets"], dependencies=[needs(Scope.SEARCH)])

PDF = "application/pdf"
SHOWN_BY_BROWSERS = ("image/", "video/", "audio/", PDF, "text/plain")
ACTIVE = re.compile(
    r".*[/+]xml(-.*)?|text/(html|css|xsl|vbscript)|.*(java|ecma|live|j)script.*|application/(wasm|manifest\+json)|"
    r"(multipart|message)/.*"
)
"""What a browser would run, or let a page of this server run or be styled by."""
_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+")
_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; sandbox"
_PAPER = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""A browser's own reader of PDFs runs in no sandbox of ours, and has one of its own."""
_PICTURE = {"Content-Security-Policy": _SANDBOX, "Cache-Control": "private, max-age=86400"}
_WEBP: dict[int | str, dict[str, Any]] = {
    200: {"description": "A picture", "content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}}
}
_ANY: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}},
    206: {"description": "The part of it that was asked for"},
    304: {"description": "What you have is what there is"},
}
Px = Annotated[int, Query(ge=16, le=4096, description="The longest side, in pixels")]
SegmentId = Annotated[
    int | None, Query(ge=1, le=(1 << 63) - 1, description="A moment of it; its first, if none is named")
]


@router.get("/{asset_id}", response_model=AssetOut)
async def asset(asset_id: AssetId, state: TheState) -> Response:
    """What is known of an asset: what it is, when and where it was made, where its copies lie."""
    return reply(await state.pools.quick.run(_told, state, asset_id))


@router.get("/{asset_id}/segments", response_model=SegmentsOut)
async def segments(
    asset_id: AssetId,
    state: TheState,
    kind: Annotated[list[SegmentKindName] | None, Query(description="Only these moments")] = None,
    page: Annotated[int | None, Query(ge=1, le=1 << 31, description="Only those of this page")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    skip: Annotated[int, Query(ge=0, le=1 << 31)] = 0,
) -> Response:
    """Its moments in the order of time or of pages: the transcript of a recording, the passages of a paper."""
    kinds = [SegmentKind(each) for each in kind or SegmentKind]
    return reply(await state.pools.quick.run(_segments, state, asset_id, kinds, page, limit, skip))


@router.get("/{asset_id}/original", response_class=PlainResponse, responses=_ANY)
async def original(
    asset_id: AssetId,
    request: Request,
    state: TheState,
    download: Annotated[bool, Query(description="As a file to keep, not to be shown")] = False,
) -> Response:
    """The file itself, or the range of it that is asked for."""
    found = await state.pools.files.run(state.originals.open, asset_id)
    media_type = found.asset.info.media_type
    return file_reply(
        request,
        found.file,
        size=found.asset.size,
        etag=f'"{asset_id}"',
        media_type=_safe(media_type),
        headers={
            "Content-Disposition": _disposition(found, inline=not download and _is_shown(media_type)),
            "Content-Security-Policy": _PAPER if media_type == PDF else _SANDBOX,
            "Cache-Control": "private, no-cache",
        },
        pool=state.pools.files,
    )


@router.get("/{asset_id}/thumbnail", response_class=PlainResponse, responses=_WEBP)
async def thumbnail(asset_id: AssetId, state: TheState, segment: SegmentId = None) -> Response:
    """A small picture of it, or of one of its moments."""
    ordinal = 0 if segment is None else await state.pools.quick.run(_ordinal, state, asset_id, segment)
    stored = await state.pools.quick.run(_stored, state, asset_id, ordinal)
    if stored is None:
        stored = await state.pools.decode.run(state.renditions.thumbnail, asset_id, ordinal)
    return PlainResponse(stored, media_type="image/webp", headers=_PICTURE)


@router.get("/{asset_id}/poster", response_class=PlainResponse, responses=_WEBP)
async def poster(
    asset_id: AssetId,
    state: TheState,
    at: Annotated[float, Query(ge=0, le=1e9, description="Seconds from its start")] = 0.0,
    px: Px = 640,
) -> Response:
    """What a film shows at a time."""
    made = await state.pools.decode.run(state.renditions.poster, asset_id, at_s=at, px=px)
    return PlainResponse(made, media_type="image/webp", headers=_PICTURE)


@router.get("/{asset_id}/picture", response_class=PlainResponse, responses=_WEBP)
async def picture(
    asset_id: AssetId,
    state: TheState,
    page: Annotated[int | None, Query(ge=1, le=1 << 31, description="Of a document")] = None,
    px: Px = 1600,
) -> Response:
    """A picture that any browser can show: of a photo in whatever format, of a document's page."""
    made = await state.pools.decode.run(state.renditions.picture, asset_id, page=page, px=px)
    return PlainResponse(made, media_type="image/webp", headers=_PICTURE)


@router.get("/{asset_id}/words", response_model=PageWordsOut)
async def words(asset_id: AssetId, state: TheState, page: Annotated[int, Query(ge=1, le=1 << 31)] = 1) -> Response:
    """The words of a PDF's page, and where each stands on it."""
    found = await state.pools.decode.run(state.renditions.words, asset_id, page=page)
    return reply({"page": page, "words": [{"text": word.text, "box": _box(word.box)} for word in found]})


def _told(state: State, asset_id: str) -> dict[str, Any]:
    found, copies = state.originals.find(asset_id)
    with state.library.catalog.read() as tx:
        counts = tx.moments.counts(found.id)
        dated = tx.filtered.dates([found.id]).get(found.id)
    paths = [str(Path(copy.root.path, copy.path)) for copy in copies]
    return {
        **_facts(found),
        "name": Path(paths[0]).name,
        "path": paths[0],
        "paths": paths,
        "taken_at": None if dated is None else dated.isoformat(timespec="seconds"),
        "segments": {kind.value: count for kind, count in counts.items()},
    }


def _facts(found: Asset) -> dict[str, Any]:
    info = found.info
    place, position = info.place, info.position
    return {
        "asset_id": found.hash,
        "kind": info.kind.value,
        "media_type": info.media_type,
        "size": found.size,
        "width": info.width,
        "height": info.height,
        "duration_s": info.duration_s,
        "place": place and ", ".join(dict.fromkeys(each for each in (place.name, place.region, place.country) if each)),
        "position": position and [position.latitude, position.longitude],
        "camera": info.camera,
        "lens": info.lens,
        "title": info.title,
        "artist": info.artist,
        "album": info.album,
        "keywords": list(info.keywords),
    }


def _segments(
    state: State, asset_id: str, kinds: list[SegmentKind], page: int | None, limit: int, skip: int
) -> Mapping[str, Any]:
    found, _ = state.originals.find(asset_id)
    with state.library.catalog.read() as tx:
        listed = tx.moments.listed(found.id, kinds, most=limit + 1, page=page, skip=skip)
    return {
        "segments": [_segment(each) for each in listed[:limit]],
        "next_skip": skip + limit if len(listed) > limit else None,
    }


def _segment(each: Segment) -> dict[str, Any]:
    return {
        "segment_id": each.id,
        "kind": each.kind.value,
        "start_s": each.start_s,
        "end_s": each.end_s,
        "page": each.page,
        "box": _box(each.box),
        "text": each.text,
        "language": each.language,
        "confidence": each.confidence,
    }


def _ordinal(state: State, asset_id: str, segment_id: int) -> int:
    """The number of the picture that shows a moment."""
    with state.library.catalog.read() as tx:
        found = tx.segments.moments([segment_id]).get(segment_id)
        if found is None or found.asset.hash != asset_id:
            raise NotThere(f"asset {asset_id[:12]} has no moment {segment_id}: take both from one hit")
        return tx.moments.shown_by(found.segment)


def _stored(state: State, asset_id: str, ordinal: int) -> bytes | None:
    state.originals.find(asset_id)
    try:
        return state.library.thumbnails.path(asset_id, ordinal).read_bytes()
    except FileNotFoundError:
        return None


def _box(box: Box | None) -> list[float] | None:
    return None if box is None else [box.x, box.y, box.width, box.height]


def _is_shown(media_type: str) -> bool:
    return media_type.startswith(SHOWN_BY_BROWSERS) and _is_harmless(media_type)


def _is_harmless(media_type: str) -> bool:
    return bool(_TYPE.fullmatch(media_type)) and not ACTIVE.fullmatch(media_type)


def _safe(media_type: str) -> str:
    """The type that a browser is told: what it would run as a page is called plain bytes."""
    if not _is_harmless(media_type):
        return "application/octet-stream"
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


def _disposition(found: Original, *, inline: bool) -> str:
    """With the file's own name, as RFC 6266 has it for names beyond ASCII."""
    name = found.path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(name, safe='')}"
