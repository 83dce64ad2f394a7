"""Reranking: order by itself, and with real thumbnails and texts of a small library."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bowerbird.errors import QueryError, UnknownEncoder, UsageError
from bowerbird.models.cross_encoder import CrossEncoderReranker
from bowerbird.moments import PictureSpec
from bowerbird.queries import Evidence
from bowerbird.store.catalog.segments import Found, Owned
from bowerbird.types import Asset, AssetInfo, AssetKind, Box, Segment, SegmentKind, Source
from bowerbird.wiring import open_library
from indexer import Indexer
from search import Search
from search.fuse import Candidate, Entry, Gathered, Listed, fuse
from search.pictures import pixels_of
from search.rerank import MOST, Asked, reordered, rerank
from tests.fakes import HashEncoder, ScriptedReranker
from tests.models.tiny_cross_encoder import save_cross_encoder

QUERY = Asked(["what is asked"])


def gathered(count, relevances=None, spared=()):
    """Candidates, best first, whose segments have the numbers of their places for ids."""
    made = []
    for n in range(count):
        relevance = relevances[n] if relevances else 1 - n / (2 * count)
        candidate = Candidate(n, n, relevances={Source.JOINT: relevance})
        candidate.evidence.append(Evidence(Source.JOINT, n + 1, relevance))
        candidate.spared = spared[n] if spared else 1.0
        made.append(Gathered(candidate, folded=n))
    return made


def ids(ranked):
    return [each.best.segment_id for each in ranked]


def notes(*texts):
    """One candidate for each text, best first, and their moments; None has nothing to read."""
    info = AssetInfo(AssetKind.DOCUMENT, "text/plain")
    moments = {
        n: Found(
            Segment(n, n, 0, SegmentKind.TEXT, None, None, None, None, text, None, None), Asset(n, f"{n:064x}", 1, info)
        )
        for n, text in enumerate(texts)
    }
    return gathered(len(texts)), moments


def reranked(library, *texts):
    """These texts in the order of the library's rerankers."""
    before, moments = notes(*texts)
    return [texts[id_] for id_ in ids(rerank(library, "scripted", QUERY, before, moments))]


class Rerankers:
    """As much of a library as reranking texts takes."""

    def __init__(self, *rerankers):
        self._rerankers = rerankers

    def rerankers(self, spec):
        return self._rerankers


@st.composite
def ranked_and_judged(draw):
    """Candidates, best first, and scores for some of their places."""
    count = draw(st.integers(0, 12))
    relevances = sorted(draw(st.lists(st.floats(0, 1), min_size=count, max_size=count)), reverse=True)
    places = draw(st.lists(st.integers(0, count - 1), unique=True)) if count else []
    return gathered(count, relevances), {p: draw(st.floats(0, 1)) for p in places}


