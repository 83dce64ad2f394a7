"""Questions over HTTP: whole answers and streams of them, what is refused, and what ends when nobody listens."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from api import keys
from api.http.allowance import AT_ONCE, Allowance
from api.http.problems import Refused
from bowerbird.answers import Exhibit, Question
from bowerbird.errors import EndpointFailed
from bowerbird.models.answers.openai_answers import MOST_TOKENS, OpenAIAnswerer
from bowerbird.models.endpoint.endpoint import Endpoint
from bowerbird.models.endpoint.wire import MOST_CHARACTERS_A_TOKEN
from tests.api.http.live import Live, events
from tests.api.http.test_assets_route import id_of
from tests.api.http.test_gate import refused
from tests.api.test_mcp import call, refusal
from tests.fakes import ScriptedAnswerer
from tests.models.scripted_endpoint import Script, ScriptedEndpoint, hangs, silent
from tests.waiting import until

BUDGET = {"question": "We agreed on a budget of ninety. The rent is due on the first."}
CONTRACT = {
    *("version", "answer", "supported", "citations", "claims", "answerer", "complete", "took_ms", "question"),
    "trouble",
}
CITATION = {
    *("number", "asset_id", "segment_id", "path", "kind", "segment_kind", "start_s", "end_s", "page", "box", "quote"),
}
Use = Callable[[Any], Any]


@pytest.fixture
def use(library, monkeypatch) -> Use:
    """Lets an answerer answer in the place of the library's own, whichever is named."""

    def put(answerer: Any) -> Any:
        monkeypatch.setattr(library, "answerer", lambda spec=None: answerer)
        return answerer

    return put


class Slow(ScriptedAnswerer):
    """Says a first sentence, and goes on slowly until it is closed, or let go."""

    def __init__(self, *pieces: str, beat_s: float = 0.02) -> None:
        super().__init__(*pieces)
        self.release, self.begun, self.closed = threading.Event(), threading.Event(), threading.Event()
        self._beat_s = beat_s

    def answer(self, question: Question, exhibits: Sequence[Exhibit]) -> Iterator[str]:
        try:
            yield from super().answer(question, exhibits)
            self.begun.set()
            while not self.release.wait(self._beat_s):
                yield "and "
        finally:
            self.closed.set()


class Failing(ScriptedAnswerer):
    def answer(self, question: Question, exhibits: Sequence[Exhibit]) -> Iterator[str]:
        yield from super().answer(question, exhibits)
        raise EndpointFailed("http://127.0.0.1:9 refused: start the server there")


