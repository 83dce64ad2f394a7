"""Watching: what changes in a library's roots is indexed as soon as it is at rest, and only there.

`watchfiles` tells which paths change. Whatever it cannot tell of, a drive that comes back, a root that was deleted and
made again, or an event that was lost with an odd name, is noticed by looking at the roots themselves, and they are then
gone through.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bowerbird.errors import LibraryBusy, StorageFull, UsageError
from bowerbird.paths import at_home, listed
from bowerbird.types import FailedFile, IndexReport, Root
from bowerbird.wiring import Library
from indexer.ignore import IGNORE_FILE, IgnoreRules
from indexer.pipeline import is_library_inside
from indexer.roots import add_roots, is_offline

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5
_GROUP_MS = 100

_State = tuple[int, ...]
"""What tells that a folder or a file is another than before."""


@dataclass(frozen=True, slots=True)
class WatchRun:
    """An index run that something that changed has led to."""

    paths: tuple[str, ...]
    report: IndexReport
    changed: bool
    """Whether the library is another now."""
    news: tuple[FailedFile, ...]
    """Files that failed, less those that have been told of before."""


@dataclass(slots=True)
class _Pending:
    """Folders to be indexed, and when: after ``quiet_s`` in which nothing changed, or ``at_most_s`` in any case."""

    quiet_s: float
    at_most_s: float
    folders: set[Path] = field(default_factory=set)
    _since: float = 0.0
    _last: float = 0.0
    _not_before: float = 0.0

    def add(self, folders: Iterable[Path], *, at_rest: bool = False) -> None:
        """Something has changed there, just now, or some time ago and is ``at_rest``."""
        if new := set(folders):
            now = time.monotonic()
            self._last = now - self.quiet_s if at_rest else now
            self._since = self._since if self.folders else now
            self.folders |= new

    def due(self) -> bool:
        """Whether it is time."""
        now = time.monotonic()
        rested = now - self._last >= self.quiet_s or now - self._since >= self.at_most_s
        return bool(self.folders) and rested and now >= self._not_before

    def take(self) -> set[Path]:
        """What there is to do, from now on in the hands of the caller."""
        taken, self.folders = self.folders, set()
        return taken

    def put_back(self, folders: set[Path], seconds: float) -> None:
        """It could not be done, and is to be tried again when so many seconds have passed."""
        self.add(folders)
        self._not_before = time.monotonic() + seconds


class Watcher:
    """Keeps a library current with its roots, or with some paths of them, for as long as `run` runs."""

    def __init__(
        self,
        library: Library,
        index: Callable[[Sequence[Path]], IndexReport],
        paths: Path | str | Sequence[Path | str] = (),
        *,
        on_run: Callable[[WatchRun], None],
        say: Callable[[str], None] = log.info,
        quiet_s: float = 2.0,
        at_most_s: float = 30.0,
        again_s: float = 5.0,
    ) -> None:
        """``index`` is `Indexer.index`, or what calls it; ``paths`` become roots where they lie in none.

        ``on_run`` is told of every run, and ``say`` in one line why one has to wait; it is tried again after
        ``again_s``. Raises `UsageError` where one of ``paths`` is not there.
        """
        add_roots(library.catalog, paths)
        self._library = library
        self._own = Path(os.path.realpath(library.folder))
        self._index = index
        self._named = [Path(os.path.realpath(at_home(Path(path)))) for path in listed(paths)]
        self._on_run = on_run
        self._say = say
        self._again_s = again_s
        self._pending = _Pending(quiet_s, at_most_s)
        self._told: set[FailedFile] = set()
        self._waiting = False

    def run(self, stop: threading.Event) -> None:
        """Bring everything up to date, then follow what changes until ``stop`` is set.

        Raises `UsageError` where the system does not let so many folders be watched, and whatever ends an index run
        but `LibraryBusy` and `StorageFull`, which pass.
        """
        while not stop.is_set():
            folders, files = self._there()
            # All is gone through when it is watched, since nobody tells of what has changed before that.
            self._pending.add([*folders, *files], at_rest=True)
            with closing(_changes(list(folders), stop)) as changes:
                for changed in changes:
                    self._note(changed)
                    if self._pending.due():
                        self._bring_up_to_date()
                    folders_now, files_now = self._there()
                    if folders_now != folders:
                        break
                    self._pending.add(path for path, state in files_now.items() if files.get(path) != state)
                    files = files_now

    def _there(self) -> tuple[dict[Path, _State], dict[Path, _State]]:
        """The folders to watch and the files, as they are now: a drive that comes back is another.

        Files that are roots by themselves are few, and are looked at rather than watched: a watch is lost where an
        editor puts a new file in the place of the old one.
        """
        roots = self._roots()
        known = {Path(root.path) for root in roots}
        offline = {Path(root.path) for root in roots if is_offline(root)}
        folders, files = dict[Path, _State](), dict[Path, _State]()
        for path in self._named or known:
            around = next((each for each in (path, *path.parents) if each in known), None)
            if around is None or around in offline:
                continue
            with suppress(OSError):
                found = path.stat()
                if stat.S_ISDIR(found.st_mode):
                    folders[path] = found.st_dev, found.st_ino
                else:
                    files[path] = found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
        return folders, files

    def _roots(self) -> Sequence[Root]:
        with self._library.catalog.read() as tx:
            return tx.roots.all()

    def _note(self, changed: Iterable[Path]) -> None:
        """Remember the folders in which something changed that the library knows, or should."""
        roots: dict[Path, Root] = {}
        for path in changed:
            if above := next((each for each in path.parents if each in self._pending.folders), None):
                self._pending.add([above])  # that it is not at rest
                continue
            roots = roots or {Path(root.path): root for root in self._roots()}
            root = next((roots[each] for each in (path, *path.parents) if each in roots), None)
            if root is not None and self._matters(root, path):
                self._pending.add([_folder(root, path)])

    def _matters(self, root: Root, path: Path) -> bool:
        if path.is_relative_to(self._own) or self._is_left_out(root, path):
            return False
        if path.name == IGNORE_FILE or self._library.format_for(path) is not None or path.is_dir():
            return True
        if os.path.lexists(path):
            return False
        below = path.relative_to(root.path).as_posix()  # it may have been a folder
        with self._library.catalog.read() as tx:
            return any(True for _ in tx.locations.under(root.id, below)) or bool(tx.failures.under(root.id, below))

    def _is_left_out(self, root: Root, path: Path) -> bool:
        """Whether a scan of the root would pass it by: hidden, ignored, or part of a library."""
        rules, folder, relative = IgnoreRules(self._library.settings.index.hidden), Path(root.path), ""
        parts = path.relative_to(folder).parts
        for depth, part in enumerate(parts, 1):
            try:
                rules = rules.within(folder, relative)
            except OSError:  # the scan will say what is the matter
                return False
            folder, relative = folder / part, f"{relative}/{part}" if relative else part
            if depth < len(parts) or folder.is_dir():
                left_out = rules.ignore(relative, folder=True) or is_library_inside(folder)
            elif part == IGNORE_FILE:
                return False
            else:  # what is gone may have been a folder or a file
                gone = not os.path.lexists(folder)
                left_out = rules.ignore(relative, folder=False) and (not gone or rules.ignore(relative, folder=True))
            if left_out:
                return True
        return False

    def _bring_up_to_date(self) -> None:
        taken = self._pending.take()
        roots = {Path(root.path): root for root in self._roots()}
        paths = _smallest(filter(None, (_standing(roots, path) for path in taken)))
        if not paths:
            return
        started, files = time.time(), self._files()
        try:
            report = self._index(paths)
        except (LibraryBusy, StorageFull) as error:
            if not self._waiting:
                self._say(f"waiting, then trying again: {error}")
            self._waiting = True
            self._pending.put_back(taken, self._again_s)
            return
        except UsageError as error:  # they went this very moment, which will be told too
            log.debug("%s", error)
            return
        self._waiting = False
        self._pending.add(_changed_meanwhile(report, started))
        news = tuple(each for each in report.failed if each not in self._told)
        self._told = self._told.union(news)
        counts = (report.indexed, report.moved, report.removed, report.segments)
        self._on_run(WatchRun(tuple(map(str, paths)), report, any(counts) or files != self._files(), news))

    def _files(self) -> int:
        with self._library.catalog.read() as tx:
            return tx.locations.count()


def _changes(paths: Sequence[Path], stop: threading.Event) -> Generator[set[Path], None, None]:
    """What changes in these folders, and now and then nothing. Ends when ``stop`` is set, or when it has lost track."""
    from watchfiles import watch

    if not paths:
        while not stop.wait(_LOOK_EVERY_S):
            yield set()
        return
    told = watch(
        *paths,
        watch_filter=None,
        debounce=_GROUP_MS,
        step=_GROUP_MS // 2,
        rust_timeout=int(_LOOK_EVERY_S * 1000),
        yield_on_timeout=True,
        stop_event=stop,
        ignore_permission_denied=True,
    )
    try:
        with closing(told):
            for changes in told:
                yield {Path(path) for _, path in changes}
    except FileNotFoundError:  # a folder went between the look and the watch
        stop.wait(_LOOK_EVERY_S)
    except OSError as error:
        raise UsageError(
            f"the system does not let these folders be watched: {error}; raise its limit "
            "(fs.inotify.max_user_watches on Linux), or set WATCHFILES_FORCE_POLLING=1"
        ) from None
    except RuntimeError as error:  # watchfiles' own, at a name that is not UTF-8: from there on it tells nothing
        log.debug("%s", error)


def _folder(root: Root, path: Path) -> Path:
    """What to go through for a change at ``path``: the innermost folder of the root to which no link leads."""
    top = Path(root.path)
    folder = path if path == top or path.is_dir() else path.parent
    while folder != top and os.path.realpath(folder) != str(folder):
        folder = folder.parent
    return folder


def _standing(roots: Mapping[Path, Root], path: Path) -> Path | None:
    """``path``, or the folder above that still stands, in a root that is there; None where nothing does."""
    for place in (path, *path.parents):
        root = next((roots[each] for each in (place, *place.parents) if each in roots), None)
        if root is None or is_offline(root):
            return None
        if place.exists():
            return place
    return None


def _smallest(paths: Iterable[Path]) -> list[Path]:
    """The paths less those that lie in another of them."""
    distinct = set(paths)
    return sorted(path for path in distinct if distinct.isdisjoint(path.parents))


def _changed_meanwhile(report: IndexReport, started: float) -> Iterator[Path]:
    """Folders of files that could not be read because they were being written, whether or not anything tells of it."""
    for failed in report.failed:
        if failed.stage == "read":
            try:
                changed = Path(failed.path).stat().st_mtime
            except OSError:
                continue
            if started - 1 <= changed <= time.time():
                yield Path(failed.path).parent
