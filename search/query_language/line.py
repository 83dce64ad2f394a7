"""Reads the line that stands in the search box.

>>> from datetime import date
>>> asked = read('beach sunset -people type:video near:Lisbon last summer', today=date(2026, 11, 23))
>>> asked.text, asked.negatives, asked.filters.place, asked.filters.after.isoformat(), asked.understood
('beach sunset', ('people',), 'Lisbon', '2026-06-01', ('last summer',))

The line is read once from left to right, word by word; a word ends at white space. It is

- a phrase where it begins with a quote mark and another one follows: nothing in it has a meaning of its own;
- a negative where it begins with a dash and has a letter in it: ``-5`` and `` - `` are text;
- a filter where it begins with a name and a colon: ``12:30``, ``https://…``, ``C:\\music`` and ``std::map`` are text;
- text otherwise.

A date in a filter goes on for as many words as make one: ``after:last summer``. Dates in the text stay there, since the
words of the library's dates are searched like any others. Only what is counted from today (``last summer``) nothing
could find: at either end of the text it becomes a period where no filter names one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import TypeVar

from bowerbird.errors import QueryError
from bowerbird.queries import Filters
from bowerbird.types import AssetKind, SegmentKind
from search.query_language.dates_in_words import EXAMPLES, MOST_WORDS, Period, period
from search.query_language.filter_names import FILTERS, KINDS, LANGUAGES, NAMES, TYPES
from search.query_language.periods_in_text import free_period


@dataclass(frozen=True, slots=True)
class Asked:
    """What a line says. ``text`` may be empty, even where there are negatives."""

    text: str
    """White space tidied; phrases and ``prefix*`` as they were, for the words source: see `plain` for encoders."""
    negatives: tuple[str, ...]
    """Without quote marks."""
    filters: Filters
    understood: tuple[str, ...]
    """Pieces of the text, as typed, that were taken for a period: ``last summer``."""


def read(line: str, *, today: date) -> Asked:
    """Read a line. Raises `QueryError`, which names the column (from 1) and a remedy; any line at all may be given.

    Takes time in proportion to the line's length.
    """
    return _Reader(line, today).read()


def plain(text: str) -> str:
    """``text`` as an encoder should read it: without the marks of phrases and of ``prefix*``."""
    return " ".join(_STAR.sub("", _PHRASE.sub(r"\1", text)).split())


def phrases(text: str) -> list[str]:
    """What stands in ``text`` in quotes, and is to be found as it stands."""
    return [words for words in _PHRASE.findall(text) if not words.isspace() and words]


_QUOTES = '"“”„'
_CLOSING = '"“”'
_CLOSED_BY = re.compile(f"[{_CLOSING}]")
_PHRASE = re.compile(r'(?<!\S)"([^"]*)"')
_STAR = re.compile(r"(?<=\w)\*(?!\w)")
_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"\S*")
_NAME = re.compile(r"-?([A-Za-z][A-Za-z_-]*):(?!:)")
_ITEM = re.compile(rf"[^\s,{_QUOTES}]+")
_CODE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")

_Bounds = tuple[date | None, date | None]
"""On this day or later, and before this day."""
_BOUNDS: dict[str, Callable[[Period], _Bounds]] = {
    "after": lambda period: (period.first, None),
    "before": lambda period: (None, period.first),
    "until": lambda period: (None, period.end),
    "when": lambda period: (period.first, period.end),
}
K = TypeVar("K", bound=StrEnum)
V = TypeVar("V", str, _Bounds)


@dataclass(frozen=True, slots=True)
class _Word:
    """From ``start`` to ``end`` in the line: what is in quotes at its beginning, if anything, and the rest."""

    start: int
    end: int
    quoted: str | None
    rest: str

    @property
    def value(self) -> str:
        return (self.quoted or "") + self.rest

    @property
    def text(self) -> str:
        quoted = " ".join((self.quoted or "").split())
        return (f'"{quoted}"' if quoted else "") + self.rest


class _Reader:
    """Goes through a line once and gathers what it says."""

    def __init__(self, line: str, today: date) -> None:
        self._line = line
        self._today = today
        self._last_closing = max(line.rfind(mark) for mark in _CLOSING)
        self._words: list[_Word] = []
        self._negatives: list[str] = []
        self._types: dict[AssetKind, None] = {}
        self._kinds: dict[SegmentKind, None] = {}
        self._values: dict[str, str] = {}
        self._bounds: dict[str, _Bounds] = {}
        self._given_at: dict[str, int] = {}

    def read(self) -> Asked:
        at = self._after_space(0)
        while at < len(self._line):
            at = self._after_space(self._read_one(at))
        understood = () if self._bounds else self._take_free_period()
        after, before = self._common_bounds()
        filters = Filters(
            kinds=tuple(self._kinds),
            types=tuple(self._types),
            after=after,
            before=before,
            place=self._values.get("near"),
            camera=self._values.get("camera"),
            path=self._values.get("path"),
            language=self._values.get("lang"),
        )
        text = " ".join(filter(None, (word.text for word in self._words)))
        return Asked(text, tuple(self._negatives), filters, understood)

    def _read_one(self, at: int) -> int:
        """Read the word, phrase, negative or filter that begins ``at``; returns where it ends."""
        name = _NAME.match(self._line, at)
        if name and self._is_filter(name[1], name.end()):
            return self._read_filter(name[1], at, name.end())
        word = self._word(at)
        if word.rest.startswith("-") and not word.rest.startswith("--"):
            negative = self._word(at + 1)
            if negative.quoted is not None or any(map(str.isalpha, negative.rest)):
                self._check_closed(negative)
                if said := " ".join(negative.value.split()):
                    self._negatives.append(said)
                return negative.end
        self._words.append(word)
        return word.end

    def _is_filter(self, name: str, value: int) -> bool:
        """Whether a name with a colon is meant as a filter: all that are known, and what looks like one mistyped."""
        if name.lower() in NAMES:
            return True
        following = self._line[value : value + 1]
        return len(name) > 1 and following not in {"", "/", "\\"} and not following.isspace()

    def _read_filter(self, said: str, at: int, value: int) -> int:
        name = NAMES.get(said.lower())
        if name is None:
            raise self._unknown(said, at)
        if self._line[at] == "-":
            raise _error(at, f"{said}: cannot be negated: say what is wanted instead, as in {FILTERS[name].example}")
        word = self._word(value)
        self._check_closed(word)
        if not word.value.strip():
            remedy = f'as in {FILTERS[name].example}, or put "{said}:" in quotes to look for the word'
            raise _error(at, f"{said}: has no value: write one without a space, {remedy}")
        if name in _BOUNDS:
            return self._read_date(name, said, at, word)
        if name == "type":
            return self._read_list(self._types, TYPES, word, name)
        if name == "kind":
            return self._read_list(self._kinds, KINDS, word, name)
        self._keep(self._values, name, said, self._checked(name, said, word), at)
        return word.end

    def _read_list(self, into: dict[K, None], known: dict[str, K], word: _Word, name: str) -> int:
        """``video,audio``; after a comma and a space it goes on, unless a filter or a negative follows."""
        end = word.end
        while self._line[end - 1] == "," and (begins := self._after_space(end)) < len(self._line):
            if _NAME.match(self._line, begins) or self._line[begins] == "-":
                break
            end = self._word(begins).end
        items = list(_ITEM.finditer(self._line, word.start, end))
        if not items:
            raise _error(word.start, f"{name}: names nothing: choose of {FILTERS[name].takes}")
        for item in items:
            one = item[0].lower()
            kind = known.get(one) or known.get(one.removesuffix("s"))
            if kind is None:
                said = f"there is no {name} {_short(item[0])}.{_meant(one, known)}"
                ending = "; to find files by their ending, write path:*.pdf" if name == "type" and len(one) < 5 else ""
                raise _error(item.start(), f"{said} {name.capitalize()}s: {FILTERS[name].takes}{ending}")
            into[kind] = None
        return end

    def _read_date(self, name: str, said: str, at: int, word: _Word) -> int:
        """The longest run of words from here that makes a date, or what is in quotes."""
        ends = [word.end]
        while word.quoted is None and len(ends) < MOST_WORDS and ends[-1] < len(self._line):
            ends.append(_end(_WORD, self._line, self._after_space(ends[-1])))
        for end in reversed(ends):
            written = word.value if word.quoted is not None else self._line[word.start : end]
            if (found := period(written, today=self._today)) is not None:
                self._keep(self._bounds, name, said, _BOUNDS[name](found), at)
                return end
        raise _error(word.start, f"{_short(word.value)} is no date: write {EXAMPLES}")

    def _checked(self, name: str, said: str, word: _Word) -> str:
        value = word.value.strip()
        if name in {"near", "camera"} and not any(map(str.isalnum, value)):
            raise _error(word.start, f"{_short(value)} has no word in it: say what {said}: is to be, or leave it out")
        if name == "lang":
            value = LANGUAGES.get(value.lower(), value)
            if not _CODE.fullmatch(value):
                meant = _meant(value.lower(), LANGUAGES)
                raise _error(word.start, f"{_short(value)} is no code of a language.{meant} Write en, de or pt-BR")
        return value

    def _keep(self, into: dict[str, V], name: str, said: str, value: V, at: int) -> None:
        if name in into and into[name] != value:
            first = self._given_at[name] + 1
            raise _error(at, f"{said}: and {name}: in column {first} say two different things: leave one of them out")
        into[name] = value
        self._given_at.setdefault(name, at)

    def _common_bounds(self) -> _Bounds:
        """What all that was said of time leaves."""
        after = max((bounds[0] for bounds in self._bounds.values() if bounds[0]), default=None)
        before = min((bounds[1] for bounds in self._bounds.values() if bounds[1]), default=None)
        if after and before and after >= before:
            latest = max(self._given_at[name] for name in self._bounds)
            raise _error(latest, f"nothing is both from {after} on and before {before}: change one of the two dates")
        return after, before

    def _take_free_period(self) -> tuple[str, ...]:
        """Make a period that stands free in the text a filter; returns it as it was typed."""
        apart = {
            index
            for index, (one, other) in enumerate(pairwise(self._words), start=1)
            if not self._line[one.end : other.start].isspace()
        }
        found = free_period([word.text for word in self._words], apart, today=self._today)
        if found is None:
            return ()
        self._bounds[found.name] = _BOUNDS[found.name](found.period)
        taken = self._words[found.start : found.stop]
        del self._words[found.start : found.stop]
        return (" ".join(word.text for word in taken),)

    def _word(self, at: int) -> _Word:
        rest, quoted = at, None
        if at < self._last_closing and self._line[at] in _QUOTES:
            closing = _CLOSED_BY.search(self._line, at + 1)
            assert closing is not None  # there is one behind
            rest, quoted = closing.end(), self._line[at + 1 : closing.start()]
        end = _end(_WORD, self._line, rest)
        return _Word(at, end, quoted, self._line[rest:end])

    def _after_space(self, at: int) -> int:
        return _end(_SPACE, self._line, at)

    def _check_closed(self, word: _Word) -> None:
        if word.quoted is None and word.rest.startswith(tuple(_QUOTES)):
            raise _error(word.start, "no other quote mark closes this one: add one, or leave it out")

    def _unknown(self, said: str, at: int) -> QueryError:
        begins = at + self._line.startswith("-", at)
        whole = _short(self._line[begins : _end(_WORD, self._line, begins)])
        quoted = f"or put {whole} in quotes to look for it as it stands"
        if said.lower() == "in":
            return _error(
                at, f"in: may be a time, a place or a folder: write when:2019, near:Lisbon or path:2019/, {quoted}"
            )
        names = ", ".join(FILTERS)
        return _error(at, f"there is no filter {_short(said)}.{_meant(said.lower(), NAMES)} Filters: {names}; {quoted}")


def _end(pattern: re.Pattern[str], line: str, at: int) -> int:
    """Where what ``pattern`` matches from ``at`` on ends; ``at`` itself where it does not."""
    found = pattern.match(line, at)
    return found.end() if found else at


def _error(at: int, message: str) -> QueryError:
    return QueryError(f"column {at + 1}: {message}")


def _short(said: str) -> str:
    return repr(said if len(said) <= 40 else f"{said[:39]}…")


def _meant(said: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(said[:40], known, 1)
    return f" Did you mean {near[0]}?" if near else ""
