"""Words as a source, and filters, through the whole search: over a real library on SQLite, vectors being hashes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bowerbird.errors import QueryError
from bowerbird.moments import Moment
from bowerbird.queries import Filters, Query, SearchResult
from bowerbird.store.catalog import filters as filters_module
from bowerbird.store.catalog import words as words_module
from bowerbird.store.catalog.filters import Selection
from bowerbird.store.catalog.full_text import Term
from bowerbird.store.catalog.locations import Placed
from bowerbird.store.catalog.segments import Derived
from bowerbird.types import AssetInfo, AssetKind, FileStat, Place, SegmentKind, Source, Taken, TakenFrom
from bowerbird.wiring import Library, open_library
from search import Search
from search.compose import aims, examples
from search.gather import Gatherer
from search.query_vectors import QueryVectors
from search.words import find, relevance, spared, terms_of
from tests.fakes import HashEncoder

PHOTO = AssetInfo(AssetKind.IMAGE, "image/jpeg")
PAPER = AssetInfo(AssetKind.DOCUMENT, "text/plain")
DE, EN = ({"language": code} for code in ("de", "en"))


def taken(day: str, name: str, country: str, camera: str = "Pixel 7") -> AssetInfo:
    when = Taken(datetime.fromisoformat(day), TakenFrom.EXIF)
    return replace(PHOTO, taken=when, place=Place(name, name, country), camera=camera)


IMAGE = Moment(SegmentKind.IMAGE)
THINGS: dict[str, tuple[AssetInfo, list[Moment]]] = {
    "a/IMG_0001.jpg": (taken("2019-07-04", "Lisbon", "Portugal"), [IMAGE, Moment(SegmentKind.REGION)]),
    "a/IMG_0002.jpg": (taken("2018-07-04", "Lisbon", "Portugal", "Nikon D750"), [IMAGE]),
    "a/IMG_0003.jpg": (taken("2019-12-24", "Oslo", "Norway"), [IMAGE]),
    "b/lighthouse.jpg": (PHOTO, [IMAGE, Moment(SegmentKind.OCR, text="KEEP OUT of the water")]),
    "b/talk.mp3": (
        AssetInfo(AssetKind.AUDIO, "audio/mpeg", duration_s=300),
        [
            Moment(SegmentKind.SPEECH, 60, 67, text="Ask not what your country can do for you", **EN),
            Moment(SegmentKind.SPEECH, 70, 72, text="Der Leuchtturm steht am Wasser", **DE),
        ],
    ),
    "b/paper.pdf": (
        AssetInfo(AssetKind.DOCUMENT, "application/pdf"),
        [Moment(SegmentKind.PAGE, page=at, text=f"page {at} about quantum gravity") for at in (1, 2, 3)],
    ),
}


def fill(library: Library, things: dict[str, tuple[AssetInfo, list[Moment]]], root: str = "/library") -> None:
    """Put assets into a library the way the indexer does, their vectors hashes of their paths and texts."""
    encoder, space = HashEncoder(), library.joint
    with library.catalog.write() as tx:
        root_id = tx.roots.add(root, 1).id
        ids = tx.assets.put({path: (1, info) for path, (info, _) in things.items()})
        derived = []
        for path, (_, moments) in things.items():
            texts = [moment.text or f"{path} {moment.kind}" for moment in moments]
            vectors = dict(enumerate(encoder.encode_texts(texts)))
            derived.append(Derived(ids[path], "decode", "1", moments, {space.id: vectors}))
        tx.segments.replace(derived)
        tx.locations.put([Placed(root_id, path, id_, FileStat(1, 1, 1)) for path, id_ in ids.items()])


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("words") / "library"
    with open_library(folder, create=True, encoder="hash", load=lambda _: HashEncoder()) as opened:
        fill(opened, THINGS)
        yield opened


@pytest.fixture
def search(library: Library) -> Search:
    return Search(library)


def names(result: SearchResult, relevant: float = 0.5) -> list[str]:
    return [Path(hit.path).name for hit in result.hits if hit.relevance >= relevant]


class TestTerms:
    @pytest.mark.parametrize(
        ("text", "terms"),
        [
            ("a photo of the harbour", [Term(("harbour",))]),
            ("What did Kennedy ask?", [Term(("kennedy",)), Term(("ask",))]),
            ('the "to be or not to be" speech', [Term(("to", "be", "or", "not", "to", "be")), Term(("speech",))]),
            ("photogr* li*", [Term(("photogr",), prefix=True), Term(("li",))]),
            ("São PAULO são", [Term(("sao",)), Term(("paulo",))]),
            ("a photo of something that is not there", []),
            ('"" "..." * -', []),
        ],
    )
    def test_what_is_looked_for(self, text: str, terms: list[Term]) -> None:
        assert terms_of(text)[0] == terms

    def test_the_whole_is_a_phrase_where_it_is_several_words(self) -> None:
        assert terms_of("The harbour, at nine.")[1] == Term(("the", "harbour", "at", "nine"))
        assert terms_of("harbour")[1] is terms_of("the harb*")[1] is None


class TestSource:
    def test_a_photo_is_found_by_place_and_year(self, search: Search) -> None:
        result = search.search("Lisbon 2019")
        best, second = result.hits[:2]
        assert Path(best.path).name == "IMG_0001.jpg"
        assert best.relevance >= 0.6
        assert result.matched
        (evidence,) = [each for each in best.evidence if each.source is Source.WORDS]
        assert evidence.rank == 1
        assert (best.taken_at, best.place) == ("2019-07-04T00:00:00", "Lisbon, Portugal")
        assert best.relevance > second.relevance + 0.2, "one of two words is not half as good"

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("lighthouse", "lighthouse.jpg"),
            ("Nikon", "IMG_0002.jpg"),
            ("december oslo", "IMG_0003.jpg"),
            ("winter in Norway", "IMG_0003.jpg"),
            ("keep out", "lighthouse.jpg"),
            ("leuchttürme* leuchtturm", "talk.mp3"),
            ("IMG_0002", "IMG_0002.jpg"),
            ("lighthuose", "lighthouse.jpg"),
        ],
    )
    def test_by_name_camera_date_and_what_is_written(self, search: Search, text: str, name: str) -> None:
        result = search.search(text)
        assert Path(result.hits[0].path).name == name

    def test_an_exact_phrase_says_more_than_its_words(self, search: Search) -> None:
        phrase = search.search("what your country can do").hits[0]
        words = search.search("country do what can your").hits[0]
        assert (phrase.start_s, phrase.end_s) == (60, 67)
        assert phrase.segment_id == words.segment_id
        assert phrase.relevance > words.relevance + 0.05

    def test_a_lone_word_said_in_many_places_says_little_in_each(self, tmp_path: Path) -> None:
        notes = {f"{n}.txt": (PAPER, [Moment(SegmentKind.TEXT, text=f"harbour {n}")]) for n in range(9)}
        notes["rare.txt"] = (PAPER, [Moment(SegmentKind.TEXT, text="a lighthouse at the harbour")])
        with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as opened:
            fill(opened, notes)

            def best(text: str) -> float:
                return Search(opened).run(Query(text=text, sources=(Source.WORDS,))).hits[0].relevance

            assert best("harbour") < 0.3 < 0.7 < best("lighthouse") < best("lighthouse at the harbour")

    @pytest.mark.parametrize("text", ["a photo of something that is not there", "the of and", "photo", "???"])
    def test_stop_words_alone_match_nothing(self, search: Search, text: str) -> None:
        assert names(search.search(text)) == []
        assert not any(each.source is Source.WORDS for hit in search.search(text).hits for each in hit.evidence)

    def test_one_word_of_many_is_no_match(self, library: Library) -> None:
        with library.catalog.read() as tx:
            matches = find(tx, "a purple elephant dancing in water beside a motorcycle", 10, Selection((), (), None))
        assert [relevance(match) < 0.1 for match in matches] == [True]

    def test_pictures_and_likeness_have_no_words(self, search: Search, library: Library) -> None:
        buffer = io.BytesIO()
        Image.new("RGB", (32, 32), "red").save(buffer, "PNG")
        for query in (Query(image=buffer.getvalue()), Query(like=("b/lighthouse.jpg",))):
            hits = search.run(query).hits
            assert hits
            assert {each.source for hit in hits for each in hit.evidence} == {Source.JOINT}

    def test_a_negative_counts_against_words_too(self, search: Search) -> None:
        def without(*negatives: str) -> float:
            hits = search.search("lisbon", negatives=negatives).hits
            return next(hit.relevance for hit in hits if hit.path.endswith("0002.jpg"))

        assert without() > 0.7
        assert without("nikon") < 0.3
        assert without("a/IMG_0002.jpg image") < 0.1, "what its vector is near to"
        assert without("oslo") > 0.5

    def test_a_negative_counts_where_it_is_a_frequent_word(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(words_module, "MOST_ROWS", 20)
        monkeypatch.setattr(words_module, "LEAST_CANDIDATES", 5)
        texts = {f"{at}.txt": f"{'sunset' if at < 15 else ''} people {at}" for at in range(60)}
        things = {name: (PHOTO, [Moment(SegmentKind.OCR, text=text)]) for name, text in texts.items()}
        with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as opened:
            fill(opened, things)
            with opened.catalog.read() as tx:
                matches = find(tx, "sunset", 300, Selection((), (), None))
                assert len(matches) == 15
                assert max(spared(tx, matches, ["people"]).values()) < 0.5
                assert min(spared(tx, matches, ["elephant"]).values()) == 1

    @given(st.text(max_size=60) | st.text('"*()-:^+{}\\ aNEORDT\0\ud800', max_size=40))
    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    def test_any_text_is_safe(self, library: Library, text: str) -> None:
        terms, phrase = terms_of(text)
        with library.catalog.read() as tx:
            for match in tx.words.search(terms, 10, phrase=phrase):
                assert 0 <= match.share <= 1.000001


class TestFilters:
    def test_the_copy_that_is_shown_lies_where_it_was_asked_for(self, tmp_path: Path) -> None:
        with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as opened:
            fill(opened, {"2019/cat.jpg": (PHOTO, [IMAGE]), "2019/dog.jpg": (PHOTO, [IMAGE])})
            with opened.catalog.write() as tx:
                asset = tx.assets.by_hash("2019/cat.jpg")
                assert asset is not None
                tx.locations.put([Placed(1, "best/cat.jpg", asset.id, FileStat(1, 1, 1))])
            for text in (None, "cat"):
                hit = Search(opened).search(text, path="BEST/").hits[0]
                assert hit.path == "/library/best/cat.jpg"
                assert Search(opened).search(text, path="cat.jpg").hits[0].path == "/library/2019/cat.jpg"

    def test_code_is_listed_as_surely_as_anything(self, tmp_path: Path) -> None:
        code = AssetInfo(AssetKind.DOCUMENT, "text/x-python")
        with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as opened:
            fill(opened, {"a.py": (code, [Moment(SegmentKind.TEXT, text="import this")])})
            assert [hit.relevance for hit in Search(opened).search(types=["document"]).hits] == [1.0]

    def test_where_three_files_are_one_hit_as_many_hits_come_as_were_asked_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        film = AssetInfo(AssetKind.VIDEO, "video/quicktime", duration_s=3)
        files = {
            f"{at}/{at}.{suffix}": (film if suffix == "mov" else PHOTO, [IMAGE])
            for at in range(40)
            for suffix in ("jpg", "dng", "mov")
        }
        asked = []
        gather = Gatherer.gather

        def counted(self: Gatherer, *given: Any) -> Any:
            asked.append(given[-1])
            return gather(self, *given)

        monkeypatch.setattr(Gatherer, "gather", counted)
        with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as opened:
            fill(opened, files)
            listed = Search(opened).search(types=["image", "video"], limit=20).hits
            found = Search(opened).search("anything", limit=20, min_relevance=0).hits
        assert [len(listed), len(found)] == [20, 20]
        assert {hit.folded for hit in listed} == {2}
        assert len(asked) == 1, "what was found already is looked at before more is looked for"

    def test_alone_they_list_what_meets_them_the_newest_first(self, search: Search) -> None:
        result = search.search(place="Lisbon")
        assert [Path(hit.path).name for hit in result.hits] == ["IMG_0001.jpg", "IMG_0002.jpg"]
        assert {hit.relevance for hit in result.hits} == {1.0}
        assert result.matched
        assert [hit.segment_kind for hit in result.hits] == ["image", "image"]
        assert names(search.search(place="Lisbon", after="2019")) == ["IMG_0001.jpg"]
        assert search.search(place="Nowhere").hits == ()
        assert len(search.search(kinds=["page"], limit=1).hits) == 1

    @pytest.mark.parametrize("selective", [True, False])
    @pytest.mark.parametrize(
        ("asked", "left"),
        [
            ({"types": ["audio"]}, {"talk.mp3"}),
            ({"after": "2019", "before": "2019-12-24"}, {"IMG_0001.jpg"}),
            ({"camera": "pixel"}, {"IMG_0001.jpg", "IMG_0003.jpg"}),
            ({"path": "b/*"}, {"lighthouse.jpg", "talk.mp3", "paper.pdf"}),
            ({"language": "de"}, {"talk.mp3"}),
            ({"place": "portugal", "kinds": ["region"]}, {"IMG_0001.jpg"}),
            ({"place": "portugal", "types": ["video"]}, set()),
        ],
    )
    def test_with_words_only_what_meets_them_is_found(
        self, search: Search, asked: dict[str, object], left: set[str], selective: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not selective:
            monkeypatch.setattr(filters_module, "SELECTIVE", 0)
        result = search.search("lisbon water lighthouse 2019", **asked)  # type: ignore[arg-type]
        assert {Path(hit.path).name for hit in result.hits} == left
        if asked.get("language") == "de":
            assert [hit.text for hit in result.hits] == ["Der Leuchtturm steht am Wasser"]

    @pytest.mark.parametrize("selective", [True, False])
    def test_a_filter_that_leaves_ten_of_very_many_returns_all_ten(
        self, tmp_path: Path, selective: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(filters_module, "SELECTIVE", 100 if selective else 0)
        many = {f"{at}.jpg": (PHOTO, [IMAGE]) for at in range(3000)}
        for at in range(7, 3000, 300):
            many[f"{at}.jpg"] = (taken("2019-01-01", "Lisbon", "Portugal"), [IMAGE])
        folder = tmp_path / "library"
        with open_library(folder, create=True, encoder="hash", load=lambda _: HashEncoder()) as opened:
            fill(opened, many)
            hits = Search(opened).search("anything at all", place="Lisbon", limit=10).hits
            assert {int(Path(hit.path).stem) for hit in hits} == set(range(7, 3000, 300))

    @pytest.mark.parametrize(
        ("asked", "says"),
        [
            ({"after": "soon"}, "'soon' is no date: write 2019, 2019-07-04, March 2021 or last summer"),
            ({"before": "2019-13"}, "is no date"),
            ({"before": "2019-02-30"}, "is no date"),
            ({"after": "0000"}, "is no date"),
            ({"after": "٢٠١٩"}, "is no date"),
            ({"after": "2020", "before": "2019"}, "swap them"),
            ({"types": ["movie"]}, "there is no type 'movie': choose of image"),
            ({"kinds": ["movie"]}, "there is no kind"),
            ({"place": "?"}, "says nothing"),
            ({"language": "english please"}, "no code of a language"),
        ],
    )
    def test_what_cannot_be_meant_is_refused_in_a_line(
        self, search: Search, asked: dict[str, object], says: str
    ) -> None:
        with pytest.raises(QueryError, match=says) as refused:
            search.search("x", **asked)  # type: ignore[arg-type]
        assert "\n" not in str(refused.value)

    @given(st.text(max_size=30))
    @settings(
        max_examples=40,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    def test_any_text_is_a_filter_or_refused(self, library: Library, text: str) -> None:
        for name in ("place", "camera", "path", "language"):
            with suppress(QueryError):
                Search(library).run(Query(filters=replace(Filters(), **{name: text})))


def test_likeness_goes_by_what_is_whole(library: Library) -> None:
    query = Query(like=("a/IMG_0001.jpg",))
    with library.catalog.read() as tx:
        (aim,) = aims(library.spaces, tx, query, QueryVectors(library), examples(tx, query.like))
    whole = HashEncoder().encode_texts(["a/IMG_0001.jpg image"])[0]
    assert float(np.dot(aim.parts[0].vector, whole)) == pytest.approx(1, abs=1e-3)
