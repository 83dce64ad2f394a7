"""Infos, moments and sound as they cross the wire: packed by the child, and distrusted by the parent."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

import numpy as np

from bowerbird.media.protocol import WireError, read_at, write_at_start
from bowerbird.moments import Heard, Moment, Wanted
from bowerbird.types import AssetInfo, AssetKind, Box, Pixels, Position, SegmentKind, Sound, Taken, TakenFrom

MAX_SECONDS = 60
"""Of sound in one part."""
MAX_THUMBNAIL = 1 << 20
"""Bytes; of larger ones than 1024 pixels a byte for each pixel: noise, the worst of all, takes 0.6."""
MAX_WORD = 500
"""Characters of a title, a camera's name and the like; what is longer is cut."""
MAX_KEYWORDS = 50
MAX_KEYWORD = 100
RATE = 16_000

_Member = TypeVar("_Member", AssetKind, SegmentKind, TakenFrom)
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,80}")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,35}")
_WORDS = ("camera", "lens", "title", "artist", "album")


def pack_info(info: AssetInfo) -> dict[str, Any]:
    """`AssetInfo` -> what JSON can hold."""
    packed = asdict(info)
    if info.taken is not None:
        packed["taken"] = {"at": info.taken.at.isoformat(), "source": info.taken.source}
    for name in _WORDS:
        packed[name] = (packed[name] or "")[:MAX_WORD] or None
    packed["keywords"] = [word[:MAX_KEYWORD] for word in info.keywords[:MAX_KEYWORDS]]
    return packed


def unpack_info(packed: Any) -> AssetInfo:
    """The reverse of `pack_info`. Raises `WireError` where a value is not what it should be."""
    fields = _fields(packed)
    media_type = fields.get("media_type")
    if not (isinstance(media_type, str) and _MEDIA_TYPE.fullmatch(media_type)):
        raise WireError("not a media type")
    keywords = fields.get("keywords") or []
    if not (isinstance(keywords, list) and len(keywords) <= MAX_KEYWORDS):
        raise WireError("not keywords")
    camera, lens, title, artist, album = (_word(fields.get(name)) for name in _WORDS)
    return AssetInfo(
        kind=_member(AssetKind, fields.get("kind")),
        media_type=media_type,
        width=_whole(fields.get("width"), low=1),
        height=_whole(fields.get("height"), low=1),
        duration_s=_real(fields.get("duration_s")),
        taken=_taken(fields.get("taken")),
        position=_position(fields.get("position")),
        keywords=tuple(word for each in keywords if (word := _word(each))),
        camera=camera,
        lens=lens,
        title=title,
        artist=artist,
        album=album,
    )


def pack_part(part: Moment | Heard, memory: int) -> dict[str, Any]:
    """Write what is large of a part to ``memory`` and describe the rest."""
    if isinstance(part, Heard):
        sound = np.ascontiguousarray(part.sound, np.float32)
        write_at_start(memory, sound.data)
        return {"heard": {"start_s": part.start_s, "samples": len(sound)}}
    text = None if part.text is None else part.text.encode("utf-8", "replace")
    pictures = [None if each is None else np.ascontiguousarray(each) for each in (part.pixels, part.detail)]
    payload = [text, *(None if each is None else each.reshape(-1).data for each in pictures), part.thumbnail]
    write_at_start(memory, *(each for each in payload if each is not None))
    box = part.box
    return {
        "kind": part.kind,
        "start_s": part.start_s,
        "end_s": part.end_s,
        "page": part.page,
        "box": None if box is None else [box.x, box.y, box.width, box.height],
        "language": part.language,
        "confidence": part.confidence,
        "text_bytes": None if text is None else len(text),
        "pixels": None if pictures[0] is None else pictures[0].shape,
        "detail": None if pictures[1] is None else pictures[1].shape,
        "thumbnail_bytes": None if part.thumbnail is None else len(part.thumbnail),
    }


