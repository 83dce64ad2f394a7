"""A progress bar with rate and time left on stderr; none where stderr is no terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from indexer import Progress
from indexer.pipeline import Run


class Bar(Protocol):
    """What `Indexer.index` tells how far it is."""

    def start(self, run: Run) -> None:
        """The run begins."""
        ...

    def expect(self, total: int) -> None:
        """So much there is to do."""
        ...

    def update(self, progress: Progress) -> None:
        """So far it has come."""
        ...


class Silent:
    """For logs and pipes."""

    def start(self, run: Run) -> None:
        """Say nothing."""

    def expect(self, total: int) -> None:
        """Say nothing."""

    def update(self, progress: Progress) -> None:
        """Say nothing."""


class Drawn:
    """A bar of rich. Files are counted by a thread of its own while the first are already being indexed."""

    def __init__(self, doing: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress
        from rich.progress import Task as RichTask
        from rich.text import Text

        class Rate(ProgressColumn):
            def render(self, task: RichTask) -> Text:
                return Text(f"{task.speed:.0f}/s" if task.speed else "", style="progress.data.speed")

        self.rich = RichProgress(
            TextColumn(doing),
            BarColumn(),
            MofNCompleteColumn(),
            Rate(),
            TimeRemainingColumn(),
            TextColumn("[red]{task.fields[failed]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self.rich.add_task("", total=None, failed="")

    def start(self, run: Run) -> None:
        """Begin to count what there is to do."""
        threading.Thread(target=self._count, args=(run,), name="count files", daemon=True).start()

    def expect(self, total: int) -> None:
        """Draw the bar to this end."""
        self.rich.update(self._task, total=total)

    def update(self, progress: Progress) -> None:
        """Draw, at most as often as the terminal is refreshed."""
        failed = f"{progress.failed} failed" if progress.failed else ""
        self.rich.update(self._task, completed=progress.done, failed=failed)

    def _count(self, run: Run) -> None:
        self.rich.update(self._task, total=sum(1 for _ in run.files()))


@contextmanager
def shown(doing: str = "indexing") -> Iterator[Bar]:
    """A bar for the length of the ``with`` block."""
    if not sys.stderr.isatty():
        yield Silent()
        return
    bar = Drawn(doing)
    with bar.rich:
        yield bar
