"""The words that occur in the library, as they are written, so that what was mistyped can be set right."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

import sqlalchemy as sa

from bowerbird.store.catalog import full_text
from bowerbird.store.catalog.rows import add_missing, chunks
from bowerbird.store.tables import asset, segment, vocabulary

SHORTEST = 4
"""Of words that are kept: nearly all shorter ones are near to some other."""
LONGEST = 24
MOST_BEGINNINGS = 50
_LOOKED_AT = 20_000
"""Words that one mistyped word is held against at most."""

_WORD = re.compile(r"[^\W_]+")
_ACCENTS = re.compile("([a-z])[\u0300-\u036f]+")


def plain(text: str) -> str:
    """``text`` in small letters, Latin ones without accents, which is how both databases compare it.

    In other scripts a mark makes another letter (й is no и), so it stays, composed with its base (NFC).
    """
    text = text.lower()
    if text.isascii():
        return text
    bare = _ACCENTS.sub(r"\1", unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", bare).replace("ς", "σ")


def plain_words(text: str) -> list[str]:
    """The words of ``text`` as both databases see them: runs of letters and digits, `plain`."""
    return _WORD.findall(plain(text))


def learn(connection: sa.Connection, texts: Iterable[str | None]) -> None:
    """Take in the words of what has just been written."""
    rows = ({"word": word, "initial": word[0], "length": len(word)} for word in sorted(_kept(texts)))
    add_missing(connection, vocabulary, rows)


def learn_all(connection: sa.Connection) -> None:
    """Take in the words of all segments, for a library that was made before words were kept."""
    query = sa.select(segment.c.text).where(segment.c.text.is_not(None)).order_by(segment.c.id)
    for texts in connection.execute(query.execution_options(yield_per=1000)).scalars().partitions():
        learn(connection, texts)


def unlearn(connection: sa.Connection, texts: Iterable[str | None]) -> None:
    """Drop those words of what has just been deleted that stand nowhere else: forgotten is forgotten."""
    here = full_text.of(connection)
    gone = [
        word
        for word in _kept(texts)
        if not any(here.rows(table, full_text.Term((word,)), 1) for table in full_text.BOTH)
    ]
    for chunk in chunks(gone):
        connection.execute(sa.delete(vocabulary).where(vocabulary.c.word.in_(chunk)))


def sweep(connection: sa.Connection, wordy: Sequence[str]) -> None:
    """Drop every word that stands nowhere any more, by reading all texts and the ``wordy`` columns of all assets."""
    here: set[str] = set()
    for query in (sa.select(segment.c.text), *(sa.select(asset.c[name]) for name in wordy)):
        column = query.selected_columns[0]
        found = connection.execute(query.where(column.is_not(None)).execution_options(yield_per=1000))
        for texts in found.scalars().partitions():
            here |= _kept(texts)
    gone = [word for word in connection.execute(sa.select(vocabulary.c.word)).scalars() if word not in here]
    for chunk in chunks(gone):
        connection.execute(sa.delete(vocabulary).where(vocabulary.c.word.in_(chunk)))


def beginning_with(connection: sa.Connection, prefix: str) -> list[str]:
    """At most `MOST_BEGINNINGS` words of the library that begin with ``prefix``, the shortest first."""
    query = (
        sa.select(vocabulary.c.word)
        .where(vocabulary.c.initial == prefix[:1], sa.func.substr(vocabulary.c.word, 1, len(prefix)) == prefix)
        .order_by(vocabulary.c.length, vocabulary.c.word)
        .limit(MOST_BEGINNINGS)
    )
    return list(connection.execute(query).scalars())


def near(connection: sa.Connection, words: Sequence[str]) -> dict[str, list[str]]:
    """At most three words of the library that each of ``words`` may have been meant to be, all as near as the nearest.

    Near is one slip in words of up to seven letters and two in longer ones, a slip being a letter too many, missing,
    wrong, or two letters swapped (optimal string alignment); the first letter is taken to be right. Words with nothing
    near are left out.
    """
    asked = [word for word in words if SHORTEST <= len(word) <= LONGEST and word.isalpha()]
    if not asked:
        return {}
    known: dict[str, list[str]] = {}
    said = {name: value for number, word in enumerate(asked) for name, value in _said(number, word).items()}
    for number, other in connection.execute(_alike(len(asked)), {**said, "most": _LOOKED_AT}).all():
        known.setdefault(asked[number], []).append(other)
    nearest = {word: _nearest(word, sorted(others)) for word, others in known.items()}
    return {word: others for word, others in nearest.items() if others}


def _nearest(word: str, known: Sequence[str]) -> list[str]:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    found = process.extract(word, known, scorer=OSA.distance, score_cutoff=_slips(word), limit=None)
    nearest = min((distance for _, distance, _ in found), default=0)
    return [other for other, distance, _ in found if distance == nearest][:3]


def _slips(word: str) -> int:
    return 1 if len(word) < 8 else 2


def _said(number: int, word: str) -> dict[str, object]:
    """What `_alike` is to be told of one of its words."""
    slips = _slips(word)
    return {
        f"word{number}": word,
        f"initial{number}": word[0],
        f"shortest{number}": len(word) - slips,
        f"longest{number}": len(word) + slips,
    }


@lru_cache(maxsize=128)
def _alike(words: int) -> sa.TextClause:
    """One statement for all, as in `full_text`: words that begin as each does, and are about as long."""
    return sa.text(
        " UNION ALL ".join(
            f"SELECT {number}, word FROM (SELECT word FROM vocabulary WHERE initial = :initial{number} AND length "
            f"BETWEEN :shortest{number} AND :longest{number} AND word != :word{number} LIMIT :most) AS alike{number}"
            for number in range(words)
        )
    )


def _kept(texts: Iterable[str | None]) -> set[str]:
    words = {word for text in texts if text for word in plain_words(text)}
    return {word for word in words if SHORTEST <= len(word) <= LONGEST and word.isalpha()}
