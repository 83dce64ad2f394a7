"""Files of queries as people write them, and everything that may be wrong with a line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.errors import QueryError
from search.evaluation import queries_of, read_queries


def written(tmp_path, *lines):
    file = tmp_path / "queries.jsonl"
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return file


def test_a_line_is_a_query_and_what_ought_to_be_found(tmp_path):
    file = written(
        tmp_path,
        {"text": "a cat", "relevant": ["cat.jpg", "cats/other.jpg", "cat.jpg"], "medium": "photos"},
        "",
        {"image": "dog.png", "relevant": [], "id": 7, "group": "mine", "medium": "photos", "note": ["left", "alone"]},
        {"text": "x", "not": "y", "relevant": ["z"]},
        {"text": "x", "not": ["y", "w"], "relevant": ["z"], "id": "last"},
    )
    cat, dog, one, two = read_queries(file)
    assert (cat.id, cat.text, cat.image, cat.group) == ("line 1", "a cat", None, "photos")
    assert cat.relevant == ("cat.jpg", "cats/other.jpg")
    assert (dog.id, dog.text, dog.image, dog.group) == ("7", None, tmp_path / "dog.png", "mine")
    assert dog.relevant == ()
    assert (one.negatives, two.negatives, two.id) == (("y",), ("y", "w"), "last")


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(tmp_path):
    file = tmp_path / "queries.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"text": "a", "relevant": []}\r\n\r\n{"text": "b", "relevant": []}\r\n')
    assert [each.text for each in read_queries(file)] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{'text': 'a cat'}", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('["a cat"]', "is no JSON object"),
        ({"relevant": []}, "asks nothing"),
        ({"text": "a cat"}, 'has no "relevant"'),
        ({"text": "a cat", "relevant": "cat.jpg"}, '"relevant" is no list'),
        ({"text": "a cat", "relevant": [1]}, '"relevant" is no list'),
        ({"text": "a cat", "relevant": [" "]}, '"relevant" is no list'),
        ({"text": "a cat", "relevant": None}, '"relevant" is no list'),
        ({"text": 3, "relevant": []}, '"text" is no text'),
        ({"text": " ", "relevant": []}, '"text" is no text'),
        ({"text": "x", "image": [], "relevant": []}, '"image" is no text'),
        ({"text": "x", "group": 3, "relevant": []}, '"group" is no text'),
        ({"text": "x", "id": True, "relevant": []}, '"id" is no text'),
        ({"text": "x", "not": {}, "relevant": []}, '"not" is no list'),
        ({"text": "x", "id": "first", "relevant": []}, "the id 'first' is that of queries.jsonl, line 1"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_in_one(tmp_path, line, says):
    file = written(tmp_path, {"text": "fine", "relevant": [], "id": "first"}, line)
    with pytest.raises(QueryError) as refused:
        read_queries(file)
    assert str(refused.value).startswith("queries.jsonl, line 2: ")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_holds_nothing_is_not_there_or_is_no_text(tmp_path):
    (tmp_path / "latin.jsonl").write_bytes(b'{"text": "caf\xe9", "relevant": []}')
    for file, says in (
        (written(tmp_path, "", " "), "holds no query"),
        (tmp_path / "nowhere.jsonl", "name a file of queries"),
        (tmp_path, "name a file of queries"),
        (tmp_path / "latin.jsonl", "is not UTF-8 at byte 13"),
    ):
        with pytest.raises(QueryError, match=says):
            read_queries(file)


@pytest.mark.parametrize("image", ["nowhere.png", "~no such user/x.png", ".", "\0", "x" * 5000])
def test_a_picture_that_cannot_be_read_is_named_with_its_line(tmp_path, image):
    (query,) = read_queries(written(tmp_path, {"image": image, "relevant": []}))
    with pytest.raises(QueryError, match=r"^queries\.jsonl, line 1: .*name a picture"):
        query.ask()


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda each: (
            st.lists(each) | st.dictionaries(st.sampled_from(["text", "image", "relevant", "not", "id", "group"]), each)
        ),
    )
)
def test_any_line_is_a_query_or_an_error_of_ours(tmp_path_factory, said):
    file = written(tmp_path_factory.mktemp("any"), said)
    try:
        read = read_queries(file)
    except QueryError as error:
        read = str(error)
    assert "\n" not in read if isinstance(read, str) else len(read) == 1


def test_queries_of_somebody_elsewhere_are_read_alike_but_for_pictures(tmp_path):
    said = [{"text": "a cat", "relevant": ["cats/a.jpg"], "not": "b"}, {"text": "x", "relevant": [], "id": 7}]
    first, second = queries_of(said)
    assert (first.id, first.text, first.relevant, first.negatives) == ("line 1", "a cat", ("cats/a.jpg",), ("b",))
    assert (second.id, second.where) == ("7", "query 2")
    with pytest.raises(QueryError, match='query 1: "image" names a file'):
        queries_of([{"image": "/etc/passwd", "relevant": []}])
    with pytest.raises(QueryError, match="query 2: the id '1' is that of query 1"):
        queries_of([{"text": "a", "relevant": [], "id": 1}] * 2)