class TestOrder:
    @given(ranked_and_judged())
    def test_nothing_is_lost_and_what_was_not_judged_stays_where_it_is(self, drawn):
        before, scores = drawn
        after = reordered(before, scores)
        assert sorted(ids(after)) == ids(before)
        for place, each in enumerate(before):
            assert place in scores or after[place] is each

    @given(ranked_and_judged())
    def test_what_was_judged_goes_by_its_score_and_equal_ones_keep_their_order(self, drawn):
        before, scores = drawn
        after = reordered(before, scores)
        former = [after[place].best.segment_id for place in sorted(scores)]
        assert former == sorted(scores, key=lambda place: (-scores[place], place))

    @given(ranked_and_judged())
    def test_a_place_keeps_its_relevance_so_that_it_falls_from_hit_to_hit(self, drawn):
        before, scores = drawn
        assert [each.best.relevance for each in reordered(before, scores)] == [each.best.relevance for each in before]

    @given(ranked_and_judged())
    def test_every_judgement_stands_in_the_evidence_after_what_stood_there(self, drawn):
        before, scores = drawn
        evidence = {each.best.segment_id: each.best.evidence for each in before}
        ranks = []
        for place, each in enumerate(reordered(before, scores)):
            known, new = each.best.evidence[:1], each.best.evidence[1:]
            assert known == evidence[each.best.segment_id]
            assert each.folded == each.best.segment_id
            assert len(new) == (place in scores)
            for judgement in new:
                assert judgement.source is Source.RERANK
                assert judgement.score == scores[each.best.segment_id]
                ranks.append(judgement.rank)
        assert ranks == list(range(1, len(scores) + 1))

    @given(ranked_and_judged())
    def test_it_leaves_what_it_was_given_as_it_was(self, drawn):
        before, scores = drawn
        reordered(before, scores)
        assert all(len(each.best.evidence) == 1 for each in before)

    def test_what_the_negatives_take_is_taken_here_too(self):
        liked, also_unwanted = 0, 1
        before = gathered(2, spared=[1.0, 0.1])
        assert ids(reordered(before, {liked: 0.5, also_unwanted: 0.9})) == [liked, also_unwanted]

    def test_code_does_not_change_what_a_place_is_worth(self):
        entries = [Entry(Owned(1, 1, "text/plain"), 0.9, 0.9), Entry(Owned(2, 2, "text/x-python"), 0.8, 0.8)]
        before = fuse([Listed(Source.JOINT, entries)], stands_out=0.5)
        after = reordered(before, {0: 0.1, 1: 0.9})
        assert ids(after) == [2, 1]
        assert [each.best.relevance for each in after] == [each.best.relevance for each in before]


class TestStage:
    def test_the_best_are_put_in_the_rerankers_order(self):
        library = Rerankers(ScriptedReranker({"a": 0.1, "b": 0.9, "c": 0.5}))
        assert reranked(library, "a", "b", "c") == ["b", "c", "a"]

    def test_what_bears_no_text_keeps_its_place(self):
        library = Rerankers(ScriptedReranker({"a": 0.1, "b": 0.9}))
        assert reranked(library, None, "a", " \n", "b", None) == [None, "b", " \n", "a", None]

    def test_what_has_gone_since_it_was_found_keeps_its_place(self):
        before, moments = notes("a", "b", "c")
        del moments[1]
        library = Rerankers(ScriptedReranker({"a": 0.1, "b": 1.0, "c": 0.5}))
        after = rerank(library, "scripted", QUERY, before, moments)
        assert ids(after) == [2, 1, 0]
        assert after[1] is before[1]

    def test_only_the_best_are_judged(self, monkeypatch):
        judged = []

        class Counting(ScriptedReranker):
            def score(self, texts, picture, candidates):
                judged.extend(each.text for each in candidates)
                return super().score(texts, picture, candidates)

        names = [f"{n:03}" for n in range(MOST + 20)]
        library = Rerankers(Counting({name: int(name) / 100 for name in names}))
        after = reranked(library, *names)
        assert judged == names[:MOST]
        assert after == names[:MOST][::-1] + names[MOST:]
        monkeypatch.setattr("search.rerank.MOST", 2)
        assert reranked(library, *names)[:3] == ["001", "000", "002"]

    def test_a_second_reranker_judges_what_the_first_cannot_read(self):
        class Some(ScriptedReranker):
            def score(self, texts, picture, candidates):
                scores = super().score(texts, picture, candidates)
                return np.where([each.text.startswith("x") for each in candidates], np.nan, scores)

        first = Some({"a": 0.1, "b": 0.2})
        second = ScriptedReranker({"x1": 0.3, "x2": 0.4, "a": 1.0, "b": 0.0})
        assert reranked(Rerankers(first, second), "x1", "a", "x2", "b") == ["x2", "b", "x1", "a"]

    def test_without_text_or_picture_nothing_is_loaded_and_nothing_changes(self):
        class Nothing(Rerankers):
            def rerankers(self, spec):
                class Untouched(ScriptedReranker):
                    def score(self, *_):
                        raise AssertionError

                return (Untouched(),)

        before, moments = notes("a", "b")
        assert rerank(Nothing(), "scripted", Asked(), before, moments) == before

    def test_a_query_of_a_picture_says_nothing_to_one_that_reads_texts(self):
        def unread(spec):
            raise AssertionError

        before, moments = notes("a", "b")
        assert rerank(Rerankers(ScriptedReranker()), "scripted", Asked(picture=unread), before, moments) == before

    @pytest.mark.parametrize("count", [0, 1])
    def test_few_candidates(self, count):
        assert len(reranked(Rerankers(ScriptedReranker()), *"a" * count)) == count


