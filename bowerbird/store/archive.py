"""How a backup is packed: a zip, its manifest last, and a seal over every byte in its comment.

=================  ================================================================================
``library.toml``   the settings, without the URL of a database
``catalog.db``     the catalogue, always of SQLite
``thumbs/ab.tar``  the thumbnails of all assets whose hashes begin so: few members, however many pictures
``manifest.json``  `Manifest`
=================  ================================================================================
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bowerbird.errors import LibraryTooNew, UsageError
from bowerbird.store.folder import CATALOG, THUMBS, TOML
from bowerbird.store.tables import SCHEMA

FORMAT = 1
MANIFEST = "manifest.json"
BLOCK = 1 << 20
_SEAL = 64  # hexadecimal digits of a sha256, the last of the file
_MOST_MANIFEST = 1 << 20
_MEMBER = re.compile(rf"{re.escape(TOML)}|{re.escape(CATALOG)}|{THUMBS}/[0-9a-f]{{2}}\.tar")


class Member(BaseModel):
    """What a member is, unpacked."""

    model_config = ConfigDict(extra="forbid")

    size: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What a backup says of itself. Later versions may say more."""

    bowerbird_backup: int = FORMAT
    made_by: str
    """The version of the program."""
    made_at: str
    """ISO 8601, UTC."""
    schema_: str = Field(alias="schema", pattern="^[0-9]{4}$")
    encoders: list[dict[str, str | int]]
    """The spaces of the library: name, spec, fingerprint, dimension, state."""
    counts: dict[str, int]
    """``assets``, ``segments``, ``files`` and ``thumbnails``."""
    members: dict[str, Member]


def seal(stream: BinaryIO) -> None:
    """Put the sha256 of all that comes before into the last bytes of a zip, which its comment keeps free for that."""
    digest = _digest(stream)
    stream.seek(-_SEAL, 2)
    stream.write(digest.encode())


UNSEALED = b"0" * _SEAL
"""The comment of a zip that is to be sealed."""


@contextmanager
def opened(file: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """A backup that is whole and of a version that is known here, every byte of it checked.

    Raises `UsageError` where ``file`` is no backup, is damaged or cut short, and `LibraryTooNew`.
    """
    try:
        stream = file.open("rb")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {(error.strerror or str(error)).lower()}") from error
    with stream:
        _check_seal(file, stream)
        with _in_plain_words(file):
            zipped = zipfile.ZipFile(stream)
            manifest = _manifest(file, zipped)
        _check_members(file, zipped, manifest, file.stat().st_size)
        with zipped:
            yield zipped, manifest


def foreign(file: Path) -> UsageError:
    """What to say of a file that nobody packed as a backup."""
    return UsageError(f"{file} is no backup of Bowerbird, or was cut short; name one made by `bowerbird backup`")


def damaged(file: Path, what: str) -> UsageError:
    """What to say of a backup that is not as it was made."""
    return UsageError(f"the backup {file} is damaged ({what}); use another copy of it")


@contextmanager
def _in_plain_words(file: Path) -> Iterator[None]:
    """Turns what `zipfile` says of a zip that only looks well into our own errors."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OverflowError) as error:
        raise damaged(file, str(error).splitlines()[0] if str(error) else type(error).__name__) from error


def _digest(stream: BinaryIO) -> str:
    """The sha256 of all but the seal."""
    left = stream.seek(0, 2) - _SEAL
    stream.seek(0)
    digest = hashlib.sha256()
    while left > 0 and (block := stream.read(min(BLOCK, left))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()


def _check_seal(file: Path, stream: BinaryIO) -> None:
    if stream.read(4) != b"PK\x03\x04" or stream.seek(0, 2) <= _SEAL:
        raise foreign(file)
    stream.seek(-_SEAL, 2)
    if not re.fullmatch(rb"[0-9a-f]{64}", found := stream.read(_SEAL)):
        raise foreign(file)
    if _digest(stream) != found.decode():
        raise damaged(file, "its sha256 differs")


def _manifest(file: Path, zipped: zipfile.ZipFile) -> Manifest:
    infos = zipped.infolist()
    if not infos or infos[-1].filename != MANIFEST or infos[-1].file_size > _MOST_MANIFEST:
        raise foreign(file)
    said = json.loads(zipped.read(infos[-1]))
    if not isinstance(said, dict) or not isinstance(made_as := said.get("bowerbird_backup"), int):
        raise foreign(file)
    if made_as > FORMAT:
        raise _too_new(file, f"format {made_as}, this one knows up to {FORMAT}")
    try:
        manifest = Manifest.model_validate(said)
    except ValidationError as error:
        raise damaged(file, f"manifest: {error.errors()[0]['msg']}") from None
    if manifest.schema_ > SCHEMA:
        raise _too_new(file, f"schema {manifest.schema_}, this one knows up to {SCHEMA}")
    return manifest


def _too_new(file: Path, what: str) -> LibraryTooNew:
    return LibraryTooNew(f"{file} was made by a newer Bowerbird ({what}); upgrade: pip install -U bowerbird")


def _check_members(file: Path, zipped: zipfile.ZipFile, manifest: Manifest, size: int) -> None:
    """The members are those of the manifest and no others, each once, and no byte of the file serves two of them."""
    infos = zipped.infolist()[:-1]
    if [info.filename for info in infos] != list(manifest.members):
        raise damaged(file, "it holds other files than its manifest says")
    if unknown := [name for name in manifest.members if not _MEMBER.fullmatch(name)]:
        raise damaged(file, f"it holds {unknown[0]!r}, which has no place in a library")
    if not {TOML, CATALOG} <= manifest.members.keys():
        raise damaged(file, "it holds no catalogue")
    if any(info.file_size != manifest.members[info.filename].size for info in infos):
        raise damaged(file, "a file in it has another size than its manifest says")
    if sum(info.compress_size for info in infos) > size:
        raise damaged(file, "its parts overlap")


def checked_blocks(file: Path, zipped: zipfile.ZipFile, name: str, member: Member) -> Iterator[bytes]:
    """The bytes of a member; raises `UsageError` before the last of them is taken for good where they are not right."""
    digest, size = hashlib.sha256(), 0
    with _in_plain_words(file):
        stream = zipped.open(name)
    with stream:
        while block := _next(file, stream):
            size += len(block)
            digest.update(block)
            yield block
    if size != member.size or digest.hexdigest() != member.sha256:
        raise damaged(file, f"{name} is not what its manifest says")


def _next(file: Path, stream: IO[bytes]) -> bytes:
    with _in_plain_words(file):
        return stream.read(BLOCK)
