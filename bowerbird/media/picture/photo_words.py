"""The words in a picture's metadata, as one would say them: a camera's name; a title, but none that a camera gave."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

_LONGEST = 500
"""Characters, of any one text."""
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ufeff]+")

_COMPANY = re.compile(
    r"[\s,]+(?:corporation|corp|company|co|ltd|limited|inc|ag|gmbh|imaging|optical|camera|computer|electronics|techwin"
    r"|international)\b\.?",
    re.IGNORECASE,
)
"""What follows a maker's name in ``NIKON CORPORATION``, ``RICOH IMAGING COMPANY, LTD.``, ``CASIO COMPUTER CO.,LTD.``"""

_FILLED_IN = re.compile(
    r"""
    (?:\S+\s+){0,2} digital \s (?:still\s)? camera      # OLYMPUS DIGITAL CAMERA
    | (?:sony|minolta|maginon) \s dsc | <digimax.*> | <kenox.*> | <samsung.*> | exif[_ ]jpeg.* | jpeg | camera | default
    | untitled | image | applemark | lead \s technologies.* | processed \s with .* | created \s with \s (?:the\s)?gimp
    | dcim .* | screenshot | binary \s comment | \S+\.(?:jpe?g|heic|png|tiff?|dng)
    | cof | dav | dig | edf | fbt | fpt | hdr | hdrpl | mde | nor | oz(?:edf|nor)? | ptr | ptfbty | ptsty | qrf | rbtf
    | rhdr | rptfbty | sbr | sdr | vty                  # how a Huawei phone took it
    | [\W\d_]*                                          # not a letter
    """,
    re.IGNORECASE | re.VERBOSE,
)

_NO_LENS = re.compile(r"[\W\d_]*|0(\.0)? ?mm f/0(\.0)?|unknown.*|n/a|none", re.IGNORECASE)


def clean(value: Any) -> str | None:
    """A text of whatever type and encoding metadata holds it in -> one line of at most 500 characters; None if empty.

    EXIF says ASCII, programs write UTF-8, and Pillow reads Latin-1.
    """
    if isinstance(value, str):
        with suppress(UnicodeEncodeError):  # else it cannot have been read as Latin-1
            value = value.encode("latin-1")
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            value = value.decode("cp1252", "replace")
    if not isinstance(value, str):
        return None
    first, *_ = value.lstrip("\x00").partition("\x00")
    return _UNSEEN.sub(" ", first[: 4 * _LONGEST]).strip()[:_LONGEST].strip() or None


def camera_name(make: str | None, model: str | None) -> str | None:
    """``NIKON CORPORATION``, ``NIKON D90`` -> ``Nikon D90``: no maker twice, no legal form, no shouting."""
    make = _spoken(_COMPANY.sub("", make)) if make else ""
    model = model or ""
    maker = make.casefold()
    if maker and model.casefold().startswith(maker):
        model = model[len(maker) :].lstrip(" -_") or model
    return f"{make} {model}".strip() or None


def title_or_none(text: str | None) -> str | None:
    """A title that someone gave; None for what cameras and programs put there by themselves."""
    return None if text is None or _FILLED_IN.fullmatch(text) else text


def lens_or_none(text: str | None) -> str | None:
    """A lens's name; None for what a camera writes that has no lens it knows: ``----``, ``0.0 mm f/0.0``."""
    return None if text is None or _NO_LENS.fullmatch(text) else text


def _spoken(make: str) -> str:
    """``EASTMAN KODAK`` -> ``Kodak``, ``samsung`` -> ``Samsung``; ``DJI``, ``GoPro`` and ``OnePlus`` stay."""
    words = [word for word in make.split() if word.casefold() != "eastman"]
    return " ".join(
        word.capitalize() if word.islower() or (word.isupper() and len(word) > 3) else word for word in words
    )
