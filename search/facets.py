"""How what was asked for is spread over kinds of files, years, places and cameras."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, replace
from typing import Any

from bowerbird.queries import Filters, Query
from bowerbird.store.catalog.facets import Facet, Facets
from bowerbird.wiring import Library
from search.parse import MOST_HITS, parse
from search.service import Search

__all__ = ["Facet", "Facets", "as_object", "facets", "facets_of"]


def facets(library: Library, filters: Filters, within: Collection[str] | None = None) -> Facets:
    """Count the assets that meet ``filters``; where ``within`` is given, only those in it, named by ids of hits."""
    with library.catalog.read() as tx:
        return tx.facets.of(filters, within)


def facets_of(search: Search, query: Query) -> Facets:
    """Facets of a query: of all that its filters leave where it asks for nothing but that, else of its hits.

    Of the hits those count whose relevance reaches ``query.min_relevance``, for want of it that from which on
    something matches, and at most `MOST_HITS`. A query that is empty is one for everything. Raises `QueryError`.
    """
    said = ((query.text or "").strip(), query.also, query.image, query.like, query.unlike, query.negatives)
    if query.filters == Filters() and not any(said):
        return facets(search.library, query.filters)
    asked = parse(query).query
    if not (asked.text or asked.also or asked.image is not None or asked.like):
        return facets(search.library, asked.filters)
    floor = search.library.settings.search.stands_out if query.min_relevance is None else query.min_relevance
    found = search.run(replace(query, limit=MOST_HITS, min_relevance=floor, cursor=None))
    return facets(search.library, Filters(), [hit.asset_id for hit in found.hits])


def as_object(found: Facets) -> dict[str, Any]:
    """The counts as scripts rely on them."""
    counts = asdict(found)
    return {
        "total": counts.pop("total"),
        "facets": {
            name: {**facet, "values": [{"value": value, "count": n} for value, n in facet["values"]]}
            for name, facet in counts.items()
        },
    }
