"""`ViewKeeper`: opens a library's views, keeps them up with the change log, and folds them into new snapshots."""

from __future__ import annotations

import logging
import shutil
import threading
import uuid
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np

from bowerbird.errors import ViewDamaged
from bowerbird.ports import ChangeLog
from bowerbird.store.views import snapshot
from bowerbird.store.views.arguments import check_batch
from bowerbird.store.views.block import Block
from bowerbird.store.views.faiss_view import FaissView
from bowerbird.types import ChangeBatch, SegmentKind, Space, ViewKey

log = logging.getLogger(__name__)

SMALLEST = 1000
"""Fewer vectors than this are read from SQL as fast as from a snapshot, and so many changes are always worth one."""
SHARE = 0.1
"""Changes worth a new snapshot, as a share of the old one."""

_ATTEMPTS = 5
"""How often `check` looks for a moment at which nobody writes."""


class Marks(Protocol):
    """What the database itself says of a view's newest snapshot: a random mark, which the snapshot bears too.

    A database that was restored from a backup, or exchanged for another, bears other marks. Its snapshots are then not
    believed, though they be of the same encoder and of lines that its log has reached again.
    """

    def get(self, key: ViewKey) -> str:
        """The mark; ``""`` where no snapshot has been written."""
        ...

    def set(self, key: ViewKey, mark: str) -> None:
        """Keep the mark of a snapshot that now stands."""
        ...


def made_of(space: Space, mark: str) -> str:
    """What a snapshot says it is of: which encoder's vectors, at which moment of which database."""
    return f"{space.fingerprint}/{mark}"


class ViewKeeper:
    """The views of one library, one for each (space, segment kind), under ``folder``. Safe to use from several threads.

    ``log_of`` gives a view's side of the change log, ``marks`` what the database says of its snapshots. Nothing here is
    needed to survive: whatever is amiss with a snapshot, the view is rebuilt in memory from SQL, and the reason is
    logged.
    """

    def __init__(self, folder: Path, log_of: Callable[[ViewKey], ChangeLog], *, marks: Marks) -> None:
        self._folder = folder
        self._marks = marks
        self._log_of = log_of
        self._open: dict[ViewKey, _Open] = {}
        self._locks: dict[ViewKey, threading.RLock] = {}

    def view(self, space: Space, kind: SegmentKind) -> FaissView:
        """The view, caught up with the change log: at least as far as its head was when this was called.

        A view returned earlier stays usable, but only the one returned last is kept up.
        """
        key = ViewKey(space.id, kind)
        with self._lock(key):
            changes = self._log_of(key)
            head = changes.head()
            opened = self._open.get(key)
            if opened is None or not opened.fits(space, head) or self._reopening_pays(key, opened, head):
                opened = self._load(space, kind, head)
                self._open[key] = opened
            _catch_up(opened.view, changes, head)
            return opened.view

    def save(self, space: Space, kind: SegmentKind, *, force: bool = False) -> bool:
        """Fold the view into a new snapshot if that is worth it, or with ``force``; True where one was written.

        The caller holds the library's lease for this. Raises `StorageFull` where there is no space and `LibraryError`
        where the folder cannot be written to; the old snapshot then still stands.
        """
        key = ViewKey(space.id, kind)
        with self._lock(key):
            view = self.view(space, kind)
            if not (force or self._worth_saving(key, view)):
                return False
            folded = view.folded()
            mark = uuid.uuid4().hex
            snapshot.write(self._place(key), folded.base, folded.seq, fingerprint=made_of(space, mark), kind=kind.value)
            self._marks.set(key, mark)
            # From now on use the file: the vectors leave memory, and whoever opens it next finds it verified.
            del self._open[key]
            self.view(space, kind)
            return True

    def rebuild(self, space: Space, kind: SegmentKind) -> FaissView:
        """Make the view anew from SQL, in memory, whatever the snapshot says; nothing is written."""
        key = ViewKey(space.id, kind)
        with self._lock(key):
            opened = _Open(_from_log(self._log_of(key), space.dimension), space, saved=False)
            self._open[key] = opened
            return opened.view

    def check(self, space: Space, kind: SegmentKind) -> list[str]:
        """What is wrong with the view, a line for each fault: the snapshot read in full, then each vector against SQL.

        An empty list: all is well. A view without a snapshot is well.
        """
        key = ViewKey(space.id, kind)
        changes = self._log_of(key)
        try:
            read = self._read(space, kind, changes.head(), verify=True)
        except ViewDamaged as damage:
            return [f"{_name(key)}: {damage}"]
        if read is None:
            return []
        return [f"{_name(key)}: {fault}" for fault in _compare(FaissView(read[1], read[0].seq), changes)]

    def drop(self, space: Space, kind: SegmentKind) -> None:
        """Remove the view's files: of a space that is retired, say. The caller holds the library's lease."""
        key = ViewKey(space.id, kind)
        with self._lock(key):
            self._open.pop(key, None)
            shutil.rmtree(self._place(key), ignore_errors=True)

    def _lock(self, key: ViewKey) -> threading.RLock:
        return self._locks.setdefault(key, threading.RLock())

    def _load(self, space: Space, kind: SegmentKind, head: int) -> _Open:
        key = ViewKey(space.id, kind)
        try:
            read = self._read(space, kind, head)
        except ViewDamaged as damage:
            log.warning("view %s is rebuilt from SQL: %s; `bowerbird doctor` mends it", _name(key), damage)
            read = None
        if read is not None:
            return _Open(FaissView(read[1], read[0].seq), space, saved=True)
        return _Open(_from_log(self._log_of(key), space.dimension), space, saved=False)

    def _read(
        self, space: Space, kind: SegmentKind, head: int, *, verify: bool = False
    ) -> tuple[snapshot.Manifest, Block] | None:
        key = ViewKey(space.id, kind)
        expected = snapshot.Expected(made_of(space, self._marks.get(key)), kind.value, space.dimension)
        read = snapshot.read(self._place(key), expected, verify=verify)
        if read is not None and read[0].seq > head:
            raise ViewDamaged(f"the snapshot covers line {read[0].seq} of a change log that ends at {head}")
        return read

    def _reopening_pays(self, key: ViewKey, opened: _Open, head: int) -> bool:
        """Whether another process has written a snapshot that spares us catching up, or a large delta."""
        if opened.view.seq == head and not self._many_changes(opened.view):
            return False
        try:
            manifest = snapshot.read_manifest(self._place(key))
        except ViewDamaged:
            return False  # what is open is good
        if manifest is None or not opened.view.base_seq < manifest.seq <= head:
            return False
        return manifest.seq > opened.view.seq or self._many_changes(opened.view)

    def _worth_saving(self, key: ViewKey, view: FaissView) -> bool:
        if self._open[key].saved:
            return self._many_changes(view)
        # A damaged snapshot is replaced however small, or it would be found damaged every time.
        return len(view) >= SMALLEST or (self._place(key) / snapshot.MANIFEST).exists()

    @staticmethod
    def _many_changes(view: FaissView) -> bool:
        return view.changes > max(SMALLEST, SHARE * len(view.base))

    def _place(self, key: ViewKey) -> Path:
        return self._folder / _name(key)


