"""What an asset can be found by apart from what lies in it: the names of its files and folders, and its date in words.

Triggers clear ``asset.words`` whenever a location comes, goes or changes, cascades included; here it is worked out
anew, once, at the end of the same transaction.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePosixPath

import sqlalchemy as sa

from bowerbird.store.catalog.vocabulary import learn
from bowerbird.store.tables import asset, location, root

_BATCH = 500
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+|[^\W_]")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_SEASONS = ("winter", "spring", "summer", "autumn fall")
_FACTS = ("place", "region", "country", "camera", "lens", "title", "artist", "album", "keywords")
WORDY = (*_FACTS, "words")
"""The columns of an asset that full-text search reads."""


def refresh(connection: sa.Connection) -> None:
    """Work out the words and the date of every asset that has none."""
    facts = (asset.c[name] for name in ("id", "taken_at", "latitude", *_FACTS))
    wordless = sa.select(*facts).where(asset.c.words.is_(None)).order_by(asset.c.id).limit(_BATCH)
    update = sa.update(asset).where(asset.c.id == sa.bindparam("of")).values(words=sa.bindparam("said"))
    update = update.values(dated_at=sa.bindparam("dated"))
    while rows := connection.execute(wordless).all():
        paths: dict[int, list[str]] = {}
        dates: dict[int, list[datetime]] = {}
        here = (
            sa.select(location.c.asset_id, location.c.path, location.c.dated_at, root.c.path.label("root"))
            .join(root, root.c.id == location.c.root_id)
            .where(location.c.asset_id.in_([row.id for row in rows]))
        )
        for each in connection.execute(here):
            paths.setdefault(each.asset_id, []).append(str(PurePosixPath(PurePosixPath(each.root).name, each.path)))
            if each.dated_at is not None:
                dates.setdefault(each.asset_id, []).append(each.dated_at)
        found = []
        for row in rows:
            dated = row.taken_at or min(dates.get(row.id, ()), default=None)
            said = [*name_words(paths.get(row.id, ())), *date_words(dated, south=(row.latitude or 0) < 0)]
            found.append({"of": row.id, "said": " ".join(said), "dated": dated})
        connection.execute(update, found)
        learn(connection, [each["said"] for each in found])
        learn(connection, [row._mapping[name] for row in rows for name in _FACTS])


def name_words(paths: Iterable[str]) -> list[str]:
    """Names of files and folders, each whole and in its parts: ``IMG_0042``, ``myCat2`` -> ``my Cat 2``."""
    # Some file systems keep names decomposed, in which the databases would not know ё from е.
    names = sorted({part for path in paths for part in PurePosixPath(unicodedata.normalize("NFC", path)).parts})
    said: dict[str, None] = {}
    for name in names:
        parts = " ".join(_PARTS.findall(name))
        said[name] = None
        if parts.split() != re.findall(r"[^\W_]+", name):
            said[parts] = None
    return list(said)


def date_words(dated: datetime | None, *, south: bool = False) -> list[str]:
    """The words that people say for a day: ``2021-03-04``, ``March``, ``Thursday``, ``spring``."""
    if dated is None:
        return []
    season = _SEASONS[(dated.month % 12 // 3 + (2 if south else 0)) % 4]
    return [dated.date().isoformat(), _MONTHS[dated.month - 1], _DAYS[dated.weekday()], season]
