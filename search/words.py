"""The third source: the words of the query as they stand in texts, names, places and dates."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.filters import Selection
from bowerbird.store.catalog.full_text import Term
from bowerbird.store.catalog.vocabulary import plain, plain_words
from bowerbird.store.catalog.words import Match

MOST_TERMS = 32
SHORTEST_PREFIX = 3
"""Shorter ones stand for too many words to mean any."""
ALL_WORDS = 0.75
"""Relevance where every word is there: less than what one clearly sees or reads, since a word has several meanings."""
WORD_BY_WORD = 0.9
"""Relevance where they stand together as they were asked for."""

MOST_CROWDED = 20
"""Matches beyond which a lone word says no less; as many are always looked for, however short the page is."""

_GRAMMAR = """
a about above after again all also am an and another any are as at be because been before being below between both but
by can cannot could did do does doing don down during each else few for from further get give had has have having he her
here hers him his how i if in into is isn it its itself just let ll me more most my no nor not now of off on once one
only or other our ours out over own please re s same she should so some something somewhere such t than that the their
theirs them then there these they thing things this those through to too under until up us ve very was we were what when
where which while who whom whose why will with within without would you your yours
"""
_MANNERS = """
find look looking search seen show shows showing shown taken tell want
image images photo photograph photographs photos pic pics picture pictures video videos
"""
STOP_WORDS = frozenset(f"{_GRAMMAR} {_MANNERS}".split())
"""What holds sentences together, and what people tell a search engine about what they want of it."""


def terms_of(text: str) -> tuple[list[Term], Term | None]:
    """What to look for, stop words left out except in quotes, and the whole as a phrase where it is several words.

    ``"in quotes"`` is a phrase, ``prefix*`` any word that begins so. Any text will do.
    """
    terms: dict[Term, None] = {}
    for quoted, word, star in _PIECE.findall(plain(text)):
        if quoted:
            if words := plain_words(quoted)[:MOST_TERMS]:
                terms[Term(tuple(words))] = None
        elif not word:
            continue
        elif star and len(word) >= SHORTEST_PREFIX:
            terms[Term((word,), prefix=True)] = None
        elif word not in STOP_WORDS:
            terms[Term((word,))] = None
    words = plain_words(text)
    phrase = Term(tuple(words)) if 1 < len(words) <= MOST_TERMS and "*" not in text else None
    return list(terms)[:MOST_TERMS], phrase


def find(tx: Transaction, text: str, most: int, within: Selection) -> list[Match]:
    """The ``most`` relevant segments that bear words of ``text``, best first; none where it is all stop words."""
    terms, phrase = terms_of(text)
    return tx.words.search(terms, most, phrase=phrase, within=within) if terms else []


def relevance(match: Match, crowd: int = 1) -> float:
    """In 0..1, by the share of the query's words, cubed: a hit that bears half of them is seldom half right.

    ``crowd``: see `crowd_of`; a file's own name or place is no passing word, and shares with nobody.
    """
    if match.named:
        crowd = 1
    worth = WORD_BY_WORD if match.phrase and crowd == 1 else ALL_WORDS
    return worth * match.share**3 / math.sqrt(crowd)


def crowd_of(text: str, matches: Sequence[Match]) -> int:
    """Among how many matches what ``text`` says has to be shared, from 1.

    A lone word that stands in one place is most likely what was meant. One that stands in twenty was said in passing in
    most of them: of the tuned queries with one word 0.2 of the matches were right, with several words nearly all.
    """
    terms, _ = terms_of(text)
    lone = len(terms) == 1 and len(terms[0].words) == 1 and '"' not in text
    return max(1, min(len(matches), MOST_CROWDED)) if lone else 1


def spared(tx: Transaction, matches: Sequence[Match], negatives: Sequence[str]) -> dict[int, float]:
    """What the words of ``negatives`` leave of the relevance of these segments, as factors in 0..1, by segment."""
    segments = {match.segment_id: match.asset_id for match in matches}
    left = dict.fromkeys(segments, 1.0)
    for negative in negatives:
        terms, phrase = terms_of(negative)
        for match in tx.words.among(terms, segments, phrase=phrase):
            left[match.segment_id] *= 1 - relevance(match) / WORD_BY_WORD
    return left


_PIECE = re.compile(r'(?<!\S)"([^"]*)"|([^\W_]+)(\*?)')
