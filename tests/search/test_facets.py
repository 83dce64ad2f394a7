"""Facets of a query: of all that filters leave, or of what stands out for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bowerbird.errors import QueryError
from bowerbird.queries import Filters, Query
from bowerbird.store.catalog.facets import Facet
from bowerbird.types import AssetKind, SegmentKind
from bowerbird.wiring import open_library
from indexer import Indexer
from search import Search
from search.facets import facets, facets_of
from tests.fakes import HashEncoder

NOTES = {
    "2019-07-04 harbour.txt": "The harbour office opens at nine.",
    "2019-08-05 bread.txt": "Bread rises overnight in a cool kitchen.",
    "2020-01-01 harbour.md": "A harbour seal lay on the ice.",
}


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    folder = tmp_path_factory.mktemp("facets")
    (folder / "media").mkdir()
    for name, text in NOTES.items():
        Path(folder, "media", name).write_text(text)
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        Indexer(library).index([folder / "media"])
        yield Search(library)


@pytest.mark.parametrize(
    ("query", "years"),
    [
        (Query(), {"2019": 2, "2020": 1}),
        (Query(" "), {"2019": 2, "2020": 1}),
        (Query("type:document before:2020"), {"2019": 2}),
        (Query(filters=Filters(path="*.md")), {"2020": 1}),
        (Query("type:video"), {}),
        (Query("harbour"), {"2019": 1, "2020": 1}),
        (Query("harbour after:2020"), {"2020": 1}),
        (Query("harbour", limit=1), {"2019": 1, "2020": 1}),
        (Query("walrus"), {}),
        (Query("walrus", min_relevance=0), {"2019": 2, "2020": 1}),
    ],
)
def test_what_is_counted(search: Search, query: Query, years: dict[str, int]) -> None:
    found = facets_of(search, query)
    assert dict(found.years.values) == years
    assert found.total == sum(years.values())


def test_months_of_one_year(search: Search) -> None:
    assert facets_of(search, Query("when:2019")).months == Facet((("2019-07", 1), ("2019-08", 1)))


def test_hits_are_named_by_their_ids(search: Search) -> None:
    ids = [hit.asset_id for hit in search.search("bread").hits[:1]]
    found = facets(search.library, Filters(), ids)
    assert (found.total, found.types.values) == (1, (("document", 1),))
    assert facets(search.library, Filters(types=(AssetKind.IMAGE,)), ids).total == 0
    assert facets(search.library, Filters(kinds=(SegmentKind.TEXT,))).total == 3


@pytest.mark.parametrize("query", [Query(negatives=("cats",)), Query("x", min_relevance=2), Query("after:soonish")])
def test_what_is_no_query_is_refused(search: Search, query: Query) -> None:
    with pytest.raises(QueryError):
        facets_of(search, query)
