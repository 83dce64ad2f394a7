"""When, where, with what and by whom a picture was taken: EXIF, XMP and IPTC, as far as a file has them.

Pillow reads EXIF (CIPA DC-008). Damaged metadata costs no picture: nothing here raises.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from bowerbird.media.picture import photo_iptc as iptc
from bowerbird.media.picture import photo_xmp as xmp
from bowerbird.media.picture.photo_words import camera_name, clean, lens_or_none, title_or_none
from bowerbird.types import AssetInfo, Position, Taken, TakenFrom

_Tags = Mapping[int, Any]
_Properties = Mapping[str, list[str]]
_Datasets = Mapping[int, list[bytes]]

_DAMAGED = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, RuntimeError, ArithmeticError, AttributeError,
    AssertionError, struct.error,
)  # fmt: skip
"""What Pillow raises on damaged metadata."""

_IPTC_TAG, _IPTC_RESOURCE = 33723, 0x0404
"""Where the block lies in a TIFF, and among a JPEG's Photoshop resources."""
_MAX_EXIF = 8 << 20
_MAX_KEYWORDS = 50

_FIRST_PHOTO = 1826
_ZERO = datetime(1970, 1, 1)
_STAMP = re.compile(r"(\d{4})[-:/.]([ \d]\d)[-:/.]([ \d]\d)(?:[T ]+([ \d]\d):(\d\d)(?::(\d\d))?)?(?!\d)")
"""``2019:07:04 15:30:12`` as EXIF has it, ``2019-07-04T15:30:12.5+01:00`` as XMP does."""
_XMP_DEGREES = re.compile(r"(\d{1,3})(?:,(\d{1,2}(?:\.\d{1,12})?))?(?:,(\d{1,2}(?:\.\d{1,12})?))?([NSEW])")
"""``38,41.5046N`` and ``38,41,30N``."""


def with_facts(info: AssetInfo, image: Image.Image) -> AssetInfo:
    """``info`` with what an opened picture's metadata tells; what ``info`` has already, stands.

    Call it once the picture is loaded, since a PNG may bear its EXIF after its pixels, and before its file is closed,
    from which a TIFF's is read.
    """
    exif = Image.Exif()
    try:
        if len(image.info.get("exif") or b"") <= _MAX_EXIF:
            exif = image.getexif()
    except _DAMAGED:
        pass
    resources = image.info.get("photoshop")
    block = resources.get(_IPTC_RESOURCE) if isinstance(resources, dict) else None
    return _with_all(info, exif, image.info.get("xmp"), block)


def of_exif(info: AssetInfo, exif: Image.Exif, packet: bytes | None = None) -> AssetInfo:
    """As `with_facts`, of an EXIF block and an XMP ``packet`` without a picture."""
    return _with_all(info, exif, packet, None)


def _with_all(info: AssetInfo, exif: Image.Exif, packet: object, block: object) -> AssetInfo:
    photo, gps = _ifd(exif, IFD.Exif), _ifd(exif, IFD.GPSInfo)
    properties = xmp.xmp_properties(packet) if isinstance(packet, bytes) else {}
    block = block or _value(exif, _IPTC_TAG)
    datasets = iptc.iptc_datasets(block) if isinstance(block, bytes) else {}
    return replace(
        info,
        taken=info.taken or _taken(exif, photo, properties),
        camera=info.camera or _camera(exif, properties),
        lens=info.lens or lens_or_none(clean(_value(photo, Base.LensModel)) or _first(properties, xmp.LENSES)),
        position=info.position or _position(gps, properties),
        title=info.title or _title(exif, properties, datasets),
        artist=info.artist or _artist(exif, properties, datasets),
        keywords=info.keywords or _keywords(exif, properties, datasets),
    )


def wall_clock(written: str | None) -> datetime | None:
    """A time as EXIF or XMP write it, without its zone and fractions; at midnight where only the day is told.

    None where it is none, is that of a clock never set, is still to come, or is before the first photograph.
    """
    if written is None or (match := _STAMP.match(written)) is None:
        return None
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        at = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    # A day ahead of here may be today elsewhere.
    if at == _ZERO or at.year < _FIRST_PHOTO or at > datetime.now() + timedelta(days=1):
        return None
    return at


def _taken(exif: Image.Exif, photo: _Tags, properties: _Properties) -> Taken | None:
    """The shutter's time before the scanner's, and the last change's only where there is nothing else."""
    for source, written in (
        (TakenFrom.EXIF, _value(photo, Base.DateTimeOriginal)),
        (TakenFrom.EXIF, _value(photo, Base.DateTimeDigitized)),
        *((TakenFrom.XMP, _first(properties, [name])) for name in xmp.CREATED),
        (TakenFrom.EXIF, _value(exif, Base.DateTime)),
    ):
        if at := wall_clock(clean(written)):
            return Taken(at, source)
    return None


