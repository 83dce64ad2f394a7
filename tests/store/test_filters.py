"""Filters by SQL, on both databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from bowerbird.moments import Moment
from bowerbird.queries import Filters
from bowerbird.store.catalog import Catalog, Transaction
from bowerbird.store.catalog import filters as filters_module
from bowerbird.store.catalog.locations import Placed
from bowerbird.types import AssetInfo, AssetKind, Place, SegmentKind, Taken, TakenFrom
from tests.store.hand import STAT, derive, found_at, hash_of, make_space, put_asset

LISBON, PORTO = Place("Lisboa", "Lisboa", "Portugal"), Place("Porto", "Norte", "Portugal")
SAO_PAULO = Place("São Paulo", "São Paulo", "Brazil")


def info(kind: AssetKind, day: str | None = None, where: Place | None = None, camera: str | None = None) -> AssetInfo:
    taken = Taken(datetime.fromisoformat(day), TakenFrom.EXIF) if day else None
    return AssetInfo(kind, "application/x", taken=taken, place=where, camera=camera)


THINGS = {
    "Holidays/tram.jpg": info(AssetKind.IMAGE, "2019-07-04T23:59", LISBON, "Google Pixel 7"),
    "Holidays/Été/bridge.JPG": info(AssetKind.IMAGE, "2020-01-01T00:00", PORTO, "Nikon D750"),
    "e\u0301lan/film_100%.mp4": info(AssetKind.VIDEO, "2018-02-03T10:00", SAO_PAULO, "Pixel"),
    "talk.mp3": info(AssetKind.AUDIO),
    "back\\slash_notes.txt": info(AssetKind.DOCUMENT),
}


@pytest.fixture
def library(catalog: Catalog) -> Catalog:
    with catalog.write() as tx:
        space = make_space(tx)
        root = tx.roots.add("/home/ann", 1).id
        for path, facts in THINGS.items():
            asset = put_asset(tx, path, facts)
            moments = [Moment(SegmentKind.IMAGE)]
            if facts.kind is AssetKind.AUDIO:
                moments = [
                    Moment(SegmentKind.SPEECH, text="guten Tag", language="de"),
                    Moment(SegmentKind.SPEECH, text="good day", language="en-GB"),
                ]
            derive(tx, asset, [space], moments)
            dated = Taken(datetime(2017, 5, 6), TakenFrom.NAME) if path == "talk.mp3" else None
            tx.locations.put([Placed(root, path, asset, STAT, dated)])
    return catalog


def left(catalog: Catalog, filters: Filters) -> list[str]:
    """The assets that filters leave, the newest first, by their paths."""
    with catalog.read() as tx:
        found = tx.segments.moments(ids := tx.filtered.newest(tx.filtered.select(filters), 50))
        by_hash = {hash_of(path): path for path in THINGS}
        return [by_hash[found[id_].asset.hash] for id_ in ids]


TRAM, BRIDGE, FILM, TALK, NOTES = THINGS


@pytest.mark.parametrize(
    ("filters", "leaves"),
    [
        (Filters(), [BRIDGE, TRAM, FILM, TALK, NOTES]),
        (Filters(types=(AssetKind.IMAGE,)), [BRIDGE, TRAM]),
        (Filters(types=(AssetKind.VIDEO, AssetKind.AUDIO)), [FILM, TALK]),
        (Filters(kinds=(SegmentKind.SPEECH,)), [TALK]),
        (Filters(after=date(2019, 7, 4)), [BRIDGE, TRAM]),
        (Filters(after=date(2019, 7, 5)), [BRIDGE]),
        (Filters(before=date(2020, 1, 1)), [TRAM, FILM, TALK]),
        (Filters(after=date(2017, 1, 1), before=date(2018, 1, 1)), [TALK]),
        (Filters(place="portugal"), [BRIDGE, TRAM]),
        (Filters(place="Sao PAULO, Brazil"), [FILM]),
        (Filters(place="São"), [FILM]),
        (Filters(place="Lisboa Porto"), []),
        (Filters(place="pixel"), []),
        (Filters(camera="pixel"), [TRAM, FILM]),
        (Filters(camera="pixel 7"), [TRAM]),
        (Filters(path="holidays/"), [BRIDGE, TRAM]),
        (Filters(path="HOME/ann/tal"), [TALK]),
        (Filters(path="*.jpg"), [BRIDGE, TRAM]),
        (Filters(path="ann/*.mp?"), [FILM, TALK]),
        (Filters(path="ann/?*/*.mp?"), [FILM]),
        (Filters(path="t*.jpg"), [TRAM]),
        (Filters(path="ram.jpg"), [TRAM]),
        (Filters(path="?ram.jpg"), [TRAM]),
        (Filters(path="100%"), [FILM]),
        (Filters(path="film%"), []),
        (Filters(path="film_"), [FILM]),
        (Filters(path="talk_"), []),
        (Filters(path="back\\slash"), [NOTES]),
        (Filters(path="a|b"), []),
        (Filters(path="ÉTÉ"), [BRIDGE]),
        (Filters(path="e\u0301te\u0301/*.jpg"), [BRIDGE]),
        (Filters(path="ete"), []),
        (Filters(path="élan"), [FILM]),
        (Filters(path="\udcff"), []),
        (Filters(language="en"), [TALK]),
        (Filters(language="EN-gb"), [TALK]),
        (Filters(language="e"), []),
        (Filters(types=(AssetKind.IMAGE,), place="Portugal", before=date(2020, 1, 1)), [TRAM]),
        (Filters(phrases=("guten Tag",)), [TALK]),
        (Filters(phrases=("Tag guten",)), []),
        (Filters(phrases=("good day", "talk mp3")), [TALK]),
        (Filters(phrases=("good day", "guten tag")), []),  # of one moment, and these are two
        (Filters(phrases=("pixel 7",)), [TRAM]),
        (Filters(phrases=("são paulo",)), [FILM]),
        (Filters(phrases=("good day",), language="de"), []),
    ],
)
def test_what_is_left(library: Catalog, filters: Filters, leaves: list[str]) -> None:
    assert left(library, filters) == leaves


def test_selective_filters_name_their_assets_and_embeddings(library: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters_module, "SELECTIVE", 2)
    with library.read() as tx:
        (space,) = tx.spaces.active()
        assert tx.filtered.select(Filters(kinds=(SegmentKind.IMAGE,))).assets is None
        assert tx.filtered.select(Filters(path="a")).assets is None, "more than is worth naming"
        few = tx.filtered.select(Filters(place="portugal"))
        assert few.assets == [1, 2]
        ids = tx.filtered.embeddings(few, space.id)
        assert list(ids) == [SegmentKind.IMAGE]
        assert set(found_at(tx, ids[SegmentKind.IMAGE].tolist())) == set(ids[SegmentKind.IMAGE].tolist())
        english = tx.filtered.embeddings(tx.filtered.select(Filters(language="en")), space.id)
        assert english[SegmentKind.SPEECH].dtype == np.int64
        assert len(english[SegmentKind.SPEECH]) == 1
        assert tx.filtered.select(Filters(place="nowhere")).assets == []


def test_the_others_are_sorted_out_of_what_was_found(library: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters_module, "SELECTIVE", 0)
    with library.read() as tx:
        (space,) = tx.spaces.active()
        everything = [
            id_ for asset in range(1, 6) for _, e in tx.segments.embeddings_of(asset, space.id) for id_ in [e.id]
        ]
        selection = tx.filtered.select(Filters(after=date(2019, 1, 1)))
        found = found_at(tx, everything, selection.conditions)
        assert {each.asset.hash for each in found.values()} == {hash_of(TRAM), hash_of(BRIDGE)}


@pytest.mark.parametrize("selective", [0, 10])
def test_words_in_a_row_are_asked_of_the_moment(
    library: Catalog, monkeypatch: pytest.MonkeyPatch, selective: int
) -> None:
    monkeypatch.setattr(filters_module, "SELECTIVE", selective)
    with library.read() as tx:
        (space,) = tx.spaces.active()
        everything = [e.id for asset in range(1, 6) for _, e in tx.segments.embeddings_of(asset, space.id)]
        for phrase, texts in {"good day": ["good day"], "talk": ["guten Tag", "good day"]}.items():
            selection = tx.filtered.select(Filters(phrases=(phrase,)))
            found = found_at(tx, everything, selection.conditions).values()
            assert [each.segment.text for each in found if each.asset.hash == hash_of(TALK)] == texts
            if selective:
                assert selection.assets == [4]


def test_of_several_copies_those_that_meet_a_path(library: Catalog) -> None:
    with library.read() as tx:
        ids = [copy.location_id for copies in tx.locations.copies_of([1, 2, 3]).values() for copy in copies]
        assert tx.filtered.lying_at("HOLIDAYS/", ids) == set(ids[:2])
        assert tx.filtered.lying_at("*.jpg", ids[1:]) == {ids[1]}
        assert tx.filtered.lying_at("nowhere", ids) == tx.filtered.lying_at("holidays", []) == set()


def plans(catalog: Catalog, ask: Callable[[Transaction], object]) -> list[str]:
    """How SQLite goes about the statements that ``ask`` makes, a line for each step."""
    made: list[tuple[str, Any]] = []
    with catalog.read() as tx:

        def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
            made.append((statement, parameters))

        sa.event.listen(catalog.engine, "before_cursor_execute", note)
        try:
            ask(tx)
        finally:
            sa.event.remove(catalog.engine, "before_cursor_execute", note)
        raw = tx.connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        return [row[3] for said, given in made for row in raw.execute(f"EXPLAIN QUERY PLAN {said}", given)]


def test_a_path_is_looked_for_among_the_copies_of_what_was_found_alone(
    sqlite: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters_module, "SELECTIVE", 0)
    catalog = Catalog(sqlite, create=True)
    with catalog.write() as tx:
        derive(tx, put_asset(tx), [make_space(tx)])
        tx.locations.put([Placed(tx.roots.add("/home/ann", 1).id, "a.jpg", 1, STAT)])
    with catalog.read() as tx:
        wide = tx.filtered.select(Filters(path="ann")).conditions
        assert list(tx.segments.moments([1], wide)) == [1]
    steps = plans(catalog, lambda tx: tx.segments.moments([1], wide))
    assert any("SEARCH location USING" in step and "ix_location_asset_id" in step for step in steps), steps
    assert not any("SCAN location" in step for step in steps), steps
    catalog.close()


def test_the_newest_are_read_off_the_index_without_sorting_the_library(sqlite: sa.URL) -> None:
    catalog = Catalog(sqlite, create=True)
    with catalog.read() as tx:
        wide = tx.filtered.select(Filters(kinds=(SegmentKind.IMAGE,)))
    steps = plans(catalog, lambda tx: tx.filtered.newest(wide, 10))
    assert any("ix_asset_dated_at" in step for step in steps), steps
    assert not any("ORDER BY" in step for step in steps), steps
    catalog.close()


NARROW = [
    Filters(types=(AssetKind.IMAGE, AssetKind.AUDIO, AssetKind.DOCUMENT)),
    Filters(path="a"),
    Filters(path="a", kinds=(SegmentKind.IMAGE,)),
    Filters(language="en"),
    Filters(phrases=("good day",)),
    Filters(phrases=("talk",), kinds=(SegmentKind.IMAGE,)),
    Filters(phrases=("nowhere",)),
]


@pytest.mark.parametrize("most", [1, 2, 50])
@pytest.mark.parametrize("filters", NARROW)
def test_the_newest_are_the_same_whether_or_not_they_were_named_first(
    library: Catalog, monkeypatch: pytest.MonkeyPatch, filters: Filters, most: int
) -> None:
    with library.write() as tx:  # two without a date, and two of one day: ids settle both
        for path in ("undated", "again"):
            derive(tx, put_asset(tx, path, info(AssetKind.DOCUMENT)), tx.spaces.active())
            tx.locations.put([Placed(1, f"a/{path}", put_asset(tx, path, info(AssetKind.DOCUMENT)), STAT)])
        derive(tx, put_asset(tx, "twin", info(AssetKind.IMAGE, "2019-07-04T23:59")), tx.spaces.active())
        tx.locations.put([Placed(1, "a/twin", put_asset(tx, "twin", THINGS[TRAM]), STAT)])
        put_asset(tx, "bare", info(AssetKind.IMAGE, "2021-01-01"))  # no segment, so no hit
    with library.read() as tx:
        named = tx.filtered.select(filters)
        assert named.assets is not None
        monkeypatch.setattr(filters_module, "SELECTIVE", -1)
        wide = tx.filtered.select(filters)
        assert wide.assets is None
        assert tx.filtered.newest(named, most) == tx.filtered.newest(wide, most)


@pytest.mark.parametrize("filters", NARROW)
def test_of_few_assets_the_newest_are_found_without_going_through_the_others(sqlite: sa.URL, filters: Filters) -> None:
    catalog = Catalog(sqlite, create=True)
    with catalog.write() as tx:
        derive(tx, put_asset(tx), [make_space(tx)])
    with catalog.read() as tx:
        few = replace(tx.filtered.select(filters), assets=[1])
    steps = plans(catalog, lambda tx: tx.filtered.newest(few, 10))
    assert any("SEARCH asset USING INTEGER PRIMARY KEY" in step for step in steps), steps
    assert not any(step.split()[:2] in (["SCAN", "asset"], ["SCAN", "segment"]) for step in steps), steps
    assert not any("ix_asset_dated_at" in step for step in steps), steps
    catalog.close()


def test_more_assets_than_a_statement_takes_parameters_can_be_named(
    library: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    with library.read() as tx:
        (space,) = tx.spaces.active()
        for piece in (40_000, 70_000):
            monkeypatch.setattr(filters_module, "_PIECE", piece)
            only = tx.filtered.only(range(-69_990, 11))
            found = tx.filtered.embeddings(only, space.id)
            assert {kind: len(ids) for kind, ids in found.items()} == {SegmentKind.IMAGE: 4, SegmentKind.SPEECH: 2}
            assert sorted(tx.filtered.first_segments(range(-69_990, 11), only.of_asset)) == [1, 2, 3, 4, 5]


def test_of_an_asset_some_moments_can_be_chosen(library: Catalog) -> None:
    with library.read() as tx:
        (space,) = tx.spaces.active()
        every = tx.filtered.embeddings(tx.filtered.only([1, 2, 3, 4, 5]), space.id)
        first = tx.segments.placed(every[SegmentKind.IMAGE].tolist())
        chosen = next(iter(first.values())).segment_id
        found = tx.filtered.embeddings(tx.filtered.only([1, 2, 3, 4, 5], [chosen]), space.id)
        assert {kind: [first[id_].segment_id for id_ in ids.tolist()] for kind, ids in found.items()} == {
            SegmentKind.IMAGE: [chosen]
        }


def test_what_lies_on_either_side_of_a_piece_is_found(library: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters_module, "_PIECE", 2)
    with library.read() as tx:
        (space,) = tx.spaces.active()
        found = tx.filtered.embeddings(tx.filtered.only([1, 2, 3, 4, 5]), space.id)
        assert sum(map(len, found.values())) == 6
        assert sorted(tx.filtered.first_segments([5, 4, 3, 2, 1])) == [1, 2, 3, 4, 5]


def test_orphans_are_left_out(library: Catalog) -> None:
    with library.write() as tx:
        tx.locations.remove(tx.locations.of_asset(1))
        tx.assets.orphan()
        assert tx.filtered.select(Filters(place="lisboa")).assets == []
    assert left(library, Filters(types=(AssetKind.IMAGE,))) == [BRIDGE]
