"""What a server keeps of the catalogue between queries: the same as SQL says, and for no longer than it says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bowerbird.moments import Moment
from bowerbird.store.catalog import Catalog, Transaction
from bowerbird.store.engine import sqlite_url
from bowerbird.types import SegmentKind, Space
from bowerbird.wiring import open_library
from indexer import Indexer
from search import Search, standing
from search.standing import Standing
from tests.fakes import HashEncoder
from tests.store.hand import derive, live_ids, make_space, place, put_asset

PAGES = (Moment(SegmentKind.IMAGE), Moment(SegmentKind.OCR, text="nine"))


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(sqlite_url(tmp_path / "catalog.db"), create=True)
    with catalog.write() as tx:
        space, root = make_space(tx), tx.roots.add("/pictures", 1)
        for name in ("one", "two"):
            asset_id = put_asset(tx, name)
            derive(tx, asset_id, [space], PAGES)
            place(tx, root.id, name, asset_id)
    yield catalog
    catalog.close()


def space_of(tx: Transaction) -> Space:
    return tx.spaces.active()[0]


def ids_of(catalog: Catalog) -> list[int]:
    with catalog.read() as tx:
        space = space_of(tx)
    return [id_ for kind in (SegmentKind.IMAGE, SegmentKind.OCR) for id_ in live_ids(catalog, space, kind)]


def test_it_says_what_sql_says_and_asks_once(catalog: Catalog) -> None:
    ids, asked = ids_of(catalog), []
    sa.event.listen(catalog.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    with catalog.read() as tx:
        kept, space = Standing(tx.head()), space_of(tx)
        assert kept.placed(tx, ids[:2]) == tx.segments.placed(ids[:2])
        assert kept.placed(tx, ids) == tx.segments.placed(ids)
        assert kept.kinds(tx, space.id) == tx.segments.kinds(space.id) == ["image", "ocr"]
        before = len(asked)
        assert list(kept.placed(tx, ids[::-1])) == ids[::-1]
        assert kept.kinds(tx, space.id) == ["image", "ocr"]
        assert len(asked) == before


def test_what_is_not_there_is_asked_for_again(catalog: Catalog) -> None:
    ids = ids_of(catalog)
    with catalog.read() as tx:
        kept = Standing(tx.head())
        assert kept.placed(tx, [*ids, 999]).keys() == set(ids)
        assert kept.placed(tx, [999]) == {}


def test_no_more_is_kept_than_may_be(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "MOST_KEPT", 2)
    ids = ids_of(catalog)
    with catalog.read() as tx:
        kept = Standing(tx.head())
        for some in (ids[:2], ids[2:], ids[:1]):
            assert kept.placed(tx, some) == tx.segments.placed(some)
            assert len(kept._owners) <= 2


def test_whatever_changes_who_owns_a_vector_moves_the_head(catalog: Catalog) -> None:
    ids = ids_of(catalog)

    def head() -> int:
        with catalog.read() as tx:
            return tx.head()

    before = head()
    with catalog.write() as tx:
        tx.locations.remove(tx.locations.of_asset(1))
        tx.assets.orphan()
    orphaned = head()
    with catalog.write() as tx:
        place(tx, 1, "one", 1)
    revived = head()
    with catalog.write() as tx:
        derive(tx, 1, [space_of(tx)], PAGES[:1])
    derived = head()
    with catalog.write() as tx:
        tx.segments.remove([(2, "picture")])
    assert before < orphaned < revived < derived < head()
    with catalog.read() as tx:
        assert not tx.segments.placed(ids)


def test_a_search_that_stays_open_sees_what_comes_and_goes(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    (media / "one.txt").write_text("ferries at noon")
    with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        search, indexer = Search(library), Indexer(library)

        def found() -> set[str]:
            return {Path(hit.path).name for hit in search.search("ferries at noon").hits}

        indexer.index([media])
        assert found() == found() == {"one.txt"}
        (media / "two.txt").write_text("trams at noon")
        indexer.index([media])
        assert found() == {"one.txt", "two.txt"}
        (media / "one.txt").unlink()
        indexer.index([media])
        assert found() == {"two.txt"}