def told(response: Any) -> list[tuple[str, Any]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    return list(events(response.iter_lines()))


def test_an_answer_has_what_the_contract_says(client, use, media):
    use(ScriptedAnswerer("They agreed on ", "a budget of ninety [1]."))
    said = client.post("/v1/answer", json=BUDGET).json()
    assert set(said) == CONTRACT
    assert (said["version"], said["supported"], said["complete"]) == (1, True, True)
    assert said["answer"].startswith("They agreed on a budget of ninety")
    (cited,) = said["citations"]
    assert set(cited) == CITATION
    assert (cited["number"], cited["path"], cited["asset_id"]) == (
        1,
        str(media / "rent.txt"),
        id_of(media / "rent.txt"),
    )
    assert "budget of ninety" in cited["quote"]
    assert said["claims"][0]["citations"] == [1]


@pytest.mark.parametrize("how", ["accept", "stream"])
def test_a_stream_tells_what_the_answer_is_made_of_as_it_comes(client, use, how):
    use(ScriptedAnswerer("They agreed ", "on ninety [1]. ", "It will rain."))
    asked = BUDGET if how == "accept" else {**BUDGET, "stream": True}
    headers = {"accept": "text/event-stream"} if how == "accept" else {}
    heard = told(client.post("/v1/answer", json=asked, headers=headers))
    names = [name for name, _ in heard]
    assert (names[0], names[-1]) == ("evidence", "answer")
    assert set(names[1:-1]) == {"text", "citation"}
    whole = heard[-1][1]
    assert set(whole) == CONTRACT
    assert "".join(said["text"] for name, said in heard if name == "text") == whole["answer"]
    assert [said for name, said in heard if name == "citation"] == whole["citations"]
    assert "[unsupported]" in whole["answer"]
    assert whole["supported"] is False
    moments = heard[0][1]["moments"]
    assert [each["number"] for each in moments] == list(range(1, len(moments) + 1))
    assert whole["citations"][0]["segment_id"] == moments[0]["segment_id"]


def test_a_decline_is_an_answer_too(client, use):
    use(ScriptedAnswerer())
    said = client.post("/v1/answer", json=BUDGET).json()
    assert (said["answer"], said["supported"], said["citations"], said["claims"]) == ("", False, [], [])
    assert [name for name, _ in told(client.post("/v1/answer", json={**BUDGET, "stream": True}))] == [
        "evidence",
        "answer",
    ]


def test_the_built_in_answerer_quotes(client):
    said = client.post("/v1/answer", json={**BUDGET, "answerer": "extractive"}).json()
    assert said["answerer"] == "extractive"
    assert said["supported"] is bool(said["answer"])


def test_one_moment_is_all_the_evidence(client, use, media):
    answerer = use(ScriptedAnswerer("Feathers [1]."))
    paper = id_of(media / "paper.pdf")
    asked = {"question": "what is this about?", "about": {"asset_id": paper, "page": 2}}
    (cited,) = client.post("/v1/answer", json=asked).json()["citations"]
    assert (cited["asset_id"], cited["page"]) == (paper, 2)
    assert {(each.asset_id, each.page) for each in answerer.asked[0][1]} == {(paper, 2)}
    asked["about"] = {"segment_id": cited["segment_id"]}
    assert client.post("/v1/answer", json=asked).json()["citations"][0]["page"] == 2
    asked["about"] = {"asset_id": "0" * 64}
    refused(client.post("/v1/answer", json={**asked, "stream": True}), 422)


def test_the_conversation_goes_along(client, use):
    answerer = use(ScriptedAnswerer("The tenant [1]."))
    thread = [{"question": "what was agreed?", "answer": "A budget of ninety. [1]"}]
    client.post("/v1/answer", json={"question": "and who pays the rent?", "thread": thread})
    (turn,) = answerer.asked[0][0].thread
    assert (turn.question, turn.answer) == ("what was agreed?", "A budget of ninety. [1]")


@pytest.mark.parametrize("how", ["form", "json"])
def test_a_conversation_of_the_longest_answers_goes_on(client, use, media, how):
    answerer = use(ScriptedAnswerer("The tenant [1]."))
    turn = {"question": "what was agreed?", "answer": "é" * MOST_TOKENS * MOST_CHARACTERS_A_TOKEN}
    said = {"question": "and who pays the rent?", "thread": [turn] * 10}
    if how == "form":
        image = ("x.png", (media / "photo 1.png").read_bytes())
        files = {"question": (None, json.dumps(said), "application/json"), "image": image}
        response = client.post("/v1/answer", files=files)
    else:
        response = client.post("/v1/answer", json=said)
    assert response.status_code == 200, response.text
    assert len(answerer.asked[0][0].thread) == 10


@pytest.mark.parametrize("how", ["form", "base64"])
def test_a_picture_comes_with_the_question(client, use, media, how):
    answerer = use(ScriptedAnswerer("A photo [1].", picture_px=64))
    data, question = (media / "photo 1.png").read_bytes(), {"question": "what is this?"}
    if how == "form":
        files = {"question": (None, json.dumps(question), "application/json"), "image": ("x.png", data)}
        response = client.post("/v1/answer", files=files)
    else:
        response = client.post("/v1/answer", json={**question, "image_base64": base64.b64encode(data).decode()})
    assert response.status_code == 200, response.text
    asked, exhibits = answerer.asked[0]
    with Image.open(io.BytesIO(asked.image)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (160, 120)), "never the bytes that came"
    seen = [each.picture for each in exhibits if each.picture is not None]
    assert seen, "it is looked for by the picture"
    for each in seen:
        with Image.open(io.BytesIO(each)) as picture:
            assert (picture.format, max(picture.size)) == ("JPEG", 64)


def test_a_model_sees_a_films_frame_and_a_papers_page(client, use, media):
    answerer = use(ScriptedAnswerer(picture_px=96))
    for name, spot in (("film.mp4", {"at_s": 1}), ("paper.pdf", {"page": 2}), ("photo 0.png", {})):
        asked = {"question": "what is seen here?", "about": {"asset_id": id_of(media / name), **spot}}
        assert client.post("/v1/answer", json=asked).status_code == 200
        shown = [each.picture for each in answerer.asked[-1][1] if each.picture is not None]
        assert shown, name
        with Image.open(io.BytesIO(shown[0])) as picture:
            assert (picture.format, max(picture.size)) == ("JPEG", 96), name


FORMS = {
    "no question": b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\nabc\r\n--x--\r\n',
    "no JSON": b'--x\r\nContent-Disposition: form-data; name="question"\r\n\r\nwhat?\r\n--x--\r\n',
    "another part": b'--x\r\nContent-Disposition: form-data; name="system"\r\n\r\n{}\r\n--x--\r\n',
    "a text for a picture": b'--x\r\nContent-Disposition: form-data; name="question"\r\n\r\n{"question":"a"}\r\n'
    b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\nabc\r\n--x--\r\n',
    "no picture": b'--x\r\nContent-Disposition: form-data; name="question"\r\n\r\n{"question":"a"}\r\n'
    b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nabc\r\n--x--\r\n',
    "two pictures": b'--x\r\nContent-Disposition: form-data; name="question"\r\n\r\n'
    b'{"question":"a","image_base64":"YQ=="}\r\n'
    b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nabc\r\n--x--\r\n',
    "no head": b"--x\r\n\r\n\r\n--x--\r\n",
    "no boundary": b"nothing of the kind",
}


@pytest.mark.parametrize("body", FORMS.values(), ids=FORMS.keys())
def test_broken_forms_are_explained(client, use, body):
    answerer = use(ScriptedAnswerer("Never."))
    response = client.post("/v1/answer", content=body, headers={"content-type": "multipart/form-data; boundary=x"})
    refused(response, response.status_code)
    assert response.status_code in {400, 422}
    assert answerer.asked == []


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "no question"),
        ({"question": "x", "answerer": "openai:m@http://evil.example/v1"}, "'extractive'"),
        ({"question": "x", "answerer": ["extractive"]}, "'answerer'"),
        ({"question": "x", "stream": "yes"}, "'stream'"),
        ({"question": "x", "base_url": "http://evil.example"}, "'base_url'"),
        ({"question": "x", "thread": [{"question": "a", "answer": "b"}] * 10_000}, "10,000 turns"),
        ({"question": "x", "thread": [{"question": "a" * 100_000}]}, "100,000 characters"),
        ([], "JSON object"),
    ],
)
def test_bad_questions_are_explained(client, asked, says):
    assert says in refused(client.post("/v1/answer", json=asked), 422)["detail"]


