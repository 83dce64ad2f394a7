"""What the viewer writes for each sort of file, and how it treats what comes out of files and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.http.app import create_app
from api.renditions import Word
from api.web.viewer_links import Why, read, view_href, written
from api.web.viewer_marks import marks
from api.web.viewer_words import Sought, run_of, words_in
from bowerbird.errors import QueryError
from bowerbird.queries import Evidence, Query
from bowerbird.types import Box, Segment, SegmentKind, Source
from bowerbird.wiring import Library
from search.service import Search
from tests.web.viewer_library import HOSTILE, SENTENCES, viewer_library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with viewer_library(tmp_path_factory.mktemp("viewer")) as library:
        yield library


@pytest.fixture(scope="module")
def client(library: Library) -> Iterator[TestClient]:
    with TestClient(create_app(library), base_url="http://127.0.0.1:8765", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def ids(library: Library) -> dict[str, str]:
    """The ids of assets by the suffixes of their files."""
    search = Search(library)
    with library.catalog.read() as tx:
        root = tx.roots.all()[0]
        names = [path for _, path in tx.locations.under(root.id)]
        return {Path(name).suffix[1:]: search.asset_at(Path(root.path, name)) for name in names}


def part(client: TestClient, asset_id: str, **asked: str | int) -> str:
    response = client.get(f"/view/{asset_id}", params=asked, headers={"x-fragment": "1"})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "<html" not in response.text
    return response.text


def text_of(html: str) -> str:
    """Without tags; white space as one space."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


def found(client: TestClient, asset_id: str, text: str) -> int:
    """The moment of an asset that bears this text."""
    listed = client.get(f"/v1/assets/{asset_id}/segments", params={"limit": 1000}).json()["segments"]
    return next(each["segment_id"] for each in listed if text in (each["text"] or ""))


def test_a_photo_with_its_words(client, ids):
    html = part(client, ids["png"], segment=found(client, ids["png"], "no swimming"), q="swim")
    assert f"/v1/assets/{ids['png']}/picture?px=1600" in html
    (box,) = re.findall(r"viewer-box-hit.*?left:([\d.]+)%;top:([\d.]+)%;width:([\d.]+)%;height:([\d.]+)%", html, re.S)
    assert [float(each) for each in box] == pytest.approx([25, 50, 50, 20], abs=0.5)
    assert html.count("viewer-box-region") == 4
    assert "no <mark>swimming</mark>" in html
    assert "640 × 400 pixels" in html


def test_a_film_at_its_moment(client, ids):
    html = part(client, ids["mp4"], segment=found(client, ids["mp4"], "Rent is due"), q="rents")
    assert f"/v1/assets/{ids['mp4']}/original#t=6.0" in html
    assert f"/v1/assets/{ids['mp4']}/poster?at=6.0" in html
    assert html.count("/thumbnail?segment=") == 3
    transcript = html[html.index("<ol") : html.index("</ol>")]
    assert text_of(transcript).count("0:") == len(SENTENCES)
    (here,) = re.findall(r'class="found".*?</a>', transcript, re.S)
    assert "<mark>Rent</mark> is due" in here


def test_a_recording(client, ids):
    html = part(client, ids["wav"])
    assert "<audio controls" in html
    assert "<video" not in html
    assert html.count("data-at=") == len(SENTENCES)


def test_a_paper_at_its_page(client, ids):
    html = part(client, ids["pdf"], segment=found(client, ids["pdf"], "blue feathers"), q="feathers")
    assert f"/v1/assets/{ids['pdf']}/picture?page=2&amp;px=1600" in html
    assert f"/v1/assets/{ids['pdf']}/original#page=2" in html
    assert "Page 2 of 2" in text_of(html)
    assert 'rel="prev"' in html
    assert 'rel="next"' not in html
    assert "blue <mark>feathers</mark>" in html


def test_a_page_that_was_turned_to_is_what_is_meant(client, ids):
    first, second = (found(client, ids["pdf"], text) for text in ("about bowers", "blue feathers"))
    for page, meant in ((1, first), (2, second)):
        html = part(client, ids["pdf"], segment=first, page=page)
        assert f"<small>page {page}</small>" in html
        assert f'href="/ask?about={meant}"' in html
        assert f'data-segment="{meant}"' in html


def test_pages_of_a_paper_end(client, ids):
    refused = client.get(f"/view/{ids['pdf']}?page=3")
    assert (refused.status_code, refused.json()["detail"]) == (404, "this paper has 2 pages, and no page 3")


def test_a_long_text_opens_where_it_was_found(client, ids):
    html = part(client, ids["txt"], segment=found(client, ids["txt"], "the gardener"), q="gardeners")
    assert "the <mark>gardener</mark>" in html
    assert "Paragraph 302" in html
    assert "Paragraph 1 " not in html
    later = unescape(re.findall(r'rel="next" href="([^"]*)"', html)[0])
    seen = client.get(later, headers={"x-fragment": "1"}).text
    assert "Paragraph 399" in seen
    assert "the <mark>gardener" not in seen


