"""Saved searches over HTTP, under any name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bowerbird.wiring import Library, open_library
from tests.api.http.live import Live
from tests.api.http.test_gate import refused
from tests.fakes import HashEncoder


@pytest.fixture(scope="module")
def here(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a real server, since what tests have in its place reads percents in paths twice."""
    folder = tmp_path_factory.mktemp("saved") / "library"
    shutil.copytree(library.folder, folder)
    with open_library(folder, load=lambda _: HashEncoder()) as opened:
        opened.settings.serve.searchers = 0
        with Live(opened) as live:
            yield live.client


def test_kept_run_and_forgotten(here):
    query = {"text": "repot a fern", "limit": 2, "filters": {"types": ["document"]}}
    kept = here.put("/v1/saved/ferns", json=query).json()
    assert (kept["version"], kept["name"], kept["query"]) == (1, "ferns", query)
    assert here.get("/v1/saved/ferns").json() == kept
    assert here.get("/v1/saved").json()["saved"] == [{name: kept[name] for name in ("name", "saved_at", "query")}]
    found = here.post("/v1/saved/ferns/run").json()
    assert [hit["rank"] for hit in found["hits"]] == [1, 2]
    assert found["hits"] == here.post("/v1/search", json=query).json()["hits"]
    one = here.post("/v1/saved/ferns/run", json={"limit": 1}).json()
    two = here.post("/v1/saved/ferns/run", json={"limit": 1, "cursor": one["next_cursor"]}).json()
    assert [hit["rank"] for hit in (*one["hits"], *two["hits"])] == [1, 2]
    assert here.put("/v1/saved/ferns", json={"text": "moss"}).json()["query"] == {"text": "moss"}
    gone = here.delete("/v1/saved/ferns")
    assert (gone.status_code, gone.content) == (204, b"")
    assert here.get("/v1/saved").json()["saved"] == []


def test_a_picture_is_kept_and_its_size_told(here, media):
    data = (media / "photo 1.png").read_bytes()
    kept = here.put("/v1/saved/photo", files={"image": data}).json()
    assert kept["query"]["image_bytes"] == pytest.approx(len(data), abs=2)
    assert "image_base64" not in kept["query"]
    assert here.post("/v1/saved/photo/run").json()["hits"][0]["path"].endswith("photo 1.png")
    here.delete("/v1/saved/photo")
    assert "the query's picture" in refused(here.put("/v1/saved/x", files={"image": b"none"}), 422)["detail"]


@pytest.mark.parametrize(
    "name", ["a/b", "run", "a/run", "..", "../x", "ü ber", "100 %", "?", "#", "a+b", "😀", "%2F", "."]
)
def test_any_name(here, name):
    path = f"/v1/saved/{quote(name, safe='').replace('.', '%2E')}"
    assert here.put(path, json={"text": "moss"}).json()["name"] == name
    assert here.get(path).json()["name"] == name
    assert here.post(f"{path}/run").status_code == 200
    assert here.delete(path).status_code == 204


@settings(max_examples=50)
@given(st.text(max_size=250))
def test_names_are_kept_or_refused(here, name):
    path = f"/v1/saved/{quote(name, safe='', errors='replace')}"
    put = here.put(path, json={"text": "moss"})
    if put.status_code == 200:
        assert here.delete(path).status_code == 204
    else:
        refused(put, put.status_code)
        assert put.status_code in {404, 405, 422}


def test_what_there_is_not(here):
    for answer in (here.get("/v1/saved/x"), here.delete("/v1/saved/x"), here.post("/v1/saved/x/run")):
        assert "no search is saved as 'x'" in refused(answer, 404)["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/saved/x", {}),
        ("/v1/saved/x", {"limit": 0, "text": "x"}),
        ("/v1/saved/x", {"text": "x", "rerank": "cross-encoder:/etc"}),
        ("/v1/saved/%0A", {"text": "x"}),
        ("/v1/saved/" + "x" * 201, {"text": "x"}),
        ("/v1/saved/%20", {"text": "x"}),
    ],
)
def test_what_will_not_do(here, path, body):
    refused(here.put(path, json=body), 422)
    assert here.get("/v1/saved").json()["saved"] == []
