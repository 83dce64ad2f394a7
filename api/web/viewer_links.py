"""Links into the viewer. They carry the evidence of their hit, so that the reasons need no second search.

That a picture was asked for, or a crop of one, shows in no address; the ranks and scores that it led to do.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from urllib.parse import urlencode

from bowerbird.errors import QueryError
from bowerbird.queries import Evidence, Hit
from bowerbird.types import Source


@dataclass(frozen=True, slots=True)
class Why:
    """What a search said for a hit."""

    relevance: float
    evidence: tuple[Evidence, ...]


def view_href(hit: Hit, q: str | None = None) -> str:
    """Where the viewer shows this hit; ``q`` is the line of the query that found it."""
    return link_to(hit.asset_id, segment=hit.segment_id, q=q, why=written(Why(hit.relevance, hit.evidence)))


def link_to(asset_id: str, **said: str | int | None) -> str:
    """A page of the viewer, what is None left out of its query."""
    given = {name: value for name, value in said.items() if value not in (None, "")}
    query = urlencode(given, errors="surrogateescape", safe=":,")
    return f"/view/{asset_id}" + (f"?{query}" if query else "")


def written(why: Why) -> str:
    """``0.83,joint:2:0.312,words:1:7.25``: relevance, then source, rank and score of each piece of evidence."""
    return ",".join([f"{why.relevance:.4g}", *(f"{each.source}:{each.rank}:{each.score:.4g}" for each in why.evidence)])


def read(said: str) -> Why:
    """What `written` wrote. Raises `QueryError` where it did not."""
    relevance, *rest = said.split(",")
    try:
        why = Why(_finite(relevance), tuple(_evidence(each) for each in rest[:_MOST]))
    except ValueError:
        raise QueryError("the link's `why` is not as the page writes it: leave it out") from None
    return why


_MOST = 2 * len(Source)
"""A source may speak of a moment and of its file."""
_RANK = re.compile("[1-9][0-9]{0,8}")


def _evidence(said: str) -> Evidence:
    source, rank, score = said.split(":")
    if not _RANK.fullmatch(rank):
        raise ValueError(rank)
    return Evidence(Source(source), int(rank), _finite(score))


def _finite(said: str) -> float:
    number = float(said)
    if not math.isfinite(number):
        raise ValueError(said)
    return number
