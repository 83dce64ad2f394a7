"""Forgetting: a path or an asset leaves the library with everything derived from it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from bowerbird.errors import UsageError
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


def forget(library: Library, what: str) -> Forgotten:
    """Forget ``what``: a path (a root, a folder or a file; it need not exist any more) or the id of an asset.

    The files themselves are not touched. Raises `UsageError` where the library knows nothing by that name.
    """
    with held(library.catalog, "index", "working on this library"):
        with library.catalog.write() as tx:
            done = _forget_asset(tx, what) if re.fullmatch(r"[0-9a-f]{64}", what) else _forget_path(tx, what)
        # Snapshots hold vectors too, and deleted pages linger in the write-ahead log.
        library.save_views(force=True)
        library.catalog.compact()
    return done


def _forget_asset(tx: Transaction, hash_: str) -> Forgotten:
    asset = tx.assets.by_hash(hash_)
    if asset is None:
        raise UsageError(f"no asset of this library has the id {hash_}; `bowerbird search --json` shows ids")
    locations = tx.locations.of_asset(asset.id)
    tx.locations.remove(locations)
    return Forgotten(len(locations), tx.assets.forget([asset.id]), 0)


def _forget_path(tx: Transaction, what: str) -> Forgotten:
    files, roots, touched = 0, 0, set[int]()
    for root in tx.roots.all():
        below = below_root(what, Path(root.path))
        if Path(root.path).is_relative_to(os.path.realpath(what)):
            touched.update(tx.assets.ids_under(root.id))
            files += sum(1 for _ in tx.locations.under(root.id)) + len(tx.failures.under(root.id))
            tx.roots.remove(root.id)
            roots += 1
        elif below is not None:
            touched.update(tx.assets.ids_under(root.id, below))
            ids = [id_ for id_, _ in tx.locations.under(root.id, below)]
            tx.locations.remove(ids)
            failures = tx.failures.under(root.id, below)
            tx.failures.clear(root.id, failures)
            files += len(ids) + len(failures)
    if not files and not roots:
        raise UsageError(f"nothing of {what} is in this library; `bowerbird roots` shows what is")
    return Forgotten(files, tx.assets.forget(sorted(touched)), roots)
