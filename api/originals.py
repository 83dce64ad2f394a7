"""The files of catalogued assets, found by id and opened so that nothing else can be given out in their place.

A path in the catalogue says where something lay when it was indexed. By now a link, or another file, may lie there, so
what is read is the open file itself, and only if it still is what was indexed.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from bowerbird.errors import DecodeFailed, LibraryError, QueryError
from bowerbird.media.regular_file import open_regular
from bowerbird.store.catalog.locations import Copy
from bowerbird.types import Asset, FileStat
from bowerbird.wiring import Library
from indexer.roots import is_offline
from indexer.scan import file_stat

_ID = re.compile("[0-9a-f]{64}")
_KNOWN = 1024


class UnknownAsset(QueryError):
    """No asset has this id, or none of its files is catalogued any more."""


class OutOfReach(LibraryError):
    """The asset is catalogued, but no file that holds it can be read now."""


@dataclass(frozen=True, slots=True)
class Original:
    """A file that holds an asset: where it lies, and open at its start. Whoever had it opened closes it."""

    asset: Asset
    copy: Copy
    stat: FileStat
    """As it is now; perhaps another than the catalogued one, of a file that was touched."""
    file: BufferedReader

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self.copy.root.path, self.copy.path)


class Originals:
    """The files of one library. Safe to share between threads."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._hashes: dict[tuple[Path, FileStat], str] = {}
        """Of files that were touched or changed since they were indexed, so that none is read through twice."""
        self._lock = threading.Lock()
        self._reading = threading.Lock()

    def find(self, asset_hash: str) -> tuple[Asset, Sequence[Copy]]:
        """The asset with this id and where it lies, the oldest copy first. Raises `UnknownAsset`."""
        asset: Asset | None = None
        copies: Sequence[Copy] = ()
        if _ID.fullmatch(asset_hash):  # not all that a string may hold can be put to a database
            with self._library.catalog.read() as tx:
                asset = tx.assets.by_hash(asset_hash)
                copies = tx.locations.copies(asset.id) if asset else ()
        if asset is None or not copies:
            raise UnknownAsset(
                f"no asset {asset_hash[:80]!r} is catalogued: take ids from hits, or index its file again"
            )
        return asset, copies

    def open(self, asset_hash: str) -> Original:
        """The first copy that still is what was indexed. Raises `UnknownAsset` and `OutOfReach`."""
        asset, copies = self.find(asset_hash)
        reason = ""
        for copy in copies:
            path = Path(copy.root.path, copy.path)
            if is_offline(copy.root):
                reason = reason or f"{path} is offline: plug its drive in"
                continue
            try:
                file = open_regular(path)
            except DecodeFailed as error:
                reason = reason or f"{path} {error.reason}: run `bowerbird index`"
                continue
            try:
                stat = file_stat(os.fstat(file.fileno()))
                if stat == copy.stat or (stat.size == asset.size and self._hash(path, stat, file) == asset.hash):
                    return Original(asset, copy, stat, file)
            except OSError as error:
                reason = reason or f"{path}: {(error.strerror or str(error)).lower()}; make it readable"
            else:
                reason = reason or f"{path} has changed: run `bowerbird index`"
            file.close()
        raise OutOfReach(reason)

    def _hash(self, path: Path, stat: FileStat, file: BufferedReader) -> str:
        if (known := self._known(path, stat)) is None:
            with self._reading:  # of a film a browser asks for several ranges at once: it is read through for one
                if (known := self._known(path, stat)) is None:
                    known = hashlib.file_digest(file, "sha256").hexdigest()
                    file.seek(0)
                    self._keep(path, stat, known)
        return known

    def _known(self, path: Path, stat: FileStat) -> str | None:
        with self._lock:
            return self._hashes.get((path, stat))

    def _keep(self, path: Path, stat: FileStat, known: str) -> None:
        with self._lock:
            with suppress(StopIteration):
                if len(self._hashes) >= _KNOWN:
                    del self._hashes[next(iter(self._hashes))]
            self._hashes[path, stat] = known
