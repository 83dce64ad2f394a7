"""The ingestion worker: scan -> identify -> decode -> derive -> encode -> commit. The file names are the stages.

>>> from indexer import open_indexer                     # doctest: +SKIP
>>> with open_indexer("~/library") as indexer:           # doctest: +SKIP
...     report = indexer.index(["~/Pictures"])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from bowerbird.errors import LibraryBusy
from bowerbird.store.lease import held, owner
from bowerbird.types import IndexReport
from bowerbird.wiring import Library, open_library
from indexer.derive import Tools
from indexer.pipeline import OnProgress, Progress, Run
from indexer.recipe import Recipes
from indexer.regions import settled_regions
from indexer.roots import targets_for
from indexer.scan import Target

__all__ = ["Indexer", "Progress", "open_indexer"]


class Indexer:
    """Brings a library up to date with folders. One at a time may work on a library. A context manager."""

    def __init__(self, library: Library, say: Callable[[str], None] = lambda _: None) -> None:
        self.library = library
        self._say = say

    def index(
        self,
        paths: Sequence[Path | str],
        *,
        on_progress: OnProgress = lambda _: None,
        on_start: Callable[[Run], None] = lambda _: None,
        retry_failed: bool = False,
        regions: int | None = None,
    ) -> IndexReport:
        """Index files and folders. Only what is new or changed costs work; what is gone is taken out.

        Files that fail are listed in the report and not tried again until they change, or ``retry_failed`` is given.
        ``regions`` says from now on how many tiles of each picture are encoded too: 0, 4 or 9.
        ``on_progress`` is called often, from this thread. Raises `UsageError` where none of ``paths`` is there,
        `LibraryBusy` while another process indexes into the library, `StorageFull`, `EncoderUnavailable`.
        """
        catalog = self.library.catalog
        with held(catalog, "index", "indexing into this library"):
            targets, absent = targets_for(catalog, paths)
            with catalog.write() as tx:
                job = tx.jobs.start("index", owner())
            state, report = "failed", IndexReport()
            run = self._run(targets, on_progress, retry_failed, regions)
            try:
                on_start(run)
                report = run.run()
                report = replace(report, seen=report.seen + len(absent), failed=(*absent, *report.failed))
                with suppress(LibraryBusy):  # somebody else is writing them, and views catch up by themselves
                    self.library.save_views()
                self.library.prepare_search()
                state = "done"
            finally:
                with catalog.write() as tx:
                    tx.jobs.finish(job, state, {**asdict(report), "failed": len(report.failed)})
        return report

    def _run(self, targets: list[Target], on_progress: OnProgress, retry_failed: bool, regions: int | None) -> Run:
        library = self.library
        with library.catalog.read() as tx:  # this process may have opened it before another encoder was switched to
            library.refresh_spaces(tx)
        tools = Tools(library.reader, library.transcriber)
        recipes = Recipes(
            library.spaces,
            library.encoder(library.joint).picture,
            library.settings.decode,
            regions=settled_regions(library, regions, self._say),
            reader=None if tools.reader is None else tools.reader.stage,
            transcriber=None if tools.transcriber is None else tools.transcriber.stage,
            thumbnail_px=library.settings.index.thumbnail_px,
        )
        return Run(library, targets, recipes, tools, on_progress, retry_failed)

    def close(self) -> None:
        """Close the library."""
        self.library.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_indexer(
    library: Path | str | None = None, *, encoder: str | None = None, say: Callable[[str], None] = lambda _: None
) -> Indexer:
    """Open a library for indexing, making it where there is none (None: the default one).

    ``encoder`` is a spec string for a new library; ``say`` is told in one line what ``auto`` chose.
    Raises `LibraryError`, `UnknownEncoder`, `EncoderUnavailable`.
    """
    return Indexer(open_library(library, create=True, encoder=encoder, say=say), say)
