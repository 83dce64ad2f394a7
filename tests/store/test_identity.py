"""Views know the database that they were made from."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from bowerbird.moments import Moment
from bowerbird.store.folder import CATALOG
from bowerbird.types import SegmentKind
from bowerbird.wiring import Library, open_library
from tests.fakes import HashEncoder
from tests.store.hand import derive, put_asset

COUNT = 40


def make(folder: Path, seed: int) -> Library:
    """A library of 40 pictures with a snapshot of their view."""
    library = open_library(folder, create=True, encoder="hash", load=lambda _: HashEncoder())
    grow(library, seed)
    library.save_views(force=True)
    return library


def grow(library: Library, seed: int) -> None:
    """40 pictures more."""
    drawn = np.random.default_rng(seed).standard_normal((COUNT, library.joint.dimension)).astype(np.float16)
    with library.catalog.write() as tx:
        asset = put_asset(tx, f"{seed}")
        derive(tx, asset, library.spaces, [Moment(SegmentKind.IMAGE)] * COUNT, vectors=drawn)


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


def test_a_database_from_a_backup_does_not_believe_the_snapshots_of_its_later_life(tmp_path: Path) -> None:
    with make(tmp_path / "mine", 0) as library:
        library.catalog.compact()
        backup = (tmp_path / "mine" / CATALOG).read_bytes()
        grow(library, seed=1)
        library.save_views(force=True)
    (tmp_path / "mine" / CATALOG).write_bytes(backup)
    for late in (tmp_path / "mine").glob(f"{CATALOG}-*"):
        late.unlink()
    with open_library(tmp_path / "mine", load=lambda _: HashEncoder()) as library:
        grow(library, seed=2)  # as many lines as the later life had
        assert library.views.check(library.joint, SegmentKind.IMAGE)
        with library.catalog.read() as tx:
            (_, grown), *_ = tx.segments.embeddings_of(2, library.joint.id)
        scores, ids = library.views.view(library.joint, SegmentKind.IMAGE).search(
            grown.vector.astype(np.float32)[None], 1
        )
        assert ids[0, 0] == grown.id
        assert scores[0, 0] == pytest.approx(float(np.square(grown.vector.astype(np.float32)).sum()), rel=1e-3)
