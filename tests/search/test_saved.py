"""Saved searches: what was asked comes back as it was, or is refused in plain words."""

from __future__ import annotations

import io
import json
from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bowerbird.errors import QueryError
from bowerbird.queries import Filters, Query
from bowerbird.types import AssetKind, Box, SegmentKind, Source
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from search import Search
from search.query_json import FIELDS, FILTERS
from search.saved import MOST_NAME, MOST_PICTURE, find, query_from_json, query_to_json, remove, save, saved
from tests.fakes import HashEncoder

_texts = st.lists(st.text(max_size=8), max_size=3).map(tuple)
_fraction = st.floats(0, 1)
_filters = st.builds(
    Filters,
    kinds=st.lists(st.sampled_from(SegmentKind), max_size=3).map(tuple),
    types=st.lists(st.sampled_from(AssetKind), max_size=3).map(tuple),
    after=st.none() | st.dates(),
    before=st.none() | st.dates(),
    place=st.none() | st.text(max_size=8),
    camera=st.none() | st.text(max_size=8),
    path=st.none() | st.text(max_size=8),
    language=st.none() | st.text(max_size=8),
    phrases=_texts,
)
_examples = st.lists(st.text(max_size=8) | st.integers(0, 2**63 - 1), max_size=3).map(tuple)
_queries = st.builds(
    Query,
    text=st.none() | st.text(max_size=20),
    also=_texts,
    image=st.none() | st.binary(max_size=20),
    crop=st.none() | st.builds(Box, _fraction, _fraction, _fraction, _fraction),
    like=_examples,
    unlike=_examples,
    negatives=_texts,
    filters=_filters,
    sources=st.lists(st.sampled_from(Source), max_size=2).map(tuple),
    limit=st.integers(-(2**40), 2**40),
    min_relevance=st.none() | _fraction,
    cursor=st.none() | st.text(max_size=8),
    rerank=st.none() | st.text(max_size=8),
)


@given(_queries)
def test_a_query_survives_being_written_and_read(query: Query) -> None:
    assert query_from_json(json.loads(json.dumps(query_to_json(query)))) == query


def test_nothing_that_can_be_asked_is_left_out() -> None:
    """Whoever adds a field to `Query` or `Filters` is reminded here that it has to be kept."""
    called = {"image": "image_base64", "negatives": "not"}
    assert {called.get(field.name, field.name) for field in fields(Query)} | {"kinds"} == set(FIELDS)
    assert {field.name for field in fields(Filters)} - {"kinds"} == set(FILTERS)


def test_what_nobody_said_is_not_written() -> None:
    assert query_to_json(Query()) == {}
    query = Query("beach", filters=Filters(types=(AssetKind.IMAGE,), after=date(2019, 7, 1)))
    assert query_to_json(query) == {"text": "beach", "filters": {"types": ["image"], "after": "2019-07-01"}}


def test_people_write_json_too() -> None:
    said = {
        "text": "beach",
        "like": "abc",
        "not": "people",
        "limit": None,
        "filters": {"after": "2019", "types": "image"},
    }
    query = query_from_json(said)
    assert (query.like, query.negatives, query.limit) == (("abc",), ("people",), 10)
    assert query.filters == Filters(types=(AssetKind.IMAGE,), after=date(2019, 1, 1))


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ([], "must be a JSON object"),
        ({"colour": "red"}, "'colour' is not known here; leave it out, or upgrade"),
        ({"filters": {"colour": "red"}}, "'colour' is not known here"),
        ({"filters": ["red"]}, "filters must be a JSON object"),
        ({"text": 7}, "'text' must be a text"),
        ({"not": [7]}, "'not' must be a text or a list"),
        ({"like": [True]}, "'like' must be the id"),
        ({"like": [10**30]}, "'like' must be the id"),
        ({"like": [1.5]}, "'like' must be the id"),
        ({"limit": 2.5}, "a whole number"),
        ({"limit": True}, "a whole number"),
        ({"limit": 10**400}, "a whole number"),
        ({"min_relevance": "much"}, "a number"),
        ({"min_relevance": float("nan")}, "a number"),
        ({"crop": [0, 0, 1]}, "four numbers"),
        ({"crop": [0, 0, 1, "1"]}, "'crop' must be a number"),
        ({"image_base64": "not base64!"}, "in base64"),
        ({"image_base64": "é"}, "in base64"),
        ({"kinds": ["movie"]}, "no kind 'movie'"),
        ({"filters": {"types": ["pdf"]}}, "no type 'pdf'"),
        ({"sources": ["smell"]}, "no source 'smell'"),
        ({"filters": {"after": "soonish"}}, "no date"),
    ],
)
def test_what_is_no_query_is_refused_with_a_remedy(said, says) -> None:
    with pytest.raises(QueryError, match=says) as refused:
        query_from_json(said)
    assert "\n" not in str(refused.value)


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FIELDS, *FILTERS, "?"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_anything)
def test_any_json_is_a_query_or_refused(said) -> None:
    try:
        query = query_from_json(said)
    except QueryError:
        return
    assert query_from_json(query_to_json(query)) == query


