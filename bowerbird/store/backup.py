"""Backup: all of a library that could not be made again, in one file, as it was at one moment."""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from bowerbird.errors import LibraryError
from bowerbird.store.archive import BLOCK, MANIFEST, UNSEALED, Manifest, Member, seal
from bowerbird.store.catalog import Catalog, Transaction
from bowerbird.store.engine import sqlite_url
from bowerbird.store.folder import CATALOG, THUMBS, TOML
from bowerbird.store.fresh_file import fresh_file, partial_of
from bowerbird.store.table_copy import OnProgress, copy_to_file
from bowerbird.store.tables import SCHEMA

_THUMBNAIL = re.compile(r"([0-9a-f]{64})-[0-9]{1,9}\.webp")
_COPIED, _PACKED = 0.4, 0.8  # shares of the work, about: copying the catalogue, packing it, and then thumbnails
_FAST = 1  # of deflate's levels: vectors hardly shrink, and text does at any


def backup(
    catalog: Catalog,
    folder: Path,
    file: Path,
    *,
    made_by: str,
    overwrite: bool = False,
    on_progress: OnProgress = lambda _: None,
) -> Manifest:
    """Write the library in ``folder`` to ``file``: catalogue, settings and thumbnails, but no views, which SQL gives.

    The catalogue is of one moment, and who writes into it meanwhile has not to wait. Beside ``file`` there must be room
    for the catalogue once more. ``made_by`` is this program's version. Raises `UsageError` where ``file`` cannot be
    written, or is there and ``overwrite`` is False; `StorageFull`; `LibraryError` where the library is damaged.
    """
    with fresh_file(file, overwrite=overwrite) as stream, _beside(file) as copy:
        copy_to_file(catalog, copy, lambda share: on_progress(_COPIED * share))
        with closing(Catalog(sqlite_url(copy))) as copied, zipfile.ZipFile(stream, "w") as zipped:
            with copied.read() as tx:
                if faults := tx.integrity():
                    raise LibraryError(f"the catalogue of {folder} is damaged ({faults[0]}); see `bowerbird doctor`")
                manifest = _described(tx, made_by)
            with _member(zipped, TOML, manifest.members) as out:
                out.write(without_database((folder / TOML).read_text(encoding="utf-8")).encode())
            with _member(zipped, CATALOG, manifest.members, compress=True) as out, copy.open("rb") as pages:
                size = copy.stat().st_size
                while block := pages.read(BLOCK):
                    out.write(block)
                    on_progress(_COPIED + (_PACKED - _COPIED) * pages.tell() / size)
            pictures = _pack_thumbnails(zipped, folder / THUMBS, copied, manifest.members, on_progress)
            manifest.counts["thumbnails"] = pictures
            zipped.writestr(MANIFEST, manifest.model_dump_json(by_alias=True, indent=1))
            zipped.comment = UNSEALED
        seal(stream)
    on_progress(1.0)
    return manifest


def without_database(toml: str) -> str:
    """Settings without the URL of a database: it may hold a password, and what is restored is not to write there.

    Raises `LibraryError` where it is so written that the rest cannot be told from it.
    """
    settings = tomllib.loads(toml)
    if "database" not in settings:
        return toml
    del settings["database"]
    without = re.sub(r"""(?m)^[ \t]*(database|"database"|'database')[ \t]*=.*\n?""", "", toml, count=1)
    with suppress(tomllib.TOMLDecodeError):
        if tomllib.loads(without) == settings:
            return without
    raise LibraryError(f'the URL of the database in {TOML} is to stand on a line of its own: database = "…"')


def _described(tx: Transaction, made_by: str) -> Manifest:
    names = ("name", "spec", "fingerprint", "dimension", "state")
    return Manifest(
        made_by=made_by,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        schema=SCHEMA,
        encoders=[{name: getattr(space, name) for name in names} for space in tx.spaces.all()],
        counts={
            "assets": sum(tx.assets.counts().values()),
            "segments": sum(tx.segments.counts().values()),
            "files": tx.locations.count(),
        },
        members={},
    )


@contextmanager
def _beside(file: Path) -> Iterator[Path]:
    """Where the copy of the catalogue lies until it is packed: on a volume that has room, and is no memory."""
    copy = partial_of(file).with_name(f"{partial_of(file).name}.db")
    named = [copy.with_name(copy.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]
    try:
        for each in named:
            each.unlink(missing_ok=True)  # what a killed run has left
        # As private as the backup itself; what SQLite puts beside it takes its mode from it.
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield copy
    finally:
        for each in named:
            each.unlink(missing_ok=True)


@contextmanager
def _member(
    zipped: zipfile.ZipFile, name: str, members: dict[str, Member], *, compress: bool = False
) -> Iterator[IO[bytes]]:
    """A member to write to; its size and hash are noted when the block ends well."""
    info = zipfile.ZipInfo(name, datetime.now().timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    info._compresslevel = _FAST  # type: ignore[attr-defined]
    with zipped.open(info, "w", force_zip64=True) as raw:
        hashed = _Hashed(raw)
        yield hashed  # type: ignore[misc]
    members[name] = Member(size=hashed.size, sha256=hashed.digest.hexdigest())


class _Hashed:
    """Something to write to, which knows how much has been written and its sha256."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, block: bytes) -> int:
        self.size += len(block)
        self.digest.update(block)
        return self._stream.write(block)


def _pack_thumbnails(
    zipped: zipfile.ZipFile, thumbs: Path, copied: Catalog, members: dict[str, Member], on_progress: OnProgress
) -> int:
    """Thumbnails of the assets in the copy: they were written before SQL said so, so that none of them is missing."""
    count = 0
    there = thumbs.iterdir() if thumbs.is_dir() else ()
    folders = sorted(each for each in there if re.fullmatch("[0-9a-f]{2}", each.name))
    for number, folder in enumerate(folders, 1):
        found = {each.name: match[1] for each in folder.iterdir() if (match := _THUMBNAIL.fullmatch(each.name))}
        with copied.read() as tx:
            known = tx.assets.known(sorted(set(found.values())))
        names = sorted(name for name, hash_ in found.items() if hash_ in known)
        if names:
            with (
                _member(zipped, f"{THUMBS}/{folder.name}.tar", members) as out,
                tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar,
            ):
                count += sum(_add(tar, folder / name) for name in names)
        on_progress(_PACKED + (1 - _PACKED) * number / len(folders))
    return count


def _add(tar: tarfile.TarFile, picture: Path) -> bool:
    """False where it has been forgotten since."""
    try:
        stream = picture.open("rb")
    except FileNotFoundError:
        return False
    with stream:
        info = tarfile.TarInfo(picture.name)
        info.size = picture.stat().st_size
        tar.addfile(info, stream)
        tar.members.clear()  # type: ignore[attr-defined]  # it keeps them all; pages of long papers are many
    return True
