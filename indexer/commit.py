"""Last stage: finished files, new locations and failures go into SQL, many in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bowerbird.store.catalog import Catalog, Transaction
from indexer.encode import Prepared
from indexer.identify import Failed, Known
from indexer.scan import ScannedFile

_MOST = 256  # entries in one transaction, so that readers of the log get it in digestible pieces


@dataclass(slots=True)
class Finished:
    """A file with everything derived from it, and other files of this run with the same content."""

    file: Prepared
    copies: list[ScannedFile] = field(default_factory=list)


class CommitStage:
    """Gathers entries and writes them when enough have come or ``every_s`` has passed since the last time."""

    def __init__(self, catalog: Catalog, every_s: float, written: Callable[[Finished], None]) -> None:
        self._catalog = catalog
        self._every_s = every_s
        self._written = written
        self._entries: list[Finished | Known | Failed] = []
        self._last = time.monotonic()

    def put(self, entry: Finished | Known | Failed) -> None:
        """Add an entry; it is acknowledged once a transaction has written it."""
        self._entries.append(entry)
        if len(self._entries) >= _MOST or time.monotonic() - self._last > self._every_s:
            self.flush()

    def flush(self) -> None:
        """Write what there is. Raises `StorageFull` where there is no space; nothing is half written."""
        if self._entries:
            with self._catalog.write() as tx:
                for entry in self._entries:
                    _write(tx, entry)
            for entry in self._entries:
                if isinstance(entry, Finished):
                    self._written(entry)
            self._entries = []
        self._last = time.monotonic()


def _write(tx: Transaction, entry: Finished | Known | Failed) -> None:
    match entry:
        case Finished(file=prepared, copies=copies):
            todo = prepared.todo
            asset_id = tx.assets.put(todo.hash, todo.file.stat.size, prepared.info)
            tx.segments.replace(asset_id, todo.recipe.decode, todo.recipe.key, prepared.moments, prepared.vectors)
            for stage, key in todo.recipe.keys.items():
                if stage != todo.recipe.decode:
                    tx.assets.mark_done(asset_id, stage, key)
            for file in (todo.file, *copies):
                _place(tx, file, asset_id)
        case Known(file=file, asset_id=asset_id, moved_from=moved_from):
            if moved_from is not None:
                tx.locations.leave(moved_from, asset_id)
            _place(tx, file, asset_id)
        case Failed(failure=failure):
            stale = tx.locations.at(failure.root_id, [failure.path]).get(failure.path)
            if stale is not None:  # what was there before is there no more
                tx.locations.remove([stale.id])
            tx.failures.put(failure)


def _place(tx: Transaction, file: ScannedFile, asset_id: int) -> None:
    tx.locations.put(file.root.id, file.path, asset_id, file.stat)
    tx.assets.revive([asset_id])
    tx.failures.clear(file.root.id, [file.path])