def test_every_paragraph_of_a_text_once(client, ids):
    """Passages overlap in the catalogue; who reads on sees each once, and none is lost."""
    seen: list[int] = []
    address: str | None = f"/view/{ids['txt']}?skip=0"
    while address is not None:
        html = client.get(address, headers={"x-fragment": "1"}).text
        seen += [int(number) for number in re.findall(r"Paragraph (\d+) says", text_of(html))]
        following = re.findall(r'rel="next" href="([^"]*)"', html)
        address = unescape(following[0]) if following else None
    assert sorted(set(seen)) == [number for number in range(400) if number != 300]
    assert len(seen) - len(set(seen)) <= 3, "only where one page of the viewer ends and the next begins"


@pytest.mark.parametrize("suffix", ["png", "avi", "txt"])
def test_what_files_say_is_text(client, ids, suffix):
    wanted = {"png": "no swimming", "txt": "the gardener"}.get(suffix, "He pays")
    html = part(client, ids[suffix], segment=found(client, ids[suffix], wanted), q=f"pays {HOSTILE}")
    assert "<img src=x" not in html
    assert "img src=x" in html.replace("</mark>", "").replace("<mark>", ""), "it is shown as it is written"


@given(st.text(max_size=40))
def test_no_query_breaks_out(client, ids, q):
    response = client.get(f"/view/{ids['mp4']}", params={"q": q}, headers={"x-fragment": "1"})
    assert response.status_code == 200
    assert "<script" not in response.text
    assert "onerror=" not in response.text.replace("onerror=alert", "")


def test_why_in_words(client, ids):
    segment = found(client, ids["mp4"], "Rent is due")
    html = part(client, ids["mp4"], segment=segment, q="rent rain", why="0.83,words:1:7.25,joint:22:0.312")
    said = text_of(html[html.index("viewer-why") : html.index("viewer-details")])
    assert "Relevance 0.83. It stands out clearly" in said
    assert "1st of what bears the query's words: the words “Rent”, “rain” stand here. words, BM25 7.25" in said
    assert "22nd of the spoken sentences that mean the like of the query. joint, cosine 0.312" in said


def test_what_only_filters_found_is_not_said_to_stand_out(client, ids):
    html = part(client, ids["mp4"], q="type:video", why="1")
    said = text_of(html[html.index("viewer-why") : html.index("viewer-details")])
    assert "It meets the filters, and nothing else was asked for." in said
    assert "stands out" not in said


def test_why_asked_again(client, ids):
    """A link that brings no evidence leads to one for which the query is asked again."""
    html = part(client, ids["wav"], segment=found(client, ids["wav"], "Rent is due"), q="rent rain begins")
    again = unescape(re.findall(r'data-part="why" href="([^"]*)"', html)[0])
    answered = client.get(again, headers={"x-fragment": "1"}).text
    assert "the words “Rent”, “rain”, “begins” stand here" in answered
    nothing = client.get(f"/view/{ids['png']}", params={"q": "zzzz type:audio", "why": "again"})
    assert nothing.status_code == 422
    assert "does not find this file" in nothing.json()["detail"]


def test_links_of_hits_lead_to_their_moments(client, library):
    with_words = Search(library).run(Query("rival steals feathers", limit=3)).hits[0]
    html = client.get(view_href(with_words, "rival steals feathers"), headers={"x-fragment": "1"}).text
    assert "<mark>rival steals</mark>" in html
    assert f"Relevance {with_words.relevance:.2f}" in html


_EVIDENCE = st.builds(
    Evidence, st.sampled_from(list(Source)), st.integers(1, 10**8), st.floats(-1e6, 1e6, allow_nan=False)
)


@given(st.floats(0, 1), st.lists(_EVIDENCE, max_size=5))
def test_links_keep_their_evidence(relevance, evidence):
    again = read(written(Why(relevance, tuple(evidence))))
    assert again.relevance == pytest.approx(relevance, rel=1e-3)
    assert [(each.source, each.rank) for each in again.evidence] == [(each.source, each.rank) for each in evidence]
    assert [each.score for each in again.evidence] == pytest.approx([each.score for each in evidence], rel=1e-3)


@pytest.mark.parametrize(
    "said", ["", "x", "nan", "1,joint", "1,joint:1", "1,joint:0:1", "1,joint:1:inf", "1,magic:1:1", "1,joint:1:1:1"]
)
def test_forged_evidence_is_refused_in_a_line(client, ids, said):
    with pytest.raises(QueryError, match="leave it out"):
        read(said)
    assert client.get(f"/view/{ids['png']}", params={"why": said}).status_code == 422


