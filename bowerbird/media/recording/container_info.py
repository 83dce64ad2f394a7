"""What a container says of itself: how long, how large, when, where and with what it was made, and its tags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import av
from av.container import InputContainer
from av.stream import Stream

from bowerbird.types import AssetInfo, AssetKind, Position, Taken, TakenFrom

_MEDIA_TYPES = {  # by demuxer, of what is seen and of what is only heard
    "matroska": ("video/x-matroska", "audio/x-matroska"),
    "avi": ("video/x-msvideo", "video/x-msvideo"),
    "mpegts": ("video/mp2t", "video/mp2t"),
    "mpeg": ("video/mpeg", "audio/mpeg"),
    "mpegvideo": ("video/mpeg", "video/mpeg"),
    "asf": ("video/x-ms-wmv", "audio/x-ms-wma"),
    "flv": ("video/x-flv", "video/x-flv"),
    "ogg": ("video/ogg", "audio/ogg"),
    "mp3": ("audio/mpeg", "audio/mpeg"),
    "aac": ("audio/aac", "audio/aac"),
    "flac": ("audio/flac", "audio/flac"),
    "wav": ("audio/wav", "audio/wav"),
    "aiff": ("audio/aiff", "audio/aiff"),
    "amr": ("audio/amr", "audio/amr"),
}
_BRANDS = {"qt": "quicktime", "m4v": "x-m4v", "3gp": "3gpp", "3g2": "3gpp2"}
"""By how the brand of an MPEG-4 file begins."""
_WEBM = {"vp8", "vp9", "av1", "libdav1d", "opus", "vorbis", "libopus", "libvorbis", "webvtt"}
"""The codecs that WebM admits: FFmpeg reads both it and Matroska, and does not say which it was."""

_LONGEST_S = 366 * 86_400.0
"""What a container claims beyond that is damage."""
_POSITION = re.compile(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)(?:[+-][\d.]+)?(?:CRS\w*)?/?")
"""ISO 6709 in degrees, as telephones write it."""
_LONGEST_TAG = 500

Tags = Mapping[str, str]


def container_info(container: InputContainer, kind: AssetKind, size: tuple[int, int] | None) -> AssetInfo:
    """``size`` is that of the film as it is shown, upright, None where there is only sound."""
    tags = _tags(container)
    return AssetInfo(
        kind,
        _media_type(container, tags, seen=kind is AssetKind.VIDEO),
        width=size[0] if size else None,
        height=size[1] if size else None,
        duration_s=_duration(container),
        taken=_taken(tags),
        camera=_camera(tags),
        position=_position(tags),
        title=_tag(tags, "title", "com.apple.quicktime.title"),
        artist=_tag(tags, "artist", "com.apple.quicktime.artist", "album_artist", "author"),
        album=_tag(tags, "album", "com.apple.quicktime.album"),
    )


def _tags(container: InputContainer) -> Tags:
    """Lower case; where the container has none of a name, what a stream has: Ogg keeps all of them there."""
    found: dict[str, str] = {}
    for source in (container.metadata, *(each.metadata for each in container.streams if not _is_aside(each))):
        for name, value in source.items():
            found.setdefault(name.lower(), value.replace("\x00", "").strip()[:_LONGEST_TAG])
    return found


def _is_aside(stream: Stream) -> bool:
    """A cover's title is not the song's."""
    return stream.type not in ("audio", "video") or bool(stream.disposition & stream.disposition.attached_pic)


def _tag(tags: Tags, *names: str) -> str | None:
    return next((tags[name] for name in names if tags.get(name)), None)


def _duration(container: InputContainer) -> float | None:
    lengths = [container.duration / av.time_base] if container.duration else []
    lengths += [float(each.duration * each.time_base) for each in container.streams if each.duration and each.time_base]
    return next((round(length, 3) for length in lengths if 0 < length < _LONGEST_S), None)


def _media_type(container: InputContainer, tags: Tags, *, seen: bool) -> str:
    name = container.format.name
    if name.startswith("mov"):
        brand = tags.get("major_brand", "isom").lower()
        if not seen:
            return "audio/mp4"
        return "video/" + next((kind for start, kind in _BRANDS.items() if brand.startswith(start)), "mp4")
    codecs = {each.codec_context.name if each.codec_context else "" for each in container.streams}
    if name == "matroska" and codecs <= _WEBM:
        return "video/webm" if seen else "audio/webm"
    return _MEDIA_TYPES[name][0 if seen else 1]


def _taken(tags: Tags) -> Taken | None:
    """Apple's date has a zone, and so the clock on the wall; the container's own is in UTC, or what a camera that knows
    no zone took for it.
    """
    local = _tag(tags, "com.apple.quicktime.creationdate")
    for text in (local, _tag(tags, "creation_time")):
        try:
            at = datetime.fromisoformat(text) if text else None
        except ValueError:
            continue
        if at is None:
            continue
        if text != local and at.tzinfo:
            at = at.astimezone(UTC)
        at = at.replace(tzinfo=None, microsecond=0)
        if at >= datetime(1970, 1, 2):  # before it, a clock that was never set
            return Taken(at, TakenFrom.CONTAINER)
    return None


def _camera(tags: Tags) -> str | None:
    make = _tag(tags, "com.apple.quicktime.make", "com.android.manufacturer", "make")
    model = _tag(tags, "com.apple.quicktime.model", "com.android.model", "model")
    if make and model and model.lower().startswith(make.lower()):
        make = None
    return " ".join(word for word in (make, model) if word) or None


def _position(tags: Tags) -> Position | None:
    text = _tag(tags, "com.apple.quicktime.location.iso6709", "location", "location-eng", "xyz") or ""
    found = _POSITION.fullmatch(text)
    if not found:
        return None
    latitude, longitude = float(found[1]), float(found[2])
    if abs(latitude) > 90 or abs(longitude) > 180 or latitude == longitude == 0:
        return None
    return Position(latitude, longitude)
