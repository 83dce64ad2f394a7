"""The loop: scan -> identify -> decode -> segment -> encode -> commit. Bounded memory; may be killed at any point."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bowerbird.media.registry import format_for
from bowerbird.media.sandbox import DecodeOutcome, DecodeRequest
from bowerbird.store.catalog import Transaction
from bowerbird.types import FailedFile, IndexReport
from bowerbird.wiring import TOML, Library
from indexer.commit import CommitStage, Finished
from indexer.encode import EncodeStage, Prepared
from indexer.identify import Failed, Identifier, Known, Todo, Unchanged, changed_since, failed
from indexer.recipe import recipe_for
from indexer.roots import is_offline, was_deleted
from indexer.scan import ScannedFile, Target, Unreadable, scan
from indexer.segment import segment


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: files dealt with, and how many of them failed."""

    done: int
    failed: int


OnProgress = Callable[[Progress], None]


@dataclass(slots=True)
class Run:
    """One run of the indexer over some targets."""

    library: Library
    targets: list[Target]
    on_progress: OnProgress
    retry_failed: bool = False
    failures: list[FailedFile] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _seen: set[int] = field(default_factory=set)
    """Hashes of root and path of what was found: 1,000,000 files take 64 MB, and their names would take 200."""
    _unseen: list[tuple[int, str]] = field(default_factory=list)
    """Folders and files, by root, that could not be looked at."""
    _copies: dict[str, list[ScannedFile]] = field(default_factory=dict)
    """Content under way, by hash, with the other files of this run that hold it."""
    _started: float = field(default_factory=time.monotonic)

    def run(self) -> IndexReport:
        """Bring the targets up to date. What was committed when an error ends this is kept."""
        library, settings = self.library, self.library.settings.index
        encoders = {space: library.encoder(space) for space in library.spaces}
        spec = encoders[library.joint].picture
        encode = EncodeStage(encoders, settings.batch_size, settings.commit_every_s)
        commit = CommitStage(library.catalog, settings.commit_every_s, self._written)
        requests = (DecodeRequest(todo.file.absolute, spec, todo) for todo in self._todo(commit))
        try:
            for outcome in library.decoders.decode(requests):
                for prepared in self._prepare(outcome, encode, commit):
                    commit.put(Finished(prepared, self._copies[prepared.todo.hash]))
                self._tell()
            for prepared in encode.flush():
                commit.put(Finished(prepared, self._copies[prepared.todo.hash]))
        finally:
            commit.flush()
        self._tidy()
        return self.report()

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
                reads=lambda path: format_for(path) is not None,
                hidden=self.library.settings.index.hidden,
                skip=lambda folder: folder in roots or (folder / TOML).is_file(),
            )

    def _todo(self, commit: CommitStage) -> Iterator[Todo]:
        """What has to be decoded; everything else is dealt with on the way."""
        identifier = Identifier(
            self.library.catalog,
            lambda file: recipe_for(file.absolute, self.library.spaces),
            self._gone,
            self.retry_failed,
        )
        for identity in identifier.identify(self._readable()):
            match identity:
                case Unchanged():
                    self._counts["reused"] += 1
                case Known(moved_from=moved_from):
                    self._counts["reused" if moved_from is None else "moved"] += 1
                    commit.put(identity)
                case Failed():
                    self._fail(identity, commit)
                case Todo(hash=digest, file=file):
                    if digest in self._copies:
                        self._copies[digest].append(file)
                    else:
                        self._copies[digest] = []
                        yield identity
            self._tell()

    def _readable(self) -> Iterator[ScannedFile]:
        for found in self.files():
            self._counts["seen"] += 1
            if isinstance(found, ScannedFile):
                self._seen.add(hash((found.root.id, found.path)))
                yield found
            else:
                self._unseen.append((found.root.id, found.path))
                self.failures.append(FailedFile(str(Path(found.root.path, found.path)), "scan", found.reason))

    def _prepare(self, outcome: DecodeOutcome, encode: EncodeStage, commit: CommitStage) -> Iterable[Prepared]:
        todo: Todo = outcome.request.tag
        if outcome.decoded is not None and not changed_since(todo.file):
            return encode.put(Prepared(todo, outcome.decoded.info, segment(outcome.decoded.moments)))
        copies = self._copies.pop(todo.hash)
        for file in (todo.file, *copies):
            if outcome.error is not None:
                self._fail(failed(file, todo.hash, outcome.error.stage, todo.recipe, outcome.error.reason), commit)
            else:
                reason = "changed while it was being read; index again when it is at rest"
                self._report_failure(file, "read", reason)
        return ()

    def _tell(self) -> None:
        done = sum(self._counts[outcome] for outcome in ("indexed", "reused", "moved")) + len(self.failures)
        self.on_progress(Progress(done, len(self.failures)))

    def _written(self, finished: Finished) -> None:
        self._counts["indexed"] += 1
        self._counts["reused"] += len(finished.copies)
        self._counts["segments"] += len(finished.file.moments)
        del self._copies[finished.file.todo.hash]

    def _fail(self, identity: Failed, commit: CommitStage) -> None:
        if not identity.known:
            commit.put(identity)
        self._report_failure(identity.file, identity.failure.stage, identity.failure.reason)

    def _report_failure(self, file: ScannedFile, stage: str, reason: str) -> None:
        self.failures.append(FailedFile(str(file.absolute), stage, reason))

    def _gone(self, tx: Transaction, asset_id: int) -> list[int]:
        """The locations of an asset at which it no longer is, on volumes that are there to be asked."""
        gone = []
        for copy in tx.locations.copies(asset_id):
            there = not changed_since(ScannedFile(copy.root, copy.path, copy.stat))
            if not there and (was_deleted(copy.root) or not is_offline(copy.root)):
                gone.append(copy.location_id)
        return gone

    def _tidy(self) -> None:
        """Take out what is no longer there. Nothing is taken out below a folder that could not be looked into."""
        with self.library.catalog.write() as tx:
            for target in self.targets:
                root_id = target.root.id
                gone = [id_ for id_, path in tx.locations.under(root_id, target.folder) if self._is_gone(root_id, path)]
                tx.locations.remove(gone)
                self._counts["removed"] += len(gone)
                failed_paths = tx.failures.under(root_id, target.folder)
                tx.failures.clear(root_id, [path for path in failed_paths if self._is_gone(root_id, path)])
            keep = timedelta(days=self.library.settings.index.keep_removed_days)
            tx.assets.forget_orphans(datetime.now(UTC) - keep)

    def _is_gone(self, root_id: int, path: str) -> bool:
        if hash((root_id, path)) in self._seen:
            return False
        return not any(
            root_id == unseen_root and (folder == "" or path == folder or path.startswith(f"{folder}/"))
            for unseen_root, folder in self._unseen
        )
