"""The words of a query, found again in what is shown of a hit."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from bowerbird.errors import QueryError
from bowerbird.queries import Query
from bowerbird.store.catalog.full_text import Term
from bowerbird.store.catalog.vocabulary import plain, plain_words
from search.parse import parse
from search.words import terms_of


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text, of which all or nothing is one of the words."""

    text: str
    marked: bool


class Sought:
    """What the words of a query are, and where they stand."""

    def __init__(self, terms: Sequence[Term] = ()) -> None:
        self._terms: dict[str, list[Term]] = defaultdict(list)
        for term in terms:
            self._terms[_stem(term.words[0])].append(term)
        self._prefixes = [term for term in terms if term.prefix]

    @classmethod
    def of(cls, q: str | None) -> Sought:
        """The words of this line of the query language; none where it holds none, or is no query."""
        if not q:
            return cls()
        try:
            text = parse(Query(q)).query.text
        except QueryError:
            return cls()
        return cls(terms_of(text)[0] if text else ())

    def __bool__(self) -> bool:
        return bool(self._terms)

    def pieces(self, text: str) -> Iterator[Piece]:
        """``text`` in pieces, in order and in full. What is sought in a row is one piece, with the space between."""
        spans = word_spans(text)
        found = self.among([text[start:end] for start, end in spans])
        done = 0
        for start, end in _joined(text, [spans[index] for index in sorted(found)]):
            if start > done:
                yield Piece(text[done:start], False)
            yield Piece(text[start:end], True)
            done = end
        if done < len(text):
            yield Piece(text[done:], False)

    def among(self, words: Sequence[str]) -> set[int]:
        """Which of ``words``, in the order of a text, are sought; of a phrase all that stand together."""
        there = [_stem(plain(word)) for word in words]
        found: set[int] = set()
        for index, stem in enumerate(there):
            for term in (*self._terms.get(stem, ()), *self._prefixes):
                if _stands_at(term, words, there, index):
                    found.update(range(index, index + len(term.words)))
        return found

    def stand_in(self, text: str) -> list[str]:
        """The words of ``text`` that are sought, each once, as they are written there."""
        words = words_in(text)
        return list({_stem(plain(words[index])): words[index] for index in sorted(self.among(words))}.values())


def run_of(passage: str, words: Sequence[str]) -> range:
    """Where in ``words``, those of a page, the longest stretch of ``passage`` stands; empty where it is just a word."""
    asked, there = plain_words(passage), [plain(word) for word in words]
    match = SequenceMatcher(None, there, asked, autojunk=False).find_longest_match()
    return range(match.a, match.a + match.size) if match.size > 1 else range(0)


def words_in(text: str) -> list[str]:
    """The words of ``text``, as they are written there."""
    return _WORD.findall(text)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where they stand."""
    return [match.span() for match in _WORD.finditer(text)]


_WORD = re.compile(r"[^\W_]+")


def _joined(text: str, spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that have nothing but white space between them as one."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and not text[joined[-1][1] : start].strip():
            start = joined.pop()[0]
        joined.append((start, end))
    return joined


def _stands_at(term: Term, words: Sequence[str], stems: Sequence[str], index: int) -> bool:
    if index + len(term.words) > len(words):
        return False
    *first, last = term.words
    if any(_stem(word) != stems[index + number] for number, word in enumerate(first)):
        return False
    at = index + len(first)
    return plain(words[at]).startswith(last) if term.prefix else stems[at] == _stem(last)


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    """What plain forms of one English word share. Looser than Porter's, by which the databases find them (see
    `full_text`): here a word too many is marked in a text that was found, and none is found by it.
    """
    if len(word) < _SHORTEST or not word.isascii():
        return word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) + len(instead) >= _SHORTEST - 1:
            word = word.removesuffix(ending) + instead
            break
    if word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word.removesuffix("e")


_SHORTEST = 4
_ENDINGS = (("ies", "y"), ("ied", "y"), ("sses", "ss"), ("ss", "ss"), ("ings", ""), ("ing", ""), ("ed", ""), ("s", ""))
