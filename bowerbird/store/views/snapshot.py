"""A view on disk: one data file and a manifest that is written last.

``views/<space_id>-<kind>/`` holds::

    manifest.json                       what the snapshot is; it names the data file
    <seq>-<start of its sha256>.faiss   a `Block`, or `Cells`
    verified.json                       which file was last found whole, so that it is hashed once, not at every opening

Nothing is ever changed in place. A crash leaves the old manifest and the old data file, and perhaps a stray file,
which the next `write` removes. Processes that still have an old data file mapped keep it: POSIX lets go of the bytes
when the last of them does.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO

from bowerbird.errors import ViewDamaged
from bowerbird.store.views.base import Base, Fetch
from bowerbird.store.views.block import Block
from bowerbird.store.views.cells import Cells
from bowerbird.store.views.durable import TEMPORARY, write_durably
from bowerbird.store.views.reach import Reach

FORMAT = 2
"""Of the manifest and the data file; raised when either changes its meaning. Format 1 knew nothing but blocks."""
_READS = (1, FORMAT)
EXACT, APPROXIMATE = "exact", "approximate"
MANIFEST = "manifest.json"
VERIFIED = "verified.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot says of itself. ``seq`` is the last line of the change log that it covers."""

    format: int
    fingerprint: str
    kind: str
    dimension: int
    seq: int
    count: int
    file: str
    size: int
    sha256: str
    index: str = EXACT
    """What the data file holds: `EXACT` a `Block`, `APPROXIMATE` `Cells`."""
    reach: dict[str, int] = field(default_factory=dict)
    """Of `Cells`: see `reach.Reach`."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a snapshot must be for a view to be built on it: it bears one of the ``fingerprints``."""

    fingerprints: tuple[str, ...]
    kind: str
    dimension: int


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in ``folder``, None where there is none. Raises `ViewDamaged` where it is torn or too new."""
    try:
        read = json.loads((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ViewDamaged(f"the manifest cannot be read: {error.strerror}") from error
    except ValueError as error:  # not JSON, or not even UTF-8
        raise ViewDamaged("the manifest is torn") from error
    if not isinstance(read, dict) or not isinstance(read.get("format"), int):
        raise ViewDamaged("the manifest states no format")
    if read["format"] not in _READS:
        raise ViewDamaged(f"the snapshot is of format {read['format']}, this program reads {FORMAT}")
    try:
        manifest = Manifest(**read)
    except TypeError as error:
        raise ViewDamaged("the manifest's fields are not those of its format") from error
    for each in fields(Manifest):
        wanted = str(each.type).partition("[")[0]  # annotations are strings here
        if type(getattr(manifest, each.name)).__name__ != wanted:
            raise ViewDamaged(f"the manifest's {each.name} is no {wanted}")
    if manifest.index not in {EXACT, APPROXIMATE}:
        raise ViewDamaged(f"the manifest names an index of kind {manifest.index}, which this program does not know")
    if Path(manifest.file).name != manifest.file:
        raise ViewDamaged("the manifest names a file outside its folder")
    return manifest


def read(
    folder: Path, expected: Expected, *, fetch: Fetch | None = None, verify: bool = False
) -> tuple[Manifest, Base] | None:
    """Check and map the snapshot in ``folder``: manifest, then size, then sha256, and only then does FAISS read it.

    None where there is none. The sha256 is taken once for each (inode, size, mtime) of the data file, and always
    with ``verify``. ``fetch`` is what `Cells` get their vectors by. Raises `ViewDamaged`, with the reason in one line,
    where anything is amiss.
    """
    while (manifest := read_manifest(folder)) is not None:
        if manifest.fingerprint not in expected.fingerprints:
            known = " or ".join(expected.fingerprints) or "none"
            raise ViewDamaged(f"the snapshot's fingerprint is {manifest.fingerprint}, the library's is {known}")
        for name in ("kind", "dimension"):
            if (found := getattr(manifest, name)) != (wanted := getattr(expected, name)):
                raise ViewDamaged(f"the snapshot's {name} is {found}, the library's is {wanted}")
        try:
            return manifest, _open(folder, manifest, fetch, verify=verify)
        except FileNotFoundError as error:
            # Another process may have replaced the snapshot between the two reads: then there is a newer manifest.
            if read_manifest(folder) == manifest:
                raise ViewDamaged(f"{manifest.file} is missing") from error
        except OSError as error:
            raise ViewDamaged(f"{manifest.file} cannot be read: {error.strerror}") from error
    return None


def write(folder: Path, base: Base, seq: int, *, fingerprint: str, kind: str) -> Manifest:
    """Make ``base`` the snapshot in ``folder`` and remove what no manifest names. The caller holds the lease.

    Raises `StorageFull` or `LibraryError` with the old snapshot still standing and nothing left behind.
    """
    digest, size = hashlib.sha256(), 0

    def data(file: BinaryIO) -> str:
        def take(piece: bytes) -> None:
            nonlocal size
            file.write(piece)
            digest.update(piece)
            size += len(piece)

        base.write(take)
        return name()

    def name() -> str:
        # With the hash in it, a second snapshot of the same seq does not overwrite the one that stands.
        return f"{seq}-{digest.hexdigest()[:12]}.faiss"

    try:
        write_durably(folder, data)
        manifest = Manifest(
            FORMAT,
            fingerprint,
            kind,
            base.dimension,
            seq,
            len(base),
            name(),
            size,
            digest.hexdigest(),
            APPROXIMATE if isinstance(base, Cells) else EXACT,
            base.reach.as_json() if isinstance(base, Cells) else {},
        )
        write_durably(folder, lambda file: _dump(asdict(manifest), file, MANIFEST))
    finally:
        _sweep(folder)
    return manifest


def _open(folder: Path, manifest: Manifest, fetch: Fetch | None, *, verify: bool) -> Base:
    path = folder / manifest.file
    stat = path.stat()
    if stat.st_size != manifest.size:
        raise ViewDamaged(f"{path.name} has {stat.st_size} bytes, the manifest says {manifest.size}")
    identity = {
        "inode": stat.st_ino,
        "size": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "sha256": manifest.sha256,
    }
    if verify or not _was_verified(folder, identity):
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if sha256 != manifest.sha256:
            with suppress(OSError):  # on a read-only disk it stays; `verify` does not heed it
                (folder / VERIFIED).unlink(missing_ok=True)
            raise ViewDamaged(f"{path.name} does not have the sha256 that the manifest says")
        _remember_verified(folder, identity)
    base = _mapped(path, manifest, fetch)
    if (base.dimension, len(base)) != (manifest.dimension, manifest.count):
        raise ViewDamaged(f"{path.name} holds other vectors than the manifest says")
    return base


def _mapped(path: Path, manifest: Manifest, fetch: Fetch | None) -> Base:
    if manifest.index == EXACT:
        return Block.mapped(path)
    if fetch is None:
        raise ViewDamaged(f"{path.name} is approximate, and nothing is at hand to get its vectors by")
    try:
        reach = Reach.from_json(manifest.reach)
    except ValueError as error:
        raise ViewDamaged("the manifest's reach is none") from error
    return Cells.mapped(path, reach, fetch)


def _was_verified(folder: Path, identity: dict[str, Any]) -> bool:
    try:
        return bool(json.loads((folder / VERIFIED).read_bytes()) == identity)
    except (OSError, ValueError):
        return False  # absent or torn: the file is hashed again


def _remember_verified(folder: Path, identity: dict[str, Any]) -> None:
    temporary = folder / f"{VERIFIED}.{os.getpid()}{TEMPORARY}"
    try:
        with temporary.open("wb") as file:
            _dump(identity, file, VERIFIED)
        temporary.replace(folder / VERIFIED)
    except OSError:  # a disk that is full or read-only: the next opening hashes again
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _dump(content: dict[str, Any], file: BinaryIO, name: str) -> str:
    """Write ``content`` as JSON and return ``name``, the way `write_durably` wants it."""
    file.write(json.dumps(content, indent=2).encode() + b"\n")
    return name


def _sweep(folder: Path) -> None:
    """Remove every data file and temporary file but the one that the manifest names, as far as the disk allows."""
    with suppress(OSError, ViewDamaged):  # what cannot be removed now is only a stray; the next `write` tries again
        manifest = read_manifest(folder)
        for path in folder.iterdir():
            named = manifest is not None and path.name == manifest.file
            if not named and path.suffix in {".faiss", TEMPORARY}:
                path.unlink(missing_ok=True)