def unpack_part(packed: Any, memory: int, wanted: Wanted, text_budget: int) -> Moment | Heard:
    """The reverse of `pack_part`.

    Raises `WireError` where a value is not what it should be: above all where pixels or sound were not ``wanted`` or
    are not of the size in which they were, or where a text takes more than ``text_budget`` bytes.
    """
    fields = _fields(packed)
    if "heard" in fields:
        return _heard(_fields(fields["heard"]), memory, wanted)
    text_bytes = _whole(fields.get("text_bytes"))
    if text_bytes is not None and text_bytes > text_budget:
        raise WireError("more text than was allowed")
    spec = wanted.picture
    pixels = _shape(fields.get("pixels"))
    if pixels is not None and (spec is None or pixels != (spec.size, spec.size, 3)):
        raise WireError("pixels of a size that nobody asked for")
    detail = _shape(fields.get("detail"))
    if detail is not None and max(detail[:2]) > wanted.detail_px:
        raise WireError("a larger picture than anybody asked for")
    thumbnail_bytes = _whole(fields.get("thumbnail_bytes"))
    most_bytes = max(MAX_THUMBNAIL, wanted.thumbnail_px**2) if wanted.thumbnail_px else -1
    if thumbnail_bytes is not None and thumbnail_bytes > most_bytes:
        raise WireError("a thumbnail that nobody asked for")
    payload = _Payload(memory)
    text = payload.bytes(text_bytes)
    moment = Moment(
        kind=_member(SegmentKind, fields.get("kind")),
        start_s=_real(fields.get("start_s")),
        end_s=_real(fields.get("end_s")),
        page=_whole(fields.get("page")),
        box=_box(fields.get("box")),
        text=None if text is None else text.decode("utf-8", "replace"),
        language=_language(fields.get("language")),
        confidence=_share(fields.get("confidence")),
        pixels=payload.pixels(pixels),
        detail=payload.pixels(detail),
        thumbnail=payload.bytes(thumbnail_bytes),
    )
    if moment.thumbnail is not None and (moment.thumbnail[:4], moment.thumbnail[8:12]) != (b"RIFF", b"WEBP"):
        raise WireError("not a thumbnail")
    return moment


class _Payload:
    """What lies in the memory that both ends hold, one piece after another."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._offset = 0

    def bytes(self, size: int | None) -> bytes | None:
        if size is None:
            return None
        data = bytearray(size)
        self._fill(memoryview(data))
        return bytes(data)

    def pixels(self, shape: tuple[int, ...] | None) -> Pixels | None:
        if shape is None:
            return None
        pixels = np.empty(shape, np.uint8)
        self._fill(pixels.reshape(-1).data)
        return pixels

    def _fill(self, into: memoryview) -> None:
        read_at(self._memory, into, self._offset)
        self._offset += len(into)


def _heard(fields: Mapping[str, Any], memory: int, wanted: Wanted) -> Heard:
    samples = _whole(fields.get("samples"), low=1)
    start_s = _real(fields.get("start_s"))
    if samples is None or start_s is None or not wanted.sound or samples > MAX_SECONDS * RATE:
        raise WireError("sound that nobody asked for")
    sound: Sound = np.empty(samples, np.float32)
    read_at(memory, sound.data.cast("B"), 0)
    return Heard(start_s, sound)


def _taken(packed: Any) -> Taken | None:
    if packed is None:
        return None
    fields = _fields(packed)
    try:
        at = datetime.fromisoformat(fields.get("at", ""))
    except (TypeError, ValueError):
        raise WireError("not a date") from None
    if at.tzinfo is not None:
        raise WireError("a date with a zone")
    return Taken(at, _member(TakenFrom, fields.get("source")))


def _position(packed: Any) -> Position | None:
    if packed is None:
        return None
    fields = _fields(packed)
    latitude, longitude = (_real(fields.get(name), low=-most) for name, most in (("latitude", 90), ("longitude", 180)))
    if latitude is None or longitude is None or latitude > 90 or longitude > 180:
        raise WireError("not a place on the Earth")
    return Position(latitude, longitude)


def _word(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_WORD:
        raise WireError("not a word")
    return value


def _language(value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and _LANGUAGE.fullmatch(value)):
        raise WireError("not a language")
    return value


def _share(value: Any) -> float | None:
    if (share := _real(value)) is not None and share > 1:
        raise WireError("not a share")
    return share


def _shape(value: Any) -> tuple[int, int, int] | None:
    if value is None:
        return None
    if not (isinstance(value, list) and len(value) == 3 and value[2] == 3):
        raise WireError("not the shape of a picture")
    height, width = (_whole(side, low=1) for side in value[:2])
    if height is None or width is None:
        raise WireError("not the shape of a picture")
    return height, width, 3


def _fields(packed: Any) -> dict[str, Any]:
    if not isinstance(packed, dict):
        raise WireError("not an object")
    return packed


def _member(kind: type[_Member], value: Any) -> _Member:
    try:
        return kind(value)
    except ValueError:
        raise WireError(f"not a {kind.__name__}") from None


def _whole(value: Any, *, low: int = 0) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not low <= value < 1 << 31:
        raise WireError("not a whole number within bounds")
    return value


def _real(value: Any, low: float = 0) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not low <= value < math.inf:
        raise WireError("not a number within bounds")
    return float(value)


def _box(value: Any) -> Box | None:
    if value is None:
        return None
    if not (isinstance(value, list) and len(value) == 4):
        raise WireError("not a box")
    sides = [_real(side) for side in value]
    if any(side is None or side > 1 for side in sides):
        raise WireError("not a box")
    return Box(*[float(side or 0) for side in sides])
