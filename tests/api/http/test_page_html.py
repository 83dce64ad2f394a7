"""The page as the server writes it: whole without a script, escaped, behind the gate; and signing in."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from api.http.routes.sign_in import local
from api.keys import Scope, create, revoke
from api.web import routes
from api.web.marked import MOST, pieces, words_of
from api.web.picture_size import size_in
from api.web.render import name_of
from api.web.static_files import static_files, static_url
from bowerbird.queries import Query
from bowerbird.store.catalog.vocabulary import plain
from bowerbird.wiring import Library, open_library
from search.saved import remove, save
from tests.fakes import HashEncoder

HTML = {"accept": "text/html"}
OWN = {"origin": "http://127.0.0.1:8765"}


def names(page: str) -> list[str]:
    return [unescape(each) for each in re.findall(r'data-name="([^"]*)"', page)]


def test_the_first_page_is_there_at_once(client, library):
    response = client.get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    with library.catalog.read() as tx:
        files = sum(tx.assets.counts().values())
    assert len(names(response.text)) == files
    assert "Newest" in response.text
    assert set(names(client.get("/", params={"q": "type:document"}).text)) == {"fern.html", "rent.txt", "paper.pdf"}
    assert set(names(client.get("/", params={"type": ["video", "image"], "kind": "frame"}).text)) == {"film.mp4"}


def test_tiles_lead_to_their_moments_and_know_their_shapes(client):
    page = client.get("/", params={"q": "type:video"}).text
    href = unescape(re.search(r'<a href="([^"]*)" data-view', page)[1])
    assert re.match(
        r"/view/[0-9a-f]{64}\?segment=\d+&q=type%3Avideo|/view/[0-9a-f]{64}\?segment=\d+&q=type:video", href
    )
    assert client.get(href).status_code == 200
    source, width, height = re.search(
        r'<img src="(/v1/assets/[^"]*)" alt="" width="(\d+)" height="(\d+)"', page
    ).groups()
    picture = client.get(unescape(source))
    with Image.open(io.BytesIO(picture.content)) as image:
        assert image.size == (int(width), int(height))


def test_pages_follow_one_another_without_a_script(client, monkeypatch):
    monkeypatch.setattr(routes, "A_PAGE", 3)
    everything = sorted(names(client.get("/", params={"q": "fern"}).text))
    assert len(everything) == 3
    address, found = "/", []
    while address:
        page = client.get(address).text
        found += names(page)
        following = re.search(r'id="more" href="([^"]*)" rel="next"', page)
        address = unescape(following[1]) if following else None
    monkeypatch.undo()
    assert sorted(found) == sorted(names(client.get("/").text))


def test_hits_alone(client):
    whole = client.get("/", params={"q": "fern"}).text
    part = client.post("/hits", json={"text": "fern"})
    assert part.headers["content-type"] == "text/html; charset=utf-8"
    assert "<html" not in part.text
    assert names(part.text) == names(whole)
    assert re.search(r"<mark>fern</mark>", part.text)


def test_hits_of_a_picture(client, media):
    picture = (media / "photo 1.png").read_bytes()
    part = client.post("/hits", data={"query": json.dumps({"crop": [0, 0, 1, 1]})}, files={"image": picture})
    assert names(part.text)[0] == "photo 1.png"
    refused = client.post("/hits", files={"image": b"no picture"})
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("line", ["a cat tipe:image", "-people", "near:", 'camera:"x', "after:never"])
def test_a_mistake_is_explained_on_the_page(client, line):
    response = client.get("/", params={"q": line})
    assert response.status_code == 422
    fault = re.search(r'<p class="fault" id="fault" role="alert">(.*?)</p>', response.text)
    said = client.post("/v1/search", json={"text": line}).json()["detail"]
    assert unescape(fault[1]) == said
    assert unescape(re.search(r'id="q" name="q" type="text" value="([^"]*)"', response.text)[1]) == line


@pytest.mark.parametrize("address", ["/?type=foo", f"/?q={10_001 * 'a'}", f"/ask?q={10_001 * 'a'}", "/ask?about=x"])
def test_an_address_that_is_none_is_explained_on_the_page(client, address):
    response = client.get(address, headers=HTML)
    assert response.status_code == 422
    fault = re.search(r'<p class="fault" id="fault" role="alert">(.*?)</p>', response.text)
    assert unescape(fault[1]).startswith("query.")
    assert unescape(fault[1]).endswith("; correct the address")
    assert client.get(address).headers["content-type"] == "application/problem+json"


@given(line=st.text(max_size=60))
def test_whatever_is_asked_stays_text(client, line):
    response = client.get(
        "/", params={"q": f"<script>alert(1)</script>{line}".replace("\ud800", "")[:200].encode("utf-8", "replace")}
    )
    assert response.status_code in {200, 422}
    assert "<script>alert" not in response.text


def test_half_characters_do_no_harm(client):
    part = client.post("/hits", content=b'{"text":"a \\ud800 fern"}', headers={"content-type": "application/json"})
    assert part.status_code in {200, 422}
    assert name_of("/a/b\udcff<c>.png") == r"b\xff<c>.png"


def test_examples_are_chips(client):
    asset = re.search(r'data-asset="([0-9a-f]{64})" data-segment="(\d+)" data-name="photo 1.png"', client.get("/").text)
    for example in asset.groups():
        page = client.get("/", params={"like": example, "q": "type:image"}).text
        chip = re.search(r'<a class="chip like" href="([^"]*)".*?<span>like: photo 1.png</span>', page)
        assert unescape(chip[1]) == "/?q=type%3Aimage"
        assert "photo 1.png" not in names(page)
    assert client.get("/", params={"like": "0" * 64}).status_code == 422


def test_what_is_kept_under_a_name(client, library, media):
    save(library, "a & b", Query(image=(media / "photo 2.png").read_bytes()))
    try:
        page = client.get("/", params={"saved": "a & b"})
        assert names(page.text)[0] == "photo 2.png"
        assert "saved: a &amp; b" in page.text
        assert names(client.post("/hits", params={"saved": "a & b"}, json={}).text) == names(page.text)
        assert client.get("/", params={"saved": "nothing"}).status_code == 404
    finally:
        remove(library, "a & b")


def test_static_files(client):
    page = client.get("/").text
    linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(linked) >= 5
    for address in linked:
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert answer.headers["content-type"].partition(";")[0] in {"text/javascript", "text/css"}
        again = client.get(address, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert client.get("/static/old/page.js").headers["cache-control"] == "no-cache"
    for name in ("no.js", "..%2fpage.css", "%2e%2e%2f__init__.py", "page.html"):
        assert client.get(f"/static/old/{name}").status_code == 404
    with pytest.raises(KeyError):
        static_url("no.js")


def test_scripts_import_only_what_is_served():
    for file in static_files().values():
        for name in re.findall(rb'from "\./([^"]+)"', file.data):
            assert name.decode() in static_files()
        assert not re.search(rb"https?://(?!www\.w3\.org/2000/svg)", file.data), "no foreign host"


def test_nothing_runs_but_what_is_served(client):
    page = client.get("/")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)", page.text)
    assert not re.search(r"\son[a-z]+=", page.text)


def test_an_empty_library_says_how_to_begin(tmp_path, serving):
    with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        library.settings.serve.searchers = 0
        page = serving(library).get("/")
    assert page.status_code == 200
    assert "Nothing is here yet" in page.text
    assert "bowerbird roots add" in page.text


# --- signing in ------------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(tmp_path, serving) -> Iterator[tuple[Library, TestClient]]:
    """A library that demands a key, and a browser without one."""
    with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        library.settings.serve.searchers = 0
        yield library, serving(library, keyless=False, follow_redirects=False)


def test_a_key_opens_the_page(locked):
    library, browser = locked
    token, _ = create(library, "page", [Scope.SEARCH])
    led = browser.get("/", params={"q": "a cat"}, headers=HTML)
    assert (led.status_code, led.headers["location"]) == (303, "/sign-in?next=%2F%3Fq%3Da%2Bcat")
    form = browser.get(led.headers["location"])
    assert form.status_code == 200
    assert 'name="next" value="/?q=a+cat"' in form.text
    assert "/static/" not in form.text, "that is behind the gate"
    opened = browser.post("/sign-in", data={"key": f" {token} ", "next": "/?q=a+cat"}, headers=OWN)
    assert (opened.status_code, opened.headers["location"]) == (303, "/?q=a+cat")
    cookie = opened.headers["set-cookie"].lower()
    assert all(each in cookie for each in ("httponly", "samesite=strict", "path=/"))
    assert "secure" not in cookie
    page = browser.get("/", headers=HTML)
    assert page.status_code == 200
    assert "Sign out" in page.text
    assert 'id="open-index"' not in page.text, "the key is not for that"
    assert browser.get(static_url("page.css")).status_code == 200
    assert browser.post("/sign-out", headers=OWN).headers["location"] == "/sign-in"
    assert browser.get("/", headers=HTML).status_code == 303


def test_a_session_ends_with_its_key(locked):
    library, browser = locked
    token, _ = create(library, "page", [Scope.INDEX])
    browser.post("/sign-in", data={"key": token}, headers=OWN)
    assert 'id="open-index"' in browser.get("/", headers=HTML).text
    revoke(library, "page")
    assert browser.get("/", headers=HTML).status_code == 303


@pytest.mark.parametrize("key", ["", "bb_1_x", "<script>", "bb_1_" + "A" * 43, "\x00", "é" * 50])
def test_a_wrong_key_is_told_so(locked, key):
    _, browser = locked
    refused = browser.post("/sign-in", data={"key": key, "next": "/?q=x"}, headers=OWN)
    assert refused.status_code == 401
    assert "is not known here" in refused.text
    assert "<script>" not in refused.text
    assert 'value="/?q=x"' in refused.text
    assert "set-cookie" not in refused.headers


def test_behind_tls_the_cookie_is_for_tls_alone(locked):
    library, browser = locked
    token, _ = create(library, "page", [Scope.SEARCH])
    opened = browser.post("/sign-in", data={"key": token}, headers={"origin": "https://127.0.0.1:8765"})
    assert "secure" in opened.headers["set-cookie"].lower()


def test_the_form_of_another_site_is_refused(locked):
    library, browser = locked
    token, _ = create(library, "page", [Scope.SEARCH])
    for origin in ("https://elsewhere.example", "null"):
        assert browser.post("/sign-in", data={"key": token}, headers={"origin": origin}).status_code == 403


def test_a_style_of_its_own_is_all_it_allows(locked):
    _, browser = locked
    form = browser.get("/sign-in")
    policy = form.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "'unsafe" not in policy


@pytest.mark.parametrize(
    "said",
    ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "javascript:x", "", "/a b"],
)
def test_nobody_is_led_elsewhere(locked, said):
    library, browser = locked
    token, _ = create(library, "page", [Scope.SEARCH])
    opened = browser.post("/sign-in", data={"key": token, "next": said}, headers=OWN)
    assert opened.headers["location"] == "/"
    assert local("/?q=a+cat&like=1") == "/?q=a+cat&like=1"


def test_odd_forms_are_refused(locked):
    _, browser = locked
    assert browser.post("/sign-in", files={"key": b"x"}, headers=OWN).status_code in {400, 422}
    assert browser.post("/sign-in", content=b"\xff\xfe", headers=OWN).status_code == 401


# --- small parts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{"quality": 70}, {"lossless": True}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (320, 213), (7, 500)])
def test_the_size_of_a_picture(how, mode, size):
    made = io.BytesIO()
    Image.new(mode, size, (10, 20, 30, 128)[: len(mode)]).save(made, "WEBP", **how)
    assert size_in(made.getvalue()[:30]) == size


@given(head=st.binary(max_size=40))
def test_anything_else_has_none(head):
    found = size_in(head)
    assert found is None or head.startswith(b"RIFF")


@given(text=st.text(max_size=600), asked=st.text(max_size=30))
def test_pieces_are_the_text(text, asked):
    words = words_of(asked)
    found = list(pieces(text, words))
    line = " ".join(text.split())
    joined = "".join(piece for piece, _ in found)
    assert joined.removeprefix("… ").removesuffix(" …") in line
    assert len(joined) <= MOST + 80
    assert all(plain(piece) in words for piece, marked in found if marked)


def test_the_words_found_are_shown():
    text = "word " * 200 + "the Fern is here " + "word " * 200
    found = list(pieces(text, words_of("a fern")))
    assert ("Fern", True) in found
