"""The loop: scan -> identify -> decode -> derive -> encode -> commit. Bounded memory; may be killed at any point."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bowerbird.errors import DecodeFailed
from bowerbird.media.sandbox import Closed, Opened, Part
from bowerbird.store.catalog import Transaction
from bowerbird.store.folder import CATALOG, TOML, VIEWS
from bowerbird.types import FailedFile, IndexReport
from bowerbird.wiring import Library
from indexer.commit import CommitStage, Finished
from indexer.derive import Reading, Tools, requests
from indexer.encode import EncodeStage, Prepared
from indexer.facts import with_place
from indexer.identify import Failed, Identifier, Known, Todo, Unchanged, changed_since, failed, sha256_of
from indexer.recipe import Recipe, Recipes
from indexer.roots import is_offline, was_deleted
from indexer.scan import ScannedFile, Target, Unreadable, scan


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: files dealt with, and how many of them failed."""

    done: int
    failed: int


_SAVE_VIEWS_EVERY = 20_000  # segments

OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class Run:
    """One run of the indexer over some targets."""

    library: Library
    targets: list[Target]
    recipes: Recipes
    tools: Tools
    on_progress: OnProgress
    retry_failed: bool = False
    failures: list[FailedFile] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _seen: set[int] = field(default_factory=set)
    """Hashes of root and path of what was found: 1,000,000 files take 64 MB, and their names would take 200."""
    _unseen: list[tuple[int, str]] = field(default_factory=list)
    """Folders and files, by root, that could not be looked at."""
    _copies: dict[tuple[str, str], list[ScannedFile]] = field(default_factory=dict)
    """Content under way, by hash and way to read it, with the other files of this run that hold it."""
    _bad: dict[tuple[str, str], DecodeFailed] = field(default_factory=dict)
    """Content of this run that could not be read, so that a second copy is not tried."""
    _again: list[Todo] = field(default_factory=list)
    """Copies of a file that changed while it was being read: they are read in its place."""
    _saved_at: int = 0
    _started: float = field(default_factory=time.monotonic)

    def run(self) -> IndexReport:
        """Bring the targets up to date. What was committed when an error ends this is kept."""
        settings = self.library.settings.index
        encoders = {space: self.library.encoder(space) for space in self.library.spaces}
        encode = EncodeStage(encoders, settings.batch_size, settings.commit_every_s)
        commit = CommitStage(self.library.catalog, self.library.thumbnails, settings.commit_every_s, self._written)
        todo: Iterable[Todo] = self._todo(commit)
        try:
            while todo:
                for prepared in self._prepared(todo, encode, commit):
                    commit.put(Finished(prepared, self._copies[prepared.todo.content]))
                    self._save_views_now_and_then()
                todo, self._again = self._again, []
            for prepared in encode.flush():
                commit.put(Finished(prepared, self._copies[prepared.todo.content]))
        finally:
            commit.flush()
        self._tell()
        self._tidy()
        return self.report()

    def _save_views_now_and_then(self) -> None:
        """Long runs leave snapshots on the way, or every searcher would hold all that is new in memory."""
        if self._counts["segments"] - self._saved_at > _SAVE_VIEWS_EVERY:
            self._saved_at = self._counts["segments"]
            self.library.save_views()

    def report(self) -> IndexReport:
        """What has been done so far."""
        return IndexReport(
            **self._counts, failed=tuple(self.failures), seconds=round(time.monotonic() - self._started, 3)
        )

    def files(self) -> Iterator[ScannedFile | Unreadable]:
        """Everything that the targets hold for us."""
        roots = {Path(target.root.path) for target in self.targets}
        for target in self.targets:
            yield from scan(
                target,
                reads=lambda path: self.library.format_for(path) is not None,
                hidden=self.library.settings.index.hidden,
                sounds=self._sounds,
                skip=is_library_inside,
                apart=roots,
            )

    def _todo(self, commit: CommitStage) -> Iterator[Todo]:
        """What has to be decoded; everything else is dealt with on the way."""
        identifier = Identifier(self.library.catalog, self._recipe, self.retry_failed)
        for identity in identifier.identify(self._readable()):
            match identity:
                case Unchanged():
                    self._counts["reused"] += 1
                case Known(moved_from=moved_from):
                    self._counts["reused" if moved_from is None else "moved"] += 1
                    commit.put(identity)
                case Failed():
                    self._fail(identity, commit)
                case Todo(file=file, content=content):
                    if content in self._bad:
                        self._fail(_failed(identity, file, self._bad[content]), commit)
                    elif content in self._copies:
                        self._copies[content].append(file)
                    else:
                        self._copies[content] = []
                        yield identity
            self._tell()

    def _sounds(self, path: Path) -> bool:
        found = self.library.format_for(path)
        return found is not None and found.sounds

    def _recipe(self, file: ScannedFile) -> Recipe:
        made_by = self.library.format_for(file.absolute)
        assert made_by is not None  # or `scan` would have passed it by
        subtitles = []
        for name in file.sidecars:
            with suppress(OSError):  # what cannot be read will be reported when it is decoded
                subtitles.append(sha256_of(file.absolute.with_name(name)))
        return self.recipes.of(made_by, subtitles)

    def _readable(self) -> Iterator[ScannedFile]:
        for found in self.files():
            self._counts["seen"] += 1
            if isinstance(found, ScannedFile):
                self._seen.add(hash((found.root.id, found.path)))
                yield found
            else:
                self._unseen.append((found.root.id, found.path))
                self.failures.append(FailedFile(str(Path(found.root.path, found.path)), "scan", found.reason))

    def _prepared(self, todo: Iterable[Todo], encode: EncodeStage, commit: CommitStage) -> Iterator[Prepared]:
        """Decode what is to be decoded, and take every further step; yields files that are ready to be written."""
        asked = (request for each in todo for request in requests(each, self.recipes))
        for event in self.library.decoders.decode(asked):
            reading, number = event.request.tag
            match event:
                case Opened(info=info) if number == 0:
                    reading.begin(with_place(info, self.library.gazetteer), self.tools)
                case Opened():
                    reading.subtitles[number] = []
                case Part(part=part) if number == 0:
                    for step, moment in reading.take(part):
                        yield from encode.put(reading.file, step, moment)
                case Part(part=part):
                    reading.subtitles[number].append(part)
                case Closed(error=error):
                    reading.pending -= 1
                    if error is not None:
                        self._not_read(reading, number, event.request.path, error, commit)
                    if not reading.pending and not reading.lost:
                        yield from self._finished(reading, encode)
                    self._tell()

    def _not_read(self, reading: Reading, number: int, path: Path, error: DecodeFailed, commit: CommitStage) -> None:
        todo = reading.todo
        if number:  # bad subtitles cost no film
            self._counts["seen"] += 1
            self.failures.append(FailedFile(str(path), error.stage, error.reason))
        elif changed_since(todo.file):
            reading.lost = True
            self._read_anew(todo)
        else:
            reading.lost = True
            self._bad[todo.content] = error
            for file in (todo.file, *self._copies.pop(todo.content)):
                self._fail(_failed(todo, file, error), commit)

    def _finished(self, reading: Reading, encode: EncodeStage) -> Iterator[Prepared]:
        if changed_since(reading.todo.file):  # whatever came of it, it may be of two minds
            self._read_anew(reading.todo)
            return
        if reading.is_mute and self.tools.transcriber is not None:
            self._again.append(replace(reading.todo, hear=True))
            return
        assert reading.file is not None
        for step, moment in reading.finish():
            yield from encode.put(reading.file, step, moment)
        yield from encode.close(reading.file)

    def _read_anew(self, todo: Todo) -> None:
        """The file changed while it was being read; a copy of it is read in its place."""
        self._report_failure(todo.file, "read", "changed while it was being read; index again when it is at rest")
        if copies := self._copies.pop(todo.content):
            self._copies[todo.content] = copies[1:]
            self._again.append(replace(todo, file=copies[0]))

    def _tell(self) -> None:
        done = sum(self._counts[outcome] for outcome in ("indexed", "reused", "moved")) + len(self.failures)
        self.on_progress(Progress(done, len(self.failures)))

    def _written(self, finished: Finished) -> None:
        self._counts["indexed"] += 1
        self._counts["reused"] += len(finished.copies)
        self._counts["segments"] += sum(len(made.moments) for made in finished.file.made.values())
        del self._copies[finished.file.todo.content]

    def _fail(self, identity: Failed, commit: CommitStage) -> None:
        if not identity.known:
            commit.put(identity)
        self._report_failure(identity.file, identity.failure.stage, identity.failure.reason)

    def _report_failure(self, file: ScannedFile, stage: str, reason: str) -> None:
        self.failures.append(FailedFile(str(file.absolute), stage, reason))

    def _tidy(self) -> None:
        """Take out what is no longer there. Nothing is taken out below a folder that could not be looked into."""
        with self.library.catalog.write() as tx:
            for target in self.targets:
                if not is_offline(target.root):  # a drive may have been unplugged meanwhile
                    self._tidy_target(tx, target)
            self._tidy_roots(tx)
            keep = timedelta(days=self.library.settings.index.keep_removed_days)
            gone = tx.assets.forget_orphans(datetime.now(UTC) - keep if keep else None)
        self.library.thumbnails.forget(gone)

    def _tidy_target(self, tx: Transaction, target: Target) -> None:
        root_id = target.root.id
        gone = [id_ for id_, path in tx.locations.under(root_id, target.folder) if self._is_gone(root_id, path)]
        tx.locations.remove(gone)
        self._counts["removed"] += len(gone)
        failed_paths = tx.failures.under(root_id, target.folder)
        tx.failures.clear(root_id, [path for path in failed_paths if self._is_gone(root_id, path)])

    def _tidy_roots(self, tx: Transaction) -> None:
        """Roots that were deleted go if all their files have turned up elsewhere, or if they lay in a target."""
        files = tx.roots.counts()
        scanned = {Path(target.root.path, target.folder) for target in self.targets}
        for root in tx.roots.all():
            within = not scanned.isdisjoint(Path(root.path).parents)
            if was_deleted(root) and (within or root.id not in files):
                self._counts["removed"] += files.get(root.id, 0)
                tx.roots.remove(root.id)

    def _is_gone(self, root_id: int, path: str) -> bool:
        if hash((root_id, path)) in self._seen:
            return False
        return not any(
            root_id == unseen_root and (folder == "" or path == folder or path.startswith(f"{folder}/"))
            for unseen_root, folder in self._unseen
        )


def is_library_inside(folder: Path) -> bool:
    """Whether ``folder`` is a library, in which there is nothing to index."""
    return (folder / TOML).is_file() and ((folder / CATALOG).is_file() or (folder / VIEWS).is_dir())


def _failed(todo: Todo, file: ScannedFile, error: DecodeFailed) -> Failed:
    return failed(file, todo.hash, error.stage, todo.recipe, error.reason)
