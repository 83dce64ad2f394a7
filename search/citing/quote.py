"""What an exhibit says itself, looked up by what is said of it."""

from __future__ import annotations

import re
from functools import cached_property

from bowerbird.answers import Exhibit
from bowerbird.models.answers.sentences import sentences
from bowerbird.store.catalog.vocabulary import plain_words
from search.citing.inert import Printable
from search.words import STOP_WORDS

LONGEST = 400
"""Characters of a sentence that are quoted. Some transcripts have no full stops."""


class Testimony:
    """The words of an exhibit: all that may stand in `Citation.quote`. Characters that act unseen are no words."""

    def __init__(self, exhibit: Exhibit) -> None:
        text = exhibit.text or ""
        begins, ends = exhibit.span or (0, len(text))
        passing = Printable()
        before, own, after = (passing.take(part) for part in (text[:begins], text[begins:ends], text[ends:]))
        self._text = before + own + after
        self._own = len(before), len(before) + len(own)

    def as_it_stands(self, quotation: str) -> str | None:
        """``quotation`` as the exhibit has it, whose spaces, quotation marks and last comma may be others, or None."""
        text, places = self._folded
        wanted, _ = _fold(quotation)
        for each in (wanted.strip(), wanted.strip().rstrip(".,;:")):
            at = text.find(each)
            if at >= 0 and any(char.isalnum() for char in each):
                return self._text[places[at] : places[at + len(each) - 1] + 1]
        return None

    def bears(self, quote: str) -> int:
        """How many characters of ``quote`` the moment itself bears, and not what stands around it."""
        first, last = self._own
        at, most = self._text.find(quote), 0
        while at >= 0:
            most = max(most, min(at + len(quote), last) - max(at, first))
            at = self._text.find(quote, at + 1)
        return most

    def nearest(self, claim: str, *, own: bool = False) -> str | None:
        """The sentence that shares most words with ``claim``, the moment's own and the first of several that do.

        With ``own`` only of those that the moment itself bears. None where there are no words.
        """
        words = _telling(claim)
        first, last = self._own

        def is_own(span: tuple[int, int]) -> bool:
            return span[0] < last and first < span[1]

        def worth(span: tuple[int, int]) -> tuple[int, bool]:
            return len(words & _telling(self._text[slice(*span)])), is_own(span)

        start, end = max((span for span in self._sentences if is_own(span) or not own), key=worth, default=(0, 0))
        if not any(char.isalnum() for char in self._text[start:end]):
            return None
        if end - start > LONGEST:
            space = self._text.rfind(" ", start, start + LONGEST)
            end = space if space > start else start + LONGEST
        return self._text[start:end]

    @cached_property
    def _sentences(self) -> list[tuple[int, int]]:
        return sentences(self._text)

    @cached_property
    def _folded(self) -> tuple[str, list[int]]:
        return _fold(self._text)


def _telling(text: str) -> set[str]:
    words = {word for word in plain_words(text) if word not in STOP_WORDS}
    return words | {char for word in words if not word.isascii() for char in _UNSPACED.findall(word)}


def _fold(text: str) -> tuple[str, list[int]]:
    """``text`` with single spaces and plain quotation marks, and where in ``text`` each character stands."""
    runs = list(_SPACE_OR_CHARACTER.finditer(text))
    folded = "".join([" " if run[0].isspace() else run[0] for run in runs]).translate(_PLAIN_MARKS)
    return folded, [run.start() for run in runs]


_SPACE_OR_CHARACTER = re.compile(r"\s+|\S")
_PLAIN_MARKS = str.maketrans(dict.fromkeys("“”„‟«»″", '"') | dict.fromkeys("‘’‚‛′", "'"))
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Kana, ideographs, Hangul: in a script that sets no spaces between words, the characters are compared."""
