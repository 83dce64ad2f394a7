"""Index runs over HTTP: real child processes, followed by events."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from starlette.testclient import TestClient

from api import keys
from api.jobs import Job, Jobs
from bowerbird.wiring import Library, open_library
from indexer.roots import add_roots
from tests.api.http.conftest import Serving
from tests.api.http.live import Live, events
from tests.api.http.test_gate import refused
from tests.indexer.conftest import PLAIN
from tests.waiting import until


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that a child process can open, and that covers nothing yet."""
    folder = tmp_path_factory.mktemp("empty") / "library"
    open_library(folder, create=True, encoder="concepts").close()
    (folder / "library.toml").write_text(PLAIN + "[serve]\nsearchers = 0\n")
    return folder


@pytest.fixture
def own(tmp_path: Path, empty: Path) -> Iterator[Library]:
    """It, with a root of two notes."""
    media = tmp_path / "media"
    media.mkdir()
    for number, text in enumerate(("The tide was out.", "A train to Vienna.")):
        (media / f"{number}.txt").write_text(text)
    shutil.copytree(empty, tmp_path / "library")
    with open_library(tmp_path / "library") as library:
        add_roots(library.catalog, [media])
        yield library


@pytest.fixture
def notes(own: Library, tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def client(own: Library, serving: Serving) -> Iterator[TestClient]:
    client = serving(own)
    yield client
    client.app.state.bowerbird.jobs.close()


@contextmanager
def going_on(library: Library, jobs: Jobs) -> Iterator[Job]:
    """An index run that does not end as long as this lasts, be the machine slow or quick: its process stands still."""
    with library.catalog.write():  # without which it cannot end
        job = jobs.start_index()
        process = psutil.Process(jobs._runs[job.id]._process.pid)
        process.suspend()
    try:
        yield job
    finally:
        process.resume()


def test_a_run_from_its_start_to_its_report(client, notes):
    begun = client.post("/v1/index", json={"paths": [str(notes)]})
    assert begun.status_code == 202
    job = begun.json()["job"]
    assert (job["kind"], job["state"], job["paths"]) == ("index", "running", [str(notes)])
    assert begun.headers["location"] == f"/v1/jobs/{job['id']}"
    response = client.get(begun.headers["location"] + "/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    told = list(events(response.iter_lines()))
    assert [name for name, _ in told] == ["progress"] * (len(told) - 1) + ["end"]
    last = told[-1][1]
    assert (last["state"], last["report"]["indexed"], last["progress"]["done"]) == ("done", 2, 2)
    assert client.get(begun.headers["location"]).json() == {"version": 1, "job": last}
    assert client.get("/v1/jobs").json()["jobs"][0] == last
    assert client.delete(begun.headers["location"]).json()["job"] == last
    again = client.get(begun.headers["location"] + "/events")
    assert [name for name, _ in events(again.iter_lines())] == ["end"]


def test_one_at_a_time_and_cancelled(client, own):
    with own.catalog.write():  # the run waits for that
        begun = client.post("/v1/index").json()["job"]
        refused(client.post("/v1/index", json={}), 409)
        assert client.delete(f"/v1/jobs/{begun['id']}").json()["job"]["state"] in {"running", "cancelled"}
    *_, (name, job) = events(client.get(f"/v1/jobs/{begun['id']}/events").iter_lines())
    assert (name, job["state"]) == ("end", "cancelled")


@pytest.mark.parametrize("path", ["/etc", "/etc/passwd", "{media}/../library", "{media}/link", "/"])
def test_only_roots_may_be_touched(client, notes, path):
    (notes / "link").symlink_to("/etc")
    refused(client.post("/v1/index", json={"paths": [str(notes), path.format(media=notes)]}), 403)
    assert client.get("/v1/jobs").json()["jobs"] == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"paths": ["media"]}, "absolute"),
        ({"paths": "x"}, "paths"),
        ({"paths": ["/a\0b"]}, "character"),
        ({"paths": ["/x"] * 1001}, "paths"),
        ({"retry_failed": "yes"}, "retry_failed"),
        ({"path": "/x"}, "path"),
        ({"a\nb": 1}, "a b"),
        ([], "the body"),
    ],
)
def test_bad_requests_are_explained(client, body, says):
    assert says in refused(client.post("/v1/index", json=body), 422)["detail"]


@pytest.mark.parametrize("id_", ["x", "0", "-1", "9" * 40, "j0123456789abcdef", "%00", "..%2f..", "é"])
def test_jobs_that_there_are_not(client, id_):
    refused(client.get(f"/v1/jobs/{id_}"), 404)
    refused(client.delete(f"/v1/jobs/{id_}"), 404)
    refused(client.get(f"/v1/jobs/{id_}/events"), 404)


def test_whoever_hangs_up_frees_the_thread(own):
    with Live(own) as live, going_on(own, live.state.jobs) as job:
        until(lambda: live.client.get("/readyz").status_code == 200)
        live.have_all_threads()
        pools, threads = live.state.pools, threading.active_count()
        for _ in range(3):
            streams = [live.open(f"GET /v1/jobs/{job.id}/events") for _ in range(40)]
            for stream in streams:
                assert b"event: progress" in stream.until(b"event: progress")
            assert live.client.get("/v1/roots").status_code == 200, "streams leave the other pools alone"
            for stream in streams:
                stream.close()
            until(lambda: pools.streams.busy == 0)
            until(lambda: live.metric("bowerbird_requests_in_flight") == 0)
            until(lambda: threading.active_count() <= threads)  # those of the pools stay, ready for the next
        assert live.client.get(f"/v1/jobs/{job.id}").json()["job"]["state"] == "running", "the run goes on"


def test_a_key_that_is_revoked_ends_its_streams(own):
    token, _ = keys.create(own, "page", ["index"])
    with Live(own, keyless=False) as live, going_on(own, live.state.jobs) as job:
        stream = live.open(f"GET /v1/jobs/{job.id}/events", f"Authorization: Bearer {token}")
        stream.until(b"event: progress")
        keys.revoke(own, "page")
        assert b"event: end" not in stream.rest()
        assert live.state.jobs.at(job.id).state == "running"


def test_a_key_for_searching_starts_nothing(own, serving):
    token, _ = keys.create(own, "reader", ["search"])
    client = serving(own, keyless=False)
    client.headers["authorization"] = f"Bearer {token}"
    assert client.get("/v1/roots").status_code == 200
    assert "--scope index" in refused(client.post("/v1/index"), 403)["detail"]
    refused(client.get("/v1/jobs"), 403)
    assert "--scope admin" in refused(client.get("/metrics"), 403)["detail"]
