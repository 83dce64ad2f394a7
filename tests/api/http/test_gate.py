"""Who may enter: names, foreign pages, keys, sessions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from api import keys
from api.http.gate import PUBLIC, is_loopback
from api.keys import Scope
from bowerbird.wiring import Library
from tests.api.http.conftest import Serving

PAGE = "http://127.0.0.1:8765"


def refused(response, status: int) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    said = response.json()
    assert said["status"] == status
    assert set(said) == {"type", "title", "status", "detail"}
    assert "\n" not in said["detail"]
    return said


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example", "", "a@127.0.0.1",
     "127.0.0.1:99999", "127.0.0.1/x", "[::1", "\xff"],
)  # fmt: skip
def test_a_forged_host_is_refused(client, host):
    refused(client.get("/v1/search?q=x", headers={"host": host.encode("latin-1")}), 421)
    refused(client.get("/healthz", headers={"host": host.encode("latin-1")}), 421)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8765", "localhost.", "127.0.0.1", "[::1]:8765", "192.168.1.7"]
)
def test_its_own_names_are_known(client, host):
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1",
        "null",
        "http://127.0.0.1:1",
        "http://localhost:8765",
        "x",
        "http://[",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
def test_a_foreign_page_is_refused(client, origin, method):
    response = client.request(method, "/v1/search?q=x", headers={"origin": origin})
    refused(response, 403)
    assert "access-control-allow-origin" not in response.headers


def test_the_page_itself_is_let_in(client):
    assert client.get("/v1/search?q=x", headers={"origin": PAGE}).status_code == 200


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
def test_what_a_foreign_page_embeds_is_refused(client, site, status):
    headers = {"sec-fetch-site": site, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
    assert client.get("/v1/search?q=x", headers=headers).status_code == status


def test_a_link_may_lead_to_the_page_and_to_nothing_else(client):
    led = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert client.get("/healthz", headers=led).status_code == 200
    refused(client.get("/v1/search?q=x", headers=led), 403)
    refused(client.get("/metrics", headers=led), 403)
    framed = {**led, "sec-fetch-dest": "iframe"}
    refused(client.get("/healthz", headers=framed), 403)


def test_a_page_that_was_named_is_let_in_without_the_cookie(serving, library, monkeypatch):
    monkeypatch.setattr(library.settings.serve, "cors_origins", ("https://photos.example",))
    client = serving()
    asked = {"origin": "https://photos.example", "access-control-request-method": "POST"}
    preflight = client.options("/v1/search", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://photos.example"
    assert "access-control-allow-credentials" not in preflight.headers
    answer = client.get("/v1/search?q=x", headers={"origin": "https://photos.example"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "https://photos.example"
    refused(client.options("/v1/search", headers={**asked, "origin": "https://photos.example.evil.example"}), 403)


@pytest.mark.parametrize(
    ("said", "status"), [("Bearer none", 200), ("Basic YTpi", 200), ("", 200), ("Bearer bb_1_" + "x" * 43, 401)]
)
def test_where_no_key_is_needed_any_word_will_do_but_no_key_that_has_ended(client, said, status):
    assert client.get("/v1/search?q=x", headers={"authorization": said}).status_code == status


def test_names_of_a_proxy_are_known_once_they_are_named(serving, library, monkeypatch):
    monkeypatch.setattr(library.settings.serve, "allow_hosts", ("Photos.Example",))
    assert serving().get("/healthz", headers={"host": "photos.example"}).status_code == 200


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_what_came_through_a_proxy_is_not_of_this_machine(client, header):
    refused(client.get("/v1/search?q=x", headers={header: "203.0.113.9"}), 401)


def test_every_response_is_dressed(client):
    for path in ("/healthz", "/v1/search?q=x", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.0.1", False), ("photos.example", False), ("127.0.0.1.example", False)],
)  # fmt: skip
def test_loopback(host, loopback):
    assert is_loopback(host) is loopback


class TestPublic:
    """A server that others can reach."""

    @pytest.fixture
    def public(self, serving: Serving) -> TestClient:
        return serving(keyless=False, base_url="http://192.168.1.7:8765", follow_redirects=False)

    @pytest.fixture
    def key(self, library: Library) -> Iterator[str]:
        token, _ = keys.create(library, "a phone", [Scope.SEARCH])
        yield token
        with_it = [each.name for each in keys.keys(library)]
        if "a phone" in with_it:
            keys.revoke(library, "a phone")

    def test_nothing_without_a_key(self, public):
        response = public.get("/v1/search?q=x")
        assert "bowerbird keys create" in refused(response, 401)["detail"]
        assert response.headers["www-authenticate"] == "Bearer"

    def test_every_route_that_is_told_of_wants_a_key(self, public, client):
        document = client.get("/openapi.json").json()
        asked = 0
        for path, methods in document["paths"].items():
            where = path.replace("{", "").replace("}", "")
            for method in methods:
                status = public.request(method.upper(), where).status_code
                assert (status == 401) == (path not in PUBLIC), (method, path, status)
                asked += 1
        assert asked >= 5

    @pytest.mark.parametrize(
        "path",
        ["/openapi.json", "/static/page.css", "/mcp", "/metrics", "/nowhere", "//healthz", "/healthz/", "/HEALTHZ"],
    )
    def test_what_is_not_told_of_wants_one_too(self, public, path):
        refused(public.get(path), 401)

    def test_whoever_opens_the_page_is_led_to_sign_in(self, public):
        response = public.get("/?q=a%20cat", headers={"accept": "text/html"})
        assert response.status_code == 303
        assert response.headers["location"] == "/sign-in?next=%2F%3Fq%3Da%2520cat"

    def test_a_question_that_a_link_brought_is_not_asked_by_signing_in(self, public):
        response = public.get("/ask?q=how%20much", headers={"accept": "text/html"})
        assert (response.status_code, response.headers["location"]) == (303, "/sign-in?next=%2Fask")

    def test_a_key_opens(self, public, key):
        assert public.get("/v1/search?q=x", headers={"authorization": f"Bearer {key}"}).status_code == 200

    @pytest.mark.parametrize(
        "said", ["Bearer", "Bearer nonsense", "Basic YTpi", "Bearer bb_1_" + "x" * 43, "Bearer \xff", ""]
    )
    def test_what_is_no_key_does_not(self, public, key, said):
        refused(public.get("/v1/search?q=x", headers={"authorization": said.encode("latin-1")}), 401)

    def test_nor_one_that_was_revoked(self, public, key, library):
        headers = {"authorization": f"Bearer {key}"}
        assert public.get("/v1/search?q=x", headers=headers).status_code == 200
        keys.revoke(library, "a phone")
        refused(public.get("/v1/search?q=x", headers=headers), 401)

    def test_a_session_opens_for_the_page_alone(self, public, key, library):
        cookie = {"cookie": f"bowerbird_session={keys.sign_in(library, key)}"}
        page = "http://192.168.1.7:8765"
        assert public.get("/v1/search?q=x", headers=cookie).status_code == 200
        assert public.post("/v1/search", json={"text": "x"}, headers={**cookie, "origin": page}).status_code == 200
        refused(public.post("/v1/search", json={"text": "x"}, headers=cookie), 403)
        refused(public.post("/v1/search", json={"text": "x"}, headers={**cookie, "origin": "http://evil.example"}), 403)
        keys.revoke(library, "a phone")
        refused(public.get("/v1/search?q=x", headers=cookie), 401)
