"""Where sentences begin and end, in any language whose writing ends them with a mark.

Rules in the manner of Unicode's for sentence boundaries (UAX 29): a full stop ends a sentence unless what follows goes
on in small letters, or it stands after an initial, a number or an abbreviation. A line break ends one only where it was
meant, which is where the next word would still have fitted on the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 500
"""Characters after which a stretch without any end, such as an unpunctuated transcript, is cut at a space."""

_BLANK = re.compile(r"\n[^\S\n]*\n\s*")
_BREAK = re.compile(r"[^\S\n]*\n\s*")
_END = re.compile(r"[.!?…۔؟।॥]+[\"'”’»)\]]*(?=\s)|[。！？｡]+[」』”）]*")
_ABBREVIATED = re.compile(
    r"(?:^|[\s(\[\"“‘'])(?:\w|\d{1,2}|\w\.\w|mrs?|ms|dr|prof|st|jr|sr|no|nr|vs|etc|ca|cf|fig|vol|pp?|approx|bzw|usw|evtl"
    r"|z\.\s?B|d\.\s?h|art|mme|mlle|sra?|dra?)\.$",
    re.IGNORECASE,
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Where each sentence of ``text`` starts and ends, in order; between them is nothing but white space."""
    found: list[tuple[int, int]] = []
    for start, end in _paragraphs(text):
        begin = start
        for stop in [*_stops(text, start, end), end]:
            found += _short(text, *_trimmed(text, begin, stop))
            begin = stop
    return [(start, end) for start, end in found if start < end]


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for blank in _BLANK.finditer(text):
        yield start, blank.start()
        start = blank.end()
    yield start, len(text)


def _stops(text: str, start: int, end: int) -> list[int]:
    marks = [found.end() for found in _END.finditer(text, start, end) if _ends(text, start, found)]
    widest = max((len(line) for line in text[start:end].splitlines()), default=0)
    for found in _BREAK.finditer(text, start, end):
        width = found.start() - max(start, text.rfind("\n", start, found.start()) + 1)
        following = text[found.end() : end].split(maxsplit=1)
        if following and not following[0][0].islower() and width + 1 + len(following[0]) <= widest:
            marks.append(found.end())
    return sorted(set(marks))


def _ends(text: str, start: int, mark: re.Match[str]) -> bool:
    if mark.group()[0] in "。！？｡":
        return True
    following = text[mark.end() :].lstrip()[:1]
    if following.islower():
        return False
    return mark.group() != "." or not _ABBREVIATED.search(text, max(start, mark.start() - 12), mark.end())


def _short(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > LONGEST:
        space = text.rfind(" ", start + 1, start + LONGEST)
        cut = space if space > 0 else start + LONGEST
        yield _trimmed(text, start, cut)
        start, end = _trimmed(text, cut, end)
    yield start, end


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
