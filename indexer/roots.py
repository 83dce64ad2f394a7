"""Which roots a call is about, and whether each is there: what lies on an unplugged drive is offline, not removed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bowerbird.errors import UsageError
from bowerbird.store.catalog import Catalog
from bowerbird.types import FailedFile, Root
from indexer.scan import Target


def targets_for(catalog: Catalog, paths: Sequence[Path | str]) -> tuple[list[Target], list[FailedFile]]:
    """What is to be scanned for ``paths``, adding roots where a path lies in none, and the paths that are not there.

    A path inside a root means that part of it; a path around roots means them too, each by itself.
    Raises `UsageError` where none of the paths is there.
    """
    targets: list[Target] = []
    absent: list[FailedFile] = []
    with catalog.write() as tx:
        roots = list(tx.roots.all())
        for given in paths:
            path = Path(os.path.realpath(given))
            around = [root for root in roots if path.is_relative_to(root.path)]
            if reason := _absence(path, around):
                absent.append(FailedFile(os.path.abspath(given), "scan", reason))  # noqa: PTH100 (links stay)
                continue
            outermost = max(around, key=lambda root: len(root.path)).path if around else str(path)
            # A root that is known is noted again: drives come back under other device numbers.
            root = tx.roots.add(outermost, Path(outermost).stat().st_dev)
            folder = path.relative_to(root.path).as_posix()
            targets.append(Target(root, "" if folder == "." else folder))
            inner = [each for each in roots if Path(each.path).is_relative_to(path) and each.path != root.path]
            targets += [Target(tx.roots.add(each.path, each.device)) for each in inner if not is_offline(each)]
            roots.append(root)
        if not targets:
            raise UsageError(f"{absent[0].path}: {absent[0].reason}" if absent else "name at least one file or folder")
    return _without_overlap(targets), absent


def _absence(path: Path, around: Sequence[Root]) -> str | None:
    """Why there is nothing to scan at ``path``; None where there is."""
    offline = any(is_offline(root) for root in around)
    try:
        path.stat()
    except OSError as error:
        if not offline:
            return f"{(error.strerror or str(error)).lower()}; check the spelling"
    if offline:
        return "is offline: plug its drive in and index again, or remove it with `bowerbird forget`"
    return None


def _without_overlap(targets: Sequence[Target]) -> list[Target]:
    """The targets less those that lie in another of them."""

    def within(inner: Target, outer: Target) -> bool:
        return inner.root.id == outer.root.id and (outer.folder == "" or inner.folder.startswith(f"{outer.folder}/"))

    distinct = list(dict.fromkeys(targets))
    return [each for each in distinct if not any(within(each, other) for other in distinct if other != each)]


def is_offline(root: Root) -> bool:
    """Whether a root is not there now: gone, or an empty folder where a drive used to be mounted."""
    path = Path(root.path)
    try:
        return path.stat().st_dev != root.device and path.is_dir() and not any(path.iterdir())
    except OSError:
        return True


def was_deleted(root: Root) -> bool:
    """Whether a root that is not there was moved or deleted, rather than unplugged: its volume is still there."""
    path = Path(root.path)
    if path.exists():
        return False
    for above in path.parents:
        if above.exists():
            return above.stat().st_dev == root.device
    return False


def _absent(catalog: Catalog, path: Path, error: OSError) -> str:
    with catalog.read() as tx:
        known = any(path.is_relative_to(root.path) and is_offline(root) for root in tx.roots.all())
    if known:
        return "is offline; plug its drive in and index again, or remove it with `bowerbird forget`"
    return f"{(error.strerror or str(error)).lower()}; check the spelling"
