"""Last stage: finished files, new locations and failures go into SQL, many in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bowerbird.store.catalog import Catalog, Transaction
from bowerbird.store.catalog.failures import Failure
from bowerbird.store.catalog.locations import Placed
from bowerbird.store.catalog.segments import Derived
from bowerbird.store.thumbnails import Thumbnails
from indexer.encode import Prepared
from indexer.facts import dated
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

    def __init__(
        self, catalog: Catalog, thumbnails: Thumbnails, every_s: float, written: Callable[[Finished], None]
    ) -> None:
        self._catalog = catalog
        self._thumbnails = thumbnails
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
            for entry in self._entries:  # before SQL says that they are there
                if isinstance(entry, Finished):
                    for ordinal, picture in entry.file.thumbnails.items():
                        self._thumbnails.put(entry.file.todo.hash, ordinal, picture)
            with self._catalog.write() as tx:
                _write(tx, self._entries)
            for entry in self._entries:
                if isinstance(entry, Finished):
                    self._written(entry)
            self._entries = []
        self._last = time.monotonic()


def _write(tx: Transaction, entries: Sequence[Finished | Known | Failed]) -> None:
    """Noun by noun, not file by file: a few statements for all of them. No path is in two entries of a run."""
    finished = [entry for entry in entries if isinstance(entry, Finished)]
    known = [entry for entry in entries if isinstance(entry, Known)]
    for each in known:
        if each.moved_from is not None:
            tx.locations.leave(each.moved_from, each.asset_id)
    placed = [(each.file, each.asset_id) for each in known]
    for done, asset_id in zip(finished, _derive(tx, [done.file for done in finished]), strict=True):
        placed += [(file, asset_id) for file in (done.file.todo.file, *done.copies)]
    _place(tx, placed)
    for entry in entries:
        if isinstance(entry, Failed):
            _fail(tx, entry.failure)


def _derive(tx: Transaction, files: Sequence[Prepared]) -> Sequence[int]:
    """Write what was derived from these files; returns the ids of their assets."""
    by_hash = tx.assets.put({file.todo.hash: (file.todo.file.stat.size, file.info) for file in files})
    ids = [by_hash[file.todo.hash] for file in files]
    tx.segments.remove(
        {(id_, step) for id_, file in zip(ids, files, strict=True) for step in file.todo.recipe.replaces}
    )
    tx.segments.replace(
        Derived(id_, step, file.todo.recipe.keys[step], made.moments, made.vectors)
        for id_, file in zip(ids, files, strict=True)
        for step, made in file.made.items()
    )
    tx.assets.mark_done(
        (id_, step, file.todo.recipe.keys[step])
        for id_, file in zip(ids, files, strict=True)
        for step in file.todo.recipe.keys
        if step in file.todo.missing and step not in file.made
    )
    return ids


def _place(tx: Transaction, placed: Sequence[tuple[ScannedFile, int]]) -> None:
    """These files hold these assets."""
    tx.locations.put(Placed(file.root.id, file.path, asset_id, file.stat, dated(file)) for file, asset_id in placed)
    tx.assets.revive({asset_id for _, asset_id in placed})
    for root_id in {file.root.id for file, _ in placed}:
        tx.failures.clear(root_id, [file.path for file, _ in placed if file.root.id == root_id])


def _fail(tx: Transaction, failure: Failure) -> None:
    stale = tx.locations.at(failure.root_id, [failure.path]).get(failure.path)
    asset = None if failure.hash is None else tx.assets.by_hash(failure.hash)
    known = None if asset is None else asset.id
    is_same = stale is not None and (stale.stat == failure.stat if failure.hash is None else stale.asset_id == known)
    if stale is not None and not is_same:
        tx.locations.remove([stale.id])  # what was there before is there no more
    tx.failures.put(failure)
