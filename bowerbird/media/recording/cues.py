"""Subtitles as they are shown, a line or two at a time -> sentences as they are said."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bowerbird.moments import Moment
from bowerbird.types import SegmentKind

_LONGEST_S = 12.0
_PAUSE_S = 1.5
"""Of silence, after which somebody begins anew."""
_ADJACENT_S = 0.2
_SENTENCE_END = re.compile(r"""[.!?…。！？؟।]["'”’»)\]]*$""")
_TAG = re.compile(r"<[^<>]{0,200}>|\{\\[^{}]{0,500}\}")
"""Markup of SubRip, WebVTT and ASS."""
_TURN = re.compile(r"^(?:[-–—]|>>+)\s*")
"""What marks another speaker."""


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown from ``start_s`` to ``end_s``, as it stands in the file but for line ends."""

    start_s: float
    end_s: float
    text: str


class Sentences:
    """Takes cues in order, and gives moments of kind `speech`: no markup, nothing twice, whole sentences where they can
    be told. Each is given once it is known to be complete, and its times are those of its first and last cue.
    """

    def __init__(self, language: str | None) -> None:
        self._language = language
        self._before = Cue(0.0, -1.0, "")
        self._begun: Cue | None = None

    def take(self, cue: Cue) -> list[Moment]:
        """What is complete now."""
        shown = _plain(cue)
        if not shown.text:
            return []
        # Captions made as one speaks roll up: each shows the last line, or the words so far, again.
        again = shown.start_s <= self._before.end_s + _ADJACENT_S
        text = _fresh(shown.text, self._before.text) if again else shown.text
        self._before = shown
        return self._join(Cue(shown.start_s, shown.end_s, text)) if text else []

    def finish(self) -> list[Moment]:
        """The sentence that has not come to an end."""
        begun, self._begun = self._begun, None
        return [self._moment(begun)] if begun else []

    def _join(self, cue: Cue) -> list[Moment]:
        done = self.finish() if self._begun and _begins_anew(cue, self._begun) else []
        text = " ".join(_TURN.sub("", line) for line in cue.text.split("\n"))
        if self._begun:
            self._begun = Cue(self._begun.start_s, max(self._begun.end_s, cue.end_s), f"{self._begun.text} {text}")
        else:
            self._begun = Cue(cue.start_s, cue.end_s, text)
        return done + self.finish() if _SENTENCE_END.search(text) else done

    def _moment(self, cue: Cue) -> Moment:
        return Moment(
            SegmentKind.SPEECH, round(cue.start_s, 3), round(cue.end_s, 3), text=cue.text, language=self._language
        )


def spoken(cues: Iterable[Cue], language: str | None) -> Iterator[Moment]:
    """All cues of a film, in order -> its `Sentences`."""
    sentences = Sentences(language)
    for cue in cues:
        yield from sentences.take(cue)
    yield from sentences.finish()


def _plain(cue: Cue) -> Cue:
    text = html.unescape(_TAG.sub("", cue.text)).replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ")
    lines = (" ".join(line.split()) for line in text.splitlines())
    kept = "\n".join(line for line in lines if any(map(str.isalnum, line)))  # notes of music are no words
    return Cue(max(cue.start_s, 0.0), max(cue.end_s, cue.start_s, 0.0), kept)


def _fresh(text: str, before: str) -> str:
    """What of a cue's text was not shown the moment before."""
    if text.startswith(before) and not text[len(before) : len(before) + 1].isalnum():
        return text[len(before) :].strip()
    lines, shown = text.split("\n"), before.split("\n")
    for count in range(min(len(lines), len(shown)), 0, -1):
        if lines[:count] == shown[-count:]:
            return "\n".join(lines[count:])
    return text


def _begins_anew(cue: Cue, begun: Cue) -> bool:
    pause = cue.start_s > begun.end_s + _PAUSE_S or cue.start_s < begun.start_s
    return pause or cue.end_s > begun.start_s + _LONGEST_S or bool(_TURN.match(cue.text))
