"""First stage: is this a query that can be answered? If not, say what would be."""

from __future__ import annotations

from dataclasses import replace

from bowerbird.errors import QueryError
from bowerbird.types import Query

MOST_CHARACTERS = 10_000
MOST_HITS = 1_000
MOST_BYTES = 100 << 20
"""Of a picture that is a query."""


def parse(query: Query) -> Query:
    """The query with its texts trimmed. Raises `QueryError` where it is empty, too long or out of bounds."""
    text = query.text.strip() if query.text else None
    negatives = tuple(each.strip() for each in query.negatives if each.strip())
    if not text and query.image is None and query.like is None:
        if negatives:
            raise QueryError(
                "--not alone finds nothing: say also what to look for, as TEXT, --image FILE or --like PATH"
            )
        raise QueryError("the query is empty: give TEXT, --image FILE or --like PATH")
    for said in (text or "", *negatives):
        if len(said) > MOST_CHARACTERS:
            raise QueryError(
                f"a query of {len(said):,} characters is over the limit of {MOST_CHARACTERS:,}: shorten it"
            )
    if not 1 <= query.limit <= MOST_HITS:
        raise QueryError(f"a limit of {query.limit:,} is out of bounds: ask for 1 to {MOST_HITS:,} hits")
    if query.min_relevance is not None and not 0 <= query.min_relevance <= 1:
        raise QueryError(f"a relevance of {query.min_relevance} is out of bounds: it lies between 0 and 1")
    return replace(query, text=text or None, negatives=negatives)
