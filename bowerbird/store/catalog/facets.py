"""How what filters leave is spread over kinds of files, years, places and cameras."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from bowerbird.queries import Filters
from bowerbird.store.catalog.filters import Filtered
from bowerbird.store.catalog.rows import among
from bowerbird.store.tables import asset

MOST_VALUES = 20
"""Of one facet, where nobody asks for more."""


@dataclass(frozen=True, slots=True)
class Facet:
    """The most frequent values, each with how many assets have it, the most frequent first."""

    values: tuple[tuple[str, int], ...] = ()
    others: int = 0
    """How many assets have a value beyond those."""
    none: int = 0
    """How many assets have none."""


@dataclass(frozen=True, slots=True)
class Facets:
    """Counts of ``total`` assets. Every value can stand in a filter as it is written here."""

    total: int
    types: Facet
    years: Facet
    """``2019``."""
    months: Facet
    """``2019-07``: empty unless all that is dated is of one year."""
    countries: Facet
    places: Facet
    """``Lisboa, Portugal``."""
    cameras: Facet


class FacetCounts:
    """Facets by SQL. Orphans are never counted; of pairs that search folds into one hit, both halves are."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def of(self, filters: Filters, within: Collection[str] | None = None, most: int = MOST_VALUES) -> Facets:
        """Count the assets that meet ``filters``; where ``within`` is given, only those in it, named by hash.

        Of each facet the ``most`` frequent values are told.
        """
        counts: dict[str, Counter[tuple[str | None, str | None]]] = {name: Counter() for name in _GROUPS}
        # Read by several, the rows are gone through once and kept: filters over paths and words are asked once.
        # 2.3 s of work for 1,000,000 assets on SQLite; an index over these columns alone would save a quarter of it.
        left_over = sa.select(*self._columns()).where(*Filtered(self._connection).throughout(filters))
        if within is not None:
            left_over = left_over.where(among(self._connection, asset.c.hash, within))
        left = left_over.cte("left_over")
        groups = (
            sa.select(sa.literal(name), left.c[one], _second(left, two), sa.func.count()).group_by(
                left.c[one], *([left.c[two]] if two else [])
            )
            for name, (one, two) in _GROUPS.items()
        )
        for name, one, two, n in self._connection.execute(sa.union_all(*groups)):
            counts[name][one or None, two or None] += n
        types, months, cameras = (_summed(counts[name], _alone) for name in ("types", "months", "cameras"))
        years = _summed(counts["months"], lambda month, _: month and month[:4])
        facet = partial(_facet, most=most)
        return Facets(
            total=types.total(),
            types=facet(types),
            years=facet(years),
            months=facet(months) if len(years.keys() - {None}) == 1 else Facet(),
            countries=facet(_summed(counts["places"], _alone)),
            places=facet(_summed(counts["places"], _place)),
            cameras=facet(cameras),
        )

    def _columns(self) -> list[sa.ColumnElement[str]]:
        if self._connection.dialect.name == "sqlite":  # which keeps dates as text and is slow to take them apart
            month = sa.func.substr(sa.type_coerce(asset.c.dated_at, sa.Text), 1, 7)
        else:
            month = sa.func.to_char(asset.c.dated_at, "YYYY-MM")
        texts = (sa.type_coerce(asset.c[name], sa.Text).label(name) for name in ("kind", "country", "place", "camera"))
        return [month.label("month"), *texts]


_GROUPS: dict[str, tuple[str, str | None]] = {
    "types": ("kind", None),
    "months": ("month", None),
    "places": ("country", "place"),
    "cameras": ("camera", None),
}


def _second(left: sa.CTE, name: str | None) -> sa.ColumnElement[str]:
    return left.c[name] if name else sa.cast(sa.null(), sa.Text)


def _alone(value: str | None, _: str | None) -> str | None:
    return value


def _place(country: str | None, place: str | None) -> str | None:
    """The place with its country; a country in which no place is named says nothing here."""
    return place and ", ".join(dict.fromkeys(name for name in (place, country) if name))


def _summed(
    counts: Counter[tuple[str | None, str | None]], value_of: Callable[[str | None, str | None], str | None]
) -> Counter[str | None]:
    total: Counter[str | None] = Counter()
    for pair, n in counts.items():
        total[value_of(*pair)] += n
    return total


def _facet(counts: Counter[str | None], most: int) -> Facet:
    values = sorted(((value, n) for value, n in counts.items() if value is not None), key=lambda each: (-each[1], each))
    return Facet(
        values=tuple(values[:most]),
        others=sum(n for _, n in values[most:]),
        none=counts[None],
    )
