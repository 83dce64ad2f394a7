"""Periods that stand free in a query: ``beach last summer``, ``photos from yesterday``, ``last week's notes``.

Only what is counted from today is taken for one, and only at an end of the text, since ``the last summer of the war``
is about no time of ours. Nothing could find it otherwise: the library's own dates, ``Lisbon 2019``, are words of it.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date

from search.query_language.dates_in_words import MOST_WORDS, Period, relative_period

_JOINING = dict.fromkeys(("from", "in", "of", "during", "on", "over", "within", "for"), "when")
_JOINING |= {"since": "after", "before": "before", "until": "until", "till": "until"}
"""What joins a period to the text and goes with it, and the filter that it stands for."""
_NAMING_BEFORE = {
    "the", "a", "an", "my", "your", "his", "her", "its", "our", "their", "this", "that", "every", "each", "very", "no",
    "not", "and", "or", "than", "like", "as", "about", "after", "between", "by", "to", "vs", "versus",
}  # fmt: skip
"""After these a period is part of what is talked of: ``the last summer``, ``better than last year``."""
_NAMING_AFTER = {"of", "before", "after", "and", "or"}
"""The same before these: ``last summer of the war``."""


@dataclass(frozen=True, slots=True)
class FreePeriod:
    """Words ``start`` to before ``stop`` of a text mean a filter (``when``, ``after``, ``before``, ``until``)."""

    start: int
    stop: int
    name: str
    period: Period


def free_period(words: Sequence[str], apart: Set[int], *, today: date) -> FreePeriod | None:
    """The period at the end of ``words``, or else at their beginning; the longest there is.

    ``apart`` holds the indices of words that do not follow the one before, since a filter stood between them.
    """
    return _at_end(words, apart, today) or _at_beginning(words, apart, today)


def _at_end(words: Sequence[str], apart: Set[int], today: date) -> FreePeriod | None:
    for start in range(max(0, len(words) - MOST_WORDS), len(words)):
        found = _named(words, apart, start, len(words), today)
        if found is not None:
            before = words[start - 1].lower() if start and start not in apart else ""
            if before in _NAMING_BEFORE or before.endswith(("'s", "’s")):
                return None
            return FreePeriod(start - (before in _JOINING), len(words), _JOINING.get(before, "when"), found)
    return None


def _at_beginning(words: Sequence[str], apart: Set[int], today: date) -> FreePeriod | None:
    first = words[0].lower() if words else ""
    start = int(first in _JOINING and 1 not in apart)
    for stop in range(min(start + MOST_WORDS, len(words)), start, -1):
        found = _named(words, apart, start, stop, today)
        if found is not None:
            after = words[stop].lower() if stop < len(words) and stop not in apart else ""
            return None if after in _NAMING_AFTER else FreePeriod(0, stop, _JOINING.get(first, "when"), found)
    return None


def _named(words: Sequence[str], apart: Set[int], start: int, stop: int, today: date) -> Period | None:
    """What these words name, as in ``yesterday?`` and ``last week's``."""
    if any(index in apart for index in range(start + 1, stop)):
        return None
    said = " ".join(words[start:stop]).rstrip(".,;!?")
    return relative_period(said.removesuffix("'s").removesuffix("’s"), today=today)
