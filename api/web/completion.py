"""What the search box offers to go on with: filters, their values in this library, saved searches."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from bowerbird.queries import Filters
from bowerbird.store.catalog.facets import Facet, Facets
from bowerbird.store.catalog.vocabulary import plain
from bowerbird.types import AssetKind, SegmentKind
from bowerbird.wiring import Library
from search.query_language import FILTERS
from search.query_language.filter_names import LANGUAGES, NAMES
from search.saved import saved

MOST = 8
"""Options at once."""
_WORD = re.compile(r'(?:[A-Za-z_-]+:)?"[^"]*"?\S*|\S+')
_FILTER = re.compile(r"([A-Za-z][A-Za-z_-]*):(.*)", re.DOTALL)
_TIMES = ("today", "yesterday", "last week", "last month", "last summer", "last year", "3 days ago")
_MEANS = {
    AssetKind.IMAGE: "photos and drawings",
    AssetKind.VIDEO: "films",
    AssetKind.AUDIO: "recordings and music",
    AssetKind.DOCUMENT: "papers, notes, books",
    SegmentKind.IMAGE: "whole pictures",
    SegmentKind.REGION: "parts of pictures",
    SegmentKind.FRAME: "moments of films",
    SegmentKind.SPEECH: "what is said",
    SegmentKind.PAGE: "pages as they look",
    SegmentKind.TEXT: "what is written",
    SegmentKind.OCR: "words on pictures",
    SegmentKind.CAPTION: "descriptions",
}


@dataclass(frozen=True, slots=True)
class Option:
    """What may be put in the place of what was typed, and what is said of it."""

    text: str
    shows: str


@dataclass(frozen=True, slots=True)
class Completion:
    """Options for the part of the line from ``start`` to ``end``, in characters from 0."""

    start: int
    end: int
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class _Value:
    """What a filter may be given, what is said of it, and the words that it is found by, `plain`."""

    text: str
    shows: str
    words: str


@dataclass(frozen=True, slots=True)
class _Known:
    """All values that one state of the library holds, the most frequent first.

    They are counted by SQL but looked through here: no database drops accents as `plain` does.
    """

    head: int
    places: Sequence[_Value]
    cameras: Sequence[_Value]
    years: Facet

    @classmethod
    def of(cls, head: int, facets: Facets) -> Self:
        """As the catalogue stood at ``head``."""
        return cls(head, _counted(facets.places, facets.countries), _counted(facets.cameras), facets.years)


class Completer:
    """Completes lines of the query language from what one library holds. Safe to share between threads."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._kept: _Known | None = None
        self._lock = threading.Lock()

    def complete(self, line: str, at: int) -> Completion:
        """What could go on at the place ``at`` of ``line``; any line and place may be given.

        Raises `LibraryError` where the catalogue cannot be read.
        """
        at = min(max(at, 0), len(line))
        start, typed = _word_before(line, at)
        end = _end_of(line, at)
        if found := _FILTER.fullmatch(typed):
            name = NAMES.get(found[1].lower())
            return Completion(at, at) if name is None else self._values(name, start + found.start(2), found[2], end)
        if typed.startswith(("-", '"')):
            return Completion(at, at)
        options = [*self._saved(line, start), *_filters(typed)]
        if not line.strip() or not typed:
            return Completion(start, end, tuple(options[:MOST]) if not line.strip() else ())
        return Completion(start, end, tuple(options[:MOST]))

    def _values(self, name: str, start: int, typed: str, end: int) -> Completion:
        if name in {"type", "kind"}:
            done, comma, last = typed.rpartition(",")
            known: Iterable[AssetKind | SegmentKind] = AssetKind if name == "type" else SegmentKind
            named = done.lower().split(",")
            offered = ((each.value, _MEANS[each]) for each in known if each.value not in named)
            return Completion(start + len(done + comma), end, _beginning(offered, last))
        of: Mapping[str, Callable[[], Iterable[_Value]]] = {
            "near": lambda: self._known().places,
            "camera": lambda: self._known().cameras,
            "lang": lambda: _told(_languages()),
            "path": lambda: _told(self._paths()),
        }
        offered_by = of.get(name, lambda: _told(_times(self._known().years)))
        return Completion(start, end, _containing(offered_by(), typed.strip('"')))

    def _known(self) -> _Known:
        """Made once for each state of the library."""
        with self._library.catalog.read() as tx, self._lock:
            head = tx.head()
            if self._kept is None or self._kept.head != head:
                self._kept = _Known.of(head, tx.facets.of(Filters(), most=sys.maxsize))
            return self._kept

    def _paths(self) -> Iterator[tuple[str, str]]:
        with self._library.catalog.read() as tx:
            roots = tx.roots.all()
        for root in roots:
            name = root.path.rstrip("/\\").replace("\\", "/").rpartition("/")[2]
            if name.isprintable():
                yield f"{name}/", root.path if root.path.isprintable() else name
        yield from ((f"*.{ending}", "names that end so") for ending in ("jpg", "png", "mp4", "mp3", "pdf"))

    def _saved(self, line: str, start: int) -> Iterator[Option]:
        """Saved searches, where the line is no more than the beginning of a name: those that are a line themselves."""
        if line[:start].strip():
            return
        typed = plain(line.strip())
        for each in saved(self._library):
            text = each.said.get("text")
            if isinstance(text, str) and set(each.said) <= {"version", "text"} and plain(each.name).startswith(typed):
                yield Option(text, f"saved: {each.name}")


