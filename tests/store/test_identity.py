"""Views know the database that they were made from."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from bowerbird.types import Moment, SegmentKind
from bowerbird.wiring import CATALOG, IDENTITY, Library, open_library
from tests.fakes import HashEncoder
from tests.store.hand import derive, put_asset

COUNT = 40


def make(folder: Path, seed: int) -> Library:
    """A library of 40 pictures with a snapshot of their view."""
    library = open_library(folder, create=True, encoder="hash", load=lambda _: HashEncoder())
    drawn = np.random.default_rng(seed).standard_normal((COUNT, library.joint.dimension)).astype(np.float16)
    with library.catalog.write() as tx:
        derive(tx, put_asset(tx), library.spaces, [Moment(SegmentKind.IMAGE)] * COUNT, vectors=drawn)
    library.save_views(force=True)
    return library


def test_every_library_has_a_name_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    names = []
    for folder in ("one", "two", "one"):
        with (
            open_library(tmp_path / folder, create=True, encoder="hash", load=lambda _: HashEncoder()) as library,
            library.catalog.read() as tx,
        ):
            names.append(tx.meta.get(IDENTITY))
    assert names[0] == names[2] != names[1]
    assert len(names[0]) == 32


def test_a_snapshot_of_another_database_of_the_same_size_and_encoder_is_not_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for seed, name in enumerate(("mine", "other")):
        make(tmp_path / name, seed).close()
    (tmp_path / "other" / CATALOG).replace(tmp_path / "mine" / CATALOG)
    with open_library(tmp_path / "mine", load=lambda _: HashEncoder()) as library:
        assert library.views.check(library.joint, SegmentKind.IMAGE), "a doctor finds it too"
        with caplog.at_level(logging.WARNING):
            view = library.views.view(library.joint, SegmentKind.IMAGE)
        assert "rebuilt from SQL" in caplog.text
        with library.catalog.read() as tx:
            (_, first), *_ = tx.segments.embeddings_of(1, library.joint.id)
        scores, ids = view.search(first.vector.astype(np.float32)[None], 1)
        assert ids[0, 0] == first.id
        assert scores[0, 0] == pytest.approx(float(first.vector.astype(np.float32) @ first.vector), rel=1e-3)


def test_a_snapshot_of_ones_own_is_believed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make(tmp_path / "mine", 0).close()
    with open_library(tmp_path / "mine", load=lambda _: HashEncoder()) as library, caplog.at_level(logging.WARNING):
        view = library.views.view(library.joint, SegmentKind.IMAGE)
        assert library.views.check(library.joint, SegmentKind.IMAGE) == []
    assert (len(view), view.changes, caplog.text) == (COUNT, 0, "")
