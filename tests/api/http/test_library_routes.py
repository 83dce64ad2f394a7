"""What the library holds, how well it answers, and which encoder it is under, over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from bowerbird.store.lease import held
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from indexer.reencode import reencode
from tests.api.http.conftest import Serving
from tests.api.http.test_gate import refused
from tests.fakes import HashEncoder
from tests.media.make import photo, save


def test_status_and_roots(client, media):
    told = client.get("/v1/status").json()
    assert (told["version"], told["files"], told["assets"]["image"]) == (1, 8, 4)
    assert told["spaces"] == [{"name": "joint", "encoder": "hash", "dimension": 32, "state": "active"}]
    assert told["reencoding"] == {"building": None, "kept": None}
    assert told["bytes"] > 0
    roots = client.get("/v1/roots").json()
    assert roots == {"version": 1, "roots": [{"path": str(media), "files": 8, "online": True}]}


class TestEval:
    def test_measures(self, client):
        queries = [
            {"text": "Repot a fern in spring.", "relevant": ["fern.html"], "id": "fern"},
            {"text": "rent budget", "relevant": ["rent.txt", "gone.txt"], "group": "notes"},
            {"text": "xylophone", "relevant": []},
        ]
        told = client.post("/v1/eval", json={"queries": queries, "limit": 10}).json()
        assert (told["version"], told["queries"], told["answerable"], told["depth"]) == (1, 3, 2, 10)
        assert told["missing"] == ["gone.txt"]
        assert [each["id"] for each in told["outcomes"]] == ["fern", "line 2", "line 3"]
        assert told["measures"]["words"]["ndcg@10"] > 0
        assert list(told["groups"]) == ["notes"]

    @pytest.mark.parametrize(
        ("body", "says"),
        [
            ({"queries": [{"text": "x", "image": "/etc/passwd", "relevant": []}]}, "query 1"),
            ({"queries": [{"image": "photo 1.png", "relevant": []}]}, '"image" names a file'),
            ({"queries": [{"relevant": []}]}, "query 1: asks nothing"),
            ({"queries": [{"text": "x"}]}, 'has no "relevant"'),
            ({"queries": [{"text": "x", "relevant": ["~root/nowhere"]}]}, "none of the relevant files"),
            ({"queries": [{"text": "x", "relevant": []}] * 2 + [{"text": "y", "id": "line 1", "relevant": []}]}, "id"),
            ({"queries": []}, "queries"),
            ({"queries": ["x"]}, "queries"),
            ({"queries": [{}] * 1001}, "queries"),
            ({"queries": [{"text": "x", "relevant": []}], "limit": 9}, "limit"),
        ],
    )
    def test_what_will_not_do(self, client, body, says):
        assert says in refused(client.post("/v1/eval", json=body), 422)["detail"]

    def test_nobody_waits_for_it_after_the_deadline(self, serving, library, monkeypatch):
        monkeypatch.setattr("api.http.limits.PATIENT_S", 0.2)
        monkeypatch.setattr(library.settings.serve, "deadline_s", 0.2)
        client = serving()
        state, asked, go_on = client.app.state.bowerbird, [], threading.Event()
        run = state.search.run
        monkeypatch.setattr(state.search, "run", lambda query: (asked.append(query), go_on.wait(60), run(query))[-1])
        queries = [{"text": f"query {number}", "relevant": []} for number in range(500)]
        refused(client.post("/v1/eval", json={"queries": queries}), 504)
        go_on.set()
        while state.pools.slow.busy:
            time.sleep(0.01)
        assert len(asked) < 10, "the thread has not gone through them all"


class TestReencode:
    @pytest.fixture
    def known(self) -> dict[str, HashEncoder]:
        return {"hash": HashEncoder(), "other": HashEncoder(48, name="other")}

    @pytest.fixture
    def own(self, tmp_path: Path, known) -> Iterator[Library]:
        (tmp_path / "media").mkdir()
        save(photo(40, 30, 7), tmp_path / "media" / "a.png")
        with open_library(tmp_path / "library", create=True, encoder="hash", load=known.__getitem__) as library:
            library.settings.serve.searchers = 0
            library.settings.index.transcriber = "none"
            library.settings.index.ocr = False
            Indexer(library).index([tmp_path / "media"])
            yield library

    @pytest.fixture
    def here(self, own: Library, serving: Serving) -> TestClient:
        return serving(own)

    def test_built_switched_to_and_back_and_freed(self, own, here):
        assert here.get("/v1/reencode").json()["building"] is None
        refused(here.post("/v1/reencode/activate"), 422)
        reencode(own, "other")
        told = here.get("/v1/reencode").json()
        assert (told["building"]["encoder"], told["building"]["ready"]) == ("other", True)
        with held(own.catalog, "index", "indexing into this library"):
            refused(here.post("/v1/reencode/activate"), 409)
        switched = here.post("/v1/reencode/activate", json={"even_so": True})
        assert switched.json()["encoder"] == "other"
        assert here.post("/v1/embeddings", json={"input": "x"}).json()["model"] == "other"
        assert here.get("/v1/search?q=a").status_code == 200
        assert here.post("/v1/reencode/rollback").json()["encoder"] == "hash"
        assert here.get("/v1/reencode").json()["kept"] == "other"
        retired = here.post("/v1/reencode/retire").json()
        assert ([each["encoder"] for each in retired["retired"]], retired["freed"] > 0) == (["other"], True)
        refused(here.post("/v1/reencode/rollback"), 422)
        refused(here.post("/v1/reencode/retire"), 422)

    def test_a_job(self, here):
        begun = here.post("/v1/reencode", json={"encoder": "nonsense"})
        assert begun.status_code == 202
        assert begun.json()["job"]["kind"] == "reencode"
        events = here.get(begun.headers["location"] + "/events").text
        assert "no encoder" in events or "nonsense" in events, "the job itself tells what is wrong with its spec"

    @pytest.mark.parametrize(
        "spec",
        ["open_clip:ViT-B-32//etc/passwd", "open_clip:ViT-B-32/../x", "open_clip:ViT-B-32/x.pt", "/etc/passwd", "",
         "open_clip:local-dir:/x", "open_clip:hf-hub:a/b", "open_clip:ViT-B-32/a\\b", "open_clip:A/b\n"],
    )  # fmt: skip
    def test_no_file_may_be_named(self, client, spec):
        assert "on the machine itself" in refused(client.post("/v1/reencode", json={"encoder": spec}), 422)["detail"]
        assert client.get("/v1/jobs").json()["jobs"][0]["kind"] == "index"