def test_what_the_owner_has_configured_may_be_named(client, use, library, monkeypatch):
    own = "openai:m@http://127.0.0.1:9/v1"
    monkeypatch.setattr(library.settings.answer, "answerer", own)
    use(ScriptedAnswerer("Ninety [1]."))
    assert client.post("/v1/answer", json={**BUDGET, "answerer": own}).status_code == 200
    refused(client.post("/v1/answer", json={**BUDGET, "answerer": own + "/"}), 422)


def test_an_endpoint_that_fails_is_reported_in_one_line(client, use):
    use(Failing())
    assert "start the server there" in refused(client.post("/v1/answer", json=BUDGET), 502)["detail"]
    heard = told(client.post("/v1/answer", json={**BUDGET, "stream": True}))
    assert [name for name, _ in heard] == ["evidence", "problem"]
    assert (heard[1][1]["status"], heard[1][1]["type"]) == (502, "urn:bowerbird:problem:endpoint-failed")


def test_what_came_before_it_failed_is_kept(client, use):
    use(Failing("They agreed on ninety [1]. "))
    said = client.post("/v1/answer", json=BUDGET).json()
    assert (said["complete"], len(said["citations"])) == (False, 1)
    assert "start the server there" in said["trouble"]
    heard = told(client.post("/v1/answer", json={**BUDGET, "stream": True}))
    assert [name for name, _ in heard][-2:] == ["problem", "answer"]
    assert heard[-1][1]["complete"] is False