def png(size: tuple[int, int] = (80, 60)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    (folder / "media").mkdir()
    (folder / "media" / "red.png").write_bytes(png())
    (folder / "media" / "note.txt").write_text("The harbour office opens at nine.")
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        library.settings.index.ocr = False
        Indexer(library).index([folder / "media"])
        yield library


@pytest.fixture(autouse=True)
def _nothing_saved(library: Library) -> None:
    for each in saved(library):
        remove(library, each.name)


def test_a_saved_search_is_run_as_it_was_saved(library: Library) -> None:
    query = Query("the harbour office type:document", negatives=("cats",), limit=3)
    kept = save(library, " Harbour ", query)
    assert (kept.name, kept.query) == ("Harbour", query)
    assert find(library, "Harbour ").query == query
    assert [each.name for each in saved(library)] == ["Harbour"]
    (hit,) = Search(library).run(find(library, "Harbour").query).hits
    assert Path(hit.path).name == "note.txt"


def test_the_line_is_kept_as_typed_and_no_cursor_with_it(library: Library) -> None:
    save(library, "recent", Query("when:last month", cursor="abc"))
    assert find(library, "recent").query == Query("when:last month")


def test_a_picture_is_kept_with_the_search_since_the_file_may_go(library: Library) -> None:
    save(library, "like this", Query(image=png(), crop=Box(0, 0, 0.5, 0.5)))
    query = find(library, "like this").query
    assert query.image == png()
    assert Path(Search(library).run(query).hits[0].path).name == "red.png"


def test_one_search_for_each_name(library: Library) -> None:
    save(library, "caf\u00e9", Query("coffee"))
    with pytest.raises(QueryError, match="choose another name, or add --replace"):
        save(library, "cafe\u0301", Query("tea"))
    assert find(library, "cafe\u0301").query == Query("coffee")
    save(library, "café", Query("tea"), overwrite=True)
    assert [each.query.text for each in saved(library)] == ["tea"]
    save(library, "Café", Query("cake"))
    assert len(saved(library)) == 2


def test_what_is_not_there_is_not_found_or_removed(library: Library) -> None:
    save(library, "harbour", Query("boats"))
    for do in (find, remove):
        with pytest.raises(QueryError, match=r"no search is saved as 'harbor'\. Did you mean 'harbour'\?"):
            do(library, "harbor")
    remove(library, "harbour")
    with pytest.raises(QueryError, match=r"no search is saved as 'harbour'\. See"):
        find(library, "harbour")


@pytest.mark.parametrize(
    ("name", "query", "says"),
    [
        ("", Query("x"), "name is empty"),
        (" \n", Query("x"), "name is empty"),
        ("x" * (MOST_NAME + 1), Query("x"), "limit of 200"),
        ("two\nlines", Query("x"), "one line of plain text"),
        ("half a pair \ud800", Query("x"), "one line of plain text"),
        ("nothing", Query(), "the query is empty"),
        ("negatives", Query(negatives=("cats",)), "finds nothing alone"),
        ("too many", Query("x", limit=10_000_000), "out of bounds"),
        ("broken", Query(image=b"no picture"), "the query's picture"),
        ("huge", Query(image=bytes(MOST_PICTURE + 1)), "index it and use --like"),
    ],
)
def test_what_cannot_be_saved_is_refused_with_a_remedy(library: Library, name, query, says) -> None:
    with pytest.raises(QueryError, match=says) as refused:
        save(library, name, query)
    assert "\n" not in str(refused.value)
    assert saved(library) == []


def test_as_long_a_name_as_allowed_and_any_alphabet_will_do(library: Library) -> None:
    for name in ("x" * MOST_NAME, "Море и 👩‍👩‍👧", "100%_'\"\\"):
        save(library, name, Query("x"))
        assert find(library, name).name == name


def test_what_a_newer_program_saved_is_listed_and_not_run(library: Library) -> None:
    with library.catalog.write() as tx:
        tx.saved.put("future", '{"version":2,"thought":"a cat"}')
        tx.saved.put("field", '{"version":1,"text":"a cat","colour":"red"}')
    assert [each.name for each in saved(library)] == ["field", "future"]
    with pytest.raises(QueryError, match="pip install -U bowerbird"):
        _ = find(library, "future").query
    with pytest.raises(QueryError, match="'colour' is not known here"):
        _ = find(library, "field").query


def test_the_likeness_of_what_is_gone_says_so(library: Library) -> None:
    save(library, "gone", Query(like=("0" * 64,)))
    with pytest.raises(QueryError, match="nothing in this library has the id"):
        Search(library).run(replace(find(library, "gone").query, limit=1))
