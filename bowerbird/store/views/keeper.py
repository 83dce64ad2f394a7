"""`ViewKeeper`: opens a library's views, keeps them up with the change log, and folds them into new snapshots."""

from __future__ import annotations

import logging
import shutil
import threading
import uuid
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from bowerbird.errors import ViewDamaged
from bowerbird.ports import ChangeLog
from bowerbird.store.views import snapshot
from bowerbird.store.views.base import Base
from bowerbird.store.views.build import build, outgrown
from bowerbird.store.views.cells import Cells
from bowerbird.store.views.faiss_view import FaissView
from bowerbird.store.views.following import catch_up, faults, from_log, more_than
from bowerbird.types import SegmentKind, Space, Vectors, ViewKey

log = logging.getLogger(__name__)

SMALLEST = 1000
"""Fewer vectors than this are read from SQL as fast as from a snapshot, and so many changes are always worth one."""
SHARE = 0.1
"""Changes worth a new snapshot, as a share of the old one."""
EXACT_UP_TO = 50_000
"""Vectors of a view that are all looked at; above, it becomes approximate. An estimate of where that begins to pay."""


class Marks(Protocol):
    """What the database itself says of a view's snapshot: random marks, one of which the snapshot bears too.

    A database that was restored from a backup, or exchanged for another, bears other marks. Its snapshots are then not
    believed, though they be of the same encoder and of lines that its log has reached again.

    They are two, with a space between: that of the snapshot that stood, and that of the one then begun. Whether the
    second replaces the first at once, later, or never, what stands bears a mark that the database knows.
    """

    def get(self, key: ViewKey) -> str:
        """The marks; ``""`` where no snapshot has been begun."""
        ...

    def set(self, key: ViewKey, mark: str) -> None:
        """Keep the marks, before a snapshot is written that bears the last of them."""
        ...


def made_of(space: Space, mark: str) -> str:
    """What a snapshot says it is of: which encoder's vectors, at which moment of which database."""
    return f"{space.fingerprint}/{mark}"


