"""A small library of every medium under a fake encoder, and the API before it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.http.app import create_app
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from tests.fakes import HashEncoder
from tests.media.films import scenery, write_film
from tests.media.make import photo, save
from tests.media.papers import pdf, put

HERE = "http://127.0.0.1:8765"
Serving = Callable[..., TestClient]


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos, a drawing, a page of the web, notes, a paper of two pages, a film of two scenes."""
    folder = tmp_path_factory.mktemp("served") / "media"
    folder.mkdir()
    for seed in range(3):
        save(photo(160, 120, seed), folder / f"photo {seed}.png")
    put(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9"/></svg>', folder / "a.svg"
    )
    put("<h1>Ferns</h1><script>alert(1)</script><p>Repot a fern in spring.</p>", folder / "fern.html")
    put("The rent is due on the first. We agreed on a budget of ninety.\n", folder / "rent.txt")
    put(pdf(["The first page is about bowers.", "The second page is about feathers."]), folder / "paper.pdf")
    write_film(folder / "film.mp4", [scenery(1)] * 12 + [scenery(2)] * 12, rate=4)
    return folder


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory, media: Path) -> Iterator[Library]:
    """All of it indexed; nothing may be changed by a test."""
    folder = tmp_path_factory.mktemp("library") / "library"
    with open_library(folder, create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        library.settings.index.regions = 0
        library.settings.index.ocr = False
        library.settings.index.transcriber = "none"
        library.settings.serve.searchers = 0  # a child could not load a fake
        report = Indexer(library).index([media])
        assert not report.failed
        yield library


@pytest.fixture(scope="session")
def serving(library: Library) -> Iterator[Serving]:
    """Starts the API of a library (the shared one where none is named) and gives a client of it."""
    with ExitStack() as stack:

        def start(opened: Library = library, *, keyless: bool = True, **options: Any) -> TestClient:
            app = create_app(opened, keyless=keyless)
            options = {"base_url": HERE, "raise_server_exceptions": False, **options}
            return stack.enter_context(TestClient(app, **options))

        yield start


@pytest.fixture(scope="session")
def client(serving: Serving) -> TestClient:
    """A client of the shared library on a loopback address, of a server that has loaded its models."""
    client = serving()
    deadline = time.monotonic() + 60
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline, "it did not become ready"
        time.sleep(0.01)
    return client
