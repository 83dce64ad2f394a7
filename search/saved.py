"""Searches that are kept under a name, to be run again over whatever the library holds by then."""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bowerbird.errors import DecodeFailed, QueryError
from bowerbird.moments import Wanted
from bowerbird.queries import Query
from bowerbird.store.catalog.saved import Kept
from bowerbird.wiring import Library
from search.parse import parse
from search.query_json import query_from_json, query_to_json

__all__ = [
    "MOST_NAME",
    "MOST_PICTURE",
    "NoSuchSearch",
    "Saved",
    "find",
    "query_from_json",
    "query_to_json",
    "remove",
    "save",
    "saved",
]

VERSION = 1
"""Of what is kept of a query; raised when a field comes to mean something else."""
MOST_NAME = 200
MOST_PICTURE = 1 << 20
"""Bytes of the picture of a query: it is kept with the search, since the file may go."""
_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}
"""Characters that end lines, have no shape, or fit in no database."""


class NoSuchSearch(QueryError):
    """No search is saved under this name."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved search."""

    name: str
    saved_at: datetime
    said: Mapping[str, Any]
    """The query as JSON, as it was saved; perhaps by a newer Bowerbird."""

    @property
    def query(self) -> Query:
        """What to ask. Raises `QueryError` where only a newer Bowerbird could."""
        said = dict(self.said)
        if said.pop("version", None) != VERSION:
            raise QueryError(
                f"the search {self.name!r} was saved by a newer Bowerbird; upgrade: pip install -U bowerbird"
            )
        return query_from_json(said)


def saved(library: Library) -> list[Saved]:
    """All of them, by name."""
    with library.catalog.read() as tx:
        return [_saved(kept) for kept in tx.saved.all()]


def find(library: Library, name: str) -> Saved:
    """The search that is saved as ``name``. Raises `NoSuchSearch`."""
    named = _checked(name)
    with library.catalog.read() as tx:
        kept = tx.saved.at(named)
        names = [] if kept else [each.name for each in tx.saved.all()]
    if kept is None:
        raise _unknown(named, names)
    return _saved(kept)


def save(library: Library, name: str, query: Query, *, overwrite: bool = False) -> Saved:
    """Keep ``query`` under ``name``; without ``overwrite`` only if nothing is kept there.

    The line of the query language is kept as it was typed, so that "last month" is counted from the day on which it is
    run. Raises `QueryError` where the name will not do, the query cannot be answered, or its picture cannot be kept.
    """
    named = _checked(name)
    query = replace(query, cursor=None)
    parse(query)
    if query.image is not None:
        _check_picture(library, query.image)
    said = json.dumps({"version": VERSION, **query_to_json(query)}, separators=(",", ":"))
    with library.catalog.write() as tx:
        if not overwrite and tx.saved.at(named):
            raise QueryError(f"a search is saved as {named!r} already: choose another name, or add --replace")
        tx.saved.put(named, said)
        kept = tx.saved.at(named)
    assert kept is not None
    return _saved(kept)


def remove(library: Library, name: str) -> None:
    """Forget the search that is saved as ``name``. Raises `NoSuchSearch`."""
    named = _checked(name)
    with library.catalog.write() as tx:
        if not tx.saved.remove(named):
            raise _unknown(named, [each.name for each in tx.saved.all()])


def _saved(kept: Kept) -> Saved:
    return Saved(kept.name, kept.saved_at, json.loads(kept.query))


def _checked(name: str) -> str:
    """The name, trimmed, in one form of Unicode: what looks the same is the same."""
    named = unicodedata.normalize("NFC", name).strip()
    if not named:
        raise QueryError("the name is empty: give one by which you will know the search")
    if len(named) > MOST_NAME:
        raise QueryError(f"a name of {len(named):,} characters is over the limit of {MOST_NAME}: shorten it")
    if any(unicodedata.category(each) in _UNSEEN for each in named):
        raise QueryError("the name has characters in it that cannot be shown: write it as one line of plain text")
    return named


def _unknown(name: str, names: list[str]) -> NoSuchSearch:
    near = difflib.get_close_matches(name, names, 1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return NoSuchSearch(f"no search is saved as {name!r}.{meant} See: bowerbird saved")


def _check_picture(library: Library, data: bytes) -> None:
    if len(data) > MOST_PICTURE:
        raise QueryError(
            f"the query's picture is larger than {MOST_PICTURE >> 20} MB, too large to be kept with a search: "
            "shrink it, or index it and use --like"
        )
    try:
        for _ in library.decoders.decode_bytes(data, Wanted(thumbnail_px=64)).parts:
            pass
    except DecodeFailed as error:
        raise QueryError(f"the query's picture {error.reason}") from None
