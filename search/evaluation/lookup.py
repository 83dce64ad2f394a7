"""Which assets of a library the paths in a file of queries mean."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from bowerbird.errors import QueryError
from search.evaluation.queries import Judged
from search.service import Search

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meant:
    """The assets that a query's paths name, by their hashes, and the paths that name none here."""

    assets: tuple[str, ...]
    missing: tuple[str, ...]


def look_up(search: Search, queries: Sequence[Judged]) -> list[Meant]:
    """What the relevant paths of each query mean, in order.

    A path is taken from the folder of the file of queries; where nothing is catalogued there, it is the end of a
    catalogued path. Copies are one asset. Raises `QueryError` where such an end fits several assets, and where there
    are relevant paths but none of them is in the library.
    """
    exact: dict[tuple[str, str], str | None] = {}
    for query in queries:
        for path in query.relevant:
            if (key := (str(query.folder), path)) not in exact:
                exact[key] = _at(search, query, path)
    ends = _by_end(search, {path for (_, path), found in exact.items() if found is None})

    meant = []
    for query in queries:
        assets: dict[str, None] = {}
        missing = []
        for path in query.relevant:
            found = exact[str(query.folder), path]
            fitting = [found] if found is not None else ends.get(path, [])
            if len(fitting) > 1:
                raise QueryError(
                    f"{query.where}: {path!r} fits {len(fitting)} different files of this library; write more of it"
                )
            if fitting:
                assets[fitting[0]] = None
            else:
                missing.append(path)
        meant.append(Meant(tuple(assets), tuple(missing)))
    if any(each.missing for each in meant) and not any(each.assets for each in meant):
        example = next(each.missing[0] for each in meant if each.missing)
        raise QueryError(
            f"none of the relevant files, such as {example!r}, is in the library {search.library.folder}: "
            "index them first, or name another with --library"
        )
    return meant


def _at(search: Search, query: Judged, path: str) -> str | None:
    try:
        return search.asset_at(query.folder / path)
    except (QueryError, ValueError, OSError):  # not there, or a name that no file can have
        return None


def _by_end(search: Search, wanted: set[str]) -> dict[str, list[str]]:
    """By path, the hashes of the assets some copy of which lies at a path that ends so."""
    if not wanted:
        return {}
    by_name: dict[str, list[tuple[str, Parts]]] = {}
    for path in wanted:
        if parts := _parts(path):
            by_name.setdefault(parts[-1], []).append((path, parts))
    found: dict[str, list[str]] = {}
    with search.library.catalog.read() as tx:
        for root in tx.roots.all():
            above = _parts(root.path)
            fitting = [
                (asked, place)
                for _, place in tx.locations.under(root.id)
                for asked, end in by_name.get(_parts(place or root.path)[-1], ())
                if (*above, *_parts(place))[-len(end) :] == end
            ]
            for asked, place in fitting:
                hash_ = tx.locations.asset_hash_at(root.id, place)
                if hash_ is not None and hash_ not in (known := found.setdefault(asked, [])):
                    known.append(hash_)
    return found


def _parts(path: str) -> Parts:
    """The names in a path, composed, since one file system writes ``é`` as one character and another as two."""
    return PurePosixPath(unicodedata.normalize("NFC", path)).parts
