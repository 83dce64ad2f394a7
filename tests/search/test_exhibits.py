"""What is put before an answerer, from a real library on SQLite and FAISS, vectors being hashes."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from bowerbird.answers import About, Exhibit, Question, Turn
from bowerbird.errors import QueryError
from bowerbird.moments import Moment
from bowerbird.store.catalog.caption_albums import OWNER, stage_of
from bowerbird.store.catalog.locations import Placed
from bowerbird.store.catalog.segments import Derived, Owned
from bowerbird.types import PICTURED, AssetInfo, AssetKind, Box, FileStat, Place, SegmentKind, Source
from bowerbird.wiring import Library, open_library
from search import Search
from search.exhibits import MOST_CHARACTERS, exhibits_for, readings
from search.fuse import Entry, Listed, fuse, fuse_moments
from search.query_vectors import QueryVectors
from tests.fakes import HashEncoder, ScriptedAnswerer

PHOTO, FILM = AssetInfo(AssetKind.IMAGE, "image/png"), AssetInfo(AssetKind.VIDEO, "video/mp4", duration_s=60)
TALK, PAPER = AssetInfo(AssetKind.AUDIO, "audio/ogg"), AssetInfo(AssetKind.DOCUMENT, "application/pdf")
NOTE = AssetInfo(AssetKind.DOCUMENT, "text/plain")
LISBON = replace(PHOTO, place=Place("Lisbon", "Lisboa", "Portugal"))
BUDGET = "what about the budget"
MADE, MINE = "A green door.", "Our way out"


WORTH = [(3, 0.9), (1, 0.8), (2, 0.7), (4, 0.1)]


def said(start: float, text: str) -> Moment:
    return Moment(SegmentKind.SPEECH, start, start + 4, text=text)


def read(text: str, y: float = 0.0, **at: float) -> Moment:
    return Moment(SegmentKind.OCR, text=text, box=Box(0, y, 1, 0.1), **at)  # type: ignore[arg-type]


THINGS: dict[str, tuple[AssetInfo, list[Moment]]] = {
    "meeting.ogg": (
        TALK,
        [
            said(0, "Good morning to all of you."),
            said(5, BUDGET),
            said(10, "It is four hundred."),
            said(100, "Now the budget for the garden."),
            said(105, "That budget stays."),
            said(200, "Goodbye."),
        ],
    ),
    "paper.pdf": (
        PAPER,
        [
            Moment(SegmentKind.PAGE, page=1),
            Moment(SegmentKind.TEXT, page=1, text="An introduction to nests."),
            Moment(SegmentKind.PAGE, page=2),
            Moment(SegmentKind.TEXT, page=2, text="Males collect blue caps."),
        ],
    ),
    "notes.txt": (NOTE, [Moment(SegmentKind.TEXT, text=f"passage {n} " + "x" * 600) for n in range(5)]),
    "sign.png": (LISBON, [Moment(SegmentKind.IMAGE), read("NO SWIMMING"), read("strong currents", 0.5)]),
    "cat.png": (PHOTO, [Moment(SegmentKind.IMAGE), Moment(SegmentKind.REGION, box=Box(0.5, 0, 0.5, 1))]),
    "film.mp4": (
        FILM,
        [
            Moment(SegmentKind.FRAME, 0, 10),
            Moment(SegmentKind.FRAME, 10, 20),
            said(12, "Look at the rocket."),
            read("WAITING ROOM", start_s=0, end_s=10),
            read("LAUNCH PAD", start_s=10, end_s=20),
        ],
    ),
}


def fill(library: Library, root: Path, things: Mapping[str, tuple[AssetInfo, list[Moment]]] = THINGS) -> None:
    """Put them in as the indexer does; but for the cat, pictures lie where their path and kind as a text would."""
    encoder, space = HashEncoder(), library.joint
    cat = QueryVectors(library).picture(space, picture(), None)
    assert cat is not None
    with library.catalog.write() as tx:
        root_id = tx.roots.add(str(root), 1).id
        ids = tx.assets.put({path: (1, info) for path, (info, _) in things.items()})
        derived = []
        for path, (_, moments) in things.items():
            texts = [moment.text or f"{path} {moment.kind} {moment.start_s}" for moment in moments]
            vectors = dict(enumerate(encoder.encode_texts(texts)))
            if path == "cat.png":
                vectors[0] = cat
            derived.append(Derived(ids[path], "decode", "1", moments, {space.id: vectors}))
        tx.segments.replace(derived)
        tx.locations.put([Placed(root_id, path, id_, FileStat(1, 1, 1)) for path, id_ in ids.items()])


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("exhibits")
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as opened:
        fill(opened, folder / "files")
        for name in ("cat.png", "sign.png"):  # the hashes that `put` was given are the names
            opened.thumbnails.put(name, 0, picture())
        yield opened


@pytest.fixture
def search(library: Library) -> Search:
    return Search(library)


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    """Two hours of talk, one sentence a minute; another one that says the same; a film of a minute."""
    folder = tmp_path_factory.mktemp("lecture")
    spoken = [said(60.0 * minute, f"what happens in minute {minute}") for minute in range(120)]
    walk = [Moment(SegmentKind.FRAME, at, at + 5) for at in range(0, 60, 5)] + [said(2, "a gate"), said(52, "a wall")]
    things = {"lecture.ogg": (TALK, spoken), "copy.ogg": (TALK, spoken), "walk.mp4": (FILM, walk)}
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as opened:
        fill(opened, folder / "files", things)
        yield Search(opened)


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    """A photo with a word on it, of which a model has said something and the owner something else; a long sheet."""
    folder = tmp_path_factory.mktemp("captioned")
    rows = [Moment(SegmentKind.TEXT, page=1, text=f"Office {n} is led by person {n}.") for n in range(90)]
    photo_ = [Moment(SegmentKind.IMAGE), read("EXIT")]
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as opened:
        fill(opened, folder / "files", {"door.png": (PHOTO, photo_), "sheet.xlsx": (NOTE, rows)})
        with opened.catalog.write() as tx:
            (door,) = (asset.id for asset in (tx.assets.by_hash("door.png"),) if asset is not None)
            for number, (spec, text) in enumerate((("blip", MADE), (OWNER, MINE))):
                vectors = {opened.joint.id: {0: HashEncoder().encode_texts([text])[0]}}
                caption = Moment(SegmentKind.CAPTION, text=text)
                tx.captions.put([Derived(door, stage_of(spec), f"k{number}", [caption], vectors)], whole=())
        yield Search(opened)


def picture() -> bytes:
    """Black on the left, white on the right."""
    image = Image.new("RGB", (64, 32))
    image.paste((255, 255, 255), (32, 0, 64, 32))
    out = io.BytesIO()
    image.save(out, "WEBP", lossless=True)
    return out.getvalue()


def shown(search: Search, question: Question | str, *, exhibits: int = 8, picture_px: int = 0) -> list[Exhibit]:
    asked = Question(question) if isinstance(question, str) else question
    return exhibits_for(search, asked, ScriptedAnswerer(exhibits=exhibits, picture_px=picture_px))


def names(exhibits: Sequence[Exhibit]) -> list[str]:
    return [f"{Path(each.path).name}:{each.segment_kind}" for each in exhibits]


def segment(search: Search, path: str, text: str | None = None, kind: SegmentKind | None = None) -> int:
    with search.library.catalog.read() as tx:
        found = tx.segments.moments(range(1, 100))
    return next(
        id_
        for id_, each in found.items()
        if each.asset.hash == path and each.segment.text == text and kind in (None, each.segment.kind)
    )


class TestRetrieval:
    def test_several_moments_of_one_recording_are_found_the_best_first(self, search: Search) -> None:
        found = shown(search, BUDGET)
        assert [each.number for each in found] == list(range(1, len(found) + 1))
        assert found[0].own == BUDGET
        assert [each.relevance for each in found] == sorted((each.relevance for each in found), reverse=True)
        talk = [each.start_s for each in found if each.path.endswith("meeting.ogg")]
        assert {5.0, 100.0, 105.0} <= set(talk)

    def test_there_are_never_more_than_wanted_and_none_twice(self, search: Search) -> None:
        for most in (1, 2, 5, 50):
            found = shown(search, BUDGET, exhibits=most, picture_px=64)
            assert len(found) <= most
            assert len({each.segment_id for each in found}) == len(found)

    def test_speech_comes_with_what_was_said_around_it(self, search: Search) -> None:
        first = shown(search, BUDGET)[0]
        assert first.text == f"Good morning to all of you. {BUDGET} It is four hundred."
        assert (first.start_s, first.end_s) == (5.0, 9.0)

    def test_what_stands_next_to_the_best_is_an_exhibit_too(self, search: Search) -> None:
        assert "It is four hundred." in [each.own for each in shown(search, BUDGET, exhibits=8)]

    def test_passages_come_with_their_neighbours_as_far_as_there_is_room(self, search: Search) -> None:
        asked = "passage 2 " + "x" * 600
        first = shown(search, asked)[0]
        assert first.own == asked
        assert first.text is not None
        assert len(first.text) <= MOST_CHARACTERS
        assert asked in first.text
        assert "passage 1" in first.text
        assert "passage 4" not in first.text

    def test_who_looks_at_no_pictures_is_shown_only_such_as_bear_text(self, search: Search) -> None:
        found = shown(search, BUDGET, exhibits=50)
        assert all(each.text for each in found)
        assert "sign.png:image" in names(found)
        assert "cat.png:image" not in names(found)

    def test_pictures_are_at_most_a_third_of_what_is_shown_for_words(self, search: Search) -> None:
        found = shown(search, "film.mp4 frame 10", exhibits=6, picture_px=64)
        assert names(found)[0] == "film.mp4:frame"
        assert len([each for each in found if each.segment_kind in PICTURED]) <= 2

    def test_a_picture_bears_what_was_read_off_it_and_tells_where_it_was_taken(self, search: Search) -> None:
        sign = next(each for each in shown(search, BUDGET, exhibits=50) if each.segment_kind is SegmentKind.IMAGE)
        assert sign.text == "NO SWIMMING\n\nstrong currents"
        assert sign.span is None
        assert sign.place == "Lisbon, Portugal"

    def test_what_a_model_said_of_a_picture_is_told_apart_and_is_not_among_its_words(self, captioned: Search) -> None:
        found = {each.own: each for each in shown(captioned, Question("what?", About(asset_id="door.png")))}
        door = found["EXIT"]
        assert (door.text, door.caption) == (f"EXIT\n\n{MINE}", MADE)
        assert (found[MINE].text, found[MINE].caption) == (f"EXIT\n\n{MINE}", MADE)
        assert (found[MADE].text, found[MADE].caption, found[MADE].segment_kind) == (MADE, None, SegmentKind.CAPTION)
        (alone,) = (each for each in found.values() if each.segment_kind is SegmentKind.IMAGE)
        assert (alone.span, alone.text, alone.caption) == (None, f"EXIT\n\n{MINE}", MADE)

    def test_what_goes_on_from_a_question_is_looked_for_with_it(self, search: Search) -> None:
        going_on = Question("stays.", thread=(Turn("That budget", "It was four hundred."),))
        assert [each.also for each in readings(going_on)] == [("stays.",), ("That budget stays.",)]
        assert shown(search, going_on)[0].own == "That budget stays."

    def test_only_the_last_questions_are_gone_on_with(self) -> None:
        turns = tuple(Turn(f"question {n}", "") for n in range(9))
        assert readings(Question("now", thread=turns))[1].also == ("question 7 question 8 now",)

    def test_a_question_is_no_line_of_the_query_language(self, search: Search) -> None:
        assert shown(search, "type:video budget -budget when:2019 place:Nowhere")

    def test_a_question_with_a_picture_is_looked_for_by_the_picture(self, search: Search) -> None:
        found = shown(search, Question("what is this?", image=picture()), exhibits=6)
        assert names(found)[0] == "cat.png:image"
        assert "cat.png:region" not in names(found)  # which shows a part of the same
        assert len(readings(Question("what is this?", image=b"x"))) == 1
        assert len(readings(Question("where is my coffee cup?", image=b"x"))) == 2

    def test_a_picture_that_is_none_is_refused(self, search: Search) -> None:
        with pytest.raises(QueryError, match="picture"):
            shown(search, Question("what is this?", image=b"no picture"))

    def test_an_empty_library_has_none(self, tmp_path: Path) -> None:
        with open_library(tmp_path / "l", create=True, encoder="hash", load=lambda _: HashEncoder()) as empty:
            assert shown(Search(empty), BUDGET, picture_px=64) == []


class TestMoments:
    def test_fusing_moments_keeps_all_of_an_asset_in_the_order_of_fusing(self) -> None:
        listed = Listed(Source.TEXT, [Entry(Owned(id_, id_ % 2, "text/plain"), 0.5, worth) for id_, worth in WORTH])
        every = fuse_moments([listed])
        assert [each.segment_id for each in every] == [3, 1, 2, 4]
        first = {each.asset_id: each.segment_id for each in reversed(every)}
        assert [each.best.segment_id for each in fuse([listed], stands_out=0.5)] == [3, 2]
        assert first == {1: 3, 0: 2}

    def test_what_names_an_asset_is_said_of_its_best_moment_only(self) -> None:
        owners = [Owned(1, 7, "text/plain"), Owned(2, 7, "text/plain")]
        near = Listed(Source.TEXT, [Entry(owners[1], 0.5, 0.4), Entry(owners[0], 0.4, 0.2)])
        by_name = Listed(Source.WORDS, [Entry(owners[0], 3.0, 0.7, named=True)])
        assert [(each.segment_id, len(each.evidence)) for each in fuse_moments([near, by_name])] == [(2, 2), (1, 1)]


class TestPictures:
    def test_thumbnails_go_to_who_looks_at_pictures_only(self, search: Search) -> None:
        assert all(each.picture is None for each in shown(search, BUDGET, exhibits=50))
        about = About(asset_id="sign.png")
        found = shown(search, Question("what?", about), picture_px=64)
        assert [each.picture for each in found] == [picture()] * 3

    def test_of_a_region_its_part_is_shown(self, search: Search) -> None:
        about = About(segment_id=segment(search, "cat.png", kind=SegmentKind.REGION))
        first = shown(search, Question("what?", about), picture_px=64)[0]
        assert first.picture is not None
        with Image.open(io.BytesIO(first.picture)) as image:
            assert image.size == (32, 32)
            assert min(low for low, _ in image.getextrema()) > 250  # type: ignore[misc]

    def test_others_may_make_the_pictures(self, search: Search) -> None:
        asked = Question("what?", About(asset_id="film.mp4", at_s=13.0))
        answerer = ScriptedAnswerer(picture_px=77)
        found = exhibits_for(search, asked, answerer, lambda each, px: f"{each.segment_kind} {px}".encode())
        assert {each.segment_kind: each.picture for each in found} == {
            SegmentKind.FRAME: b"frame 77",
            SegmentKind.SPEECH: None,
            SegmentKind.OCR: b"ocr 77",
        }


class TestAbout:
    def test_a_moment_of_a_film_is_what_is_seen_said_and_read_then(self, search: Search) -> None:
        found = shown(search, Question("what?", About(asset_id="film.mp4", at_s=13.0)))
        assert names(found) == ["film.mp4:frame", "film.mp4:ocr", "film.mp4:speech"]
        assert found[0].start_s == 10.0
        assert found[0].text == "LAUNCH PAD", "what is read until this scene begins belongs to the one before"

    def test_the_segment_that_is_named_comes_first(self, search: Search) -> None:
        named = segment(search, "film.mp4", "Look at the rocket.")
        found = shown(search, Question("what?", About(segment_id=named)))
        assert found[0].segment_id == named
        assert "film.mp4:frame" in names(found)
        assert all(each.path.endswith("film.mp4") for each in found)

    def test_between_two_sentences_the_nearest_are_taken(self, search: Search) -> None:
        found = shown(search, Question("what?", About(asset_id="meeting.ogg", at_s=96.0)))
        assert [each.own for each in found] == ["Now the budget for the garden."]

    def test_a_page_is_its_picture_and_its_text(self, search: Search) -> None:
        found = shown(search, Question("what?", About(asset_id="paper.pdf", page=2)))
        assert names(found) == ["paper.pdf:page", "paper.pdf:text"]
        assert found[0].text == found[1].text == "Males collect blue caps."

    def test_of_a_long_page_what_bears_on_the_question_comes_first(self, captioned: Search) -> None:
        asked = Question("Office 77 is led by person 77.", About(asset_id="sheet.xlsx", page=1))
        found = shown(captioned, asked)
        assert len(found) == 8
        assert found[0].own == asked.text

    def test_a_photo_is_all_that_it_shows_and_bears(self, search: Search) -> None:
        for about in (About(asset_id="sign.png"), About(segment_id=segment(search, "sign.png", "NO SWIMMING"))):
            assert sorted(names(shown(search, Question("what?", about)))) == [
                "sign.png:image",
                "sign.png:ocr",
                "sign.png:ocr",
            ]

    def test_of_a_text_without_pages_the_passage_alone_is_meant(self, search: Search) -> None:
        named = segment(search, "notes.txt", "passage 3 " + "x" * 600)
        assert [each.segment_id for each in shown(search, Question("what?", About(segment_id=named)))] == [named]

    def test_of_a_whole_long_talk_what_is_nearest_and_some_from_all_over_in_its_order(self, lecture: Search) -> None:
        about = About(asset_id="lecture.ogg")
        for minute in (3, 55, 110):
            found = shown(lecture, Question(f"what happens in minute {minute}", about), exhibits=6)
            starts = [each.start_s for each in found]
            assert len(found) == 6
            assert 60.0 * minute in starts, "however late it is said"
            assert starts == sorted(starts, key=lambda at: at or 0.0)
            assert [each.number for each in found] == list(range(1, 7))
            assert {Path(each.path).name for each in found} == {"lecture.ogg"}
            nearest = max(found, key=lambda each: each.relevance)
            assert nearest.start_s == 60.0 * minute

    def test_a_general_question_is_shown_all_parts_of_it(self, lecture: Search) -> None:
        found = shown(lecture, Question("what is this about?", About(asset_id="lecture.ogg")), exhibits=6)
        assert [each.start_s for each in found] == [60.0 * minute for minute in range(0, 120, 20)]
        told = shown(lecture, Question("which colours have leaves?", About(asset_id="lecture.ogg")), exhibits=6)
        assert {0.0, 3600.0} <= {each.start_s for each in told}, "a third of them lie anywhere"

    def test_of_a_whole_long_film_who_looks_at_pictures_is_shown_some(self, lecture: Search) -> None:
        about = About(asset_id="walk.mp4")
        seen = shown(lecture, Question("what is this about?", about), exhibits=6, picture_px=64)
        assert {each.segment_kind for each in seen} == {SegmentKind.FRAME, SegmentKind.SPEECH}
        assert max(each.start_s or 0.0 for each in seen) >= 40.0
        heard = shown(lecture, Question("what is this about?", about), exhibits=6)
        assert {each.segment_kind for each in heard} == {SegmentKind.SPEECH}

    @pytest.mark.parametrize(
        "about",
        [
            About(),
            About(segment_id=4711),
            About(segment_id=1 << 70),
            About(asset_id="nobody"),
            About(asset_id="\0"),
            About(asset_id="meeting.ogg", at_s=5000.0),
            About(asset_id="meeting.ogg", at_s=float("nan")),
            About(asset_id="paper.pdf", page=3),
            About(asset_id="notes.txt", at_s=1.0),
        ],
    )
    def test_what_is_not_there_is_refused_in_one_line(self, search: Search, about: About) -> None:
        with pytest.raises(QueryError) as refused:
            shown(search, Question("what?", about))
        assert "\n" not in str(refused.value)
