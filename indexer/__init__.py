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
    """Brings a library up to date with folders; `open_indexer` makes one. A context manager.

    One run at a time may work on a library, of all processes. Searches go on meanwhile, and see what was committed.
    """

    def __init__(self, library: Library, say: Callable[[str], None] = lambda _: None) -> None:
        self.library = library
        self._say = say

    def index(
        self,
        paths: Path | str | Sequence[Path | str],
        *,
        on_progress: OnProgress = lambda _: None,
        on_start: Callable[[Run], None] = lambda _: None,
        retry_failed: bool = False,
        regions: int | None = None,
    ) -> IndexReport:
        """Index files and folders. Only what is new or changed costs work; what is gone is taken out.

        Arguments:
            paths: a file or folder, or several; folders become roots of the library. One that is not there is a failure
                of the report, unless it is all there is.
            on_progress: told a `Progress` often, from this thread: files dealt with so far, and how many failed.
            on_start: told the run before it begins, from this thread; its ``files()`` go through what it will see.
            retry_failed: try files again that failed before, though they have not changed.
            regions: how many tiles of each picture are encoded too, from now on: 0, 4 or 9. None: as settled before.

        Returns an `IndexReport`: counts of files and new segments, seconds, and the files that failed, with the
        reasons. Whatever ends a run early, what was committed is kept, and the next run goes on from there.

        Raises `UsageError` where none of ``paths`` is there, `LibraryBusy` while another process indexes into the
        library, `StorageFull`, and `EncoderUnavailable` or `EncoderMismatch` where its encoder cannot be had.
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
        """Close the library: connections are given back, child processes ended. Happens at the end of ``with``."""
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
    """Open a library for indexing, making it where there is none.

    ``library`` is its folder; None: ``$BOWERBIRD_LIBRARY``, else the platform's data folder. ``encoder`` is the spec
    string of a new library, such as ``concepts`` (None: ``auto``), or must be what an existing one has; ``say`` is told
    in one line what ``auto`` chose. Use it in a ``with`` statement, or close it.

    Raises `UsageError` where the folder holds something else, `UnknownEncoder`, `EncoderUnavailable`,
    `EncoderMismatch`, and other `LibraryError` where the library cannot be made or used.
    """
    return Indexer(open_library(library, create=True, encoder=encoder, say=say), say)
