"""The way through the stages: parse -> retrieve -> calibrate -> fuse -> hydrate."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from bowerbird.errors import QueryError
from bowerbird.types import Filters, Query, SearchResult, SegmentKind
from bowerbird.wiring import Library
from search.calibrate import Calibrator
from search.fuse import fuse
from search.hydrate import hydrate
from search.parse import parse
from search.retrieve import aims, retrieve


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
        # Several moments of one asset become one hit, so more are asked for than are wanted.
        most = 4 * query.limit + 50
        with self.library.catalog.read() as tx:
            rankings = [
                (ranking, self._calibrator.relevance(ranking))
                for aim in aims(self.library, tx, query)
                for ranking in retrieve(self.library, tx, aim, query.filters.kinds, most)
            ]
            found = tx.segments.found([int(id_) for ranking, _ in rankings for id_ in ranking.ids])
            gathered = [
                each
                for each in fuse(rankings, found, stands_out=settings.stands_out)
                if each.best.relevance >= floor and each.best.asset.hash != query.like
            ]
            hits = hydrate(tx, gathered, query.limit)
        return SearchResult(
            hits=tuple(hits),
            matched=bool(hits) and hits[0].relevance >= max(floor, settings.stands_out),
            took_ms=round(1000 * (time.perf_counter() - started), 2),
        )

    def asset_at(self, path: Path) -> str:
        """The id of the asset that is catalogued at ``path``. Raises `QueryError` where there is none."""
        real = Path(os.path.realpath(path))
        with self.library.catalog.read() as tx:
            for root in tx.roots.all():
                if real.is_relative_to(root.path):
                    inside = real.relative_to(root.path).as_posix()
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
    try:
        return path.read_bytes()
    except OSError as error:
        raise QueryError(f"{path}: {(error.strerror or str(error)).lower()}; name a picture that can be read") from None
