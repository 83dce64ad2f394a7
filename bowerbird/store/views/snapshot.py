"""A view on disk: one data file and a manifest that is written last.

``views/<space_id>-<kind>/`` holds::

    manifest.json                       what the snapshot is; it names the data file
    <seq>-<start of its sha256>.faiss   a `Block`
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
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from bowerbird.errors import ViewDamaged
from bowerbird.store.views.block import Block
from bowerbird.store.views.durable import TEMPORARY, write_durably

FORMAT = 1
"""Of the manifest and the data file; raised when either changes its meaning."""
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


@dataclass(frozen=True, slots=True)
class Expected:
    """What a snapshot must be for a view to be built on it."""

    fingerprint: str
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
    if read["format"] != FORMAT:
        raise ViewDamaged(f"the snapshot is of format {read['format']}, this program reads {FORMAT}")
    try:
        manifest = Manifest(**read)
    except TypeError as error:
        raise ViewDamaged("the manifest's fields are not those of its format") from error
    for field in fields(Manifest):
        value = getattr(manifest, field.name)
        if type(value).__name__ != field.type:  # annotations are strings here
            raise ViewDamaged(f"the manifest's {field.name} is no {field.type}")
    if Path(manifest.file).name != manifest.file:
        raise ViewDamaged("the manifest names a file outside its folder")
    return manifest


def read(folder: Path, expected: Expected, *, verify: bool = False) -> tuple[Manifest, Block] | None:
    """Check and map the snapshot in ``folder``: manifest, then size, then sha256, and only then does FAISS read it.

    None where there is none. The sha256 is taken once for each (inode, size, mtime) of the data file, and always
    with ``verify``. Raises `ViewDamaged`, with the reason in one line, where anything is amiss.
    """
    while (manifest := read_manifest(folder)) is not None:
        for field in fields(Expected):
            if (found := getattr(manifest, field.name)) != (wanted := getattr(expected, field.name)):
                raise ViewDamaged(f"the snapshot's {field.name} is {found}, the library's is {wanted}")
        try:
            return manifest, _open(folder, manifest, verify=verify)
        except FileNotFoundError as error:
            # Another process may have replaced the snapshot between the two reads: then there is a newer manifest.
            if read_manifest(folder) == manifest:
                raise ViewDamaged(f"{manifest.file} is missing") from error
        except OSError as error:
            raise ViewDamaged(f"{manifest.file} cannot be read: {error.strerror}") from error
    return None


def write(folder: Path, block: Block, seq: int, *, fingerprint: str, kind: str) -> Manifest:
    """Make ``block`` the snapshot in ``folder`` and remove what no manifest names. The caller holds the lease.

    Raises `StorageFull` or `LibraryError` with the old snapshot still standing and nothing left behind.
    """
    digest, size = hashlib.sha256(), 0

    def data(file: BinaryIO) -> str:
        def take(piece: bytes) -> None:
            nonlocal size
            file.write(piece)
            digest.update(piece)
            size += len(piece)

        block.write(take)
        return name()

    def name() -> str:
        # With the hash in it, a second snapshot of the same seq does not overwrite the one that stands.
        return f"{seq}-{digest.hexdigest()[:12]}.faiss"

    try:
        write_durably(folder, data)
        manifest = Manifest(
            FORMAT, fingerprint, kind, block.dimension, seq, len(block), name(), size, digest.hexdigest()
        )
        write_durably(folder, lambda file: _dump(asdict(manifest), file, MANIFEST))
    finally:
        _sweep(folder)
    return manifest


def _open(folder: Path, manifest: Manifest, *, verify: bool) -> Block:
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
    block = Block.mapped(path)
    if (block.dimension, len(block), len(block.vectors)) != (manifest.dimension, manifest.count, manifest.count):
        raise ViewDamaged(f"{path.name} holds other vectors than the manifest says")
    return block


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
