"""The way through the stages: parse -> retrieve -> calibrate -> fuse -> (rerank) -> hydrate."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from bowerbird.errors import QueryError
from bowerbird.paths import at_home, listed
from bowerbird.queries import Filters, Hit, Query
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.filters import Selection
from bowerbird.types import AssetKind, Box, SegmentKind, Source, Space, Vectors
from bowerbird.wiring import Library
from search import cursor as cursors
from search.calibrate import Calibrator
from search.compose import aims, examples, negatives_of, source_of, texts_of
from search.fuse import Candidate, Gathered
from search.gather import Gatherer
from search.hydrate import first_hits
from search.notebook import ShownResult
from search.parse import box, day, kinds_of, parse
from search.picture_files import read_picture
from search.query_vectors import Key, QueryVectors
from search.recognise import recognised
from search.rerank import MOST as MOST_RERANKED
from search.rerank import Asked, rerank

MOST_SIFTED = 20_000
"""Of each list, that are held against filters which leave much, before what they leave is listed after all."""


class Search:
    """Answers queries from one library; `open_search` makes one. Safe to share between threads. A context manager.

    ``spaces`` are searched in the place of the active ones: what is being built, say, to see what it would be worth.
    """

    def __init__(self, library: Library, spaces: Sequence[Space] | None = None) -> None:
        self.library = library
        self._spaces = spaces
        self._gatherer = Gatherer(library, Calibrator(library))
        self._vectors = QueryVectors(library)

    @property
    def spaces(self) -> Sequence[Space]:
        """What is searched, the joint space first."""
        return self.library.spaces if self._spaces is None else self._spaces

    def search(
        self,
        text: str | None = None,
        *,
        also: Sequence[str] = (),
        image: Path | str | bytes | None = None,
        crop: Box | str | None = None,
        like: Path | str | int | Sequence[Path | str | int] | None = None,
        unlike: Path | str | int | Sequence[Path | str | int] | None = None,
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
        cursor: str | None = None,
        rerank: str | None = None,
    ) -> ShownResult:
        """Find by text, by a picture or a part of it, by likeness, or by several of them at once.

        What is near to all that is given comes first; filters alone list what meets them, the newest first.

        What to look for:
            text: a line of the query language, as on the command line: ``beach -people type:video after:2023-06``.
            also: further texts that hits are to be near as well.
            image: a picture, by its path or as encoded bytes (JPEG, PNG …). It need not be in the library.
            crop: the part of ``image`` that is meant: a `Box` or ``"x,y,width,height"``, in fractions of the picture.
            like: one or several indexed files by their paths, or moments by the ``segment_id`` of hits.
            unlike: what hits are not to be like, named in the same way.
            negatives: texts that hits are not to be near.

        Filters, all of which must hold; of several kinds or types one will do:
            kinds: of moments: ``"image"``, ``"frame"``, ``"speech"``, ``"page"`` …, see `SegmentKind`.
            types: of files: ``"image"``, ``"video"``, ``"audio"``, ``"document"``.
            after, before: a date, 2019, 2019-07-04, March 2021 or last summer; made on that day or later, before it.
            place: words of the name of the place, its region or its country.
            camera: words of the camera's or the lens's name.
            path: a part of the path, or with ``*`` and ``?`` a pattern for its end.
            language: what is spoken or written: ``"en"`` takes in ``en-GB``.

        How much is told:
            limit: hits at most, 1 to 1,000.
            min_relevance: 0 to 1; hits below are left out. None: the library's settings.
            cursor: the ``next_cursor`` of the page before, to the same query.
            rerank: what judges the best hits again, such as ``"encoder:SPEC"``. None: the library's setting.

        Returns a `SearchResult`: ``hits``, best first, each the best moment of one file, and ``matched``, which is
        False where nothing stands out. Notebooks show it as pictures.

        Raises `QueryError` where the query is empty, out of bounds, or names a file that cannot be read or is not in
        the library; `EncoderUnavailable` and `EncoderMismatch` where the library's encoder cannot be had; other
        `LibraryError` where its catalogue cannot be read.
        """
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
        query = Query(
            text,
            tuple(listed(also)),
            image if isinstance(image, bytes) or image is None else read_picture(Path(image)),
            box(crop) if isinstance(crop, str) else crop,
            self._named(like),
            self._named(unlike),
            tuple(listed(negatives)),
            filters,
            limit=limit,
            min_relevance=min_relevance,
            cursor=cursor,
            rerank=rerank,
        )
        return self.run(query)

    def prepare(self, queries: Sequence[Query]) -> None:
        """Encode what several queries hold, their texts in one run of each encoder, ahead of `run`.

        What cannot be answered or read is passed over: `run` says why.
        """
        texts: dict[str, None] = {}
        pictures = []
        for query in queries:
            with suppress(QueryError):
                parsed = parse(query).query
                texts.update(dict.fromkeys((*texts_of(parsed), *negatives_of(parsed))))
                if parsed.image is not None:
                    pictures.append((parsed.image, parsed.crop))
        for space in self.spaces:
            if texts:
                self._vectors.texts(space, list(texts))
            for data, crop in pictures:
                with suppress(QueryError):
                    self._vectors.picture(space, data, crop)

    def prepared(self, query: Query) -> Mapping[Key, Vectors]:
        """What is known of the vectors of ``query``, for `adopt` in another process. Raises `QueryError`."""
        parsed = parse(query).query
        texts = [*texts_of(parsed), *negatives_of(parsed)]
        picture = None if parsed.image is None else (parsed.image, parsed.crop)
        return {
            key: vector for space in self.spaces for key, vector in self._vectors.known(space, texts, picture).items()
        }

    def adopt(self, prepared: Mapping[Key, Vectors]) -> None:
        """Take over vectors of a query that another process has encoded, so that no model is needed in this one."""
        self._vectors.adopt(prepared)

    def run(self, query: Query) -> ShownResult:
        """Answer a query that is put together already, as `search` puts it together from its arguments.

        Raises what `search` raises.
        """
        started = time.perf_counter()
        parsed = parse(query)
        query = parsed.query
        page = cursors.read(query)
        settings = self.library.settings.search
        asked = query.min_relevance
        floor = settings.min_relevance if asked is None else asked
        bar = max(floor, settings.stands_out) if asked is None else asked
        with self.library.catalog.read() as tx:
            if self._spaces is None:
                self.library.refresh_spaces(tx)  # somebody may have switched to another encoder
            spaces = self.spaces  # once, since another thread may notice the next switch meanwhile
            # One more than is shown tells whether there is another page.
            most = page.hits + query.limit + 1
            selection = tx.filtered.select(query.filters, wanted=_depth(most))
            if query.text or query.also or query.image is not None or query.like:
                hits = self._found(tx, spaces, query, selection, floor, most)
            else:
                hits = self._listed(tx, spaces, query, selection, most)
        matched = bool(hits) and hits[0].relevance >= bar
        left = [hit for hit in hits if not page.has_shown(hit)]
        shown = [replace(hit, rank=page.hits + number) for number, hit in enumerate(left[: query.limit], 1)]
        following = page.after(shown)
        goes_on = len(left) > query.limit and not following.is_last
        return ShownResult.of(
            self.library,
            hits=tuple(shown),
            matched=matched,
            took_ms=round(1000 * (time.perf_counter() - started), 2),
            next_cursor=following.written(query) if goes_on else None,
            understood=parsed.understood,
        )

    def moments(self, tx: Transaction, query: Query, most: int, within: Selection | None = None) -> list[Candidate]:
        """The ``most`` best moments of each kind and source, in one list, best first; of one asset there may be many.

        ``text``, ``also`` and ``image`` of the query are looked for as they stand, ``within`` these or everywhere:
        no filters are read off it. Raises what `search` raises.
        """
        if self._spaces is None:
            self.library.refresh_spaces(tx)
        aimed = aims(self.spaces, tx, query, self._vectors)
        found = self._gatherer.moments(tx, aimed, query, within or tx.filtered.select(Filters(), wanted=most), most)
        if _is_picture_alone(query):
            found = [each.best for each in self._recognised(tx, query, [Gathered(each) for each in found])]
        return found

    def _found(
        self,
        tx: Transaction,
        searched: Sequence[Space],
        query: Query,
        selection: Selection,
        floor: float,
        limit: int,
    ) -> list[Hit]:
        like, unlike = examples(tx, query.like), examples(tx, query.unlike)
        named = {each.asset_id for each in (*like, *unlike)}
        spaces = [each for each in searched if not query.sources or source_of(each) in query.sources]
        aimed = aims(spaces, tx, query, self._vectors, like, unlike)
        spec = self.library.settings.search.rerank if query.rerank is None else query.rerank
        # Those that are judged are the same for every page, so as many are found for the first.
        enough = limit if spec == "none" else max(limit, MOST_RERANKED)
        most = _depth(enough)
        while True:
            if most > MOST_SIFTED and selection.assets is None and query.filters.narrow:
                # What is near does not meet the filters: go through what does.
                selection = tx.filtered.select(query.filters, wanted=None)
            gathered, exhausted = self._gatherer.gather(tx, aimed, query, selection, most, floor)
            if _is_picture_alone(query):
                gathered = self._recognised(tx, query, gathered)
            above = [each for each in gathered if each.best.relevance >= floor and each.best.asset_id not in named]
            hits = self._hits(tx, searched, above, query, limit)
            if exhausted or (len(gathered) >= enough and len(hits) >= limit):
                break
            most *= 4
        if spec == "none":
            return hits
        return self._hits(tx, searched, self._reranked(tx, query, spec, above), query, limit)

    def _reranked(self, tx: Transaction, query: Query, spec: str, gathered: Sequence[Gathered]) -> list[Gathered]:
        image = query.image
        picture = None if image is None else lambda wanted: self._vectors.pixels(image, wanted, query.crop)
        moments = tx.segments.moments([each.best.segment_id for each in gathered[:MOST_RERANKED]])
        return rerank(self.library, spec, Asked(texts_of(query), picture), gathered, moments)

    def _recognised(self, tx: Transaction, query: Query, gathered: Sequence[Gathered]) -> list[Gathered]:
        return recognised(tx, self.library.thumbnails, lambda: self._vectors.thumbnail(query), gathered)

    def _hits(
        self, tx: Transaction, searched: Sequence[Space], gathered: Sequence[Gathered], query: Query, limit: int
    ) -> list[Hit]:
        return first_hits(
            tx,
            gathered,
            limit,
            space=searched[0],
            thumbnails=self.library.thumbnails,
            path=query.filters.path,
        )

    def _listed(
        self, tx: Transaction, searched: Sequence[Space], query: Query, selection: Selection, limit: int
    ) -> list[Hit]:
        """What filters alone leave, the newest first."""
        certain = {Source.WORDS: 1.0}
        most = 2 * limit
        while True:
            ids = tx.filtered.newest(selection, most)
            found = tx.segments.owned(ids)
            gathered = [
                Gathered(Candidate(id_, found[id_].asset_id, relevances=certain)) for id_ in ids if id_ in found
            ]
            hits = self._hits(tx, searched, gathered, query, limit)
            if len(hits) >= limit or len(ids) < most:
                return hits
            most *= 4

    def _named(self, said: Path | str | int | Sequence[Path | str | int] | None) -> tuple[str | int, ...]:
        """Examples as a query names them: segments by their ids, files by the hashes of what they hold."""
        listed = [] if said is None else [said] if isinstance(said, Path | str | int) else said
        return tuple(each if isinstance(each, int) else self.asset_at(Path(each)) for each in listed)

    def asset_at(self, path: Path) -> str:
        """The id (64 hexadecimal digits) of the asset that is catalogued at ``path``, ``~`` and links followed.

        Raises `QueryError` where there is none.
        """
        path = at_home(path)
        # A link inside a root is catalogued where it lies, one above the root where it leads.
        try:
            named = {
                Path(os.path.abspath(path)),
                Path(os.path.realpath(path.parent), path.name),
                Path(os.path.realpath(path)),
            }
        except (OSError, ValueError):  # a name that no file can have
            named = set()
        with self.library.catalog.read() as tx:
            for root in tx.roots.all():
                for place in named:
                    if place.is_relative_to(root.path):
                        inside = place.relative_to(root.path).as_posix()
                        found = tx.locations.asset_hash_at(root.id, "" if inside == "." else inside)
                        if found is not None:
                            return found
        raise QueryError(f"{str(path)!r} is not in this library: index it first, or use --image FILE")

    def close(self) -> None:
        """Close the library: connections are given back, child processes ended. Happens at the end of ``with``."""
        self.library.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _is_picture_alone(query: Query) -> bool:
    return query.image is not None and query.crop is None and not (query.text or query.also or query.like)


def _depth(limit: int) -> int:
    """How many of each list are asked for at first: several moments become one hit, and so do pairs and duplicates.

    More are asked for again while a long document crowds out the rest.
    """
    return 3 * limit + 20
