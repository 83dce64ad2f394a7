"""One plain English sentence from what is known of a picture. Nothing is said for which there is no evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bowerbird.answers import Sight
from bowerbird.models.captions.concept_names import with_article
from bowerbird.models.one_line import one_line
from bowerbird.moments import Moment
from bowerbird.types import AssetInfo, AssetKind, SegmentKind, TakenFrom

SURELY = 0.7
"""A concept at least as probable as this is said plainly."""
PERHAPS = 0.4
"""Less probable ones are not said at all."""
QUOTED = 3
"""The most words read off the picture, each a line or block, and the most keywords."""
QUOTE_CHARACTERS = 80
NAME_CHARACTERS = 60
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_QUOTES = str.maketrans(dict.fromkeys('"“”„«»', "'"))


@dataclass(frozen=True, slots=True)
class Seen:
    """A concept that a picture is taken to show."""

    phrase: str
    """With its article: "a cat"."""
    confidence: float
    """How often it is right to say so, 0..1."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Words read off a picture, fit to stand between quotation marks, and the moment that bears them."""

    text: str
    moment: Moment


def sentence(seen: Sequence[Seen], quotes: Sequence[Quote], sight: Sight) -> str | None:
    """The sentence; None where there is nothing to say. ``seen`` comes with the surest first."""
    facts = [
        _after("with the words", [_quoted(each.text) for each in quotes]),
        _after("titled", [_quoted(title)] if (title := _name(sight.info.title)) else []),
        _after("tagged", _keywords(sight.info)),
        _origin(sight.info),
    ]
    told = [fact for fact in facts if fact]
    shown = _and([_told(each) for each in seen])
    if not shown and not told:
        return None
    # With a comma after what was seen, since "a cat with the words" would say that the cat bears them.
    said = f"{shown or _bare(sight.kind)}{',' if shown and told else ''} {', '.join(told)}".strip()
    return f"{said[0].upper()}{said[1:]}."


def quotes_of(words: Sequence[Moment]) -> list[Quote]:
    """The few of ``words`` that are worth quoting, the longest and surest, in the order in which they are read."""
    found: dict[str, Quote] = {}
    for moment in words:
        text = one_line((moment.text or "").translate(_QUOTES), QUOTE_CHARACTERS)
        if sum(sign.isalnum() for sign in text) >= 2:
            found.setdefault(text, Quote(text, moment))
    best = sorted(found.values(), key=lambda each: -len(each.text) * (each.moment.confidence or 0.5))[:QUOTED]
    return [each for each in found.values() if each in best]


def _told(seen: Seen) -> str:
    return f"{'' if seen.confidence >= SURELY else 'perhaps '}{seen.phrase} ({round(100 * seen.confidence)} %)"


def _bare(kind: SegmentKind) -> str:
    return {SegmentKind.FRAME: "a frame", SegmentKind.PAGE: "a page"}.get(kind, "a picture")


def _origin(info: AssetInfo) -> str:
    """Where, when and with what it was taken, as far as that is known."""
    parts = []
    if info.place is not None and (where := [*filter(None, map(_name, (info.place.name, info.place.country)))]):
        parts.append(f"in {', '.join(where)}")
    # A file's own time says when it was copied as often as when it was made.
    if info.taken is not None and info.taken.source is not TakenFrom.MTIME:
        at = info.taken.at
        parts.append(f"{', ' if parts else ''}on {at.day} {MONTHS[at.month - 1]} {at.year}".removeprefix(", "))
    if camera := _name(info.camera):
        parts.append(f"with {with_article(camera)}")
    if not parts:
        return ""
    return f"{'made' if info.kind is AssetKind.DOCUMENT else 'taken'} {' '.join(parts)}"


def _keywords(info: AssetInfo) -> list[str]:
    given = dict.fromkeys(filter(None, map(_name, info.keywords[: 4 * QUOTED])))
    return [_quoted(each) for each in given][:QUOTED]


def _name(text: str | None) -> str:
    return one_line((text or "").translate(_QUOTES), NAME_CHARACTERS)


def _quoted(text: str) -> str:
    return f"“{text}”"


def _after(lead: str, items: Sequence[str]) -> str:
    return f"{lead} {_and(items)}" if items else ""


def _and(items: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))
