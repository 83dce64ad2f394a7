"""The stages of a query, each by itself where it can be, and the whole on a small mixed library."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bowerbird.errors import QueryError
from bowerbird.queries import Filters, Query
from bowerbird.store.catalog.segments import Owned
from bowerbird.types import AssetKind, Box, SegmentKind, Source, ViewKey
from bowerbird.wiring import open_library
from indexer import Indexer
from search import Search
from search.calibrate import Calibrator, _in_general
from search.fuse import CODE, Candidate, Entry, Listed, _judged, fuse
from search.parse import MOST_BYTES, MOST_CHARACTERS, MOST_HITS, box, parse
from tests.fakes import HashEncoder


def found(segment, asset, media_type="image/png"):
    return Owned(segment, asset, media_type)


class TestParse:
    @pytest.mark.parametrize(
        ("query", "says"),
        [
            (Query(), "empty"),
            (Query(text="  \n"), "empty"),
            (Query(negatives=("cats",)), "finds nothing alone"),
            (Query(text="-cats -dogs"), "finds nothing alone"),
            (Query(unlike=(1,)), "finds nothing alone"),
            (Query(text="x" * 100_000), "100,000 characters"),
            (Query(also=("x" * 100_000,)), "100,000 characters"),
            (Query(text="beach colour:red"), "column 7"),
            (Query(text="beach type:video", filters=Filters(types=(AssetKind.IMAGE,))), "given twice"),
            (Query(text="x", crop=Box(0, 0, 1, 1)), "needs a picture"),
            (Query(text="x" * (MOST_CHARACTERS + 1)), "10,001 characters"),
            (Query(text="x", limit=0), "out of bounds"),
            (Query(text="x", limit=2.5), "no whole number"),
            (Query(text="x", limit=True), "no whole number"),
            (Query(text=" ".join(f"-w{n}" for n in range(51)) + " x"), "51 negatives"),
            (Query(text="x", also=tuple(f"w{n}" for n in range(51))), "51 texts"),
            (Query(text="x", unlike=tuple(range(51))), "51 examples"),
            (Query(text=" ".join(f'"w{n}"' for n in range(51))), "51 phrases"),
            (Query(text="x", filters=Filters(phrases=("x" * 1001,))), "shorten it"),
            (Query(text="x", filters=Filters(path="\ud800")), "half a character"),
            (Query(text="x", limit=MOST_HITS + 1), "1 to 1,000"),
            (Query(text="x", limit=10_000_000), "10,000,000"),
            (Query(text="x", min_relevance=1.5), "between 0 and 1"),
            (Query(text="x", min_relevance=-0.1), "between 0 and 1"),
            (Query(filters=Filters(place=" ,. ")), "'place' says nothing"),
            (Query(filters=Filters(path="")), "'path' says nothing"),
            (Query(filters=Filters(camera="x" * 1001)), "shorten it"),
            (Query(filters=Filters(language="english, please")), "write en, de or pt-BR"),
            (Query(filters=Filters(after=date(2020, 1, 1), before=date(2019, 1, 1))), "swap them"),
        ],
    )
    def test_what_cannot_be_answered_is_refused_with_a_remedy(self, query, says):
        with pytest.raises(QueryError, match=says) as refused:
            parse(query)
        assert "\n" not in str(refused.value)

    def test_texts_are_trimmed_and_empty_negatives_dropped(self):
        parsed = parse(Query(text=" a cat ", negatives=(" ", "dogs "))).query
        assert (parsed.text, parsed.negatives) == ("a cat", ("dogs",))

    def test_a_picture_alone_will_do(self):
        assert parse(Query(image=b"x", text=" ")).query.text is None

    def test_the_line_is_read_and_filters_given_apart_are_added(self):
        asked = Query(text='beach -people type:video "low tide"', filters=Filters(place="Lisbon"))
        parsed = parse(asked).query
        assert (parsed.text, parsed.negatives) == ('beach "low tide"', ("people",))
        assert parsed.filters == Filters(types=(AssetKind.VIDEO,), place="Lisbon", phrases=("low tide",))

    def test_days_are_said_in_words(self):
        parsed = parse(Query(text="beach last summer"), today=date(2026, 11, 23))
        assert (parsed.query.filters.after, parsed.query.filters.before) == (date(2026, 6, 1), date(2026, 9, 1))
        assert parsed.query.text == "beach"
        assert "last summer" in parsed.understood[0]

    @pytest.mark.parametrize(
        ("line", "types"),
        [
            ("photos from yesterday", (AssetKind.IMAGE,)),
            ("videos type:audio", (AssetKind.AUDIO,)),
            ("the near:Rome", ()),
        ],
    )
    def test_where_filters_are_all_that_is_said_what_meets_them_is_listed(self, line, types):
        parsed = parse(Query(text=line), today=date(2026, 11, 23)).query
        assert parsed.text is None
        assert parsed.filters.types == types

    @pytest.mark.parametrize("line", ["photos", "dogs when:yesterday"])
    def test_otherwise_they_are_words(self, line):
        assert parse(Query(text=line)).query.text == line.split()[0]

    @pytest.mark.parametrize(
        "crop",
        [Box(0.5, 0, 0.6, 1), Box(-0.1, 0, 0.5, 0.5), Box(0, 0, 0, 1), Box(0, 0, 100, 50), Box(0, 0, 1, float("nan"))],
    )
    def test_a_crop_lies_inside_the_picture(self, crop):
        with pytest.raises(QueryError, match="outside the picture"):
            parse(Query(image=b"x", crop=crop))

    def test_the_same_twice_is_once_and_phrases_without_words_say_nothing(self):
        parsed = parse(Query(text="x", also=("y", "y "), unlike=(1,) * 99, filters=Filters(phrases=("!!!",)))).query
        assert (parsed.also, parsed.unlike, parsed.filters.phrases) == (("y",), (1,), ())

    def test_the_beginning_of_time_is_a_day(self):
        assert parse(Query(text="beach before 2025 years ago"), today=date(2026, 11, 23)).query.filters.before

    def test_the_whole_picture_is_a_crop_too(self):
        assert parse(Query(image=b"x", crop=Box(0.1, 0.2, 0.9, 0.8))).query.crop == Box(0.1, 0.2, 0.9, 0.8)

    @pytest.mark.parametrize("said", ["1,2,3", "a,b,c,d", "", "0,0,1,1,1"])
    def test_a_crop_is_four_numbers(self, said):
        with pytest.raises(QueryError, match="x,y,width,height"):
            box(said)


class TestCalibrate:
    @given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=60))
    def test_the_spread_is_never_nothing_and_the_middle_is_among_the_scores(self, scores):
        middle, spread = _in_general(np.asarray(scores, np.float32))
        assert spread > 0
        assert min(scores) - 1e-6 <= middle <= max(scores) + 1e-6

    def test_a_long_tail_of_things_a_little_like_it_counts(self):
        even = np.random.default_rng(0).normal(0.1, 0.05, 1000).astype(np.float32)
        tailed = even.copy()
        tailed[even > 0.15] += 0.2
        assert _in_general(tailed)[1] > 1.5 * _in_general(even)[1]

    def test_what_stands_out_of_few_need_not_stand_out_of_many(self, library):
        calibrator, space, kind = Calibrator(library), library.joint, SegmentKind.IMAGE
        query = library.encoder(space).encode_texts(["anything"])[0]
        scores = np.full(1, 0.9, np.float32)
        few = calibrator.relevance(space, kind, query, scores)
        drawn = calibrator._sample(space, kind)
        calibrator._samples[ViewKey(space.id, kind)] = replace(drawn, size=1_000_000)
        assert calibrator.relevance(space, kind, query, scores) < few

    def test_relevance_rises_with_the_score_and_stays_between_0_and_1(self, library):
        calibrator = Calibrator(library)
        space = library.joint
        query = library.encoder(space).encode_texts(["anything"])[0]
        scores = np.linspace(-1, 1, 50, dtype=np.float32)
        relevance = calibrator.relevance(space, SegmentKind.IMAGE, query, scores)
        assert (np.diff(relevance) >= 0).all()
        assert relevance[0] < 0.01
        assert relevance[-1] > 0.9

    def test_a_library_about_one_thing_does_not_hide_it(self, tmp_path):
        class Words(HashEncoder):
            """Texts that share their first word are near to each other."""

            def encode_texts(self, texts):
                own = super().encode_texts(texts)
                first = super().encode_texts([text.split()[0] for text in texts])
                mixed = 0.9 * first + 0.4 * own
                return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)

        media = tmp_path / "media"
        media.mkdir()
        for number in range(400):
            (media / f"{number}.txt").write_text(f"dogs number {number}")
        with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: Words()) as library:
            Indexer(library).index([media])
            result = Search(library).search("dogs number 7")
            assert result.matched
            assert result.hits[0].text == "dogs number 7"
            assert not Search(library).search("cats of another kind").matched


def listed(*lines, source=Source.JOINT, named=False):
    """A list of ``(found, score, relevance)``."""
    return Listed(source, [Entry(*line, named=named) for line in lines])


class TestFuse:
    def test_moments_of_one_asset_are_gathered_with_the_best_first(self):
        lines = [(found(11, 100), 0.9, 0.9), (found(12, 100), 0.8, 0.6), (found(13, 200), 0.7, 0.7)]
        gathered = fuse([listed(*lines)], stands_out=0.5)
        assert [(each.best.segment_id, each.folded) for each in gathered] == [(11, 1), (13, 0)]

    def test_ranks_of_every_list_start_at_1_and_evidence_of_every_source_is_kept(self):
        hit, other = found(11, 100), found(12, 200)
        lists = [
            listed((other, 0.5, 0.3), (hit, 0.4, 0.2)),
            listed((hit, 0.8, 0.9), source=Source.TEXT),
            listed((hit, 7.0, 0.7), source=Source.WORDS),
        ]
        best = fuse(lists, stands_out=0.5)[0].best
        assert [(each.source, each.rank) for each in best.evidence] == [("joint", 2), ("text", 1), ("words", 1)]

    def test_a_source_that_agrees_adds_a_little_and_one_that_does_not_takes_nothing_away(self):
        one, two, three = found(11, 100), found(12, 200), found(13, 300)
        lists = [
            listed((one, 0.3, 0.8), (two, 0.3, 0.8), (three, 0.3, 0.8)),
            listed((two, 5.0, 0.75), (three, 1.0, 0.0), source=Source.WORDS),
        ]
        relevance = {each.best.segment_id: each.best.relevance for each in fuse(lists, stands_out=0.5)}
        assert relevance[11] == relevance[13] == 0.8
        assert 0.8 < relevance[12] < 0.9

    @pytest.mark.parametrize("prose", ["text/plain", "text/x-rst", "text/x-org", "text/x-tex", "text/x-ssa"])
    def test_code_comes_after_what_people_read_and_is_shown_where_there_is_nothing_else(self, prose):
        code, page = (found(n, n, media_type=kind) for n, kind in ((11, "text/x-python"), (12, prose)))
        gathered = fuse([listed((code, 0.5, 0.9), (page, 0.4, 0.7))], stands_out=0.5)
        assert [each.best.segment_id for each in gathered] == [12, 11]
        assert gathered[1].best.relevance == pytest.approx(0.9 * CODE)
        assert gathered[0].best.relevance == 0.7

    def test_reciprocal_ranks_order_what_is_equally_relevant(self):
        one, two, three = found(11, 100), found(12, 200), found(13, 300)
        words = [(one, 3.0, 0.75), (two, 3.0, 0.75), (three, 3.0, 0.75)]
        lists = [listed(*words, source=Source.WORDS), listed((three, 0.2, 0.0), (two, 0.1, 0.0))]
        assert [each.best.segment_id for each in fuse(lists, stands_out=0.5)] == [13, 12, 11]

    def test_what_is_said_of_an_asset_as_a_whole_goes_to_its_best_moment_and_to_no_other(self):
        first, best, other = found(11, 100), found(12, 100), found(13, 200)
        lists = [
            listed((best, 0.4, 0.6), (first, 0.3, 0.1)),
            listed((first, 4.0, 0.75), (other, 3.0, 0.75), source=Source.WORDS, named=True),
        ]
        gathered = fuse(lists, stands_out=0.5)
        assert [(each.best.segment_id, each.folded) for each in gathered] == [(12, 0), (13, 0)]
        assert [each.source for each in gathered[0].best.evidence] == ["joint", "words"]
        assert gathered[0].best.relevance > 0.75

    def test_what_a_negative_leaves_counts_for_every_source(self):
        hit = found(11, 100)
        lists = [listed((hit, 0.4, 0.5)), listed((hit, 4.0, 0.9), source=Source.WORDS)]
        (only,) = fuse(lists, stands_out=0.5, spared={11: 0.1})
        assert only.best.relevance < 0.1

    def test_kinds_are_merged_by_relevance_not_by_score(self):
        picture, sentence = found(11, 100), found(12, 200)
        gathered = fuse([listed((sentence, 0.7, 0.3)), listed((picture, 0.3, 0.8))], stands_out=0.5)
        assert [each.best.segment_id for each in gathered] == [11, 12]

    @given(
        st.sampled_from([Source.JOINT, Source.TEXT, Source.WORDS]),
        st.integers(1, 100),
        st.tuples(st.floats(-1, 30), st.floats(0, 1)),
        st.sampled_from(["image/png", "text/x-python"]),
        st.floats(0, 1),
    )
    def test_what_one_source_says_is_judged_as_what_several_say(self, source, rank, line, media_type, spared):
        said = [(source, rank, Entry(found(11, 100, media_type), *line))]
        candidate = Candidate.of(said, spared)
        assert _judged(said, spared) == (candidate.order, candidate.relevance)

    @given(st.lists(st.tuples(st.integers(1, 8), st.floats(0, 1), st.sampled_from(list(Source))), max_size=30))
    def test_relevance_descends_and_stays_between_0_and_1(self, lines):
        lists = [listed((found(id_, id_ % 3), 1.0, relevance), source=source) for id_, relevance, source in lines]
        relevances = [round(each.best.relevance, 4) for each in fuse(lists, stands_out=0.5)]
        assert relevances == sorted(relevances, reverse=True)
        assert all(0 <= each <= 1 for each in relevances)


def png(colour) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 60), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for name, colour in (("red", "red"), ("blue", "blue"), ("green", "green")):
        (folder / f"{name}.png").write_bytes(png(colour))
    (folder / "copy of red.png").write_bytes(png("red"))
    (folder / "note.txt").write_text("The harbour office opens at nine.")
    return folder


@pytest.fixture(scope="module")
def library(folder, tmp_path_factory):
    with open_library(
        tmp_path_factory.mktemp("search") / "library", create=True, encoder="hash", load=lambda _: HashEncoder()
    ) as library:
        report = Indexer(library).index([folder])
        assert (report.indexed, report.reused, report.failed) == (4, 1, ())
        yield library


class TestService:
    def test_a_picture_finds_itself_first(self, library, folder):
        result = Search(library).search(image=folder / "blue.png", limit=2)
        assert Path(result.hits[0].path).name == "blue.png"
        assert result.hits[0].evidence[0].score == pytest.approx(1, abs=2e-3)  # float16 in SQL
        assert [hit.rank for hit in result.hits] == [1, 2]

    def test_a_text_finds_itself_across_kinds(self, library):
        result = Search(library).search("The harbour office opens at nine.")
        assert result.hits[0].segment_kind is SegmentKind.TEXT
        assert result.hits[0].text == "The harbour office opens at nine."
        assert result.matched

    def test_bytes_do_as_well_as_a_path(self, library):
        assert Path(Search(library).search(image=png("green")).hits[0].path).name == "green.png"

    def test_likeness_leaves_out_the_thing_itself_and_its_copies(self, library, folder):
        search = Search(library)
        assert search.asset_at(folder / "red.png") == search.asset_at(folder / "copy of red.png")
        names = [Path(hit.path).name for hit in search.search(like=folder / "red.png").hits]
        assert "red.png" not in names
        assert "copy of red.png" not in names
        assert set(names) == {"blue.png", "green.png", "note.txt"}

    def test_an_asset_in_two_places_is_one_hit_and_shows_one_that_is_there(self, library, folder):
        names = [Path(hit.path).name for hit in Search(library).search("anything").hits]
        assert len(names) == 4
        hidden = folder / "copy of red.png"
        away = folder / "away"
        hidden.rename(away)
        try:
            shown = [Path(hit.path).name for hit in Search(library).search("anything").hits]
        finally:
            away.rename(hidden)
        assert "red.png" in shown
        assert "copy of red.png" not in shown

    def test_kinds(self, library):
        hits = Search(library).run(Query(text="x", filters=Filters(kinds=(SegmentKind.TEXT,)))).hits
        assert {hit.segment_kind for hit in hits} == {SegmentKind.TEXT}

    def test_a_negative_equal_to_a_hit_takes_its_relevance_away(self, library):
        text = "The harbour office opens at nine."
        without = Search(library).search(text, negatives=[text]).hits
        assert next(hit for hit in without if hit.segment_kind is SegmentKind.TEXT).relevance < 0.3

    def test_a_floor_leaves_out_what_is_below(self, library):
        everything = Search(library).search("nothing like it", min_relevance=0).hits
        assert len(everything) == 4
        some = Search(library).search("The harbour office opens at nine.", min_relevance=0.9).hits
        assert len(some) == 1
        none = Search(library).search("nothing like it", min_relevance=1.0)
        assert (none.hits, none.matched) == ((), False)

    def test_a_floor_and_negatives_leave_every_page_whole(self, tmp_path):
        media = tmp_path / "media"
        media.mkdir()
        for number in range(60):
            said = "shape and axis " if number % 3 == 0 else "plain "
            (media / f"{number}.txt").write_text(f"The array, {said * 3} number {number}.")
        with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as opened:
            Indexer(opened).index([media])
            search = Search(opened)
            asked = {"negatives": ("shape", "axis"), "min_relevance": 0.05}
            whole = [hit.asset_id for hit in search.search("array", limit=1000, **asked).hits]
            assert 30 < len(whole) < 60, "some are spared and some are not"
            for size in (3, 10):
                paged, cursor = [], None
                while True:
                    page = search.search("array", limit=size, cursor=cursor, **asked)
                    paged += [hit.asset_id for hit in page.hits]
                    if (cursor := page.next_cursor) is None:
                        break
                assert sorted(paged) == sorted(whole)

    def test_a_long_document_does_not_crowd_out_the_rest(self, tmp_path):
        media = tmp_path / "media"
        media.mkdir()
        long = "\n\n".join(f"Paragraph {number}. " + "All work and no play. " * 30 for number in range(300))
        (media / "long.txt").write_text(long)
        for number in range(5):
            (media / f"{number}.txt").write_text(f"A short note, number {number}.")

        class Near(HashEncoder):
            """The long text is near to everything."""

            def encode_texts(self, texts):
                vectors = super().encode_texts(texts)
                for row, text in enumerate(texts):
                    if "work" in text or "query" in text:
                        vectors[row] = 0.2 * vectors[row] + np.eye(1, 32)[0]
                return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

        with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: Near()) as library:
            Indexer(library).index([media])
            hits = Search(library).search("a query", limit=3).hits
            assert Path(hits[0].path).name == "long.txt"
            assert len(hits) == 3
            assert hits[0].folded > 100

    @pytest.mark.parametrize("data", [b"", b"no picture at all", png("red")[:40]])
    def test_a_broken_picture_is_a_query_error(self, library, data):
        with pytest.raises(QueryError, match="the query's picture"):
            Search(library).search(image=data)

    def test_what_is_no_regular_file_or_too_large_is_not_read(self, library, tmp_path):
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(QueryError, match="no regular file"):
            Search(library).search(image=tmp_path / "pipe.png")
        with (tmp_path / "large.png").open("wb") as large:
            large.truncate(MOST_BYTES + 1)
        with pytest.raises(QueryError, match="100 MB"):
            Search(library).search(image=tmp_path / "large.png")

    def test_files_that_are_not_there(self, library, folder):
        with pytest.raises(QueryError, match="name a picture"):
            Search(library).search(image=folder / "nowhere.png")
        with pytest.raises(QueryError, match="index it first"):
            Search(library).search(like=folder / "nowhere.png")
        with pytest.raises(QueryError, match="has the id"):
            Search(library).run(Query(like=("0" * 64,)))

    def test_an_open_search_sees_what_is_indexed_later(self, library, folder):
        search = Search(library)
        before = len(search.search("x").hits)
        (folder / "later.txt").write_text("Something that came later.")
        Indexer(library).index([folder])
        assert search.search("Something that came later.").hits[0].text == "Something that came later."
        (folder / "later.txt").unlink()
        Indexer(library).index([folder])
        assert len(search.search("x").hits) == before
