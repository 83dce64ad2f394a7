"""Composed queries: several parts count alike, examples pull and push, and a crop is a picture of its own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from bowerbird.answers import About, Question
from bowerbird.errors import QueryError
from bowerbird.queries import Query
from bowerbird.types import Box, SegmentKind, Source, Space, SpaceName, SpaceState, Vectors
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from search import Search
from search.answer import ask
from search.compose import UNLIKE, Aim, Part, aims
from search.query_vectors import QueryVectors
from tests.fakes import HashEncoder, ScriptedAnswerer

SPACE = Space(1, SpaceName.JOINT, "hash", "f", 8, SpaceState.ACTIVE)
RED, GREEN, BLUE, GREY = (220, 20, 20), (20, 180, 20), (20, 20, 220), (128, 128, 128)


def unit(vector: Vectors) -> Vectors:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


vectors = arrays.arrays(np.float32, 8, elements=st.floats(-1, 1, width=32)).filter(lambda v: np.linalg.norm(v) > 0.1)


class TestAim:
    @given(vectors, vectors, st.floats(0.01, 1), st.floats(0.01, 1))
    def test_the_order_is_that_of_the_sum_of_standard_scores(
        self, one: Vectors, other: Vectors, narrow: float, wide: float
    ) -> None:
        spreads = {one.tobytes(): narrow, other.tobytes(): wide}
        aim = Aim(SPACE, [Part(one), Part(other)], np.empty((0, 8), np.float32))
        wanted = aim.wanted(lambda vector: spreads[vector.tobytes()])
        things = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
        summed = things @ one / spreads[one.tobytes()] + things @ other / spreads[other.tobytes()]
        if np.linalg.norm(wanted) < 0.5:  # the two cancel each other out
            return
        assert np.corrcoef(things @ wanted, summed)[0, 1] > 0.999

    def test_a_part_alone_is_searched_as_it_is(self) -> None:
        vector = unit(np.arange(8, dtype=np.float32))
        aim = Aim(SPACE, [Part(vector)], np.empty((0, 8), np.float32))
        assert aim.wanted(lambda _: 0.0) is vector

    def test_what_is_unlike_is_taken_away(self) -> None:
        like, unlike = np.eye(8, dtype=np.float32)[:2]
        aim = Aim(SPACE, [Part(like), Part(unlike, UNLIKE)], np.empty((0, 8), np.float32))
        wanted = aim.wanted(lambda _: 1.0)
        assert wanted @ like > 0.8
        assert wanted @ unlike < -0.4


class ColourEncoder(HashEncoder):
    """Pictures stand at their mean colour, and texts at the colours that they name: near is near."""

    def _of_picture(self, picture: np.ndarray) -> Vectors:
        vector = np.zeros(self.description.dimension, np.float32)
        vector[:3] = picture.reshape(-1, 3).mean(axis=0) / 128 - 1
        vector[3] = 0.2  # so that grey is something too
        return unit(vector)

    def encode_texts(self, texts):
        named = {"red": RED, "green": GREEN, "blue": BLUE, "grey": GREY}
        stack = []
        for text in texts:
            colours = [np.full((1, 1, 3), named[word], np.uint8) for word in text.split() if word in named]
            stack.append(unit(np.sum([self._of_picture(each) for each in colours], axis=0)) if colours else None)
        random = super().encode_texts(texts)
        return np.asarray([random[at] if each is None else each for at, each in enumerate(stack)], np.float32)

    def background(self, kind: str) -> Vectors | None:
        random = np.random.default_rng(7).integers(0, 255, (200, 1, 1, 3), np.uint8)
        return np.asarray([self._of_picture(each) for each in random], np.float32)


def save(path: Path, *columns: tuple[int, int, int]) -> Path:
    pixels = np.repeat(np.asarray(columns, np.uint8), 30, axis=0)
    Image.fromarray(np.broadcast_to(pixels, (60, len(pixels), 3)).copy()).save(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    media = tmp_path_factory.mktemp("media")
    for name, columns in {
        "rose": [RED],
        "sea": [BLUE],
        "grass": [GREEN],
        "plum": [(130, 20, 130)],
        "stone": [GREY],
        "brick": [(200, 60, 60)],
    }.items():  # none is called by its colour, which the words would find
        save(media / f"{name}.png", *columns)
    return media


@pytest.fixture(scope="module")
def library(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    made = tmp_path_factory.mktemp("library") / "library"
    with open_library(made, create=True, encoder="hash", load=lambda _: ColourEncoder()) as opened:
        Indexer(opened).index([folder], regions=0)
        yield opened


def names(search: Search, *args, **asked) -> list[str]:
    return [Path(hit.path).stem for hit in search.search(*args, min_relevance=0, **asked).hits]


class TestSearch:
    def test_two_texts_find_what_is_like_both(self, library: Library) -> None:
        assert names(Search(library), "red thing", also=["blue thing"])[0] == "plum"

    def test_a_text_bends_a_picture(self, library: Library, folder: Path) -> None:
        assert names(Search(library), "blue", image=folder / "rose.png")[0] == "plum"

    def test_a_part_of_a_picture_is_meant(self, library: Library, tmp_path: Path) -> None:
        half = save(tmp_path / "half.png", RED, GREEN)
        search = Search(library)
        assert names(search, image=half, crop="0,0,0.5,1")[0] == "rose"
        assert names(search, image=half, crop=Box(0.5, 0, 0.5, 1))[0] == "grass"

    def test_less_like_this(self, library: Library, folder: Path) -> None:
        search = Search(library)
        plain = names(search, like=folder / "plum.png")
        assert "plum" not in plain
        less = names(search, like=folder / "plum.png", unlike=folder / "rose.png")
        assert "rose" not in less
        assert less.index("sea") < less.index("brick")

    def test_a_moment_is_an_example_by_its_id(self, library: Library, folder: Path) -> None:
        search = Search(library)
        red = search.search(like=folder / "brick.png", min_relevance=0).hits[0]
        assert Path(red.path).stem == "rose"
        assert names(search, like=red.segment_id)[0] == "brick"
        assert names(search, like=[red.segment_id, folder / "sea.png"])[0] == "plum"

    def test_what_no_file_holds_any_more_is_no_example_until_it_turns_up_again(self, tmp_path: Path) -> None:
        media = tmp_path / "media"
        media.mkdir()
        rose, copy = save(media / "rose.png", RED), save(media / "copy.png", RED)
        save(media / "brick.png", (200, 60, 60))
        with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: ColourEncoder()) as library:
            Indexer(library).index([media], regions=0)
            search = Search(library)
            asset = search.asset_at(rose)
            with library.catalog.read() as tx:
                found = tx.assets.by_hash(asset)
                assert found is not None
                (moment,) = tx.moments.listed(found.id, [SegmentKind.IMAGE], most=9)
            data = rose.read_bytes()
            rose.unlink()
            Indexer(library).index([media], regions=0)
            assert names(search, like=copy) == ["brick"], "one of two copies will do"
            copy.unlink()
            Indexer(library).index([media], regions=0)
            for named in (asset, moment.id):
                for query in (Query(like=(named,)), Query(text="red", unlike=(named,))):
                    with pytest.raises(QueryError, match="nothing in this library has the"):
                        search.run(query)
            for about in (About(asset_id=asset), About(asset_id=asset, page=1), About(segment_id=moment.id)):
                with pytest.raises(QueryError, match="nothing in this library has the"):
                    ask(search, Question("what is it?", about=about), ScriptedAnswerer())
            rose.write_bytes(data)
            Indexer(library).index([media], regions=0)
            for like in (asset, moment.id):
                assert [Path(hit.path).stem for hit in search.run(Query(like=(like,), min_relevance=0)).hits] == [
                    "brick"
                ]

    @pytest.mark.parametrize("named", [0, 10**12, 2**63 - 1, 2**63, -(2**63) - 1])
    def test_a_moment_that_is_not_there(self, library: Library, named: int) -> None:
        with pytest.raises(QueryError, match=f"segment id {named}"):
            Search(library).search(like=named)

    def test_only_the_sources_that_are_asked(self, library: Library) -> None:
        found = Search(library).run(Query(text="rose", sources=(Source.WORDS,), min_relevance=0)).hits
        assert found
        assert {each.source for hit in found for each in hit.evidence} == {Source.WORDS}
        near = Search(library).run(Query(text="red", sources=(Source.JOINT,), min_relevance=0)).hits
        assert {each.source for hit in near for each in hit.evidence} == {Source.JOINT}

    def test_what_finds_nothing_is_no_source(self, library: Library) -> None:
        for sources in ((Source.RERANK,), (Source.WORDS, Source.RERANK)):
            with pytest.raises(QueryError, match="choose sources of joint, text, words"):
                Search(library).run(Query(text="rose", sources=sources))

    @pytest.mark.parametrize("named", ["a\0b", "\ud800", "0" * 64, "", "~nobody/x"])
    def test_a_name_that_is_nobodys(self, library: Library, named: str) -> None:
        with pytest.raises(QueryError, match="in this library"):
            Search(library).search(like=named)
        with pytest.raises(QueryError, match="in this library"):
            Search(library).run(Query(like=(named,)))

    def test_words_alone_do_not_answer_half_a_query(self, library: Library, folder: Path) -> None:
        alone = Search(library).run(Query(text="rose", sources=(Source.WORDS,))).hits[0]
        search = Search(library)
        by_words = search.run(Query(text="rose", image=(folder / "stone.png").read_bytes(), sources=(Source.WORDS,)))
        assert Path(by_words.hits[0].path).stem == "rose"
        assert by_words.hits[0].relevance < alone.relevance / 1.5


class TestVectors:
    def test_what_is_asked_again_is_not_encoded_again(self, library: Library) -> None:
        calls: list[list[str]] = []

        class Counting(ColourEncoder):
            def encode_texts(self, texts):
                calls.append(list(texts))
                return super().encode_texts(texts)

        library._encoders[library.joint.id] = Counting()
        kept = QueryVectors(library)
        first = kept.texts(library.joint, ["red", "blue", "red"])
        again = kept.texts(library.joint, ["blue", "green"])
        assert calls == [["red", "blue"], ["green"]]
        np.testing.assert_array_equal(first[1], again[0])
        assert first.shape == (3, library.joint.dimension)
        assert kept.texts(library.joint, []).shape == (0, library.joint.dimension)

    def test_a_picture_and_its_parts_are_different(self, library: Library, folder: Path, tmp_path: Path) -> None:
        data = save(tmp_path / "half.png", RED, GREEN).read_bytes()
        kept = QueryVectors(library)
        whole, left = kept.picture(library.joint, data, None), kept.picture(library.joint, data, Box(0, 0, 0.5, 1))
        assert whole is not None
        assert left is not None
        assert whole @ left < 0.99
        assert kept.picture(library.joint, data, None) is whole

    def test_a_space_covers_what_it_can_read(self, library: Library) -> None:
        texts = Space(99, SpaceName.TEXT, "t", "other", 32, SpaceState.ACTIVE)
        library._encoders[99] = HashEncoder(name="texts")
        library._encoders[99].picture = None
        buffer = io.BytesIO()
        Image.new("RGB", (20, 20), RED).save(buffer, "PNG")
        query = Query(text="red", also=("blue",), image=buffer.getvalue())
        with library.catalog.read() as tx:
            joint, text = aims([library.joint, texts], tx, query, QueryVectors(library))
        assert joint.coverage == 1
        assert text.coverage == pytest.approx(2 / 3)
        assert [aim.source for aim in (joint, text)] == [Source.JOINT, Source.TEXT]
