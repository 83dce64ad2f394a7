"""Forgetting: a path or an asset leaves the library with everything derived from it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from bowerbird.errors import UsageError
from bowerbird.paths import at_home
from bowerbird.store.catalog import Transaction
from bowerbird.store.lease import held
from bowerbird.wiring import Library
from indexer.roots import below_root


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many files, and how many assets that now lie nowhere else, have left the library; roots too."""

    files: int
    assets: int
    roots: int


def forget(library: Library, *names: Path | str) -> Forgotten:
    """Forget paths (a root, a folder or a file; it need not exist any more) and ids of assets: all of them, or none.

    With them goes whatever has lost its last file before and was kept in case that turned up again. The files
    themselves are not touched. Raises `UsageError` where the library knows nothing by one of the names, or
    there is none.
    """
    if not names:
        raise UsageError("name what to forget: paths, or ids of assets")
    with (
        held(library.catalog, "index", "working on this library"),
        held(library.catalog, "views", "writing the views of this library"),
    ):
        with library.catalog.write() as tx:
            waiting = tx.assets.forget_orphans()
            done = [_forget(tx, os.fspath(name), len(waiting)) for name in names]
            gone = [*waiting, *tx.assets.forget_orphans()]
            tx.words.sweep()
        # Snapshots hold vectors too, and deleted pages linger in the write-ahead log.
        library.write_views(force=True)
        with library.catalog.read() as tx:
            library.thumbnails.sweep(tx.assets.known)
        library.catalog.compact()
    files, roots = (sum(counts) for counts in zip(*done, strict=True))
    return Forgotten(files, len(gone), roots)


def _forget(tx: Transaction, name: str, waiting: int) -> tuple[int, int]:
    """Files and roots that went. Where only orphans were ``waiting``, the name may well have been theirs."""
    if not name.strip():
        raise UsageError("an empty name is no path; name what to forget")
    if re.fullmatch(r"[0-9a-f]{64}", name):
        asset = tx.assets.by_hash(name)
        if asset is None and not waiting:
            raise UsageError(f"no asset of this library has the id {name}; `bowerbird search --json` shows ids")
        locations = tx.locations.of_asset(asset.id) if asset else []
        tx.locations.remove(locations)
        return len(locations), 0
    files, roots = _forget_path(tx, name)
    if not files and not roots and not waiting:
        raise UsageError(f"nothing of {name} is in this library; `bowerbird roots` shows what is")
    return files, roots


def _forget_path(tx: Transaction, name: str) -> tuple[int, int]:
    files, roots = 0, 0
    for root in tx.roots.all():
        below = below_root(name, Path(root.path))
        if Path(root.path).is_relative_to(os.path.realpath(at_home(Path(name)))):
            files += sum(1 for _ in tx.locations.under(root.id)) + len(tx.failures.under(root.id))
            tx.roots.remove(root.id)
            roots += 1
        elif below is not None:
            ids = [id_ for id_, _ in tx.locations.under(root.id, below)]
            tx.locations.remove(ids)
            failures = tx.failures.under(root.id, below)
            tx.failures.clear(root.id, failures)
            files += len(ids) + len(failures)
    return files, roots
