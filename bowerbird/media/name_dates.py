"""The date in a file's name, as cameras, phones, messengers and scanners write it.

A name holds other numbers too: of telephones, of invoices, of the pictures on a card. So only a whole day is taken,
year first, that exists and lies between 1990 and the end of next year; and where a name holds two of them, neither.
"""

from __future__ import annotations

import re
from datetime import datetime

from bowerbird.types import Taken, TakenFrom

_FIRST_YEAR = 1990

_JOINT = r"(?:[-_. ,T]{0,3}|[ _](?:[^\W\d_]{1,5}\.?[ _]){1,2})"
"""Between date and time: ``_``, ``T``, nothing; `` at ``, `` um ``, `` kl. ``, `` a las `` in screenshots."""
_CLOCK = r"""
    (?P<hour>\d\d?) (?P<colon>[-_.:]) (?P<minute>\d\d) (?P=colon) (?P<second>\d\d) (?:\s?(?P<half>[ap])\.?m\b)?
    | (?P<digits>\d{6}) (?:\d{3})?
"""
_AT = rf"(?: {_JOINT} (?:{_CLOCK}) )? (?!\d)"
_WRITTEN = (
    re.compile(
        rf"(?<!\d) (?P<year>(?:19|20)\d\d) (?P<mark>[-_.]?) (?P<month>\d\d) (?P=mark) (?P<day>\d\d) {_AT}", re.X | re.I
    ),
    re.compile(
        rf"@ (?P<day>\d\d) (?P<mark>-) (?P<month>\d\d) - (?P<year>(?:19|20)\d\d) {_AT}", re.X | re.I
    ),  # as Telegram exports: photo_5@05-03-2021_10-11-12
)


def taken_from_name(name: str) -> Taken | None:
    """When a file was made, by its ``name`` (not its path); at midnight where the name tells only the day.

    None where the name tells no day, or several.
    """
    found = [at for pattern in _WRITTEN for match in pattern.finditer(name) if (at := _read(match)) is not None]
    if not found or len({at.date() for at in found}) > 1:
        return None
    return Taken(max(found), TakenFrom.NAME)  # of the same day: the one with a time


def _read(match: re.Match[str]) -> datetime | None:
    """A date that looks like one; None if it is none."""
    if not match["mark"] and not _stands_alone(match):
        return None
    try:
        day = datetime(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        return None
    if not _FIRST_YEAR <= day.year <= datetime.now().year + 1:
        return None
    if match["digits"]:
        hour, minute, second = (int(match["digits"][at : at + 2]) for at in (0, 2, 4))
    elif match["hour"]:
        hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"])
        if match["half"]:
            hour = hour % 12 + (12 if match["half"] in "pP" else 0)
    else:
        return day
    try:
        return day.replace(hour=hour, minute=minute, second=second)
    except ValueError:
        return day if match.end("day") < match.start("digits") or match["hour"] else None


def _stands_alone(match: re.Match[str]) -> bool:
    """Whether eight digits without marks are no part of a telephone number, and of no word unless a time follows."""
    before, after = match.string[: match.start()], match.string[match.end() : match.end() + 1]
    if re.search(r"(\+|\d[-. ])$", before):
        return False
    return bool(match["digits"] or match["hour"]) or not after.isalpha()
