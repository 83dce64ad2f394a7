from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bowerbird.media.sandbox import DecoderPool
from bowerbird.settings import DecodeSettings
from bowerbird.wiring import open_library
from tests.fakes import HashEncoder
from tests.indexer.workshop import Workshop

PLAIN = """
[index]  # one segment for each picture, so that tests can count
regions = 0
ocr = false
transcriber = "none"
thumbnail_px = 0
"""


@pytest.fixture(scope="session")
def pool() -> Iterator[DecoderPool]:
    with DecoderPool(DecodeSettings(workers=2, timeout_s=20)) as pool:
        yield pool


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty library: copying it is faster than running the migrations for every test."""
    folder = tmp_path_factory.mktemp("template") / "library"
    open_library(folder, create=True, encoder="hash", load=lambda _: HashEncoder()).close()
    (folder / "library.toml").write_text(PLAIN)
    return folder


@pytest.fixture
def workshop(tmp_path: Path, template: Path, pool: DecoderPool) -> Iterator[Workshop]:
    workshop = Workshop(tmp_path, template, pool)
    yield workshop
    workshop.library.close()
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("lease")]
