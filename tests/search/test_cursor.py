"""Paging: what a cursor says, and that pages put together are the whole list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.errors import QueryError
from bowerbird.queries import Filters, Hit, Query
from bowerbird.types import AssetKind, SegmentKind
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from search import Search
from search.cursor import MOST_SHOWN, Cursor, read
from tests.fakes import HashEncoder

QUERY = Query(text="a cat", filters=Filters(place="Lisbon"))


def hit(number: int, *stands_for: int) -> Hit:
    ids = [f"{each + 1:064x}"[::-1] for each in (number, *stands_for)]
    place = (SegmentKind.IMAGE, None, None, None, None, None)
    return Hit(1, 0.5, ids[0], "a.jpg", AssetKind.IMAGE, 1, *place, 0, (), stands_for=tuple(ids[1:]))


@given(st.sets(st.integers(0, 2**40 - 2), max_size=40))
def test_it_is_read_as_it_was_written(numbers: set[int]) -> None:
    cursor = Cursor().after(hit(number) for number in numbers)
    again = read(replace(QUERY, cursor=cursor.written(QUERY)))
    assert again == cursor
    assert all(again.has_shown(hit(number)) for number in numbers)
    assert not again.has_shown(hit(2**40 - 1))


def test_what_a_hit_stood_for_is_shown_too() -> None:
    cursor = Cursor().after([hit(1, 2, 3)])
    assert cursor.has_shown(hit(3))
    assert cursor.has_shown(hit(9, 2))
    assert not cursor.has_shown(hit(9))


def test_the_size_of_pages_may_change() -> None:
    cursor = Cursor().after([hit(1)])
    assert read(replace(QUERY, limit=50, cursor=cursor.written(QUERY))) == cursor


@pytest.mark.parametrize(
    "other",
    [
        replace(QUERY, text="a dog"),
        replace(QUERY, filters=Filters(place="Porto")),
        replace(QUERY, negatives=("dogs",)),
        replace(QUERY, image=b"\x89PNG"),
        replace(QUERY, min_relevance=0.5),
    ],
)
def test_one_from_another_query_is_refused(other: Query) -> None:
    with pytest.raises(QueryError, match="another query"):
        read(replace(other, cursor=Cursor().after([hit(1)]).written(QUERY)))


@given(st.text(max_size=40))
def test_whatever_is_no_cursor_is_refused(said: str) -> None:
    with pytest.raises(QueryError, match="leave it out"):
        read(replace(QUERY, cursor=said))


def test_a_cursor_that_was_cut_is_refused() -> None:
    whole = Cursor().after([hit(1), hit(2)]).written(QUERY)
    with pytest.raises(QueryError, match="damaged"):
        read(replace(QUERY, cursor=whole[:-3]))


def test_a_cursor_that_was_tampered_with_is_refused() -> None:
    whole = Cursor().after([hit(1), hit(2)])
    for hits in (3, 2**20, 2**32 - 1):
        with pytest.raises(QueryError, match="damaged"):
            read(replace(QUERY, cursor=replace(whole, hits=hits).written(QUERY)))


def test_paging_ends() -> None:
    assert not Cursor().after([hit(1)]).is_last
    assert Cursor().after(hit(number) for number in range(MOST_SHOWN)).is_last


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("pages")
    media = folder / "media"
    media.mkdir()
    for number in range(23):
        (media / f"note-{number:02}.txt").write_text(f"Rain on day {number} of the journey, and a lighthouse.")
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as opened:
        Indexer(opened).index([media])
        yield opened


class TestPages:
    @pytest.mark.parametrize("query", [{"text": "lighthouse"}, {"path": "note"}], ids=["found", "listed"])
    def test_pages_are_the_whole_list_in_its_order(self, library: Library, query: dict[str, str]) -> None:
        search = Search(library)
        whole = search.search(**query, limit=100, min_relevance=0)  # type: ignore[arg-type]
        assert len(whole.hits) == 23
        assert whole.next_cursor is None
        paged, cursor = [], None
        while True:
            page = search.search(**query, limit=7, min_relevance=0, cursor=cursor)  # type: ignore[arg-type]
            paged += page.hits
            assert page.matched == whole.matched
            if (cursor := page.next_cursor) is None:
                break
        assert [(each.rank, each.asset_id) for each in paged] == [(each.rank, each.asset_id) for each in whole.hits]

    def test_what_comes_meanwhile_is_on_the_next_page_and_nothing_comes_twice(self, tmp_path: Path) -> None:
        media = tmp_path / "media"
        media.mkdir()
        for number in range(6):
            (media / f"{number}.txt").write_text(f"A lighthouse, number {number}, in the rain and the wind.")
        with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
            Indexer(library).index([media])
            search = Search(library)
            first = search.search("lighthouse", limit=4, min_relevance=0)
            (media / "better.txt").write_text("lighthouse")
            Indexer(library).index([media])
            second = search.search("lighthouse", limit=4, min_relevance=0, cursor=first.next_cursor)
            names = [Path(each.path).name for each in (*first.hits, *second.hits)]
            assert len(names) == len(set(names)) == 7
            assert "better.txt" in [Path(each.path).name for each in second.hits]
            assert [each.rank for each in second.hits] == [5, 6, 7]
