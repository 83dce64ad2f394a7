"""Captions over HTTP: a job in a real process with the built-in captioner, and the owner's own words."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from api import keys
from api.client import BowerbirdClient
from api.client.problems import NotThere
from api.keys import Scope
from bowerbird.errors import UsageError
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from tests.api.http.live import Live
from tests.api.http.test_assets_route import id_of
from tests.api.http.test_gate import refused
from tests.fakes import HashEncoder
from tests.indexer.conftest import PLAIN
from tests.media.make import photo, save
from tests.waiting import until


@pytest.fixture(scope="module")
def live(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A copy of the shared library, which may be written to."""
    folder = tmp_path_factory.mktemp("captions") / "library"
    shutil.copytree(library.folder, folder)
    with open_library(folder, load=lambda _: HashEncoder()) as opened:
        opened.settings.serve.searchers = 0
        with Live(opened) as live:
            yield live


@pytest.fixture(scope="module")
def remote(live: Live) -> Iterator[BowerbirdClient]:
    with BowerbirdClient("http://{}:{}".format(*live.address)) as client:
        yield client


@pytest.fixture(scope="module")
def concepts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Two photos under the built-in encoder, in a library that a child process can open."""
    folder = tmp_path_factory.mktemp("concepts")
    (folder / "media").mkdir()
    for seed in range(2):
        save(photo(64, 48, seed), folder / "media" / f"{seed}.png")
    open_library(folder / "library", create=True, encoder="concepts").close()
    (folder / "library" / "library.toml").write_text(PLAIN + "[serve]\nsearchers = 0\n")
    with open_library(folder / "library") as library:
        Indexer(library).index([folder / "media"])
        yield library


def test_a_job_captions_what_lacks_a_caption(concepts, serving):
    client: TestClient = serving(concepts)
    with concepts.catalog.write():  # the run waits for that
        answer = client.post("/v1/caption", json={"kinds": ["image"], "captioner": "concepts"})
        assert answer.status_code == 202
        job = answer.json()["job"]
        assert (job["kind"], job["state"]) == ("caption", "running")
        assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
        refused(client.post("/v1/caption"), 409)
    until(lambda: client.get(f"/v1/jobs/{job['id']}").json()["job"]["state"] != "running")
    ended = client.get(f"/v1/jobs/{job['id']}").json()["job"]
    assert (ended["state"], ended["error"]) == ("done", None)
    assert ended["report"]["captioner"] == "concepts"
    assert ended["report"]["pictures"] == ended["progress"]["done"] == ended["progress"]["total"] == 2
    assert ended["report"]["failed"] == []
    (recorded,) = [each for each in client.get("/v1/jobs").json()["jobs"] if each["kind"] == "caption"]
    assert recorded["id"] == job["id"]
    with concepts.catalog.read() as tx:
        record = tx.jobs.last("caption")
    assert record is not None
    assert (record.state, record.report["pictures"], record.report["failed"]) == ("done", 2, 0)
    on_record = client.get(f"/v1/jobs/{record.id}").json()["job"]
    assert (on_record["state"], on_record["progress"]["done"], on_record["report"]["failed"]) == ("done", 2, None)
    client.app.state.bowerbird.jobs.close()


@pytest.mark.parametrize(
    "asked",
    [
        {"captioner": "openai:evil@http://127.0.0.1:1/v1"},
        {"captioner": "transformers:/tmp"},
        {"kinds": ["speech"]},
        {"kinds": "image"},
        {"limit": 0},
        {"again": 1},
        {"paths": ["/etc"]},
    ],
)
def test_what_nobody_may_ask_for_is_refused(live, asked):
    refused(live.client.post("/v1/caption", json=asked), 422)
    assert live.client.get("/v1/jobs").json()["jobs"] == [
        each for each in live.client.get("/v1/jobs").json()["jobs"] if each["kind"] != "caption"
    ]


def test_the_owners_words_are_kept_searched_and_taken_back(live, remote, media):
    asset = id_of(media / "photo 1.png")
    assert remote.say(asset, " Grandma's\u0000 garden ") == "Grandma's  garden"
    (caption,) = remote.segments(asset, ["caption"])
    assert caption.text == "Grandma's  garden"
    hit = remote.search('"garden" kind:caption').hits[0]
    assert (hit.asset_id, hit.text) == (asset, "Grandma's  garden")
    assert live.client.get("/v1/status").json()["captions"] == {"owner": 1}
    assert remote.say(asset, "The old garden") == "The old garden"
    assert [each.text for each in remote.segments(asset, ["caption"])] == ["The old garden"]
    remote.take_back(asset)
    assert not list(remote.segments(asset, ["caption"]))
    with pytest.raises(NotThere):
        remote.take_back(asset)


def test_bad_words_and_unknown_assets_are_refused(live, remote, media):
    asset = id_of(media / "photo 1.png")
    with pytest.raises(UsageError):
        remote.say(asset, "  ")
    with pytest.raises(NotThere):
        remote.say("0" * 64, "words")
    refused(live.client.put(f"/v1/assets/{asset}/caption", json={"text": "x" * 4001}), 422)
    refused(live.client.put(f"/v1/assets/{asset}/caption", json={"words": "x"}), 422)
    refused(live.client.put(f"/v1/assets/{asset}/caption"), 422)
    assert not list(remote.segments(asset, ["caption"]))


def test_status_says_where_pictures_go(live):
    said = live.client.get("/v1/status").json()
    assert said["captioner"] == {"spec": "concepts", "sends_to": None}
    assert said["answerer"] == {"spec": "extractive", "sends_to": None}


def test_who_may_only_search_may_not_write(library, serving):
    public: TestClient = serving(library, keyless=False, base_url="http://192.168.1.7:8765")
    token, _ = keys.create(library, "reader", [Scope.SEARCH])
    try:
        headers = {"Authorization": f"Bearer {token}"}
        asset = "0" * 64
        for method, path in (
            ("POST", "/v1/caption"),
            ("PUT", f"/v1/assets/{asset}/caption"),
            ("DELETE", f"/v1/assets/{asset}/caption"),
        ):
            refused(public.request(method, path, headers=headers, json={"text": "x"}), 403)
    finally:
        keys.revoke(library, "reader")