def _word_before(line: str, at: int) -> tuple[int, str]:
    """The word that the place ``at`` is in or ends, as far as there, and where it begins."""
    for found in _WORD.finditer(line, 0, at):
        if found.end() == at:
            return found.start(), found[0]
    return at, ""


def _end_of(line: str, at: int) -> int:
    """Where the word that goes on at ``at`` ends."""
    found = re.compile(r"\S*").match(line, at)
    return at if found is None else found.end()


def _filters(typed: str) -> Iterator[Option]:
    for name, each in FILTERS.items():
        if any(one.startswith(typed.lower()) for one in (name, *each.also)):
            yield Option(f"{name}:", f"{each.help}: {each.example}")


def _beginning(offered: Iterable[tuple[str, str]], typed: str) -> tuple[Option, ...]:
    return tuple(Option(value, shows) for value, shows in offered if value.startswith(typed.lower()))[:MOST]


def _containing(offered: Iterable[_Value], typed: str) -> tuple[Option, ...]:
    """Those in which a word begins with what was typed, values that begin with it first."""
    wanted = plain(typed)
    word = re.compile(rf"(?<![^\W_]){re.escape(wanted)}")
    begin: list[_Value] = []
    hold: list[_Value] = []
    for each in offered:
        if each.words.startswith(wanted):
            begin.append(each)
            if len(begin) == MOST:
                break
        elif len(hold) < MOST and wanted in each.words and word.search(each.words):
            hold.append(each)
    return tuple(Option(_quoted(each.text), each.shows) for each in [*begin, *hold][:MOST])


def _quoted(value: str) -> str:
    bare = value.replace('"', "")
    return f'"{bare}"' if re.search(r"\s", bare) else bare


def _counted(*facets: Facet) -> Sequence[_Value]:
    return [_Value(value, _files(n), plain(value)) for facet in facets for value, n in facet.values]


def _files(n: int) -> str:
    return f"{n:,} file{'' if n == 1 else 's'}"


def _told(offered: Iterable[tuple[str, str]]) -> Iterator[_Value]:
    """Values that are found by what is said of them, too."""
    return (_Value(value, shows, plain(f"{value} {shows}")) for value, shows in offered)


def _languages() -> Iterator[tuple[str, str]]:
    yield from ((code, name.capitalize()) for name, code in LANGUAGES.items())


def _times(counted: Facet) -> Iterator[tuple[str, str]]:
    years = sorted(counted.values, reverse=True)
    yield from ((year, _files(n)) for year, n in years[:4])
    yield from ((each, "counted from today") for each in _TIMES)
    yield from ((year, _files(n)) for year, n in years[4:])
