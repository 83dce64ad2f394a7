"""What a request may cost, and what happens above it."""

from __future__ import annotations

import threading

import pytest

from api.http.limits import limit_of
from bowerbird.settings import ServeSettings
from tests.api.http.test_gate import refused


@pytest.mark.parametrize(
    ("path", "megabytes", "seconds"),
    [("/v1/search", 32, 30), ("/v1/searching", 1, 30), ("/v1/saved/x", 32, 30), ("/v1/index", 1, 30),
     ("/v1/eval", 32, 600), ("/v1/answer", 32, 600),
     ("/", 1, 30), ("/v1/labels", 1, 600)],
)  # fmt: skip
def test_limits_of_routes(path, megabytes, seconds):
    limit = limit_of(path, ServeSettings())
    assert (limit.body, limit.seconds) == (megabytes << 20, seconds)


def test_a_body_that_says_it_is_too_large_is_not_read(client):
    response = client.post(
        "/v1/search", content=b"{}", headers={"content-length": str(1 << 40), "content-type": "application/json"}
    )
    assert "32 MB" in refused(response, 413)["detail"]


@pytest.mark.parametrize("length", ["-1", "1e3", "x"])
def test_a_length_that_is_none_is_refused(client, length):
    assert client.post("/v1/search", content=b"{}", headers={"content-length": length}).status_code in {400, 413}


@pytest.mark.parametrize("media_type", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_that_does_not_end_is_cut_off(client, media_type):
    sent = 0

    def endless():
        nonlocal sent
        yield (
            b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
            if "x" in media_type[-1]
            else b'{"text":"'
        )
        for _ in range(64):
            sent += 1
            yield b"x" * (1 << 20)

    refused(client.post("/v1/search", content=endless(), headers={"content-type": media_type}), 413)


def test_a_search_that_takes_too_long_is_given_up(serving, library, monkeypatch):
    monkeypatch.setattr(library.settings.serve, "deadline_s", 0.2)
    client = serving()
    release = threading.Event()
    search = client.app.state.bowerbird.search
    monkeypatch.setattr(search, "run", lambda query: release.wait(60))
    try:
        assert "deadline_s" in refused(client.get("/v1/search?q=x"), 504)["detail"]
    finally:
        release.set()
    monkeypatch.undo()
    assert client.get("/v1/search?q=x").status_code == 200, "the thread is free again"


def test_a_line_that_is_full_says_so(client, monkeypatch):
    pool = client.app.state.bowerbird.pools.search
    monkeypatch.setattr(pool, "_most", 0)
    response = client.get("/v1/search?q=x")
    refused(response, 503)
    assert response.headers["retry-after"] == "1"
