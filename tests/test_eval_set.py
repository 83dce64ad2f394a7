"""The eval set by itself: what must hold of the queries and of what they are asked of before any corpus is made."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.eval_corpus import write_halves
from benchmarks.eval_set import MEDIA, entries, half, queries
from benchmarks.eval_set.distractors import make_drawings, make_texts
from benchmarks.eval_set.documents import WRITERS, make_documents
from benchmarks.eval_set.films import photos_in_films
from benchmarks.eval_set.pictures import ASKED_WITH, FROM_SCIKIT_IMAGE, SCIKIT_IMAGE
from benchmarks.eval_set.talks import CODECS
from bowerbird.media.registry import format_for
from bowerbird.moments import Moment, Wanted
from bowerbird.settings import DecodeSettings
from search.evaluation.queries import read_queries

ROOT = Path(__file__).parents[1]
QUERIES = list(queries())
FOLDERS = {"film": "films", "talk": "talks", "document": "documents"}
MADE_BY_SAMPLES = {"holiday.mp4", "nest-counts.pdf", "beach.png", "harbour.jpg"}


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def medium_of(path: str) -> str:
    table = {"jpg": "image", "png": "image", "mp4": "video", "mkv": "video", "mov": "video"}
    table |= {"ogg": "audio", "m4a": "audio", "mp3": "audio", "flac": "audio"}
    return table.get(path.rpartition(".")[2], "document")


def in_corpus() -> set[str]:
    """Every path that can be relevant but the pictures of COCO, which are known by number only."""
    made = {f"{FOLDERS[kind]}/{entry['file']}" for kind in FOLDERS for entry in entries(kind)}
    samples = MADE_BY_SAMPLES | {
        each.name for name in ("notes", "media") for each in (ROOT / "samples" / name).iterdir()
    }
    return (
        made
        | {f"samples/{name}" for name in samples}
        | {f"pictures/{name}" for name in FROM_SCIKIT_IMAGE}
        | {"talks/jfk.flac"}
    )


def test_there_are_enough_of_each() -> None:
    counts = Counter(query.medium for query in QUERIES)
    assert set(counts) == {*MEDIA, "none"}
    assert all(counts[medium] >= 45 for medium in ("image", "video", "audio", "document"))
    assert counts["none"] >= 70


def test_only_those_without_an_answer_have_none() -> None:
    assert all(bool(query.relevant) == (query.medium != "none") for query in QUERIES)
    assert all(len(set(query.relevant)) == len(query.relevant) for query in QUERIES)


def test_each_is_a_text_or_a_picture_and_stands_there_once() -> None:
    assert all((query.text is None) != (query.image is None) for query in QUERIES)
    assert max(Counter(query.id for query in QUERIES).values()) == 1
    assert max(Counter(plain(query.text or query.id) for query in QUERIES).values()) == 1
    assert all(query.text == " ".join(query.text.split()) for query in QUERIES if query.text is not None)


def test_the_halves_are_about_as_large() -> None:
    """An eighth of chance either way, which a hash of 57 texts has in 19 of 20 cases."""
    sizes = Counter((query.medium, query.half) for query in QUERIES)
    for medium in ("image", "video", "audio", "document", "none"):
        assert 0.375 <= sizes[medium, "tune"] / (sizes[medium, "tune"] + sizes[medium, "report"]) <= 0.625, medium


def test_the_halves_never_change() -> None:
    assert [half(text) for text in ("zebra", "kites", "mitosis")] == ["report"] * 3
    assert [half(text) for text in ("sheep", "ancient coins", "tango class")] == ["tune"] * 3


def test_the_corpus_holds_each_half_as_a_file(tmp_path: Path) -> None:
    write_halves(tmp_path)
    sides = {side: read_queries(tmp_path / f"{side}.jsonl") for side in ("tune", "report")}
    for side, asked in sides.items():
        assert {each.id for each in asked} == {query.id for query in QUERIES if query.half == side}
    for query in (each for asked in sides.values() for each in asked):
        assert query.image is None or query.image.parent == tmp_path / "queries"


@given(st.text(alphabet=st.characters(max_codepoint=0x24F), max_size=40))
def test_case_and_spaces_do_not_move_a_query_to_the_other_half(text: str) -> None:
    assert half(f"  {text}\n") == half(text)
    assert half(text.casefold()) == half(text)


def test_every_answer_lies_in_the_corpus() -> None:
    known, shown = in_corpus(), photos_in_films()
    for query in QUERIES:
        for path in query.relevant:
            photo = re.fullmatch(r"pictures/(\d{12})\.jpg", path)
            assert path in known or (photo is not None and int(photo[1]) not in shown), (query.id, path)


def test_the_medium_is_that_of_the_answers() -> None:
    for query in QUERIES:
        media = {medium_of(path) for path in query.relevant}
        assert query.medium == "mixed" or media == {query.medium} - {"none"}, query.id


def test_every_film_talk_and_document_is_asked_for() -> None:
    wanted = {path for query in QUERIES for path in query.relevant}
    assert {f"{FOLDERS[kind]}/{entry['file']}" for kind in FOLDERS for entry in entries(kind)} <= wanted


@pytest.mark.parametrize("kind", FOLDERS)
def test_there_are_at_least_forty_and_no_name_twice(kind: str) -> None:
    names = [entry["file"] for entry in entries(kind)]
    assert len(set(names)) == len(names) >= 40


def test_a_photo_is_shown_by_one_film() -> None:
    assert len(photos_in_films()) == sum(len(film["photos"]) for film in entries("film"))


def test_talks_last_as_long_as_a_memo() -> None:
    for talk in entries("talk"):
        assert 6 <= 60 * len(talk["text"].split()) / talk["speed"] <= 30, talk["file"]
        assert Path(talk["file"]).suffix in CODECS


def test_the_pictures_asked_with_are_those_that_are_made() -> None:
    asked = {query.image: query for query in QUERIES if query.image is not None}
    assert sorted(asked) == [f"queries/query-{number:02d}.jpg" for number in range(1, len(ASKED_WITH) + 1)]
    film_of = {photo: f"films/{film['file']}" for film in entries("film") for photo in film["photos"]}
    for number, (photo, *_) in enumerate(ASKED_WITH, 1):
        expected = film_of.get(photo, f"pictures/{photo:012d}.jpg")
        assert asked[f"queries/query-{number:02d}.jpg"].relevant == (expected,)


def test_scikit_image_still_brings_the_photos() -> None:
    assert [name for name in FROM_SCIKIT_IMAGE if not (SCIKIT_IMAGE / name).is_file()] == []


def test_documents_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    make_documents(folder)
    assert {path.suffix for path in folder.iterdir()} == set(WRITERS)
    for entry in entries("document"):
        path = folder / entry["file"]
        found = format_for(path)
        assert found is not None
        parts = found.open(DecodeSettings()).decode(path, Wanted()).parts
        read = plain(" ".join(part.text or "" for part in parts if isinstance(part, Moment)))
        cells = re.split(r"\||\n", entry["text"]) if path.suffix in {".csv", ".xlsx"} else [entry["text"][-40:]]
        assert [cell for cell in cells if plain(cell) not in read] == [], entry["file"]


def test_distractors_are_many_and_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_texts(tmp_path / name / "texts", ("email", "networkx"))
        make_drawings(tmp_path / name / "drawings")
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert one == two
    assert len(set(one.values())) == len(one) > 150
