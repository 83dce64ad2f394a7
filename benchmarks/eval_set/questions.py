"""Questions put to `search.ask`: ``questions.jsonl``, written before anything that answers was tuned.

A third is held out: of those with an answer, and of those without, the ones with the smallest sha256 of the question,
so nobody chose them. Whoever tunes looks at the others only.

``practice.jsonl`` holds further questions, all of which may be looked at and tuned on. They were written later, about
files in which no question of ``questions.jsonl`` has its answer, by somebody who had not seen which are held out.
Those whose id begins with ``own-words-`` were written last, since the earlier ones too often use the very words that
answer them: of 70 with an answer about 50 share no word that matters with the sentence that answers.

``blind.jsonl`` holds questions that were written by somebody who had not seen what answers, and are never tuned on.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.eval_set import FOLDER

KINDS = ("speech", "document", "text", "ocr")
"""Where the answers lie; of a question without an answer it is ``none``."""
HELD_OUT = 3
"""One of so many is."""


@dataclass(frozen=True, slots=True)
class TrueMoment:
    """A place that answers; of ``start_s`` with ``end_s``, ``page`` and ``says``, all that are given must fit."""

    path: str
    """In the corpus, with slashes."""
    start_s: float | None = None
    end_s: float | None = None
    page: int | None = None
    """From 1."""
    says: str | None = None
    """Words that only the passage holds that answers, or words read off the picture."""

    def holds(self, path: str, start_s: float | None, end_s: float | None, page: int | None, text: str) -> bool:
        """Whether this is (part of) a moment of the file ``path`` that bears ``text``."""
        if path != self.path or (self.page is not None and page != self.page):
            return False
        return self._meets(start_s, end_s) and (self.says is None or folded(self.says) in folded(text))

    def _meets(self, start_s: float | None, end_s: float | None) -> bool:
        if self.start_s is None or self.end_s is None:
            return True
        return start_s is not None and end_s is not None and start_s < self.end_s and self.start_s < end_s


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of the set. Empty ``answers`` mean that nothing in the corpus answers it."""

    id: str
    question: str
    answers: tuple[TrueMoment, ...]
    kind: str
    held_out: bool


def questions() -> list[Asked]:
    """All of ``questions.jsonl``, as they stand there."""
    lines = _lines("questions.jsonl")
    held = {
        question
        for answerable in (True, False)
        for question in _held_out([each["question"] for each in lines if bool(each["answers"]) is answerable])
    }
    return [_asked(each, held_out=each["question"] in held) for each in lines]


def practice() -> list[Asked]:
    """Those that anybody may tune on."""
    return [_asked(each, held_out=False) for each in _lines("practice.jsonl")]


def blind() -> list[Asked]:
    """Those that nobody may tune on."""
    return [_asked(each, held_out=True) for each in _lines("blind.jsonl")]


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def _asked(line: dict[str, Any], *, held_out: bool) -> Asked:
    answers = tuple(TrueMoment(**answer) for answer in line["answers"])
    return Asked(line["id"], line["question"], answers, line["kind"], held_out)


def _held_out(among: Sequence[str]) -> list[str]:
    """A third, rounded: those with the smallest sha256 of their folded text."""
    ranked = sorted(among, key=lambda question: hashlib.sha256(folded(question).encode("utf-8")).digest())
    return ranked[: round(len(ranked) / HELD_OUT)]


def folded(text: str) -> str:
    """``text`` without what does not matter: case, runs of white space, the form of Unicode."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