class _Open:
    """A view in use, the space it was opened for, and whether its block is a snapshot on disk."""

    def __init__(self, view: FaissView, space: Space, *, saved: bool) -> None:
        self.view = view
        self.saved = saved
        self._fingerprint = space.fingerprint

    def fits(self, space: Space, head: int) -> bool:
        """False where the space is another by now, or the log goes back behind the view: another database."""
        same = self._fingerprint == space.fingerprint and self.view.dimension == space.dimension
        return same and self.view.seq <= head


def _name(key: ViewKey) -> str:
    return f"{key.space_id}-{key.kind.value}"


def _from_log(changes: ChangeLog, dimension: int) -> FaissView:
    """A view of all that is live, in one block in memory."""
    batches = []
    for batch in changes.live():
        check_batch(batch, dimension)
        batches.append(batch)
    block = Block.of(dimension, np.concatenate([batch.ids for batch in batches]), (batch.vectors for batch in batches))
    return FaissView(block, batches[0].seq)


def _catch_up(view: FaissView, changes: ChangeLog, head: int) -> None:
    if view.seq >= head:
        return
    for batch in changes.since(view.seq):
        view.apply(batch)
    if view.seq < head:
        # The last lines were other views': remember that they were looked at.
        nothing = np.empty(0, dtype=np.int64)
        view.apply(ChangeBatch(head, nothing, np.empty((0, view.dimension), dtype=np.float16), nothing))


def _compare(view: FaissView, changes: ChangeLog) -> list[str]:
    """How the view, once caught up, differs from what is live in SQL."""
    for _ in range(_ATTEMPTS):
        _catch_up(view, changes, changes.head())
        live = changes.live()
        first = next(live)
        if first.seq == view.seq:
            break
    else:
        return ["could not be compared, as the library is being written to: run it again later"]
    block = view.folded().base
    missing = altered = present = 0
    for batch in chain([first], live):
        rows = block.rows_of(batch.ids)
        held = np.isin(batch.ids, block.ids[rows])
        missing += int(np.count_nonzero(~held))
        altered += int(np.count_nonzero((block.vectors[rows] != batch.vectors[held]).any(axis=1)))
        present += len(rows)
    extra = len(block) - present
    counts = {"is missing {} vectors": missing, "holds {} that are not in SQL": extra, "{} differ from SQL": altered}
    return [words.format(count) for words, count in counts.items() if count]
