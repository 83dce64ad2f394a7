"""The way through the stages: parse -> retrieve -> calibrate -> fuse -> hydrate."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from bowerbird.errors import QueryError
from bowerbird.queries import Filters, Hit, Query, SearchResult
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.filters import Selection
from bowerbird.store.catalog.words import Match
from bowerbird.types import AssetKind, SegmentKind, Source
from bowerbird.wiring import Library
from search import words
from search.calibrate import Calibrator
from search.fuse import Candidate, Entry, Gathered, Listed, fuse
from search.hydrate import first_hits
from search.parse import MOST_BYTES, day, kinds_of, parse
from search.retrieve import Aim, Ranking, aims, retrieve


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
        types: Sequence[AssetKind | str] = (),
        after: date | str | None = None,
        before: date | str | None = None,
        place: str | None = None,
        camera: str | None = None,
        path: str | None = None,
        language: str | None = None,
        limit: int = 10,
        min_relevance: float | None = None,
    ) -> SearchResult:
        """Find by text, by a picture (a path, or encoded bytes), by likeness to an indexed file, or by several of them.

        The rest are `Filters`; days may be written as 2019, 2019-07 or 2019-07-04. Filters alone list what meets them,
        the newest first. Raises `QueryError` where the query is empty, out of bounds, or names a file that cannot be
        read or is not in the library.
        """
        picture = image if isinstance(image, bytes) or image is None else _read(Path(image))
        asset = None if like is None else self.asset_at(Path(like))
        filters = Filters(
            kinds=kinds_of(SegmentKind, kinds, "kind"),
            types=kinds_of(AssetKind, types, "type"),
            after=day(after, "after"),
            before=day(before, "before"),
            place=place,
            camera=camera,
            path=path,
            language=language,
        )
        return self.run(Query(text, picture, asset, tuple(negatives), filters, limit, min_relevance))

    def run(self, query: Query) -> SearchResult:
        """Answer a query. Raises `QueryError`."""
        started = time.perf_counter()
        query = parse(query)
        settings = self.library.settings.search
        floor = settings.min_relevance if query.min_relevance is None else query.min_relevance
        with self.library.catalog.read() as tx:
            selection = tx.filtered.select(query.filters)
            if query.text or query.image is not None or query.like is not None:
                hits = self._found(tx, query, selection, floor)
            else:
                hits = _listed(tx, selection, query)
        return SearchResult(
            hits=tuple(hits),
            matched=bool(hits) and hits[0].relevance >= max(floor, settings.stands_out),
            took_ms=round(1000 * (time.perf_counter() - started), 2),
        )

    def _found(self, tx: Transaction, query: Query, selection: Selection, floor: float) -> list[Hit]:
        aimed = aims(self.library, tx, query)
        # Moments of one asset become one hit, and so do pairs, so more are asked for than are wanted, and more again
        # while a long document crowds out the rest.
        most = 4 * query.limit + 50
        while True:
            gathered, exhausted = self._gather(tx, aimed, query, selection, most)
            above = [each for each in gathered if each.best.relevance >= floor]
            hits = first_hits(tx, above, query.limit, query.filters.path)
            if exhausted or (len(gathered) >= query.limit and (len(hits) >= query.limit or len(above) < len(gathered))):
                return hits
            most *= 4

    def _gather(
        self, tx: Transaction, aimed: Sequence[Aim], query: Query, selection: Selection, most: int
    ) -> tuple[list[Gathered], bool]:
        """One entry for each asset among the ``most`` best of each kind and source, and whether those are all."""
        lists: list[Listed] = []
        spared: dict[int, float] = {}
        exhausted = True
        for aim in aimed:
            # Filters that leave little come first; what others leave is sorted out of what was found.
            within = None if selection.assets is None else tx.filtered.embeddings(selection, aim.space.id)
            for ranking in retrieve(self.library, tx, aim, query.filters.kinds, most, within):
                exhausted = exhausted and len(ranking.ids) < most
                lists.append(self._list(tx, ranking, selection, spared))
        if query.text:
            matches = words.find(tx, query.text, most, selection)
            exhausted = exhausted and len(matches) < most
            lists.append(_list_of_words(tx, matches))
            if query.negatives and matches:
                _take(spared, words.spared(tx, matches, query.negatives))
                only = tx.filtered.only(sorted({match.asset_id for match in matches}))
                for aim in aimed:
                    among = tx.filtered.embeddings(only, aim.space.id)
                    for ranking in retrieve(self.library, tx, aim, (), max(map(len, among.values()), default=0), among):
                        self._list(tx, ranking, only, spared)
        gathered = fuse(lists, stands_out=self.library.settings.search.stands_out, spared=spared)
        return [each for each in gathered if each.best.asset.hash != query.like], exhausted

    def _list(self, tx: Transaction, ranking: Ranking, selection: Selection, spared: dict[int, float]) -> Listed:
        """A ranking as a list of segments; what the negatives leave of each goes into ``spared``."""
        found = tx.segments.found(ranking.ids.tolist(), selection.conditions)
        relevance, left = self._calibrator.relevance(ranking), self._calibrator.spared(ranking)
        entries = []
        for id_, score, relevant, factor in zip(ranking.ids, ranking.scores, relevance, left, strict=True):
            if (hit := found.get(int(id_))) is not None:  # else filtered out, or gone since the view was caught up
                entries.append(Entry(hit, float(score), float(relevant)))
                _take(spared, {hit.segment.id: float(factor)})
        return Listed(ranking.source, entries)

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


def _list_of_words(tx: Transaction, matches: Sequence[Match]) -> Listed:
    found = tx.segments.moments([match.segment_id for match in matches])
    entries = [
        Entry(found[match.segment_id], match.score, words.relevance(match), match.named)
        for match in matches
        if match.segment_id in found
    ]
    return Listed(Source.WORDS, entries)


def _listed(tx: Transaction, selection: Selection, query: Query) -> list[Hit]:
    """What filters alone leave, the newest first."""
    certain = {Source.WORDS: 1.0}
    most = 2 * query.limit
    while True:
        ids = tx.filtered.newest(selection, most)
        found = tx.segments.moments(ids)
        gathered = [Gathered(Candidate(found[id_].segment, found[id_].asset, certain)) for id_ in ids if id_ in found]
        hits = first_hits(tx, gathered, query.limit, query.filters.path)
        if len(hits) >= query.limit or len(ids) < most:
            return hits
        most *= 4


def _take(spared: dict[int, float], factors: Mapping[int, float]) -> None:
    """Whichever source knows a negative best has its way."""
    for segment_id, factor in factors.items():
        spared[segment_id] = min(factor, spared.get(segment_id, 1.0))


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
