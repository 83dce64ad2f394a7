"""The way through the stages: parse -> retrieve -> calibrate -> fuse -> hydrate."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bowerbird.errors import QueryError
from bowerbird.store.catalog import Transaction
from bowerbird.types import Filters, Query, SearchResult, SegmentKind
from bowerbird.wiring import Library
from search.calibrate import Calibrator
from search.fuse import Gathered, fuse
from search.hydrate import hydrate
from search.parse import MOST_BYTES, parse
from search.retrieve import Aim, aims, retrieve


class Search:
    """Answers queries from one library. Safe to share between threads. A context manager."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._calibrator = Calibrator(library)

    def search(
        self,
        text: str | None = None,
        *,
        image: Path | str | bytes | None = None,
        like: Path | str | None = None,
        negatives: Sequence[str] = (),
        kinds: Sequence[SegmentKind | str] = (),
        limit: int = 10,
        min_relevance: float | None = None,
    ) -> SearchResult:
        """Find by text, by a picture (a path, or encoded bytes), by likeness to an indexed file, or by several of them.

        Raises `QueryError` where the query is empty, out of bounds, or names a file that cannot be read or is not in
        the library.
        """
        picture = image if isinstance(image, bytes) or image is None else _read(Path(image))
        asset = None if like is None else self.asset_at(Path(like))
        filters = Filters(kinds=tuple(SegmentKind(kind) for kind in kinds))
        return self.run(Query(text, picture, asset, tuple(negatives), filters, limit, min_relevance))

    def run(self, query: Query) -> SearchResult:
        """Answer a query. Raises `QueryError`."""
        started = time.perf_counter()
        query = parse(query)
        settings = self.library.settings.search
        floor = settings.min_relevance if query.min_relevance is None else query.min_relevance
        with self.library.catalog.read() as tx:
            aimed = aims(self.library, tx, query)
            # Moments of one asset become one hit, so more are asked for than are wanted, and more again while a long
            # document crowds out the rest.
            most = 4 * query.limit + 50
            while True:
                gathered, exhausted = self._gather(tx, aimed, query, most)
                if exhausted or len(gathered) >= query.limit:
                    break
                most *= 4
            hits = hydrate(tx, [each for each in gathered if each.best.relevance >= floor], query.limit)
        return SearchResult(
            hits=tuple(hits),
            matched=bool(hits) and hits[0].relevance >= max(floor, settings.stands_out),
            took_ms=round(1000 * (time.perf_counter() - started), 2),
        )

    def _gather(self, tx: Transaction, aimed: Sequence[Aim], query: Query, most: int) -> tuple[list[Gathered], bool]:
        """One entry for each asset among the ``most`` nearest moments of each kind, and whether those are all."""
        rankings = [
            (ranking, self._calibrator.relevance(ranking))
            for aim in aimed
            for ranking in retrieve(self.library, tx, aim, query.filters.kinds, most)
        ]
        found = tx.segments.found([int(id_) for ranking, _ in rankings for id_ in ranking.ids])
        gathered = fuse(rankings, found, stands_out=self.library.settings.search.stands_out)
        others = [each for each in gathered if each.best.asset.hash != query.like]
        return others, all(len(ranking.ids) < most for ranking, _ in rankings)

    def asset_at(self, path: Path) -> str:
        """The id of the asset that is catalogued at ``path``. Raises `QueryError` where there is none."""
        path = path.expanduser()
        # A link inside a root is catalogued where it lies, one above the root where it leads.
        named = {
            Path(os.path.abspath(path)),
            Path(os.path.realpath(path.parent), path.name),
            Path(os.path.realpath(path)),
        }
        with self.library.catalog.read() as tx:
            for root in tx.roots.all():
                for place in named:
                    if place.is_relative_to(root.path):
                        inside = place.relative_to(root.path).as_posix()
                        found = tx.locations.asset_hash_at(root.id, "" if inside == "." else inside)
                        if found is not None:
                            return found
        raise QueryError(f"{path} is not in this library: index it first, or use --image {path}")

    def close(self) -> None:
        """Close the library."""
        self.library.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read(path: Path) -> bytes:
    path = path.expanduser()
    try:
        if not path.is_file():
            path.stat()
            raise QueryError(f"{path}: is no regular file; name a picture")
        if path.stat().st_size > MOST_BYTES:
            raise QueryError(f"{path}: is larger than {MOST_BYTES >> 20} MB; shrink the picture")
        return path.read_bytes()
    except OSError as error:
        raise QueryError(f"{path}: {(error.strerror or str(error)).lower()}; name a picture that can be read") from None
