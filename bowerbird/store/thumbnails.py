"""Small pictures of what was indexed, in files named by content: ``thumbs/ab/<hash>-<ordinal>.webp``.

They are made while a file is decoded anyway. SQL says that they have been; one that was lost is simply not shown.
"""

from __future__ import annotations

import errno
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from contextlib import suppress
from pathlib import Path

from bowerbird.errors import StorageFull


class Thumbnails:
    """Thumbnails and posters of a library. Safe to share between threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, asset_hash: str, ordinal: int = 0) -> Path:
        """Where the picture of the moment with this ordinal lies, if there is one."""
        return self._folder / asset_hash[:2] / f"{asset_hash}-{ordinal}.webp"

    def put(self, asset_hash: str, ordinal: int, data: bytes) -> None:
        """Keep a picture, WebP, in the place of an older one. Raises `StorageFull` and other kinds of OSError."""
        path = self.path(asset_hash, ordinal)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(data)
            fresh.replace(path)
        except OSError as error:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StorageFull(f"no space left for thumbnails in {self._folder}; free some and try again") from None
            raise

    def sweep(self, known: Callable[[Sequence[str]], Set[str]]) -> None:
        """Delete pictures of assets that are none: what a killed run has left. ``known`` tells which hashes are."""
        with suppress(FileNotFoundError):
            for folder in self._folder.iterdir():
                hashes = {each.name.lstrip(".").partition("-")[0] for each in folder.iterdir()}
                self.forget(hashes - known(sorted(hashes)))

    def forget(self, hashes: Iterable[str]) -> None:
        """Delete all pictures of these assets."""
        by_folder: dict[str, set[str]] = defaultdict(set)
        for each in hashes:
            by_folder[each[:2]].add(each)
        for name, gone in by_folder.items():
            folder = self._folder / name
            with suppress(FileNotFoundError), os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.lstrip(".").partition("-")[0] in gone:
                        with suppress(FileNotFoundError):
                            Path(entry.path).unlink()
