"""Dates as people write and say them: 2019-07, 4 July 2019, summer 2019, last week, 3 days ago.

Weeks begin on Monday. Seasons are whole months of the north: summer is June to August, and winter 2019 is December 2019
to February 2020. People look for what has been, so what names no year is the latest that has begun (``March``), and
what they call ``last`` is the latest that is over: in July ``last summer`` is that of the year before, from the first
of September on it is this year's. ``last week`` is the week before this one, ``past week`` and ``last 7 days`` reach up
to and including today. Christmas is the 24th to the 26th of December.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

EXAMPLES = "2019, 2019-07, 2019-07-04, 4 July 2019, summer 2019, 1990s, last week, last March, 3 days ago or yesterday"
"""What a message says can be written."""
MOST_WORDS = 6
"""Of a date: ``the 4th of July of 2019``."""
_LONGEST = 60
"""Characters."""


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, from ``first`` up to but without ``end``, which is always later."""

    first: date
    end: date

    def __post_init__(self) -> None:
        if self.first >= self.end:
            raise ValueError(f"a period that begins on {self.first} cannot end before {self.end}")


def period(said: str, *, today: date) -> Period | None:
    """What ``said`` names as a whole, in any case; None where it is no date, or one outside the years 1 to 9998."""
    tidy = _tidied(said)
    first, dots, last = tidy.partition("..")
    if dots:
        return _from_to(_read(first.strip(), today, _ALL), _read(last.strip(), today, _ALL))
    return _read(tidy, today, _ALL)


def relative_period(said: str, *, today: date) -> Period | None:
    """The same for what is counted from today alone: ``last summer`` and ``3 days ago``, but not ``summer``."""
    return _read(_tidied(said), today, _RELATIVE)


_MONTHS = {
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6,
    "july": 7, "august": 8, "september": 9, "october": 10, "november": 11, "december": 12,
}  # fmt: skip
_MONTHS |= {"sept": 9, **{name[:3]: month for name, month in _MONTHS.items()}}
_YEARLY = {
    "spring": ((3, 1), (6, 1)),
    "summer": ((6, 1), (9, 1)),
    "autumn": ((9, 1), (12, 1)),
    "fall": ((9, 1), (12, 1)),
    "winter": ((12, 1), (3, 1)),
    "halloween": ((10, 31), (11, 1)),
    "christmas": ((12, 24), (12, 27)),
    "xmas": ((12, 24), (12, 27)),
    **{name: ((month, 1), (month % 12 + 1, 1)) for name, month in _MONTHS.items()},
}
"""What comes once a year: the month and day when it begins, and when it is over, maybe in the next year."""
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip


def _in_year(name: str, year: int) -> Period:
    (month, day), (end_month, end_day) = _YEARLY[name]
    wraps = (end_month, end_day) <= (month, day)
    return Period(date(year, month, day), date(year + wraps, end_month, end_day))


def _latest_begun(name: str, today: date) -> Period:
    this_years = _in_year(name, today.year)
    return this_years if this_years.first <= today else _in_year(name, today.year - 1)


def _latest_over(name: str, today: date) -> Period:
    latest = _latest_begun(name, today)
    return latest if latest.end <= today else _in_year(name, latest.first.year - 1)


def _days(first: date, days: int = 1) -> Period:
    return Period(first, first + timedelta(days=days))


def _years(first: int, years: int = 1) -> Period:
    return Period(date(first, 1, 1), date(first + years, 1, 1))


def _month(of: date) -> Period:
    first = of.replace(day=1)
    return Period(first, _months_later(first, 1))


