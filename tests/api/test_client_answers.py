"""Questions through the typed client: what it sends, what it makes of a stream, and how it tells of failures."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.client import BowerbirdClient, Cited, Ended, Retrieved, Said, ServerFailed, ServerUnreachable
from api.http.app import create_app
from bowerbird.answers import About, Answer, Citation, Claim, Exhibit, Question, Turn
from bowerbird.errors import EndpointFailed, QueryError, UsageError
from bowerbird.types import AssetKind, Box, SegmentKind
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from search.answer_json import answer_to_json, citation_to_json, exhibit_to_json
from tests.api.conftest import on_loopback
from tests.fakes import HashEncoder, ScriptedAnswerer
from tests.media.make import photo, save

ASSET = "0f" * 32
CITED = Citation(
    7, ASSET, "/sign.jpg", AssetKind.IMAGE, SegmentKind.REGION, None, None, None, Box(0.1, 0.2, 0.3, 0.4), "No entry"
)
EXHIBIT = Exhibit(
    1, 7, ASSET, "/sign.jpg", AssetKind.IMAGE, SegmentKind.REGION, None, None, None, Box(0.1, 0.2, 0.3, 0.4),
    "No entry", 0.75, "2019-07-04T12:00:00", "Lisbon, Portugal",
)  # fmt: skip
ANSWER = Answer("No entry. [1]", True, (CITED,), (Claim("No entry.", (1,)),), "scripted", True, 12.5)
WHOLE = {"version": 1, **answer_to_json(ANSWER, "what stands there?"), "trouble": None}
TOLD: list[tuple[str, Any]] = [
    ("evidence", {"moments": [exhibit_to_json(EXHIBIT)]}),
    ("citation", citation_to_json(CITED, 1)),
    ("text", {"text": "No entry. [1]"}),
    ("mood", {"added by": "a newer server"}),
    ("answer", WHOLE),
]
PROBLEM = {"type": "urn:bowerbird:problem:endpoint-failed", "title": "…", "status": 502, "detail": "refused; start it"}


def client(told: Sequence[tuple[str, Any]], seen: list[httpx.Request] | None = None) -> BowerbirdClient:
    """One whose server tells these events."""

    def answer(request: httpx.Request) -> httpx.Response:
        request.read()
        if seen is not None:
            seen.append(request)
        body = "".join(f"event: {name}\ndata: {json.dumps(said)}\n\n" for name, said in told)
        return httpx.Response(200, text=": ping\n\n" + body, headers={"Content-Type": "text/event-stream"})

    return BowerbirdClient("http://127.0.0.1:1", transport=httpx.MockTransport(answer))


def test_what_comes_is_what_was_told():
    assert list(client(TOLD).answering("what stands there?")) == [
        Retrieved((EXHIBIT,)),
        Cited(1, CITED),
        Said("No entry. [1]"),
        Ended(ANSWER),
    ]
    assert client(TOLD).answer("what stands there?") == ANSWER


def test_a_question_is_sent_as_the_contract_has_it():
    seen: list[httpx.Request] = []
    client(TOLD, seen).answer(
        "and there?", about=About(asset_id=ASSET, at_s=62.5), thread=[Turn("a?", "b [1]")], answerer="extractive"
    )
    (request,) = seen
    assert (request.method, request.url.path) == ("POST", "/v1/answer")
    assert request.headers["accept"] == "text/event-stream"
    assert json.loads(request.content) == {
        "question": "and there?",
        "about": {"asset_id": ASSET, "at_s": 62.5},
        "thread": [{"question": "a?", "answer": "b [1]"}],
        "answerer": "extractive",
        "stream": True,
    }


def test_a_picture_goes_in_a_part_of_its_own(tmp_path):
    seen: list[httpx.Request] = []
    (tmp_path / "cat.png").write_bytes(b"\x89PNG raw bytes")
    client(TOLD, seen).answer("what is this?", image=tmp_path / "cat.png")
    assert seen[0].headers["content-type"].startswith("multipart/form-data")
    assert b"\x89PNG raw bytes" in seen[0].content
    assert b'{"question": "what is this?", "stream": true}' in seen[0].content
    with pytest.raises(UsageError, match="name a picture"):
        client(TOLD).answer("what is this?", image=tmp_path / "none.png")


def test_a_problem_within_the_stream_is_raised():
    with pytest.raises(EndpointFailed, match="refused; start it"):
        client([TOLD[0], ("problem", PROBLEM)]).answer("x")
    with pytest.raises(ServerFailed):
        client([("problem", {**PROBLEM, "type": "urn:example:other"})]).answer("x")


def test_what_came_before_the_problem_is_kept():
    cut = {**WHOLE, "complete": False, "trouble": "refused; start it"}
    *_, ended = client([*TOLD[:-1], ("problem", PROBLEM), ("answer", cut)]).answering("x")
    assert isinstance(ended, Ended)
    assert (ended.answer.complete, ended.trouble) == (False, "refused; start it")


def test_a_stream_that_breaks_off_is_no_answer():
    with pytest.raises(ServerUnreachable, match="broke off"):
        client(TOLD[:-1]).answer("x")


@pytest.mark.parametrize(
    "said", [("answer", {}), ("answer", []), ("citation", {"number": 1}), ("problem", {}), ("evidence", {"moments": 7})]
)
def test_what_is_no_answer_is_said_to_be_none(said):
    with pytest.raises(ServerFailed, match="does not understand"):
        client([said]).answer("x")


class Slow(ScriptedAnswerer):
    """Says its first sentence and goes on until it is closed."""

    def __init__(self, *pieces: str) -> None:
        super().__init__(*pieces)
        self.closed = threading.Event()

    def answer(self, question: Question, exhibits: Sequence[Exhibit]) -> Iterator[str]:
        try:
            yield from super().answer(question, exhibits)
            while not self.closed.wait(0.02):
                yield "and "
        finally:
            self.closed.set()


Served = Callable[[Any], BowerbirdClient]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    media = tmp_path_factory.mktemp("client answers") / "media"
    media.mkdir()
    (media / "owls.txt").write_text("Owls are awake at night.")
    save(photo(), media / "photo.png")
    with open_library(media.parent / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        library.settings.index.ocr = False
        library.settings.serve.searchers = 0
        Indexer(library).index([media])
        yield library


@pytest.fixture(scope="module")
def remote(library: Library) -> Iterator[BowerbirdClient]:
    with on_loopback(create_app(library)) as url, BowerbirdClient(url) as opened:
        yield opened


@pytest.fixture
def media(library: Library) -> Path:
    return library.folder.parent / "media"


def test_client_and_server_understand_each_other(library, remote, media, monkeypatch):
    answerer = ScriptedAnswerer("They are awake ", "at night [1]. ", "They sing.")
    monkeypatch.setattr(library, "answerer", lambda spec=None: answerer)
    told = list(remote.answering("When are owls awake?", thread=[Turn("What are owls?", "Birds.")]))
    assert isinstance(told[0], Retrieved)
    assert told[0].exhibits[0].path == str(media / "owls.txt")
    ended = told[-1]
    assert isinstance(ended, Ended)
    assert "".join(each.text for each in told if isinstance(each, Said)) == ended.answer.text
    assert tuple(each.citation for each in told if isinstance(each, Cited)) == ended.answer.citations
    assert ended.answer.citations[0].quote == "Owls are awake at night."
    assert ended.answer.supported is False
    about = About(segment_id=ended.answer.citations[0].segment_id)
    assert remote.answer("When?", about=about).citations == ended.answer.citations
    assert remote.answer("What is this?", image=media / "photo.png").complete
    asked = answerer.asked[-1][0].image
    assert asked is not None
    assert asked.startswith(b"\xff\xd8"), "never the bytes that came"
    with pytest.raises(QueryError, match="extractive"):
        remote.answer("x", answerer="openai:m@http://evil.example")
    with pytest.raises(QueryError, match="question"):
        remote.answer(" ")


def test_closing_the_iterator_ends_the_work(library, remote, monkeypatch):
    answerer = Slow("They are awake at night [1]. ")
    monkeypatch.setattr(library, "answerer", lambda spec=None: answerer)
    with closing(remote.answering("When are owls awake?")) as events:  # type: ignore[type-var]
        assert any(isinstance(event, Said) for event in events)
    assert answerer.closed.wait(60)
