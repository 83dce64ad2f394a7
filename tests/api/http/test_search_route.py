"""Search over HTTP: in long, in short, with a picture, and all that can be wrong with it."""

from __future__ import annotations

import base64
import errno
import json
import threading
from http import HTTPStatus

import pytest

from api.http import app
from api.http.problems import Refused
from api.http.searchers import Searchers
from bowerbird.errors import LibraryBusy
from search import Search
from search.query_json import query_from_json
from tests.api.http.test_gate import refused
from tests.waiting import until


def test_it_answers_what_the_contract_says(client, library):
    found = client.post("/v1/search", json={"text": "repot a fern", "limit": 2}).json()
    assert set(found) == {"version", "query", "took_ms", "matched", "next_cursor", "understood", "hits"}
    assert found["version"] == 1
    assert found["query"] == {"text": "repot a fern", "limit": 2}
    hit = found["hits"][0]
    assert hit["path"].endswith("fern.html")
    assert hit["evidence"][0]["source"] in {"joint", "words"}
    same = Search(library).run(query_from_json({"text": "repot a fern", "limit": 2}))
    assert [each["segment_id"] for each in found["hits"]] == [each.segment_id for each in same.hits]
    short = client.get("/v1/search", params={"q": "repot a fern", "limit": 2}).json()
    assert short["hits"] == found["hits"]


def test_a_picture_finds_itself(client, media):
    data = (media / "photo 1.png").read_bytes()
    for answer in (
        client.post("/v1/search", json={"image_base64": base64.b64encode(data).decode()}),
        client.post("/v1/search", files={"image": ("x.png", data, "image/png")}),
        client.post("/v1/search", files={"image": ("x.png", data)}, data={"query": json.dumps({"limit": 3})}),
    ):
        assert answer.status_code == 200
        assert answer.json()["hits"][0]["path"].endswith("photo 1.png")
        assert "image_base64" not in answer.json()["query"]


def test_pages_follow_one_another(client):
    seen: list[str] = []
    asked = {"filters": {"types": ["image", "document", "video"]}, "limit": 3}
    cursor = None
    for _ in range(9):
        found = client.post("/v1/search", json={**asked, "cursor": cursor}).json()
        seen += [hit["asset_id"] for hit in found["hits"]]
        if (cursor := found["next_cursor"]) is None:
            break
    assert len(seen) == len(set(seen)) == 8


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "the query is empty"),
        ({"text": 3}, "'text' must be a text"),
        ({"text": "x", "limit": "10"}, "'limit' must be a whole number"),
        ({"text": "x", "limit": 10**30}, "'limit'"),
        ({"text": "x", "kinds": ["smell"]}, "smell"),
        ({"text": "x", "filters": {"after": "yesteryear"}}, "yesteryear"),
        ({"text": "x", "filters": []}, "must be a JSON object"),
        ({"text": "x", "url": "http://127.0.0.1/"}, "'url' is not known"),
        ({"image_url": "http://127.0.0.1/"}, "'image_url' is not known"),
        ({"image_base64": "@@@"}, "base64"),
        ({"image_base64": base64.b64encode(b"no picture").decode()}, "the query's picture"),
        ({"text": "x", "cursor": "nonsense"}, "cursor"),
        ({"like": "0" * 64}, "nothing in this library"),
        ({"like": "../../etc/passwd"}, "nothing in this library"),
        ({"text": "x", "rerank": "cross-encoder:/etc/passwd"}, "rerank may be"),
        ([], "must be a JSON object"),
        ("x", "must be a JSON object"),
        ({"text": "beach colour:red"}, "column 7"),
    ],
)
def test_bad_queries_are_explained(client, body, says):
    assert says in refused(client.post("/v1/search", json=body), 422)["detail"]


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"NaN", b'{"text":"\\ud800"}'])
def test_bad_json_is_explained(client, raw):
    response = client.post("/v1/search", content=raw, headers={"content-type": "application/json"})
    assert response.status_code in {200, 422}, response.text
    assert response.status_code == 200 or refused(response, 422)["detail"]


@pytest.mark.parametrize(
    ("media_type", "raw"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data"),
        ("multipart/form-data; boundary=x", b"--y--"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nhello\r\n--x--\r\n"),
        ("multipart/form-data; boundary=", b""),
        ("text/plain", b"a cat"),
        ("application/x-www-form-urlencoded", b"text=a"),
    ],
)
def test_broken_forms_are_explained(client, media_type, raw):
    response = client.post("/v1/search", content=raw, headers={"content-type": media_type})
    assert refused(response, response.status_code)["detail"]
    assert response.status_code in {400, 415, 422}


@pytest.mark.parametrize(
    ("files", "data", "says"),
    [
        ({"picture": b"x"}, {}, "'picture' is not known"),
        ({}, {"image": "x", "query": "{}"}, "must be a file"),
        ({"image": b""}, {}, "the picture is empty"),
        ({"image": b"no picture"}, {}, "the query's picture"),
        ({"image": b"x"}, {"query": "{"}, "no JSON"),
        ({"image": b"x"}, {"query": '{"image_base64":"eA=="}'}, "sent twice"),
    ],
)
def test_bad_forms_are_explained(client, files, data, says):
    parts = {
        **{name: (name, content) for name, content in files.items()},
        **{name: (None, said) for name, said in data.items()},
    }
    assert says in refused(client.post("/v1/search", files=parts), 422)["detail"]


def test_bad_parameters_are_explained(client):
    assert "limit" in refused(client.get("/v1/search?q=x&limit=0"), 422)["detail"]
    assert "q: field required" in refused(client.get("/v1/search"), 422)["detail"]
    assert "kind" in refused(client.get("/v1/search?q=x&kind=smell"), 422)["detail"]
    refused(client.get("/v1/nowhere"), 404)
    refused(client.put("/v1/search"), 405)


def test_ready_once_models_are_loaded(client):
    assert client.get("/readyz").json() == {"version": 1, "status": "ok"}


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (Refused(HTTPStatus.SERVICE_UNAVAILABLE, "no process lives, for want of memory perhaps"), "want of memory"),
        (LibraryBusy("another process writes; wait for it"), "wait for it"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "report it"),
    ],
)
def test_ready_once_what_stood_in_the_way_has_passed(serving, monkeypatch, trouble, says):
    start, passed = Searchers.start, threading.Event()

    async def starting(searchers: Searchers) -> None:
        if not passed.is_set():
            raise trouble
        await start(searchers)

    monkeypatch.setattr(Searchers, "start", starting)
    monkeypatch.setattr(app, "_AGAIN_S", 0.01)
    client = serving()
    until(lambda: says in client.get("/readyz").text)
    assert "\n" not in refused(client.get("/readyz"), 503)["detail"]
    passed.set()
    until(lambda: client.get("/readyz").status_code == 200)


def test_a_parameter_that_is_not_known_is_refused(client):
    said = refused(client.get("/v1/search", params={"q": "a cat", "after": "2020"}), 422)
    assert "'after' is not known here; leave it out, or write filters in q" in str(said)
