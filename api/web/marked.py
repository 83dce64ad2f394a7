"""Words of the query, marked where they stand in the text of a hit."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from bowerbird.store.catalog.vocabulary import plain
from search.query_language import plain as without_marks
from search.words import terms_of

MOST = 280
"""Characters of a text that a tile shows."""
_BEFORE = 80
"""Characters kept before the first word that was found, where the text has to be cut."""
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> frozenset[str]:
    """The words by which a text is searched, as `pieces` compares them. ``text`` holds no filters."""
    terms, _ = terms_of(without_marks(text))
    return frozenset(word for term in terms for word in term.words)


def pieces(text: str, words: Collection[str]) -> Iterator[tuple[str, bool]]:
    """``text`` on one line, cut around the first word that was found; True for those pieces that are such words."""
    line = " ".join(text.split())
    found = [match for match in _WORD.finditer(line) if plain(match[0]) in words]
    start = 0
    if len(line) > MOST and found and found[0].start() > _BEFORE:
        start = line.rfind(" ", 0, found[0].start() - _BEFORE) + 1
    end = len(line)
    if end - start > MOST:
        end = max(line.rfind(" ", start, start + MOST), start + MOST // 2)
    at = start
    if start:
        yield "… ", False
    for match in found:
        if match.end() <= end:
            if match.start() > at:
                yield line[at : match.start()], False
            yield match[0], True
            at = match.end()
    yield line[at:end] + (" …" if end < len(line) else ""), False
