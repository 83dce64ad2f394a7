"""An evaluation of a small library whose answers are known, since its encoder is a hash."""

from __future__ import annotations

import io
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bowerbird.errors import QueryError
from bowerbird.queries import Hit, SearchResult
from bowerbird.types import AssetKind, SegmentKind
from bowerbird.wiring import open_library
from indexer import Indexer
from search import Search
from search.evaluation import (
    FUSED,
    Setup,
    compare,
    differences,
    evaluate,
    evaluate_together,
    mean,
    read_queries,
    summary,
)
from search.evaluation.compare import changes
from search.evaluation.run import _answer
from tests.fakes import HashEncoder

NOTES = {"harbour": "The harbour office opens at nine.", "oven": "Bread rises in a warm oven.", "moon": "Moonlight."}


def picture(colour) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 60), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def media(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    for place in ("one", "two", "copies"):
        (folder / place).mkdir()
    for name, text in NOTES.items():
        (folder / "one" / f"{name}.txt").write_text(text)
    (folder / "two" / "harbour.txt").write_text("Quite another text of that name.")
    (folder / "copies" / "bread.txt").write_text(NOTES["oven"])
    (folder / "red.png").write_bytes(picture("red"))
    return folder


@pytest.fixture(scope="module")
def search(media, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated") / "library"
    with open_library(folder, create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        Indexer(library).index([media])
        yield Search(library)


def queries_in(folder, *lines):
    file = folder / "queries.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    return read_queries(file)


@pytest.fixture
def asked(tmp_path):
    return partial(queries_in, tmp_path)


def paths(search, outcome):
    with search.library.catalog.read() as tx:
        found = [tx.locations.copies(tx.assets.by_hash(each).id) for each in outcome.relevant]
    return [sorted(copy.path for copy in each) for each in found]


class TestLookUp:
    def test_a_path_is_exact_from_the_file_s_folder_or_the_end_of_a_catalogued_one(self, search, asked, media):
        queries = asked(
            {"text": "a", "relevant": ["one/harbour.txt"]},
            {"text": "b", "relevant": [str(media / "two" / "harbour.txt"), "./moon.txt"]},
            {"text": "c", "relevant": ["arbour.txt", "red.png"]},
        )
        a, b, c = evaluate(search, queries).outcomes
        assert paths(search, a) == [["one/harbour.txt"]]
        assert paths(search, b) == [["two/harbour.txt"], ["one/moon.txt"]]
        assert (paths(search, c), c.missing) == ([["red.png"]], ("arbour.txt",))

    def test_copies_are_one_thing(self, search, asked):
        (outcome,) = evaluate(search, asked({"text": "x", "relevant": ["bread.txt", "oven.txt"]})).outcomes
        assert paths(search, outcome) == [["copies/bread.txt", "one/oven.txt"]]
        assert outcome.fused.relevant == 1

    def test_an_end_that_fits_several_things_is_refused_with_its_line(self, search, asked):
        queries = asked({"text": "x", "relevant": []}, {"text": "x", "relevant": ["harbour.txt"]})
        with pytest.raises(QueryError, match=r"^queries\.jsonl, line 2: 'harbour\.txt' fits 2 different files"):
            evaluate(search, queries)

    def test_all_missing_is_an_error_and_some_are_counted(self, search, asked):
        with pytest.raises(QueryError, match=r"none of .*, such as 'nowhere\.jpg', is in the library"):
            evaluate(search, asked({"text": "x", "relevant": ["nowhere.jpg", "\0"]}))
        some = asked({"text": "x", "relevant": ["nowhere.jpg", "red.png"]}, {"text": "y", "relevant": ["nowhere.jpg"]})
        run = evaluate(search, some)
        assert run.missing == ("nowhere.jpg",)
        assert [(each.answerable, each.unanswerable) for each in run.outcomes] == [(True, False), (False, False)]

    def test_names_are_the_same_composed_or_not(self, search, asked, tmp_path):
        (tmp_path / "cafe\u0301.txt").write_text("Written as a Mac writes it.")
        Indexer(search.library).index([tmp_path / "cafe\u0301.txt"])
        (query,) = asked({"text": "x", "relevant": ["caf\u00e9.txt"]})
        assert evaluate(search, [query]).missing == ()


class TestEvaluate:
    def test_what_is_found_by_which_source_and_where(self, search, asked, media):
        queries = asked(
            {"text": NOTES["harbour"], "relevant": ["one/harbour.txt"], "group": "notes"},
            {"text": "nine office", "relevant": ["one/harbour.txt"], "group": "notes"},
            {"image": str(media / "red.png"), "relevant": ["red.png"], "group": "pictures"},
            {"text": "volcanoes", "relevant": []},
        )
        told = []
        run = evaluate(search, queries, progress=lambda done, of: told.append((done, of)))
        assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
        assert (run.sources, run.groups, run.encoders) == ((FUSED, "joint", "words"), ("notes", "pictures"), ("hash",))
        text, words, image, nothing = run.outcomes
        assert {source: answer.ranks for source, answer in text.answers.items()} == {
            FUSED: (1,),
            "joint": (1,),
            "words": (1,),
        }
        assert words.answers["words"].ranks == (1,)
        assert words.fused.ranks == (1,)
        assert image.answers["joint"].ranks == (1,)
        assert image.answers["words"].ranks == (), "no picture is found by words"
        assert image.first is not None
        assert Path(image.first.path).name == "red.png"
        assert nothing.unanswerable
        assert run.refused(answerable=False) == [1.0]
        assert run.refused(answerable=True) == [0.0, 0.0, 0.0]
        assert run.values("mrr") == [1.0, 1.0, 1.0]
        assert run.values("mrr", "words") == [1.0, 1.0, 0.0]
        assert run.of_group("pictures").values("recall@1", "words") == [0.0]

    def test_the_first_query_is_cold_and_kept_apart(self, search, asked):
        run = evaluate(search, asked(*({"text": text, "relevant": []} for text in "abc")))
        assert run.cold_ms == run.outcomes[0].took_ms
        assert run.latencies == tuple(each.took_ms for each in run.outcomes[1:])
        later = run.only(lambda each: each.query.text == "c")
        assert (later.cold_ms, len(later.latencies)) == (None, 1)

    def test_depth_is_where_looking_ends(self, search, asked):
        (query,) = asked({"text": NOTES["oven"], "relevant": ["moon.txt", "oven.txt", "red.png", "one/harbour.txt"]})
        deep = evaluate(search, [query]).outcomes[0].fused
        assert (len(deep.ranks), deep.relevant) == (4, 4)
        shallow = evaluate(search, [query], depth=2).outcomes[0].fused
        assert shallow.ranks == tuple(rank for rank in deep.ranks if rank <= 2)
        assert shallow.relevant == 4

    def test_a_query_that_cannot_be_answered_is_named_by_its_line(self, search, asked, tmp_path):
        (tmp_path / "broken.png").write_bytes(b"no picture")
        with pytest.raises(QueryError, match=r"^queries\.jsonl, line 1: .*picture"):
            evaluate(search, asked({"image": "broken.png", "relevant": []}))
        with pytest.raises(QueryError, match=r"^queries\.jsonl, line 1: a query of 10,001 characters"):
            evaluate(search, asked({"text": "x" * 10_001, "relevant": []}))

    def test_a_hit_stands_for_what_is_folded_into_it_and_is_counted_once(self):
        def hit(rank, asset, *stands_for):
            moment = (None, None, None, None, None, len(stands_for), ())
            return Hit(
                rank, 0.9, asset, asset, AssetKind.IMAGE, rank, SegmentKind.IMAGE, *moment, stands_for=stands_for
            )

        result = SearchResult((hit(1, "a"), hit(2, "b", "c", "d"), hit(3, "e")), matched=True, took_ms=1.0)
        answer = _answer(result, ["c", "d", "e", "f"])
        assert (answer.ranks, answer.relevant) == ((2, 3), 3)
        assert _answer(result, ["b", "c"]).relevant == 1

    def test_a_library_with_a_text_space_has_that_source_too(self, media, asked, tmp_path):
        def load(spec):
            return HashEncoder(name=spec, text_is_semantic=spec != "hash")

        with open_library(tmp_path / "two spaces", create=True, encoder="hash", load=load) as library:
            Indexer(library).index([media])
            run = evaluate(Search(library), asked({"text": NOTES["moon"], "relevant": ["moon.txt"]}))
        assert run.sources == (FUSED, "joint", "text", "words")
        assert run.encoders == ("hash", "minilm")
        assert run.values("mrr", "text") == [1.0]


class TestCompare:
    @pytest.fixture(scope="class")
    @classmethod
    def runs(cls, search, media, tmp_path_factory):
        """The library, and another that lacks the picture and whose encoder sees no difference between texts."""
        folder = tmp_path_factory.mktemp("compared")
        queries = queries_in(
            folder,
            {"text": NOTES["harbour"], "relevant": ["one/harbour.txt"], "id": "harbour"},
            {"text": NOTES["oven"], "relevant": ["oven.txt"], "id": "oven"},
            {"image": str(media / "red.png"), "relevant": ["red.png"], "id": "red"},
            {"text": "volcanoes", "relevant": [], "id": "nothing"},
        )

        class Blind(HashEncoder):
            def encode_texts(self, texts):
                return np.repeat(super().encode_texts(["same"]), len(texts), axis=0)

        (folder / "media" / "one").mkdir(parents=True)
        for name in ("harbour", "oven", "moon"):
            (folder / "media" / "one" / f"{name}.txt").write_text(NOTES[name])
        with open_library(folder / "other", create=True, encoder="hash", load=lambda _: Blind()) as library:
            Indexer(library).index([folder / "media"])
            yield evaluate_together([Setup(search, "one"), Setup(Search(library), "other")], queries)

    def test_only_what_both_can_answer_is_compared(self, runs):
        found = {(each.source, each.measure): each for each in compare(*runs)}
        assert runs[1].missing != ()
        joint = found["joint", "mrr"]
        assert joint.queries == 2, "the picture is not in the other library"
        assert joint.first == 1.0
        assert joint.second < 1.0
        assert found[FUSED, "refused rightly"].queries == 1
        assert found[FUSED, "latency p50, ms"].queries == 3

    def test_verdicts(self, runs):
        first, second = runs
        assert {each.verdict for each in compare(first, first)} == {"within chance"}
        slower = {each.measure: each for each in compare(first, second)}["latency p50, ms"]
        assert not slower.higher_is_better
        words = {(each.source, each.measure): each.verdict for each in compare(second, first)}
        assert words["words", "mrr"] == "within chance"

    def test_changes_begin_with_what_is_lost_most(self, runs):
        by = [each.by for each in changes(*runs)]
        assert by == sorted(by)
        assert [each.by for each in changes(runs[0], runs[0])] == [0, 0, 0]

    def test_it_all_is_json(self, runs):
        said = json.loads(json.dumps([*map(summary, runs), differences(compare(*runs))], allow_nan=False))
        assert said[0]["measures"]["fused"]["mrr"] == mean(runs[0].values("mrr"))
        assert said[0]["outcomes"][0]["ranks"] == {"fused": [1], "joint": [1], "words": [1]}
        assert said[1]["missing"]
        nothing_at_all = runs[0].only(lambda each: False)
        assert json.loads(json.dumps(summary(nothing_at_all), allow_nan=False))["measures"]["fused"]["mrr"] is None
