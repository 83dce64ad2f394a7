"""The words that an answer quotes, found again where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from api.web.viewer_words import Piece, Sought, word_spans, words_in
from bowerbird.store.catalog.vocabulary import plain

_LONGEST = 600
"""Characters that are looked for. Where one word is said again and again, twice as many cost twice the time."""


class Quoted(Sought):
    """One run of words instead of any that a query names; of a text that bears less than half of it nothing is marked.

    What is shown may be cut elsewhere than what was cited, as the lines of a page are; hence a part of it is enough.
    """

    def __init__(self, quote: str) -> None:
        super().__init__()
        self._words = [plain(word) for word in words_in(quote[:_LONGEST])]

    def __bool__(self) -> bool:
        return bool(self._words)

    def among(self, words: Sequence[str]) -> set[int]:
        """The places of ``words`` at which the quotation stands."""
        there, wanted = [plain(word) for word in words], set(self._words)
        if 2 * len(wanted.intersection(there)) <= len(wanted):  # as with most lines of a long transcript
            return set()
        match = SequenceMatcher(None, there, self._words, autojunk=False).find_longest_match()
        return set(range(match.a, match.a + match.size)) if 2 * match.size > len(self._words) else set()

    def pieces(self, text: str) -> Iterator[Piece]:
        """``text`` in pieces; the quotation is one, with all that stands between its words."""
        spans = word_spans(text)
        found = self.among([text[start:end] for start, end in spans])
        if not found:
            yield Piece(text, False)
            return
        start, end = spans[min(found)][0], spans[max(found)][1]
        for piece in (Piece(text[:start], False), Piece(text[start:end], True), Piece(text[end:], False)):
            if piece.text:
                yield piece

    def stand_in(self, text: str) -> list[str]:
        """The words of the quotation that ``text`` bears, as they are written there."""
        words = words_in(text)
        return [words[index] for index in sorted(self.among(words))]