class ViewKeeper:
    """The views of one library, one for each (space, segment kind), under ``folder``. Safe to use from several threads.

    ``log_of`` gives a view's side of the change log, ``marks`` what the database says of its snapshots. Nothing here is
    needed to survive: whatever is amiss with a snapshot, the view is rebuilt in memory from SQL, and the reason is
    logged. A snapshot of more than ``exact_up_to`` vectors is approximate; ``texts`` gives queries to measure it by,
    such as people write: vectors of shape ``(n, dimension)``, or None where there are none.
    """

    def __init__(
        self,
        folder: Path,
        log_of: Callable[[ViewKey], ChangeLog],
        *,
        marks: Marks,
        exact_up_to: int = EXACT_UP_TO,
        texts: Callable[[Space], Vectors | None] = lambda space: None,
    ) -> None:
        self._folder = folder
        self._marks = marks
        self._log_of = log_of
        self._exact_up_to = exact_up_to
        self._texts = texts
        self._open: dict[ViewKey, _Open] = {}
        self._locks: dict[ViewKey, threading.RLock] = {}
        self._saving: dict[ViewKey, threading.Lock] = {}

    def view(self, space: Space, kind: SegmentKind, *, head: int | None = None) -> FaissView:
        """The view, caught up with the change log: at least as far as its head was when this was called.

        A view returned earlier stays usable, but only the one returned last is kept up. Who knows the ``head`` already
        and asks for several views spares each of them a question to the database.
        """
        key = ViewKey(space.id, kind)
        known = self._open.get(key)
        if known is not None and known.view.seq == head and known.fits(space, head):
            return known.view
        return self._caught_up(space, kind).view

    def opened(self, space: Space, kind: SegmentKind) -> FaissView:
        """The view as it was when it was last asked for: good enough for what need not be of this moment."""
        known = self._open.get(ViewKey(space.id, kind))
        return known.view if known is not None and known.of(space) else self.view(space, kind)

    def save(self, space: Space, kind: SegmentKind, *, force: bool = False) -> bool:
        """Fold the view into a new snapshot if that is worth it, or with ``force``; True where one was written.

        The caller holds the library's lease for this. Raises `StorageFull` where there is no space and `LibraryError`
        where the folder cannot be written to; the old snapshot then still stands.
        """
        key = ViewKey(space.id, kind)
        # Searches go on meanwhile: the lock that they need is held only while views are caught up and exchanged.
        with self._saving.setdefault(key, threading.Lock()):
            opened = self._opened_to_save(space, kind)
            if opened is not None and not (force or self._worth_saving(key, opened)):
                return False
            base, seq = self._made(None if opened is None else opened.view, space, kind)
            mark = uuid.uuid4().hex
            # Before the write, which others see as soon as it is done; to set it may take as long as a writer works.
            self._marks.set(key, " ".join([*self._marks_borne(space, kind), mark]))
            snapshot.write(self._place(key), base, seq, fingerprint=made_of(space, mark), kind=kind.value)
            # From now on use the file: the vectors leave memory, and whoever opens it next finds it verified.
            del opened, base
            reopened = self._load(space, kind)
            with self._lock(key):
                self._open[key] = reopened
                self._caught_up(space, kind)
            return True

    def rebuild(self, space: Space, kind: SegmentKind) -> FaissView:
        """Make the view anew from SQL, in memory, whatever the snapshot says; nothing is written."""
        key = ViewKey(space.id, kind)
        with self._lock(key):
            opened = self._open[key] = self._from_sql(space, kind, self._standing(key))
            return opened.view

    def check(self, space: Space, kind: SegmentKind) -> list[str]:
        """What is wrong with the view, a line for each fault: the snapshot read in full, then each vector against SQL.

        An empty list: all is well. A view without a snapshot is well.
        """
        key = ViewKey(space.id, kind)
        changes = self._log_of(key)
        try:
            read = self._read(space, kind, verify=True)
        except ViewDamaged as damage:
            return [f"{_name(key)}: {damage}"]
        if read is None:
            return []
        return [f"{_name(key)}: {fault}" for fault in faults(FaissView(read[1], read[0].seq), changes)]

    def drop(self, space: Space, kind: SegmentKind) -> None:
        """Remove the view's files: of a space that is retired, say. The caller holds the library's lease."""
        key = ViewKey(space.id, kind)
        with self._lock(key):
            self._open.pop(key, None)
            shutil.rmtree(self._place(key), ignore_errors=True)

    def let_go(self, keep: Collection[int]) -> None:
        """Give back what the views of all spaces but those with these ids take, in memory and of files long removed.

        Views handed out stay usable, and what is asked for again is opened again.
        """
        for key in list(self._open):
            if key.space_id not in keep:
                self._open.pop(key, None)  # without its lock, which may be held for as long as a view takes to build

    def _lock(self, key: ViewKey) -> threading.RLock:
        return self._locks.setdefault(key, threading.RLock())

    def _caught_up(self, space: Space, kind: SegmentKind) -> _Open:
        key = ViewKey(space.id, kind)
        with self._lock(key):
            changes = self._log_of(key)
            head = changes.head()
            opened = self._open.get(key)
            if opened is None or not opened.fits(space, head) or self._reopening_pays(key, opened, head):
                opened = self._open[key] = self._load(space, kind)
            catch_up(opened.view, changes, head)
            return opened

    def _load(self, space: Space, kind: SegmentKind) -> _Open:
        standing = self._standing(ViewKey(space.id, kind))
        return self._stored(space, kind) or self._from_sql(space, kind, standing)

    def _from_sql(self, space: Space, kind: SegmentKind, passed_over: snapshot.Manifest | None) -> _Open:
        view = from_log(self._log_of(ViewKey(space.id, kind)), space.dimension)
        return _Open(view, space, saved=False, passed_over=passed_over)

    def _stored(self, space: Space, kind: SegmentKind) -> _Open | None:
        try:
            read = self._read(space, kind)
        except ViewDamaged as damage:
            name = _name(ViewKey(space.id, kind))
            log.warning("view %s is rebuilt from SQL: %s; `bowerbird doctor` mends it", name, damage)
            return None
        return None if read is None else _Open(FaissView(read[1], read[0].seq), space, saved=True)

    def _opened_to_save(self, space: Space, kind: SegmentKind) -> _Open | None:
        """The view, caught up; None where there is no snapshot and too much in SQL to read it all into memory."""
        key = ViewKey(space.id, kind)
        changes = self._log_of(key)
        with self._lock(key):
            head = changes.head()
            opened = self._open.get(key)
            if opened is None or not opened.fits(space, head):
                standing = self._standing(key)
                stored = self._stored(space, kind)
                if stored is None and more_than(changes, self._exact_up_to):
                    return None
                self._open[key] = stored or self._from_sql(space, kind, standing)
            return self._caught_up(space, kind)

    def _made(self, view: FaissView | None, space: Space, kind: SegmentKind) -> tuple[Base, int]:
        """What a snapshot of the view is to hold, and the line of the change log up to which it does."""
        changes = self._log_of(ViewKey(space.id, kind))
        if view is not None:
            approximate = len(view) > self._exact_up_to
            if not approximate and not view.exact:  # it has shrunk
                view = from_log(changes, space.dimension)
            elif approximate and (not isinstance(view.base, Cells) or outgrown(view.base, len(view))):
                view = None
        if view is None:
            return build(changes, space.dimension, self._texts(space))
        folded = view.folded()
        return folded.base, folded.seq

    def _read(self, space: Space, kind: SegmentKind, *, verify: bool = False) -> tuple[snapshot.Manifest, Base] | None:
        key = ViewKey(space.id, kind)
        marks = self._marks.get(key)
        while True:
            fingerprints = tuple(made_of(space, mark) for mark in marks.split())
            expected = snapshot.Expected(fingerprints, kind.value, space.dimension)
            try:
                read = snapshot.read(self._place(key), expected, fetch=self._log_of(key).vectors, verify=verify)
            except ViewDamaged:
                before, marks = marks, self._marks.get(key)
                if marks == before:
                    raise
                continue  # another process has begun a snapshot since the marks were read: that is what stands now
            # Asked only now: the log may have grown, and a snapshot been made of it, since the caller last looked.
            if read is not None and read[0].seq > (head := self._log_of(key).head()):
                raise ViewDamaged(f"the snapshot covers line {read[0].seq} of a change log that ends at {head}")
            return read

    def _standing(self, key: ViewKey) -> snapshot.Manifest | None:
        """What the snapshot on disk says of itself; None where there is none, or it says nothing that can be read."""
        try:
            return snapshot.read_manifest(self._place(key))
        except ViewDamaged:
            return None

    def _marks_borne(self, space: Space, kind: SegmentKind) -> list[str]:
        """Which of the database's marks the snapshot on disk bears: one, or none."""
        key = ViewKey(space.id, kind)
        standing = self._standing(key)
        marks = self._marks.get(key).split()
        return [mark for mark in marks if standing is not None and standing.fingerprint == made_of(space, mark)]

    def _reopening_pays(self, key: ViewKey, opened: _Open, head: int) -> bool:
        """Whether another process has written a snapshot that spares us memory, catching up, or a large delta."""
        view = opened.view
        if view.seq == head and not self._many_changes(view):
            return False
        manifest = self._standing(key)
        if manifest is None or manifest == opened.passed_over or manifest.seq > head:
            return False  # what is open is good
        if not opened.saved:
            return manifest.seq >= view.base_seq
        return manifest.seq > view.seq or (manifest.seq > view.base_seq and self._many_changes(view))

    def _worth_saving(self, key: ViewKey, opened: _Open) -> bool:
        view = opened.view
        if opened.saved:
            return self._many_changes(view)
        # A damaged snapshot is replaced however small, or it would be found damaged every time.
        return len(view) >= SMALLEST or (self._place(key) / snapshot.MANIFEST).exists()

    @staticmethod
    def _many_changes(view: FaissView) -> bool:
        return view.changes > max(SMALLEST, SHARE * len(view.base))

    def _place(self, key: ViewKey) -> Path:
        return self._folder / _name(key)


class _Open:
    """A view in use, the space it was opened for, and whether its block is a snapshot on disk.

    ``passed_over`` is the snapshot that stood when the view was made from SQL instead: not to be tried again.
    """

    def __init__(
        self, view: FaissView, space: Space, *, saved: bool, passed_over: snapshot.Manifest | None = None
    ) -> None:
        self.view = view
        self.saved = saved
        self.passed_over = passed_over
        self._fingerprint = space.fingerprint

    def fits(self, space: Space, head: int) -> bool:
        """False where the space is another by now, or the log goes back behind the view: another database."""
        return self.of(space) and self.view.seq <= head

    def of(self, space: Space) -> bool:
        """Whether this is a view of that space."""
        return self._fingerprint == space.fingerprint and self.view.dimension == space.dimension


def _name(key: ViewKey) -> str:
    return f"{key.space_id}-{key.kind.value}"
