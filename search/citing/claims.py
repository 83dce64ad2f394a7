"""Where one sentence is over and the next begins, told while a model still speaks, and what it quotes.

Unlike `bowerbird.models.answers.sentences`, which sees a text whole and is to cut it as people would, this errs towards
more sentences: a claim that hides behind the citation of the next one is worse than a mark too many.
"""

from __future__ import annotations

import re
from enum import Enum

RUN = re.compile(r"\s+|[^\W_]+|.")
"""A text is made of runs: space, a word, or one other character."""


class _Stop(Enum):
    """What the last characters say."""

    NO = 0
    MAYBE = 1
    """Over, unless a small letter or a figure follows: ``etc. and so on``, ``Fig. 3``, ``“Really?” she asked``."""
    YES = 2
    WIDE = 3
    """Over, though no space follows, as in Chinese and Japanese."""


class ClaimReader:
    """Reads the runs of a text, spaces apart, and tells before each whether a sentence ends there.

    A quotation holds as many sentences as it likes until its line ends: whoever reads has to look whether it stands
    where it is said to.
    """

    def __init__(self) -> None:
        self.quotations: list[str] = []
        """In the present sentence, without their marks, as far as they are closed."""
        self._longer: list[str] = []
        self._stop = _Stop.NO
        self._word = ""
        """What has come since the last space."""
        self._first_word = True
        """Whether it is the first of its line."""
        self._closers: list[str] = []
        """What closes the quotations that are open, the innermost last."""
        self._quoted: list[str] = []
        """What has come of the outermost."""
        self._goes_on = False
        """Whether it goes on beyond a sentence."""

    def ends_before(self, space: str, run: str) -> bool:
        """Whether the sentence is over before ``run``, which follows on ``space``. If it is, `end` it; then `read`."""
        if "\n" in space:
            return True
        if self._stop is _Stop.NO or (not space and (run in _STOPS or run in _CLOSE)):
            return False
        if self._closers and run in self._closers[-1]:
            return False
        over = bool(space) or self._stop is _Stop.WIDE or self._is_glued(run)
        if self._closers:
            self._goes_on |= over
        elif over and not (self._stop is _Stop.MAYBE and (run[0].islower() or run[0].isdigit())):
            return True
        elif self._word and self._word[-1] in _CLOSE and self.quotations:
            self._longer.append(self.quotations[-1])  # “It is so!” they cried: a sentence within one
        self._stop = _Stop.NO
        return False

    def hangs_on(self, space: str, letter: str) -> bool:
        """Whether it takes the next letter to tell what `ends_before` this one."""
        return len(letter) == 1 and letter.isupper() and not space and self._stop is not _Stop.NO

    def end(self, space: str) -> None:
        """Begin a new sentence, which follows on ``space``."""
        self._stop, self._word, self.quotations, self._longer = _Stop.NO, "", [], []
        if "\n" in space:
            self._closers, self._first_word = [], True

    def read(self, space: str, run: str) -> None:
        """Take in ``run``, which follows on ``space``."""
        if space:
            self._first_word = self._first_word and not any(char.isalnum() for char in self._word)
            self._word = ""
        self._read(space, run)
        self._word = (self._word + run)[-_LONGEST_WORD:]

    def longer_quotations(self) -> list[str]:
        """Those of the present sentence that hold the end of another, the last one as far as it has come."""
        return [*self._longer, "".join(self._quoted).strip()] if self._closers and self._goes_on else self._longer

    def _is_glued(self, run: str) -> bool:
        """``.Then``: a sentence that begins without a space, unlike ``3.5``, ``minutes.txt`` and ``README.MD``."""
        return (run[0].isupper() and run[1:2].islower()) or (run in _QUOTES and run not in _CLOSE)

    def _read(self, space: str, run: str) -> None:
        if self._closers:
            self._quoted += [space, run]
            if run in self._closers[-1]:
                self._close()
            elif run in _QUOTES and run != '"':
                self._closers.append(_QUOTES[run])
            else:
                self._mark(run)
        elif run in _QUOTES and not any(char.isalnum() or char in _STOPS for char in self._word):
            self._closers, self._quoted, self._goes_on = [_QUOTES[run]], [], False
            self._stop = _Stop.NO
        else:
            self._mark(run)

    def _close(self) -> None:
        self._closers.pop()
        if self._stop is not _Stop.NO:
            self._stop = _Stop.MAYBE
        if not self._closers:
            quotation = "".join(self._quoted[:-1]).strip()
            self.quotations.append(quotation)
            if self._goes_on:
                self._longer.append(quotation)

    def _mark(self, run: str) -> None:
        if run == ".":
            self._stop = self._full_stop()
        elif run in _STOPS:
            self._stop = _Stop.WIDE if run in _WIDE else _Stop.YES
        elif run not in _CLOSE:
            self._stop = _Stop.NO

    def _full_stop(self) -> _Stop:
        word = self._word.lstrip("([{“”„«\"'*_").lower()
        if (
            word.rpartition(".")[2] in _NEVER
            or _INITIALS.fullmatch(word)
            or (self._first_word and _ITEM.fullmatch(word))
        ):
            return _Stop.NO
        return _Stop.MAYBE if word in _SELDOM else _Stop.YES


_WIDE = "。！？｡"
_STOPS = ".!?…" + _WIDE
_CLOSE = "”’»\"')]}*_`›」』）】"
_QUOTES = {"“": "”", "„": "“”", "«": "»", "「": "」", "『": "』", '"': '"'}
_LONGEST_WORD = 24
_ITEM = re.compile(r"\d{1,3}|[ivx]{1,5}")
"""``1.``, ``iv.``: what a list counts by."""
_INITIALS = re.compile(r"(?!i\b|[ap]\.m\b)[^\W\d_](?:\.[^\W\d_])*")
"""``J.``, ``J.R.R.``, ``e.g.``, ``z.``, but not the pronoun, nor ``p.m.``"""
_TITLES = "dr mr mrs ms mx prof st rev gen col capt lt sgt sen gov vs cf viz bzw"
_SHORTENED = """
etc inc ltd co corp jr sr al a.m p.m no nos p pp vol fig ch sec art approx ca est
jan feb mar apr jun jul aug sep sept oct nov dec
"""
_NEVER, _SELDOM = frozenset(_TITLES.split()), frozenset(_SHORTENED.split())
