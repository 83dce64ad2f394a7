"""Second stage: what each file is, by its content, and so what there is to do for it. Here most work is saved."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from bowerbird.store.catalog import Catalog
from bowerbird.store.catalog.failures import Failure
from bowerbird.store.catalog.locations import Copy
from bowerbird.types import Asset, Location
from indexer.recipe import Recipe
from indexer.roots import is_offline, was_deleted
from indexer.scan import ScannedFile, file_stat

_LOOK_UP = 256  # files whose rows are fetched together


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The file is where and as it was; nothing is to be done."""

    file: ScannedFile


@dataclass(frozen=True, slots=True)
class Known:
    """The content is catalogued and whole, and only this location is new; ``moved_from`` is the one it left."""

    file: ScannedFile
    asset_id: int
    moved_from: int | None


@dataclass(frozen=True, slots=True)
class Todo:
    """Something has to be derived from the file."""

    file: ScannedFile
    hash: str
    recipe: Recipe
    missing: frozenset[str]
    """The steps of the recipe that are to be taken."""
    hear: bool = False
    """Whether speech is heard although there are subtitles, which turned out to hold nothing."""

    @property
    def content(self) -> tuple[str, str]:
        """Its hash and how it is read: an empty file is a note if named so, and a damaged picture if named so."""
        return self.hash, self.recipe.decode


@dataclass(frozen=True, slots=True)
class Failed:
    """The file could not be indexed; ``known`` where this was found out in an earlier run and it has not changed."""

    failure: Failure
    file: ScannedFile
    known: bool = False


Identity = Unchanged | Known | Todo | Failed


@dataclass(slots=True)
class Identifier:
    """Tells what each file is, once for each in a run."""

    catalog: Catalog
    recipe: Callable[[ScannedFile], Recipe]
    retry_failed: bool = False
    _left: dict[int, list[int]] = field(default_factory=dict)
    """By asset: locations that it has left and no other file of this run has been moved from yet."""

    def identify(self, files: Iterable[ScannedFile]) -> Iterator[Identity]:
        """One identity for each file, in order. Files of one root must come together for look-ups to be shared."""
        source = iter(files)
        while batch := list(islice(source, _LOOK_UP)):
            for files_of_root in _by_root(batch):
                yield from self._identify(files_of_root)

    def _identify(self, files: Sequence[ScannedFile]) -> Iterator[Identity]:
        root_id, paths = files[0].root.id, [file.path for file in files]
        with self.catalog.read() as tx:
            locations = tx.locations.at(root_id, paths)
            failures = tx.failures.at(root_id, paths)
            done = tx.assets.derivations([location.asset_id for location in locations.values()])
        for file in files:
            recipe = self.recipe(file)
            location, failure = locations.get(file.path), failures.get(file.path)
            if location and location.stat == file.stat and not recipe.missing(done.get(location.asset_id, {})):
                yield Unchanged(file)
            elif failure and failure.stat == file.stat and self._is_hopeless(failure, recipe):
                yield Failed(failure, file, known=True)
            else:
                yield self._by_content(file, recipe, location, failure)

    def _by_content(
        self, file: ScannedFile, recipe: Recipe, location: Location | None, failure: Failure | None
    ) -> Identity:
        try:
            digest = sha256_of(file.absolute)
        except OSError as error:
            return failed(file, None, "read", recipe, f"{error.strerror or error}".lower() + "; make it readable")
        if failure and failure.hash == digest and self._is_hopeless(failure, recipe):
            return Failed(failed(file, digest, failure.stage, recipe, failure.reason).failure, file)
        with self.catalog.read() as tx:
            asset = tx.assets.by_hash(digest)
            missing = recipe.missing(tx.assets.derivations([asset.id]).get(asset.id, {}) if asset else {})
            if asset is None or missing:
                return Todo(file, digest, recipe, missing)
            if location and location.asset_id == asset.id:  # touched
                return Known(file, asset.id, None)
            copies = [] if asset.id in self._left else tx.locations.copies(asset.id)
        return Known(file, asset.id, self._moved_from(asset, copies))

    def _is_hopeless(self, failure: Failure, recipe: Recipe) -> bool:
        """Whether the same bytes failed in the same way. What could not even be read may be readable by now."""
        return failure.hash is not None and failure.key == recipe.attempt and not self.retry_failed

    def _moved_from(self, asset: Asset, copies: Sequence[Copy]) -> int | None:
        """The location that the asset has left for a new one; None where all its copies lie where they were."""
        if asset.id not in self._left:
            left = [copy.location_id for copy in copies if _has_left(copy, asset.hash)]
            if len(copies) < 2 and not left:
                return None
            self._left[asset.id] = left  # an icon that lies in 10,000 places is looked for there once
        return self._left[asset.id].pop(0) if self._left[asset.id] else None


def _has_left(copy: Copy, digest: str) -> bool:
    """Whether a file is no longer where it was, on a volume that is there to be asked."""
    if is_offline(copy.root) and not was_deleted(copy.root):
        return False
    file = ScannedFile(copy.root, copy.path, copy.stat)
    try:
        return not file.absolute.is_file() or (changed_since(file) and sha256_of(file.absolute) != digest)
    except OSError:  # it is there, and who knows what it is
        return False


def failed(file: ScannedFile, digest: str | None, stage: str, recipe: Recipe, reason: str) -> Failed:
    """A failure of this file at this stage."""
    return Failed(Failure(file.root.id, file.path, file.stat, digest, stage, recipe.attempt, reason), file)


def changed_since(file: ScannedFile) -> bool:
    """Whether the file is no longer what was scanned: what was read of it may then be of two minds."""
    try:
        return file_stat(file.absolute.stat()) != file.stat
    except OSError:
        return True


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hex. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _by_root(files: Sequence[ScannedFile]) -> Iterator[list[ScannedFile]]:
    start = 0
    for at in range(1, len(files) + 1):
        if at == len(files) or files[at].root.id != files[start].root.id:
            yield list(files[start:at])
            start = at
