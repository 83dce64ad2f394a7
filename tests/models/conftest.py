from __future__ import annotations

from pathlib import Path

import pytest

from bowerbird.models.registry import load_encoder
from bowerbird.ports import Encoder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the session, so that each network is converted once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def concepts(cache: Path) -> Encoder:
    return load_encoder("concepts", cache=cache, precision="f32")


@pytest.fixture(scope="session")
def minilm(cache: Path) -> Encoder:
    return load_encoder("minilm", cache=cache, precision="f32")