def test_answers_are_counted_by_what_became_of_them(library, use):
    with Live(library) as live:
        said = [("Ninety [1].",), ("It rains.",), ()]
        for answerer in (*(ScriptedAnswerer(*each) for each in said), Failing(), Failing("Ninety [1].")):
            use(answerer)
            live.client.post("/v1/answer", json=BUDGET)
        live.client.post("/v1/answer", json={})
        counted = {
            outcome: live.metric("bowerbird_answers_total", outcome=outcome)
            for outcome in ("supported", "unsupported", "declined", "failed")
        }
        assert counted == {"supported": 1, "unsupported": 1, "declined": 1, "failed": 2}


def test_questions_that_an_assistant_puts_are_counted_with_them(library, use):
    with Live(library) as live:
        url = "http://{}:{}/mcp".format(*live.address)
        use(ScriptedAnswerer("Ninety [1]."))
        assert call(url, "ask", **BUDGET).structured_content["supported"] is True
        use(Failing())
        assert "start the server there" in refusal(url, "ask", **BUDGET)
        assert "no question" in refusal(url, "ask", question=" ")
        counted = [live.metric("bowerbird_answers_total", outcome=each) for each in ("supported", "failed", "declined")]
        assert counted == [1, 1, 0]


@pytest.fixture
def elsewhere(library, monkeypatch) -> None:
    """The library's own answerer is an endpoint, whatever `use` puts in its place."""
    monkeypatch.setattr(library.settings.answer, "answerer", "openai:m@http://127.0.0.1:9/v1")


def test_one_caller_has_so_many_answers_under_way(library, use, elsewhere):
    tokens = [keys.create(library, name, ["search"])[0] for name in ("busy", "patient")]
    body = json.dumps({**BUDGET, "stream": True}).encode()
    head = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    with Live(library, keyless=False) as live:
        use(Slow("Ninety [1]. "))
        busy, patient = ({"Authorization": f"Bearer {token}"} for token in tokens)
        connections = [
            live.open("POST /v1/answer", *head, f"Authorization: {busy['Authorization']}", body=body)
            for _ in range(AT_ONCE)
        ]
        until(lambda: live.state.pools.answers.busy == AT_ONCE)
        told = live.client.post("/v1/answer", json=BUDGET, headers=busy)
        assert "wait for one of them" in refused(told, 429)["detail"]
        assert int(told.headers["retry-after"]) >= 1
        assert live.state.pools.answers.busy == AT_ONCE
        built_in = {**BUDGET, "answerer": "extractive", "stream": True}
        for asked, who in ((BUDGET | {"stream": True}, patient), (built_in, busy)):
            with live.client.stream("POST", "/v1/answer", json=asked, headers=who) as answer:
                assert next(events(answer.iter_lines()))[0] == "evidence", "another's, and what costs nothing, go on"
        for connection in connections:
            connection.close()
        until(lambda: live.state.pools.answers.busy == 0)
        use(ScriptedAnswerer("Ninety [1]."))
        assert live.client.post("/v1/answer", json=BUDGET, headers=busy).status_code == 200
    for name in ("busy", "patient"):
        keys.revoke(library, name)


def test_one_caller_may_ask_so_much_in_a_minute(library, use, elsewhere, monkeypatch):
    monkeypatch.setattr(library.settings.answer, "per_minute", 2)
    answerer = use(ScriptedAnswerer("Ninety [1]."))
    with Live(library) as live:
        url = "http://{}:{}/mcp".format(*live.address)
        refused(live.client.post("/v1/answer", json={}), 422)  # which is no question
        assert live.client.post("/v1/answer", json=BUDGET).status_code == 200
        call(url, "ask", **BUDGET)
        assert len(answerer.asked) == 2
        told = [
            live.client.post("/v1/answer", json=BUDGET),
            live.client.post("/v1/answer", json={**BUDGET, "stream": True}),
        ]
        for each in told:
            assert "[answer] per_minute" in refused(each, 429)["detail"]
            assert 1 <= int(each.headers["retry-after"]) <= 60
        assert "within a minute" in refusal(url, "ask", **BUDGET)
        page = live.client.get("/ask", params={"q": "the budget", "whole": "1"})
        assert (page.status_code, "within a minute" in page.text) == (429, True)
        assert "retry-after" in page.headers
        assert len(answerer.asked) == 2
        assert live.client.post("/v1/answer", json={**BUDGET, "answerer": "extractive"}).status_code == 200
        assert live.metric("bowerbird_answers_total", outcome="failed") == 0


