"""Which roots a call is about, and whether each is there: what lies on an unplugged drive is offline, not removed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from bowerbird.errors import UsageError
from bowerbird.paths import at_home, listed, named
from bowerbird.store.catalog import Catalog
from bowerbird.types import FailedFile, Root
from indexer.scan import Target


def targets_for(catalog: Catalog, paths: Path | str | Sequence[Path | str]) -> tuple[list[Target], list[FailedFile]]:
    """What is to be scanned for ``paths``, adding roots where a path lies in none, and the paths that are not there.

    A path inside a root means that part of it; a path around roots means them too, each by itself.
    Raises `UsageError` where none of the paths is there, or one is empty.
    """
    targets: list[Target] = []
    absent: list[FailedFile] = []
    real = {given: Path(os.path.realpath(named(given))) for given in listed(paths)}
    with catalog.write() as tx:
        roots = {Path(root.path): root for root in tx.roots.all()}
        # Outer folders first, or what is inside one would become a root of its own.
        for given, path in sorted(real.items(), key=lambda pair: len(pair[1].parts)):
            around = [roots[each] for each in (path, *path.parents) if each in roots]
            if reason := _absence(path, around):
                absent.append(FailedFile(os.path.abspath(named(given)), "scan", reason))
                continue
            innermost = Path(around[0].path) if around else path
            # A root that is known is noted again: drives come back under other device numbers.
            root = roots[innermost] = tx.roots.add(str(innermost), innermost.stat().st_dev)
            folder = path.relative_to(innermost).as_posix()
            targets.append(Target(root, "" if folder == "." else folder))
            for inner, known in roots.items() if path.is_dir() else ():
                if inner != innermost and inner.is_relative_to(path) and not is_offline(known):
                    roots[inner] = tx.roots.add(str(inner), inner.stat().st_dev)
                    targets.append(Target(roots[inner]))
    if not targets:
        raise UsageError(f"{absent[0].path}: {absent[0].reason}" if absent else "name at least one file or folder")
    return _without_overlap(targets), absent


def add_roots(catalog: Catalog, paths: Path | str | Sequence[Path | str]) -> list[Root]:
    """Note files and folders as roots, without indexing them; returns the roots that cover ``paths``, in their order.

    What lies in a root is covered by that one. Raises `UsageError` where one of the paths is not there, and then none
    is added.
    """
    real = [Path(os.path.realpath(named(given))) for given in listed(paths)]
    found: dict[Path, Root] = {}
    with catalog.write() as tx:
        roots = {Path(root.path): root for root in tx.roots.all()}
        for path in sorted(real, key=lambda path: len(path.parts)):  # outer folders first
            around = [roots[each] for each in (path, *path.parents) if each in roots]
            if reason := _absence(path, around):
                raise UsageError(f"{path}: {reason}")
            if not around:
                around = [tx.roots.add(str(path), path.stat().st_dev)]
                roots[path] = around[0]
            found[path] = around[0]
    return [found[path] for path in real]


def _absence(path: Path, around: Sequence[Root]) -> str | None:
    """Why there is nothing to scan at ``path``; None where there is."""
    offline = [root for root in around if is_offline(root)]
    if any(not was_deleted(root) for root in offline):
        return "is offline: plug its drive in and index again, or remove it with `bowerbird forget`"
    try:
        path.stat()
    except OSError as error:
        if offline:
            return "was deleted or moved: index it where it is now, or remove it with `bowerbird forget`"
        return f"{(error.strerror or str(error)).lower()}; check the spelling"
    return None


def _without_overlap(targets: Iterable[Target]) -> list[Target]:
    """The targets less those that lie in another of them."""
    distinct = {(target.root.id, target.folder): target for target in targets}

    def lies_in_another(root_id: int, folder: str) -> bool:
        above = folder
        while above:
            above = above.rpartition("/")[0]
            if (root_id, above) in distinct:
                return True
        return False

    return [target for place, target in distinct.items() if not lies_in_another(*place)]


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
    if os.path.lexists(path):
        return False
    for above in path.parents:
        if above.exists():
            return above.stat().st_dev == root.device
    return False


def below_root(given: Path | str, root: Path) -> str | None:
    """What the catalogue calls ``given`` below ``root``, None where it does not lie there; it need not exist.

    Links above the root are resolved, those below it are not: a link to a file is catalogued under its own name.
    """
    path = Path(os.path.abspath(at_home(Path(given))))
    for above in (path, *path.parents):
        if Path(os.path.realpath(above)) == root:
            found = path.relative_to(above).as_posix()
            return "" if found == "." else found
    return None