@pytest.mark.parametrize("asked", ["0" * 64, "../../etc/passwd", "%00", "x" * 64])
def test_what_is_not_in_the_library(client, asked):
    assert client.get(f"/view/{asked}").status_code in {404, 422}


@pytest.mark.parametrize(
    ("asked", "status", "fault"),
    [
        ("page=77", 404, "this paper has 2 pages, and no page 77"),
        ("page=0", 422, "query.page: input should be greater than or equal to 1; correct the address"),
        ("box=abc", 422, "the link's `box` is no part of a picture: leave it out"),
        ("why=garbage", 422, "the link's `why` is not as the page writes it: leave it out"),
    ],
)
def test_whoever_opens_what_cannot_be_shown_is_told_on_a_page(client, ids, asked, status, fault):
    page = client.get(f"/view/{ids['pdf']}?q=a+cat&{asked}", headers={"accept": "text/html"})
    assert page.status_code == status
    assert fault_of(page.text) == fault
    assert 'value="a cat"' in page.text, "to search again"
    for told in ({}, {"accept": "text/html", "x-fragment": "1"}):
        refused = client.get(f"/view/{ids['pdf']}?{asked}", headers=told)
        assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")


def test_a_file_that_has_gone_is_told_on_a_page(client):
    page = client.get(f"/view/{'0' * 64}", headers={"accept": "text/html"})
    assert page.status_code == 404
    assert fault_of(page.text) == "this file is not in the library any more: search again"


def fault_of(page: str) -> str:
    (said,) = re.findall(r'<p class="fault" id="fault" role="alert">(.*?)</p>', page)
    return unescape(said)


@pytest.mark.parametrize("asked", ["segment=0", "segment=x", "page=0", "skip=-1", "page=99999999999999999999"])
def test_addresses_out_of_bounds(client, ids, asked):
    response = client.get(f"/view/{ids['pdf']}?{asked}")
    assert response.status_code == 422
    assert "traceback" not in response.text.lower()


def test_a_moment_that_is_gone_or_of_another_file_is_passed_over(client, ids):
    other = found(client, ids["wav"], "Rent is due")
    for segment in (other, 10**15):
        assert 'data-segment=""' in part(client, ids["mp4"], segment=segment)


def test_marks_lie_where_the_words_are(client, ids):
    """As PDFium says where it draws them; the tests in the browser compare with what is drawn."""
    words = {each["text"]: each["box"] for each in client.get(f"/v1/assets/{ids['pdf']}/words?page=2").json()["words"]}
    svg = client.get(f"/view/{ids['pdf']}/marks", params={"page": 2, "q": "feather"})
    assert svg.headers["content-type"] == "image/svg+xml"
    (drawn,) = re.findall(r'<rect x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg.text)
    assert [float(each) for each in drawn] == pytest.approx(words["feathers"], abs=0.005)
    assert "<rect" not in client.get(f"/view/{ids['pdf']}/marks", params={"page": 1, "q": "feather"}).text


def test_a_passage_is_marked_along_its_lines():
    page = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    words = [Word(each, Box(0.1 * (n % 5), 0.1 + 0.1 * (n // 5), 0.08, 0.05)) for n, each in enumerate(page)]
    passage = Segment(1, 1, 0, SegmentKind.TEXT, None, None, 1, None, "four five six", None, None)
    found, lines = marks(words, [], passage, Sought.of("five"))
    assert found == [words[4].box]
    assert [(line.x, line.y, round(line.width, 3)) for line in lines] == [(0.1 * 3, 0.1, 0.18), (0.0, 0.2, 0.08)]


@given(st.text(max_size=200), st.text(max_size=60))
def test_pieces_are_the_text(text, q):
    pieces = list(Sought.of(q).pieces(text))
    assert "".join(each.text for each in pieces) == text
    assert all(each.text for each in pieces)


@pytest.mark.parametrize(
    ("q", "text", "marked"),
    [
        ("budgets", "The Budget, budgeting; a bud.", ["Budget", "budgeting"]),
        ("berries", "one berry", ["berry"]),
        ('"rent due"', "Rent due, not rent.", ["Rent due"]),
        ("gard*", "gardens gar", ["gardens"]),
        ("café", "the CAFE", ["CAFE"]),
        ("feathers type:video -dogs", "feathers, video, dogs", ["feathers"]),
        ("the of and", "the of and", []),
    ],
)
def test_words_are_found_as_search_finds_them(q, text, marked):
    assert [each.text for each in Sought.of(q).pieces(text) if each.marked] == marked


def test_a_passage_on_its_page():
    page = words_in("To begin. We went home, and then out again.")
    assert [page[index] for index in run_of("we WENT home and", page)] == ["We", "went", "home", "and"]
    assert not run_of("entirely other words", page)