def ask_at(allowance: Allowance, who: str) -> int | None:
    """Ask and be answered at once; the seconds to wait where it is one too many."""
    try:
        with allowance.question(who):
            return None
    except Refused as too_many:
        return int((too_many.headers or {})["Retry-After"])


def test_a_minute_goes_by():
    now = 0.0
    allowance = Allowance(2, now=lambda: now)
    assert ask_at(allowance, "a") is None
    now = 20.5
    assert [ask_at(allowance, "a"), ask_at(allowance, "a"), ask_at(allowance, "b")] == [None, 40, None]
    now = 59.9
    assert ask_at(allowance, "a") == 1
    now = 60.0
    assert [ask_at(allowance, "a"), ask_at(allowance, "a")] == [None, 21]
    now = 1000.0
    assert ask_at(allowance, "c") is None
    assert set(allowance._begun) == {"c"}, "nobody is remembered for longer"


@pytest.mark.parametrize("per_minute", [0, 3])
@given(who=st.lists(st.sampled_from("abc"), max_size=30))
def test_nobody_uses_up_what_others_may_ask(per_minute, who):
    allowance, let_in = Allowance(per_minute, now=lambda: 0.0), Counter()
    for each in who:
        if ask_at(allowance, each) is None:
            let_in[each] += 1
    asked = Counter(who)
    assert let_in == ({each: min(n, per_minute) for each, n in asked.items()} if per_minute else asked)
    assert not allowance._under_way


def test_no_deadline_but_its_own_ends_an_answer(library, use, monkeypatch):
    monkeypatch.setattr(library.settings.serve, "deadline_s", 0.3)
    answerer = use(Slow("Ninety [1]. "))
    with Live(library) as live:
        threading.Timer(1.0, answerer.release.set).start()
        assert told(live.client.post("/v1/answer", json={**BUDGET, "stream": True}))[-1][0] == "answer"
        answerer.release.clear()
        threading.Timer(1.0, answerer.release.set).start()
        assert live.client.post("/v1/answer", json=BUDGET).json()["complete"] is True


@pytest.mark.parametrize("stream", [True, False])
def test_whoever_hangs_up_ends_the_work(library, use, stream):
    with Live(library) as live:
        answerer = use(Slow("Ninety [1]. "))
        body = json.dumps({**BUDGET, "stream": stream}).encode()
        head = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        connection = live.open("POST /v1/answer", *head, body=body)
        assert answerer.begun.wait(60)
        if stream:
            connection.until(b"event: text")
        connection.close()
        assert answerer.closed.wait(60)
        until(lambda: live.state.pools.answers.busy == 0)
        until(lambda: live.metric("bowerbird_requests_in_flight") == 0)


@pytest.mark.parametrize(("script", "stream"), [(silent(), False), (hangs("Ninety [1]. "), True)])
def test_whoever_hangs_up_ends_the_request_to_an_endpoint_that_is_silent(
    library, use, script: Script, stream: bool
) -> None:
    with ScriptedEndpoint(script) as endpoint, Live(library) as live:
        use(OpenAIAnswerer(Endpoint("tiny", endpoint.address, 600.0)))
        body = json.dumps({**BUDGET, "stream": stream}).encode()
        head = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        connection = live.open("POST /v1/answer", *head, body=body)
        until(lambda: bool(endpoint.asked))
        connection.close()
        assert endpoint.left.wait(60)
        until(lambda: live.state.pools.answers.busy == 0)
        assert live.metric("bowerbird_answers_total", outcome="failed") == 0


