"""Facets by SQL, on both databases: every asset that filters leave is counted once in each."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bowerbird.moments import Moment
from bowerbird.queries import Filters
from bowerbird.store.catalog import Catalog, Transaction
from bowerbird.store.catalog.facets import MOST_VALUES, Facet, Facets
from bowerbird.types import AssetInfo, AssetKind, Place, SegmentKind, Taken, TakenFrom
from tests.store.hand import derive, hash_of, make_space, place, put_asset, wipe
from tests.store.test_filters import plans

LISBON, PORTO = Place("Lisboa", "Lisboa", "Portugal"), Place("Porto", "Norte", "Portugal")
MONACO = Place("Monaco", "", "Monaco")


def info(kind: AssetKind, day: str | None = None, where: Place | None = None, camera: str | None = None) -> AssetInfo:
    taken = Taken(datetime.fromisoformat(day), TakenFrom.EXIF) if day else None
    return AssetInfo(kind, "application/x", taken=taken, place=where, camera=camera)


THINGS = {
    "tram.jpg": info(AssetKind.IMAGE, "2019-07-04T23:59", LISBON, "Pixel 7"),
    "hill.jpg": info(AssetKind.IMAGE, "2019-12-31T23:59", LISBON, "Pixel 7"),
    "bridge.jpg": info(AssetKind.IMAGE, "2020-01-01T00:00", PORTO, "Nikon D750"),
    "harbour.mp4": info(AssetKind.VIDEO, "2019-07-30T10:00", MONACO),
    "talk.mp3": info(AssetKind.AUDIO),
    "notes.txt": info(AssetKind.DOCUMENT, camera=""),
}

EVERYTHING = Filters()


@pytest.fixture
def library(catalog: Catalog) -> Catalog:
    with catalog.write() as tx:
        fill(tx, THINGS)
        put_asset(tx, "gone", info(AssetKind.IMAGE, "1999-01-01", LISBON, "Pixel 7"))
        tx.assets.orphan()
    return catalog


def fill(tx: Transaction, things: dict[str, AssetInfo]) -> None:
    space = make_space(tx)
    root = tx.roots.add("/home/ann", 1).id
    for path, facts in things.items():
        asset = put_asset(tx, path, facts)
        spoken = facts.kind is AssetKind.AUDIO
        moment = Moment(SegmentKind.SPEECH, text="guten Tag", language="de") if spoken else Moment(SegmentKind.IMAGE)
        derive(tx, asset, [space], [moment])
        place(tx, root, path, asset)


def facets(catalog: Catalog, filters: Filters = EVERYTHING, within: list[str] | None = None) -> Facets:
    with catalog.read() as tx:
        return tx.facets.of(filters, None if within is None else [hash_of(path) for path in within])


def test_everything_is_counted_once_and_orphans_never(library: Catalog) -> None:
    assert facets(library) == Facets(
        total=6,
        types=Facet((("image", 3), ("audio", 1), ("document", 1), ("video", 1))),
        years=Facet((("2019", 3), ("2020", 1)), none=2),
        months=Facet(),
        countries=Facet((("Portugal", 3), ("Monaco", 1)), none=2),
        places=Facet((("Lisboa, Portugal", 2), ("Monaco", 1), ("Porto, Portugal", 1)), none=2),
        cameras=Facet((("Pixel 7", 2), ("Nikon D750", 1)), none=3),
    )


def test_as_many_values_are_told_as_are_asked_for(catalog: Catalog) -> None:
    with catalog.write() as tx:
        fill(tx, {f"{n}.jpg": info(AssetKind.IMAGE, camera=f"Camera {n:02}") for n in range(MOST_VALUES + 5)})
        few, all_of_them = tx.facets.of(EVERYTHING).cameras, tx.facets.of(EVERYTHING, most=100).cameras
    assert (len(few.values), few.others) == (MOST_VALUES, 5)
    assert (len(all_of_them.values), all_of_them.others) == (MOST_VALUES + 5, 0)
    assert all_of_them.values[:MOST_VALUES] == few.values


def test_within_one_year_months_are_told(library: Catalog) -> None:
    found = facets(library, Filters(after=date(2019, 1, 1), before=date(2020, 1, 1)))
    assert found.total == 3
    assert found.months == Facet((("2019-07", 2), ("2019-12", 1)))
    assert found.years == Facet((("2019", 3),))


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        (Filters(types=(AssetKind.IMAGE,)), 3),
        (Filters(place="lisboa, portugal"), 2),
        (Filters(camera="Pixel 7"), 2),
        (Filters(path="*.jpg"), 3),
        (Filters(kinds=(SegmentKind.SPEECH,)), 1),
        (Filters(kinds=(SegmentKind.SPEECH,), after=date(2019, 1, 1)), 0),
        (Filters(language="de"), 1),
        (Filters(before=date(1999, 6, 1)), 0),
        (Filters(phrases=("guten tag",)), 1),
        (Filters(phrases=("guten tag", "nowhere")), 0),
        (Filters(phrases=("pixel 7",)), 2),
        (Filters(phrases=("pixel 7", "lisboa"), path="t*.jpg"), 1),
        (Filters(phrases=("guten tag",), kinds=(SegmentKind.IMAGE,)), 0),
        (Filters(phrases=("guten tag",), language="en"), 0),
        (Filters(phrases=("guten tag", "talk mp3"), language="de"), 1),
    ],
)
@pytest.mark.parametrize("selective", [0, 20_000])
def test_filters_hold(
    library: Catalog, monkeypatch: pytest.MonkeyPatch, filters: Filters, left: int, selective: int
) -> None:
    monkeypatch.setattr("bowerbird.store.catalog.filters.SELECTIVE", selective)
    found = facets(library, filters)
    assert found.total == left
    with library.read() as tx:
        assert len(tx.filtered.newest(tx.filtered.select(filters), 50)) == left, "as many as a search would list"


def test_only_what_was_found_is_counted_if_that_is_given(library: Catalog) -> None:
    found = facets(library, Filters(types=(AssetKind.IMAGE,)), ["tram.jpg", "bridge.jpg", "talk.mp3"])
    assert found.total == 2
    assert found.places == Facet((("Lisboa, Portugal", 1), ("Porto, Portugal", 1)))
    assert facets(library, within=[]).total == 0


def test_as_much_can_be_given_as_was_found(library: Catalog) -> None:
    """More than either database takes parameters for."""
    found = facets(library, within=["tram.jpg", *(f"{n}" for n in range(70_000))])
    assert found.total == 1


@pytest.mark.parametrize("selective", [-1, 20_000])
def test_the_rows_that_bear_words_are_read_once(
    sqlite: sa.URL, monkeypatch: pytest.MonkeyPatch, selective: int
) -> None:
    monkeypatch.setattr("bowerbird.store.catalog.filters.SELECTIVE", selective)
    catalog = Catalog(sqlite, create=True)
    with catalog.write() as tx:
        fill(tx, THINGS)
    steps = plans(catalog, lambda tx: tx.facets.of(Filters(phrases=("guten tag", "pixel"))))
    asked = [step for step in steps if "_words VIRTUAL TABLE" in step]
    assert asked, steps
    assert not any("VIRTUAL TABLE INDEX 0:=" in step for step in asked), "looked up by the ids of rows"
    catalog.close()


def test_an_empty_library_has_facets_without_values(catalog: Catalog) -> None:
    assert facets(catalog) == Facets(0, *[Facet()] * 6)


def test_the_most_frequent_values_are_named_and_the_others_counted(catalog: Catalog) -> None:
    with catalog.write() as tx:
        cameras = [f"Camera {n:02}" for n in range(MOST_VALUES + 5) for _ in range(n + 1)]
        fill(tx, {f"{n}": info(AssetKind.IMAGE, camera=camera) for n, camera in enumerate(cameras)})
    found = facets(catalog).cameras
    assert found.values[0] == ("Camera 24", 25)
    assert [n for _, n in found.values] == list(range(25, 5, -1))
    assert found.others == 1 + 2 + 3 + 4 + 5


_INFOS = st.builds(
    info,
    st.sampled_from(list(AssetKind)),
    st.sampled_from([None, "2019-07-04", "2019-08-05", "2020-01-01"]),
    st.sampled_from([None, LISBON, PORTO, MONACO]),
    st.sampled_from([None, "Pixel 7", "Nikon D750"]),
)
_names = count()


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(st.lists(_INFOS, max_size=12))
def test_the_counts_are_those_of_going_through_them_all(catalog: Catalog, infos: list[AssetInfo]) -> None:
    wipe(catalog)
    with catalog.write() as tx:
        fill(tx, {f"{next(_names)}": each for each in infos})
    found = facets(catalog)
    assert found.total == len(infos)
    assert dict(found.types.values) == Counter(each.kind.value for each in infos)
    assert dict(found.years.values) == Counter(str(each.taken.at.year) for each in infos if each.taken)
    assert dict(found.countries.values) == Counter(each.place.country for each in infos if each.place)
    assert dict(found.cameras.values) == Counter(each.camera for each in infos if each.camera)
    for facet in (found.types, found.years, found.countries, found.places, found.cameras):
        assert sum(n for _, n in facet.values) + facet.others + facet.none == found.total
