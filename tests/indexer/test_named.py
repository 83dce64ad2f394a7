"""What a call names: one path or several, none of them empty; and how a killed run is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bowerbird.errors import QueryError, UsageError
from bowerbird.paths import listed
from bowerbird.store.fresh_file import fresh_file
from bowerbird.store.lease import owner
from bowerbird.types import AssetKind, SegmentKind
from bowerbird.wiring import open_library
from indexer import Indexer
from indexer.forget import forget
from indexer.own_captions import assets_at
from indexer.roots import add_roots
from indexer.status import status_of
from search import Search
from search.parse import day, kinds_of


def test_one_path_alone_is_one_path(workshop, monkeypatch):
    workshop.picture("a.png", 1)
    monkeypatch.chdir(workshop.folder)
    name = os.path.relpath(workshop.media)
    for path in (name, f"./{name}", workshop.media):  # in the second, letters name folders too
        assert Indexer(workshop.library).index(path).seen == 1
        assert [root.path for root in add_roots(workshop.library.catalog, path)] == [str(workshop.media)]
    with workshop.library.catalog.read() as tx:
        assert [root.path for root in tx.roots.all()] == [str(workshop.media)]
        assert len(assets_at(tx, str(workshop.media))) == 1
    assert forget(workshop.library, workshop.media).files == 1


@pytest.mark.parametrize("said", ["abc", Path("abc"), SegmentKind.PAGE])
def test_listed(said):
    assert listed(said) == [said]
    assert listed((said,)) == [said]


def test_an_empty_path_names_nothing(workshop):
    catalog = workshop.library.catalog
    with catalog.read() as tx:
        for call in (
            lambda: Indexer(workshop.library).index(""),
            lambda: add_roots(catalog, [workshop.media, ""]),
            lambda: assets_at(tx, [""]),
            lambda: open_library(""),
        ):
            with pytest.raises(UsageError, match=r"^an empty path names nothing; write \. for this folder$"):
                call()
        assert tx.roots.all() == []
    with pytest.raises(UsageError, match="name what to forget"):
        forget(workshop.library)


def test_the_home_of_nobody_is_not_there(workshop):
    with pytest.raises(UsageError, match="no such file"):
        Indexer(workshop.library).index(["~nobody99/x"])


def test_one_kind_alone_is_one_kind():
    assert kinds_of(AssetKind, "video", "type") == (AssetKind.VIDEO,)
    assert kinds_of(SegmentKind, SegmentKind.PAGE, "kind") == (SegmentKind.PAGE,)
    with pytest.raises(QueryError, match="there is no type 'films'"):
        kinds_of(AssetKind, "films", "type")


def test_what_is_no_text_is_refused_and_a_year_may_be_a_number(workshop):
    with pytest.raises(QueryError, match="5 is no text"):
        Search(workshop.library).search(5)
    assert day(2023, "after") == day("2023", "after")
    with pytest.raises(QueryError, match="is no date"):
        day(5.5, "after")


def test_what_is_no_regular_file_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="is no regular file; name another"), fresh_file(pipe, overwrite=True):
        pass
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_run_that_was_killed_is_told_from_one_that_goes_on(workshop):
    with workshop.library.catalog.write() as tx:
        tx.jobs.start("index", owner())
        tx.leases.take("index", owner(), 60)
    assert status_of(workshop.library)["last_index"]["state"] == "running"
    with workshop.library.catalog.write() as tx:
        tx.leases.release("index")
    assert status_of(workshop.library)["last_index"]["state"] == "stopped"
