"""First stage: the files under a root that can be read, each with what ``stat`` says of it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from bowerbird.types import FileStat, Root
from indexer.ignore import IgnoreRules
from indexer.sidecars import Sidecars


@dataclass(frozen=True, slots=True)
class Target:
    """A part of a root that is to be brought up to date: ``folder`` below it, ``""`` for all of it."""

    root: Root
    folder: str = ""


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A regular file that some decoder reads."""

    root: Root
    path: str
    """Relative to the root."""
    stat: FileStat
    sidecars: tuple[str, ...] = ()
    """The names of the subtitles beside it."""

    @property
    def absolute(self) -> Path:
        """Where it lies."""
        return Path(self.root.path, self.path) if self.path else Path(self.root.path)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file or folder that could not be looked at; what the catalogue knows below it is left as it is."""

    root: Root
    path: str
    reason: str


def scan(
    target: Target,
    *,
    reads: Callable[[Path], bool],
    hidden: bool,
    sounds: Callable[[Path], bool] = lambda _: False,
    skip: Callable[[Path], bool] = lambda _: False,
    apart: Set[Path] = frozenset(),
) -> Iterator[ScannedFile | Unreadable]:
    """Walk a target in a fixed order.

    ``reads`` tells which files a decoder takes, and ``sounds`` which of them are recordings; ``skip`` tells
    which folders below to pass by, ``apart`` are roots below that are scanned by themselves. Links to files and folders
    are followed, but no folder is entered twice, so that a loop of links ends.
    """
    start = Path(target.root.path, target.folder)
    try:
        rules = _rules_down_to(target, hidden)
        if not stat.S_ISDIR(start.stat().st_mode):
            yield from _file(target.root, target.folder, start, reads, _beside(start, rules, reads, sounds), named=True)
            return
    except OSError as error:
        yield Unreadable(target.root, target.folder, _reason(error))
        return
    seen: set[tuple[int, int]] = set()
    pending: list[tuple[Path, str, IgnoreRules]] = [(start, target.folder, rules)]
    while pending:
        folder, relative, above = pending.pop()
        try:
            identity = folder.stat()
            if (identity.st_dev, identity.st_ino) in seen or (folder != start and (folder in apart or skip(folder))):
                continue
            seen.add((identity.st_dev, identity.st_ino))
            here = above.within(folder, relative)
            with os.scandir(folder) as entries:
                children = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Unreadable(target.root, relative, _reason(error))
            continue
        folders = []
        files: list[tuple[str, Path]] = []
        for entry in children:
            path = f"{relative}/{entry.name}" if relative else entry.name
            try:
                is_folder = entry.is_dir()
            except OSError:
                is_folder = False  # `_file` says why
            if here.ignore(path, folder=is_folder):
                continue
            if is_folder:
                folders.append((Path(entry.path), path, here))
            elif (file := Path(entry.path)) not in apart:
                files.append((path, file))
        sidecars = Sidecars((file for _, file in files if reads(file) and file.is_file()), sounds)
        owned = sidecars.owned()
        for path, file in files:
            if file.name not in owned:
                yield from _file(target.root, path, file, reads, sidecars.of(file.name))
        pending.extend(reversed(folders))


def _beside(
    file: Path, rules: IgnoreRules, reads: Callable[[Path], bool], sounds: Callable[[Path], bool]
) -> Sequence[str]:
    """The subtitles beside a file that somebody has named by itself."""
    try:
        here = rules.within(file.parent, "")
        files = [each for each in file.parent.iterdir() if not here.ignore(each.name, folder=False)]
        return Sidecars((each for each in files if reads(each) and each.is_file()), sounds).of(file.name)
    except PermissionError:  # the file itself may be readable all the same
        return ()


def _file(
    root: Root,
    path: str,
    file: Path,
    reads: Callable[[Path], bool],
    sidecars: Sequence[str] = (),
    *,
    named: bool = False,
) -> Iterator[ScannedFile | Unreadable]:
    """The file if it is one to index; ``named``: someone asked for this very file, so silence would not do."""
    if not reads(file):
        if named:
            yield Unreadable(root, path, f"files named *{file.suffix or file.name} are not read by any decoder")
        return
    try:
        found = file.stat()
    except OSError as error:
        yield Unreadable(root, path, _reason(error))
        return
    if stat.S_ISREG(found.st_mode):
        yield ScannedFile(root, path, file_stat(found), tuple(sidecars))
    elif named:
        yield Unreadable(root, path, "is no regular file; name a file or a folder")


def file_stat(found: os.stat_result) -> FileStat:
    """What of ``stat`` tells that a file is unchanged. Inodes are cut to the 63 bits that SQL holds."""
    return FileStat(found.st_size, found.st_mtime_ns, found.st_ino & (2**63 - 1))


def _rules_down_to(target: Target, hidden: bool) -> IgnoreRules:
    """The rules that the folders above a target lay down for it."""
    rules = IgnoreRules(hidden)
    if not target.folder:
        return rules
    folder, relative = Path(target.root.path), ""
    for part in target.folder.split("/"):
        rules = rules.within(folder, relative)
        folder, relative = folder / part, f"{relative}/{part}" if relative else part
    return rules


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "is a link that leads in a circle; remove or mend it"
    if error.errno == errno.ENOENT:
        return "is gone, or a link to something that is not there; remove or mend it"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "permission denied; make it readable, or name it in .bowerbirdignore"
    return f"{error.strerror or error}; look at the drive it lies on"
