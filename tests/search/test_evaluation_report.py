"""The report: one file that fetches nothing, runs nothing, can be heard as well as seen, and is fooled by no name."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bowerbird.settings import IndexSettings
from bowerbird.wiring import open_library
from indexer import Indexer
from search import Search
from search.evaluation import Setup, evaluate_together, read_queries
from search.evaluation.report import Run, page
from search.evaluation.report.markup import Markup, escape, tag
from search.evaluation.report.misses import false_alarms, worst
from search.evaluation.report.plots import curves, histogram, mirrored
from tests.fakes import HashEncoder

EVIL = "<script>alert('x')</script>\"& \u202egpj.txt"
VOID = {"meta", "img", "br"}


class Parsed(HTMLParser):
    """Every element with its attributes, and the text; fails where elements are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] != ["style"]:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    media = folder / "media"
    media.mkdir()
    for colour in ("red", "blue"):
        Image.new("RGB", (80, 60), colour).save(media / f"{colour}.png")
    (media / EVIL.replace("/", "_")).write_text(f"{EVIL} in a text")
    (media / "plain.txt").write_text("nothing special")
    lines = [
        {"text": f"{EVIL} in a text", "relevant": ["red.png"], "group": EVIL, "id": EVIL},
        {"image": str(media / "blue.png"), "relevant": ["plain.txt", "red.png"], "group": "pictures"},
        {"text": "nothing special", "relevant": []},
        {"text": "unheard of", "relevant": [], "not": EVIL},
        {"text": "nothing special", "relevant": ["plain.txt", EVIL], "id": "right"},
    ]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        library.settings = library.settings.model_copy(update={"index": IndexSettings(transcriber="none", ocr=False)})
        assert Indexer(library).index([media]).failed == ()
        search = Search(library)
        done = evaluate_together([Setup(search, "one"), Setup(search, EVIL)], read_queries(folder / "queries.jsonl"))
        yield [Run(each, library) for each in done]


@pytest.fixture(scope="module")
def single(runs):
    return page(EVIL, runs[0], made=datetime(2024, 5, 6, 7, 8))


@pytest.fixture(scope="module", params=["single", "compared"])
def html(request, runs, single):
    return single if request.param == "single" else page(EVIL, *runs)


def test_it_fetches_and_runs_nothing(html):
    parsed = Parsed(html)
    assert {tag for tag, _ in parsed.elements} & {"script", "link", "iframe", "object", "form", "a", "base"} == set()
    attributes = [(name, value or "") for _, attributes in parsed.elements for name, value in attributes.items()]
    assert not [name for name, _ in attributes if name.startswith("on") or name in {"href", "srcset", "style"}]
    assert all(value.startswith("data:image/webp;base64,") for name, value in attributes if name == "src")
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert any("default-src 'none'" in (each.get("content") or "") for each in parsed.all("meta"))


def test_what_names_and_texts_hold_is_shown_and_means_nothing(html):
    parsed = Parsed(html)
    assert "<script>alert('x')</script>" in parsed.text
    assert "\u202e" not in html
    assert "\\x202egpj.txt" in parsed.text


def test_plots_can_be_heard_and_their_numbers_read(html):
    parsed = Parsed(html)
    plots = parsed.all("svg")
    assert plots
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots)
    assert len(parsed.all("details")) == len(parsed.all("figure")) == len(plots)
    assert len(parsed.all("table")) > len(plots)
    assert all(picture["alt"] for picture in parsed.all("img"))
    assert {each["scope"] for each in parsed.all("th")} == {"row", "col"}
    assert parsed.all("html") == [{"lang": "en"}]
    assert len(parsed.all("h1")) == len(parsed.all("main")) == 1


def test_it_has_all_four_plots_and_the_misses_as_pictures(single, runs):
    parsed = Parsed(single)
    for title in ("Recall by depth", "nDCG@10 by group", "Where the line is drawn", "Latency", "The worst misses"):
        assert title in parsed.text
    assert "2024-05-06 07:08" in parsed.text
    missed = worst(runs[0].evaluation)
    assert [each.query.id for each in missed] == [EVIL, "line 2"]
    alts = [picture["alt"] or "" for picture in parsed.all("img")]
    assert "The picture that was asked by, blue.png" in alts
    assert "What was wanted: media/red.png" in alts
    assert "What came first: media/blue.png" in alts
    assert "joint #1" in parsed.text
    assert [each.query.text for each in false_alarms(runs[0].evaluation)] == ["nothing special"]
    assert "Answered, though nothing answers them" in parsed.text


def test_side_by_side_has_intervals_and_what_changed(runs):
    first, second = runs
    lost = {EVIL: (1,), "right": ()}
    outcomes = tuple(
        replace(each, answers={**each.answers, "fused": replace(each.fused, ranks=lost[each.query.id])})
        if each.query.id in lost
        else each
        for each in second.evaluation.outcomes
    )
    text = Parsed(page("x", first, Run(replace(second.evaluation, outcomes=outcomes), second.library))).text
    assert "95 % interval" in text
    assert "1 better, 1 worse, 1 the same" in text
    assert "not found" in text


def test_nothing_to_measure_is_a_page_all_the_same(runs):
    for kept in (lambda each: each.unanswerable, lambda each: each.answerable, lambda each: False):
        part = [Run(run.evaluation.only(kept), run.library) for run in runs]
        for parsed in (Parsed(page("x", part[0])), Parsed(page("x", *part))):
            assert "nan" not in parsed.text.lower().replace("hashencoder", "")


def test_pictures_that_were_lost_are_made_anew_or_left_out(runs, single, tmp_path):
    run = runs[0]
    for thumbnail in run.library.thumbnails.path("00").parents[1].rglob("*.webp"):
        thumbnail.unlink()
    assert len(Parsed(page("x", run)).all("img")) == len(Parsed(single).all("img"))


class TestMarkup:
    def test_text_is_escaped_and_markup_is_not(self):
        made = tag("p", "<b>", tag("i", "a & b"), None, ["x", Markup("<br>")], class_="a'b", data_x=1.5, hidden=None)
        assert made == '<p class="a&#x27;b" data-x="1.5">&lt;b&gt;<i>a &amp; b</i>x<br></p>'

    @given(st.text())
    def test_whatever_is_written_is_read_again_but_for_what_cannot_be_shown(self, text):
        parsed = Parsed(tag("p", text, title=text))
        shown = "".join(each if escape(each) != f"\\x{ord(each):02x}" else f"\\x{ord(each):02x}" for each in text)
        assert parsed.text == parsed.all("p")[0]["title"] == shown
        shown.encode()


class TestPlots:
    @given(
        st.lists(st.floats(0, 1), max_size=30),
        st.lists(st.floats(0, 1), max_size=30),
        st.floats(0, 1),
        st.floats(0.1, 9e5),
    )
    def test_any_numbers_can_be_drawn_and_stay_inside(self, up, down, threshold, end):
        lines = {"fused": [(1, 0.5), (10, 1.0)], "joint": [(1, 0.5), (10, 1.0)]}
        drawn = [mirrored(up, down, threshold, "x"), histogram([end * each for each in up], {"p50": end}, end, "x")]
        for svg in (*drawn, curves(lines, "x")):
            for name, attributes in Parsed(svg).elements:
                if name == "rect":
                    x, y, width, height = (float(attributes[each] or "nan") for each in ("x", "y", "width", "height"))
                    assert min(x, y, width, height) >= 0
                    assert x + width <= 560
                    assert y + height <= 300