def picture(colour):
    return Image.new("RGB", (64, 64), colour)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Four plain pictures, one of two halves, and four notes, by an encoder that knows nothing."""
    folder = tmp_path_factory.mktemp("rerank")
    media = folder / "media"
    media.mkdir()
    for colour in ("red", "green", "blue", "white"):
        picture(colour).save(media / f"{colour}.png")
    halves = picture("black")
    halves.paste(picture("yellow"), (32, 0))
    halves.save(media / "halves.png")
    for answer in ("anna", "lisbon", "monday", "rain"):
        (media / f"{answer}.txt").write_text(f"old {answer} book")
    with open_library(folder / "library", create=True, encoder="hash", load=lambda spec: Colours(spec)) as opened:
        Indexer(opened).index([media])
        yield opened


class Colours(HashEncoder):
    """Pictures lie near to the name of their colour; ``hash`` alone, as any other name, means nothing."""

    def __init__(self, spec):
        super().__init__(64, name=spec)
        self._sees = spec == "eyes"

    def encode_images(self, pictures):
        if not self._sees:
            return super().encode_images(pictures)
        return self.encode_texts([self._name(each) for each in pictures])

    def _name(self, pixels):
        named = {"red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
        named |= {"yellow": (255, 255, 0), "black": (0, 0, 0), "olive": (128, 128, 0)}
        middle = pixels.reshape(-1, 3).mean(axis=0)
        return min(named, key=lambda name: np.abs(middle - named[name]).sum())


def everything(library, *kinds):
    """All moments of these kinds in an order that means nothing, as if found by the first stage, and what they are."""
    with library.catalog.read() as tx:
        found = tx.segments.moments(range(1, 100))
    moments = {id_: each for id_, each in found.items() if each.segment.kind in kinds}
    ranked = [
        Gathered(Candidate(id_, each.asset.id, relevances={Source.JOINT: 0.9 - 0.01 * n}))
        for n, (id_, each) in enumerate(moments.items())
    ]
    return ranked, moments


def names(library, ranked):
    with library.catalog.read() as tx:
        copies = tx.locations.copies_of([each.best.asset_id for each in ranked])
    return [Path(copies[each.best.asset_id][0].path).stem for each in ranked]


class TestWithALibrary:
    @pytest.mark.parametrize("colour", ["red", "green", "blue", "white"])
    def test_a_second_encoder_looks_at_the_thumbnails(self, library, colour):
        found, moments = everything(library, SegmentKind.IMAGE)
        assert len(found) == 5
        after = rerank(library, "encoder:eyes", Asked([colour]), found, moments)
        assert names(library, after)[0] == colour
        assert after[0].best.evidence[-1].source is Source.RERANK
        assert after[0].best.evidence[-1].rank == 1

    def test_it_compares_with_the_querys_picture(self, library):
        asked = Asked(picture=lambda spec: np.asarray(picture("blue").resize((spec.size, spec.size))))
        after = rerank(library, "encoder:eyes", asked, *everything(library, SegmentKind.IMAGE))
        assert names(library, after)[0] == "blue"

    def test_what_the_querys_picture_cannot_be_is_said(self, library):
        def broken(spec):
            raise QueryError("the query's picture is broken")

        with pytest.raises(QueryError, match="is broken"):
            rerank(library, "encoder:eyes", Asked(picture=broken), *everything(library, SegmentKind.IMAGE))

    def test_a_tile_is_judged_by_its_part_of_the_picture(self, library):
        found, moments = everything(library, SegmentKind.IMAGE)
        asset = moments[found[names(library, found).index("halves")].best.segment_id].asset
        tiles = {
            id_: Found(
                Segment(id_, asset.id, id_, SegmentKind.REGION, None, None, None, Box(x, 0, 0.5, 1), None, None, None),
                asset,
            )
            for id_, x in ((901, 0.0), (902, 0.5))
        }
        before = [Gathered(Candidate(id_, asset.id, relevances={Source.JOINT: 0.5})) for id_ in tiles]
        after = rerank(library, "encoder:eyes", Asked(["yellow"]), before, tiles)
        assert ids(after) == [902, 901]

    def test_a_picture_without_its_thumbnail_keeps_its_place(self, library):
        found, moments = everything(library, SegmentKind.IMAGE)
        lost = next(n for n, name in enumerate(names(library, found)) if name == "white")
        moment = moments[found[lost].best.segment_id]
        thumbnail = library.thumbnails.path(moment.asset.hash, moment.segment.ordinal)
        kept = thumbnail.read_bytes()
        try:
            for damage in (thumbnail.unlink, lambda: thumbnail.write_bytes(kept[:40])):
                damage()
                after = rerank(library, "encoder:eyes", Asked(["white"]), found, moments)
                assert after[lost] is found[lost]
        finally:
            thumbnail.write_bytes(kept)

    def test_a_cross_encoder_and_an_encoder_each_judge_what_they_read(self, library, tmp_path):
        save_cross_encoder(tmp_path, steps=0)
        found, moments = everything(library, SegmentKind.IMAGE, SegmentKind.TEXT)
        spec = f"cross-encoder:{tmp_path}+encoder:eyes"

        def kind_of(each):
            return moments[each.best.segment_id].segment.kind

        after = rerank(library, spec, Asked(["white"]), found, moments)
        for kind, reranker in zip((SegmentKind.TEXT, SegmentKind.IMAGE), library.rerankers(spec), strict=True):
            judged = [each.best.evidence[-1] for each in after if kind_of(each) is kind]
            assert [each.rank for each in judged] == list(range(1, len(judged) + 1))
            assert (reranker.picture is None) == (kind is SegmentKind.TEXT)
            assert len({each.score for each in judged}) > 1
        assert [kind_of(each) for each in after] == [kind_of(each) for each in found]
        assert next(name for name in names(library, after) if name in {"red", "green", "blue", "white"}) == "white"

    def test_rerankers_are_loaded_once(self, library, tmp_path):
        assert library.rerankers("none") == ()
        (one,) = library.rerankers(f"cross-encoder:{tmp_path}")
        assert isinstance(one, CrossEncoderReranker)
        assert library.rerankers(f"cross-encoder:{tmp_path}")[0] is one

    def test_a_reranker_that_there_is_none_of_is_refused(self, library):
        with pytest.raises(UnknownEncoder, match="there is no reranker 'best'; use none, cross-encoder:"):
            rerank(library, "best", QUERY, *notes("a", "b"))

    def test_a_part_of_a_picture_is_cut_out_of_it(self, library):
        found, moments = everything(library, SegmentKind.IMAGE)
        halves = moments[found[names(library, found).index("halves")].best.segment_id]
        data = library.thumbnails.path(halves.asset.hash, 0).read_bytes()
        right = pixels_of(library.decoders, data, PictureSpec(8, "squash"), Box(0.6, 0.1, 0.4, 0.8))
        assert right.shape == (8, 8, 3)
        np.testing.assert_allclose(right.reshape(-1, 3).mean(axis=0), (255, 255, 0), atol=12)


def asked(library, way, **how):
    """What is found by a text that is in no file, or by a picture that is like a file and not the same."""
    if way == "text":
        return Search(library).search("olive", **how)  # as halves of black and yellow are, taken together
    buffer = io.BytesIO()
    picture((0, 0, 240)).save(buffer, "PNG")
    return Search(library).search(image=buffer.getvalue(), **how)


class TestTheWholeWay:
    """``hash`` finds everything in an order that means nothing, and ``eyes`` see what is there."""

    @pytest.mark.parametrize(("way", "wanted"), [("text", "halves"), ("picture", "blue")])
    def test_a_search_is_reranked_where_it_asks_for_it(self, library, way, wanted):
        plain = asked(library, way)
        after = asked(library, way, rerank="encoder:eyes")
        assert len(plain.hits) == len(after.hits) == 9
        assert Path(after.hits[0].path).stem == wanted != Path(plain.hits[0].path).stem
        assert [hit.relevance for hit in after.hits] == [hit.relevance for hit in plain.hits]
        judged = [each for hit in after.hits for each in hit.evidence if each.source is Source.RERANK]
        assert [each.rank for each in judged] == list(range(1, len(judged) + 1))
        assert len(judged) >= 5
        assert all(hit.evidence[0].source is Source.JOINT for hit in after.hits)

    def test_none_leaves_everything_as_it_was_found(self, library):
        plain, none = asked(library, "text"), asked(library, "text", rerank="none")
        assert none.hits == plain.hits
        assert all(each.source is not Source.RERANK for hit in none.hits for each in hit.evidence)

    @pytest.mark.parametrize("most", [4, MOST])
    @pytest.mark.parametrize("limit", [1, 2, 4])
    def test_pages_are_the_list(self, library, monkeypatch, most, limit):
        monkeypatch.setattr("search.rerank.MOST", most)  # 4 of 9: the judged ones may end within a page
        whole = asked(library, "picture", limit=20, rerank="encoder:eyes")
        paged, cursor, pages = [], None, 0
        while pages == 0 or cursor is not None:
            page = asked(library, "picture", limit=limit, rerank="encoder:eyes", cursor=cursor)
            paged, cursor, pages = [*paged, *page.hits], page.next_cursor, pages + 1
        assert paged == [*whole.hits]
        assert pages == -(-len(whole.hits) // limit) > 1

    def test_a_cursor_belongs_to_the_order_that_it_was_made_for(self, library):
        cursor = asked(library, "text", limit=2, rerank="encoder:eyes").next_cursor
        with pytest.raises(QueryError, match="another query"):
            asked(library, "text", limit=2, cursor=cursor)

    @pytest.mark.parametrize("spec", ["best", "", "none+none", "encoder:"])
    def test_what_is_no_reranker_is_refused_in_one_line(self, library, spec):
        with pytest.raises(UsageError, match=r"there is no reranker .*; use none, cross-encoder:") as refused:
            asked(library, "text", rerank=spec)
        assert "\n" not in str(refused.value)

    def test_pages_are_the_list_where_long_documents_crowd_out_the_rest(self, tmp_path):
        class Near(HashEncoder):
            """To ``hash``, the long texts are near to every query; to any other name nothing is."""

            def encode_texts(self, texts):
                vectors = super().encode_texts(texts)
                if self.description.name == "hash":
                    for row, text in enumerate(texts):
                        if "work" in text or "query" in text:
                            vectors[row] = 0.2 * vectors[row] + np.eye(1, 64)[0]
                return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

        media = tmp_path / "media"
        media.mkdir()
        for number in range(12):
            parts = (f"Paragraph {part} of {number}. " + "All work and no play. " * 30 for part in range(40))
            (media / f"long {number}.txt").write_text("\n\n".join(parts))
        for number in range(60):
            (media / f"{number}.txt").write_text(f"A short note, number {number}.")
        library = tmp_path / "library"
        with open_library(library, create=True, encoder="hash", load=lambda spec: Near(64, name=spec)) as opened:
            Indexer(opened).index([media])
            search = Search(opened)
            whole = search.search("a query", limit=60, rerank="encoder:eyes")
            paged, cursor = [], None
            while len(paged) < 60:
                page = search.search("a query", limit=3, rerank="encoder:eyes", cursor=cursor)
                paged, cursor = [*paged, *page.hits], page.next_cursor
        assert [hit.asset_id for hit in paged] == [hit.asset_id for hit in whole.hits]