def _months_later(day: date, months: int) -> date:
    """The same day of another month, or the last there is."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= date.max.year:
        raise ValueError(f"year {year} is out of the calendar")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _from_to(first: Period | None, last: Period | None) -> Period | None:
    return None if first is None or last is None or first.first >= last.end else Period(first.first, last.end)


def _day_of_month(day: str, month: str, year: str | None, today: date) -> Period:
    """Without a year the latest such day that has come."""
    if year:
        return _days(date(int(year), _MONTHS[month], int(day)))
    newest = today.year if (_MONTHS[month], int(day)) <= (today.month, today.day) else today.year - 1
    if (_MONTHS[month], int(day)) == (2, 29):
        newest = next(each for each in range(newest, newest - 9, -1) if monthrange(each, 2)[1] == 29)
    return _days(date(newest, _MONTHS[month], int(day)))


def _decade(digits: str) -> Period:
    """``199`` of 1990s; of a single digit the one that people mean: 60s are the 1960s, 20s the 2020s."""
    return _years(10 * (int(digits) if len(digits) == 3 else int(digits) + (190 if int(digits) > 2 else 200)), 10)


def _back(today: date, number: int, unit: str) -> Period:
    """The day, calendar week, month or year that lies ``number`` of them before that of today."""
    if unit == "day":
        return _days(today - timedelta(days=number))
    if unit == "week":
        return _days(today - timedelta(days=today.weekday() + 7 * number), 7)
    if unit == "weekend":
        return _days(today - timedelta(days=today.weekday() + 7 * number - 5), 2)
    return _month(_months_later(today, -number)) if unit == "month" else _years(today.year - number)


def _up_to(today: date, number: int, unit: str) -> Period:
    """The ``number`` days, weeks, months or years that end with today."""
    if unit in {"day", "week"}:
        first = today - timedelta(days=number * (1 if unit == "day" else 7))
    else:
        first = _months_later(today, -number * (1 if unit == "month" else 12))
    return Period(first, today + timedelta(days=1))


def _this(name: str, today: date) -> Period:
    """What goes on, or was over this year, or else is to come."""
    if name in _WEEKDAYS:
        return _days(today + timedelta(days=_WEEKDAYS.index(name) - today.weekday()))
    if name not in _YEARLY:
        return _back(today, 0, name)
    latest = _latest_begun(name, today)
    return latest if latest.end > date(today.year, 1, 1) else _in_year(name, latest.first.year + 1)


def _latest_weekday(name: str, today: date) -> Period:
    return _days(today - timedelta(days=(today.weekday() - _WEEKDAYS.index(name)) % 7))


def _last(name: str, today: date) -> Period:
    if name in _WEEKDAYS:
        return _latest_weekday(name, today - timedelta(days=1))
    return _latest_over(name, today) if name in _YEARLY else _back(today, 1, name)


def _count(said: str) -> int:
    return _NUMBERS[said] if said in _NUMBERS else int(said)


_Form = tuple[re.Pattern[str], Callable[[re.Match[str], date], "Period | None"]]


def _form(pattern: str, read: Callable[[re.Match[str], date], Period | None]) -> _Form:
    """``MONTH`` and the like stand for any of their names; the whole of a tidied text has to match."""
    lists: dict[str, Iterable[str]] = {
        "MONTH": _MONTHS,
        "YEARLY": _YEARLY,
        "WEEKDAY": _WEEKDAYS,
        "NUMBER": [r"[0-9]{1,4}", *_NUMBERS],
    }
    for name, words in lists.items():
        pattern = pattern.replace(name, "|".join(words))
    return re.compile(pattern), read


_RELATIVE: tuple[_Form, ...] = (
    _form("today", lambda m, today: _days(today)),
    _form("yesterday", lambda m, today: _back(today, 1, "day")),
    _form("(?:the )?day before yesterday", lambda m, today: _back(today, 2, "day")),
    _form("last night", lambda m, today: _days(today - timedelta(days=1), 2)),
    _form("this (week|weekend|month|year|YEARLY|WEEKDAY)", lambda m, today: _this(m[1], today)),
    _form("last (week|weekend|month|year|YEARLY|WEEKDAY)", lambda m, today: _last(m[1], today)),
    _form("(?:the last|(?:the )?past) (week|month|year)", lambda m, today: _up_to(today, 1, m[1])),
    _form(
        "(?:the )?(?:last|past) (NUMBER) (day|week|month|year)s?", lambda m, today: _up_to(today, _count(m[1]), m[2])
    ),
    _form("(NUMBER) (day|week|month|year)s? ago", lambda m, today: _back(today, _count(m[1]), m[2])),
)
_ALL: tuple[_Form, ...] = (
    _form(r"([0-9]{4})", lambda m, today: _years(int(m[1]))),
    _form(r"([0-9]{4})[-/.]([0-9]{1,2})", lambda m, today: _month(date(int(m[1]), int(m[2]), 1))),
    _form(
        r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})", lambda m, today: _days(date(int(m[1]), int(m[3]), int(m[4])))
    ),
    _form(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})", lambda m, today: _days(date(int(m[3]), int(m[2]), int(m[1])))),
    _form(r"([0-9]{4}) ?[-–] ?([0-9]{4})", lambda m, today: _from_to(_years(int(m[1])), _years(int(m[2])))),
    _form(r"(?:the )?'?([0-9]{3}|[0-9])0'?s", lambda m, today: _decade(m[1])),
    _form(
        r"(?:the )?([0-9]{1,2})(?:st|nd|rd|th)?(?: of)? (MONTH)(?:(?: of)? ([0-9]{4}))?",
        lambda m, today: _day_of_month(m[1], m[2], m[3], today),
    ),
    _form(
        r"(MONTH) ([0-9]{1,2})(?:st|nd|rd|th)?(?: ([0-9]{4}))?",
        lambda m, today: _day_of_month(m[2], m[1], m[3], today),
    ),
    _form(r"(?:the )?(YEARLY)(?: of)? ([0-9]{4})", lambda m, today: _in_year(m[1], int(m[2]))),
    _form(r"(YEARLY)", lambda m, today: _latest_begun(m[1], today)),
    _form(r"(WEEKDAY)", lambda m, today: _latest_weekday(m[1], today)),
    *_RELATIVE,
)


def _read(tidy: str, today: date, forms: tuple[_Form, ...]) -> Period | None:
    for pattern, read in forms:
        if found := pattern.fullmatch(tidy):
            try:
                return read(found, today)
            except (ValueError, OverflowError):  # the 31st of June, or before the first year
                return None
    return None


def _tidied(said: str) -> str:
    """In small letters, without commas and the dots of ``Jul.``; nothing where it is far too long for a date."""
    if len(said) > _LONGEST:
        return ""
    said = said.lower().replace("’", "'").replace(",", " ")
    return " ".join(re.sub(r"(?<=[a-z])\.(?![.])", " ", said).split())
