"""`BowerbirdClient` and the server understand each other, route by route."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest

from api.client import BowerbirdClient
from bowerbird.errors import UsageError
from bowerbird.wiring import Library, open_library
from tests.api.http.live import Live
from tests.api.http.test_assets_route import id_of
from tests.fakes import HashEncoder


@pytest.fixture(scope="module")
def own(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("client") / "library"
    shutil.copytree(library.folder, folder)
    with open_library(folder, load=lambda _: HashEncoder()) as opened:
        opened.settings.serve.searchers = 0
        yield opened


@pytest.fixture(scope="module")
def remote(own: Library) -> Iterator[BowerbirdClient]:
    with Live(own) as live, BowerbirdClient("http://{}:{}".format(*live.address)) as client:
        yield client


def test_asking(remote, media):
    photo = id_of(media / "photo 1.png")
    assert remote.search("repot a fern", limit=2).hits
    assert remote.search(image=media / "photo 1.png").hits[0].asset_id == photo
    assert all(hit.asset_id != photo for hit in remote.more_like(photo, limit=3).hits)
    assert remote.facets().total == 8
    (labelled,) = remote.labels(["a", "b"], asset_ids=[photo])
    assert labelled.asset_id == photo
    assert len(remote.labels(["a", "b"], path=media)) == 8


def test_saved_searches(remote):
    for name in ("ferns", "a/b ü?"):
        remote.save(name, {"text": "repot a fern", "limit": 2})
        assert [each.name for each in remote.saved()] == [name]
        assert remote.run_saved(name, limit=1).hits
        remote.remove_saved(name)
    with pytest.raises(UsageError):
        remote.run_saved("ferns")


def test_embeddings(remote):
    texts = ["a", "b"]
    assert np.array_equal(remote.embeddings(texts), HashEncoder().encode_texts(texts))


def test_the_library_and_its_jobs(remote, media):
    assert remote.status()["files"] == 8
    assert [each["path"] for each in remote.roots()] == [str(media)]
    job = remote.index([media])
    *_, last = remote.follow(job.id)
    assert (last.state, last.kind) == ("failed", "index")  # a child cannot load the fake encoder
    assert remote.job(job.id) == last
    assert job.id in {each.id for each in remote.jobs()}
    remote.cancel(job.id)