def test_many_slow_answers_leave_everybody_else_alone(library, use):
    with Live(library) as live:
        answerer = use(Slow("Ninety [1]. ", beat_s=0.05))
        body = json.dumps({**BUDGET, "stream": True}).encode()
        head = ("Content-Type: application/json", f"Content-Length: {len(body)}")
        connections = [live.open("POST /v1/answer", *head, body=body) for _ in range(12)]
        until(lambda: live.state.pools.answers.busy == 12)
        assert live.client.get("/v1/search", params={"q": "a fern"}).status_code == 200
        assert live.client.get("/v1/roots").status_code == 200
        for connection in connections:
            connection.close()
        until(lambda: live.state.pools.answers.busy == 0)
        assert answerer.closed.is_set()


def test_a_key_that_is_revoked_ends_the_stream(library, use):
    token, _ = keys.create(library, "asker", ["search"])
    with Live(library, keyless=False) as live:
        refused(live.client.post("/v1/answer", json=BUDGET), 401)
        answerer = use(Slow("Ninety [1]. "))
        body = json.dumps({**BUDGET, "stream": True}).encode()
        head = ("Content-Type: application/json", f"Content-Length: {len(body)}", f"Authorization: Bearer {token}")
        connection = live.open("POST /v1/answer", *head, body=body)
        connection.until(b"event: text")
        keys.revoke(library, "asker")
        rest = connection.rest()
        assert b"event: answer" not in rest
        assert answerer.closed.wait(60)


def test_questions_on_the_page_without_a_script_leave_searches_alone(library, use):
    with Live(library) as live:
        answerer = use(Slow("Ninety [1]. "))
        connections = [live.open("GET /ask?whole=1&q=the+budget") for _ in range(12)]
        assert answerer.begun.wait(60)
        until(lambda: live.state.pools.answers.busy == 12)
        until(lambda: live.state.pools.search.busy == 0)  # once the server has warmed up
        assert live.client.get("/v1/search", params={"q": "a fern"}).status_code == 200
        for connection in connections:
            connection.close()
        answerer.release.set()
        until(lambda: live.state.pools.answers.busy == 0)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_on_another_site_asks_nothing_by_itself(client, use, site):
    answerer = use(ScriptedAnswerer("Ninety [1]."))
    link = {"sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    for query in ({"q": "my passwords"}, {"q": "my passwords", "whole": "1"}):
        page = client.get("/ask", params=query, headers=link)
        assert page.status_code == 200
        assert 'data-q=""' in page.text, "the script would ask"
        assert "refresh" not in page.text, "the browser would ask"
        assert ">my passwords</textarea>" in page.text, "whoever followed it can still"
    assert answerer.asked == []
    client.get("/ask", params={"q": "the budget", "whole": "1"}, headers={"sec-fetch-site": "same-origin"})
    assert len(answerer.asked) == 1


@pytest.mark.parametrize("own", ["openai:m@https://owner:hush@example.org/v1", "opnai:m@https://owner:hush@h/v1"])
def test_a_password_in_the_settings_is_told_to_nobody(client, library, monkeypatch, own):
    monkeypatch.setattr(library.settings.answer, "answerer", own)
    monkeypatch.setattr(library.settings.caption, "captioner", own)
    for asked in (BUDGET, {**BUDGET, "answerer": "another"}):
        assert "hush" not in refused(client.post("/v1/answer", json=asked), 422)["detail"]
    assert "hush" not in client.get("/ask").text
    assert "hush" not in client.get("/v1/status").text


@pytest.mark.parametrize(
    "odd", ["\ud800", "a\x00b", "\x1b]8;;http://evil.example\x07", "\u202egnp", "%_*\"'(", "[" * 9000]
)
def test_odd_questions_are_only_questions(client, odd):
    thread = [{"question": odd or "?", "answer": odd}]
    for asked in ({"question": f"the budget {odd}"[:9999]}, {"question": "the budget", "thread": thread}):
        response = client.post("/v1/answer", content=json.dumps(asked), headers={"content-type": "application/json"})
        assert response.status_code in {200, 422}, response.text