def _camera(exif: Image.Exif, properties: _Properties) -> str | None:
    by_exif = camera_name(clean(_value(exif, Base.Make)), clean(_value(exif, Base.Model)))
    return by_exif or camera_name(_first(properties, [xmp.MAKE]), _first(properties, [xmp.MODEL]))


def _position(gps: _Tags, properties: _Properties) -> Position | None:
    return _on_earth(
        _degrees(gps, GPS.GPSLatitude, GPS.GPSLatitudeRef, "NS"),
        _degrees(gps, GPS.GPSLongitude, GPS.GPSLongitudeRef, "EW"),
    ) or _on_earth(_xmp_degrees(properties, xmp.LATITUDE, "NS"), _xmp_degrees(properties, xmp.LONGITUDE, "EW"))


def _on_earth(latitude: float | None, longitude: float | None) -> Position | None:
    """None also at 0, 0, where nothing is but receivers without a fix."""
    if latitude is None or longitude is None or not (latitude or longitude):
        return None
    return Position(latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _degrees(gps: _Tags, tag: int, reference_tag: int, signs: str) -> float | None:
    """Degrees, minutes and seconds. A reference is asked for, since half the world lies south or west of zero."""
    reference, value = clean(_value(gps, reference_tag)), _value(gps, tag)
    parts = [_real(part) for part in (value if isinstance(value, tuple) else (value,))]
    if len(parts) == 3 and math.isnan(parts[2]):
        parts.pop()  # 0/0: this receiver tells no seconds
    degrees = sum(part / 60**power for power, part in enumerate(parts))
    return _signed(degrees, reference, signs) if 1 <= len(parts) <= 3 else None


def _xmp_degrees(properties: _Properties, name: str, signs: str) -> float | None:
    match = _XMP_DEGREES.fullmatch(_first(properties, [name]) or "")
    if match is None:
        return None
    degrees = sum(float(part or 0) / 60**power for power, part in enumerate(match.groups()[:3]))
    return _signed(degrees, match[4], signs)


def _signed(degrees: float, reference: str | None, signs: str) -> float | None:
    sign = (reference or "?")[0].upper()
    if not math.isfinite(degrees) or sign not in signs:
        return None
    return abs(degrees) if sign == signs[0] else -abs(degrees)


def _real(value: object) -> float:
    """A number of EXIF; NaN where its denominator is zero, or where it is none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError):
        return math.nan


def _title(exif: Image.Exif, properties: _Properties, datasets: _Datasets) -> str | None:
    """The title, else the headline, else the description."""
    texts = (
        *(_first(properties, [name]) for name in xmp.TITLES),
        *(clean(value) for number in (iptc.HEADLINE, iptc.TITLE) for value in datasets.get(number, ())),
        clean(_utf16(_value(exif, Base.XPTitle))),
        _first(properties, [xmp.DESCRIPTION]),
        *(clean(value) for value in datasets.get(iptc.CAPTION, ())),
        clean(_value(exif, Base.ImageDescription)),
    )
    names = {clean(_value(exif, Base.Make)), clean(_value(exif, Base.Model))}
    return next((text for text in texts if title_or_none(text) and text not in names), None)


def _artist(exif: Image.Exif, properties: _Properties, datasets: _Datasets) -> str | None:
    creators = [clean(name) for name in properties.get(xmp.CREATOR) or datasets.get(iptc.BYLINE, [])[:3]]
    return clean(", ".join(name for name in creators if name)) or clean(_value(exif, Base.Artist))


def _keywords(exif: Image.Exif, properties: _Properties, datasets: _Datasets) -> tuple[str, ...]:
    """Those of all sources, each once."""
    written: Iterable[str | bytes] = (
        *properties.get(xmp.SUBJECT, ()),
        *datasets.get(iptc.KEYWORD, ()),
        *(_utf16(_value(exif, Base.XPKeywords)) or "").split(";"),
    )
    words = {word.casefold(): word for each in written if (word := clean(each))}
    return tuple(words.values())[:_MAX_KEYWORDS]


def _first(properties: _Properties, names: Iterable[str]) -> str | None:
    return next((text for name in names for value in properties.get(name, ()) if (text := clean(value))), None)


def _utf16(value: object) -> str | None:
    """What Windows writes."""
    return value.decode("utf-16-le", "replace") if isinstance(value, bytes) else None


def _ifd(exif: Image.Exif, ifd: IFD) -> _Tags:
    try:
        return exif.get_ifd(ifd)
    except _DAMAGED:
        return {}


def _value(tags: _Tags | Image.Exif, tag: int) -> Any:
    """One tag, so that a damaged one loses only itself."""
    try:
        return tags.get(tag)
    except _DAMAGED:
        return None
