"""Restore: a library from a backup, in a folder where there is none yet."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from bowerbird.errors import LibraryError, StorageFull, UsageError
from bowerbird.store import schema
from bowerbird.store.archive import Manifest, checked_blocks, damaged, opened
from bowerbird.store.catalog import Catalog
from bowerbird.store.engine import make_engine, reading, sqlite_url
from bowerbird.store.folder import CATALOG, THUMBS, TOML, VIEWS, check_vacant, is_library
from bowerbird.store.fresh_file import in_plain_words
from bowerbird.store.table_copy import OnProgress, copy_tables

_UNFINISHED = ".restoring"
"""What is being unpacked, in the library's folder; while it is there, what lies beside it may be half moved."""
_THUMBNAIL = re.compile(r"([0-9a-f]{2})[0-9a-f]{62}-[0-9]{1,9}\.webp")
_MOST_TOML = 1 << 20
_UNPACKED = 0.6  # share of the work, about


def restore(
    file: Path, folder: Path, *, database: str | None = None, on_progress: OnProgress = lambda _: None
) -> Manifest:
    """Make a library of the backup ``file`` in ``folder``, which is new, empty, or holds a ``library.toml`` alone.

    A ``library.toml`` that is there stays, else that of the backup comes last of all: it makes the folder a library.
    With ``database`` the catalogue goes into that one, which is to be empty. Views are built by whoever searches first.
    May be killed anywhere, and run again. Raises `UsageError` where the backup is not whole or the folder not free,
    `LibraryTooNew`, `StorageFull`, and `LibraryError` where the database cannot be written to.
    """
    with opened(file) as (zipped, manifest):
        _check_free(folder)
        if database is not None:
            _check_empty(database)
        with in_plain_words(folder):
            is_new = not folder.exists()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = folder / _UNFINISHED
            try:
                _clear(folder)
                _check_room(folder, manifest)
                fresh.mkdir(mode=0o700)  # others may look into the folder, and the catalogue may go elsewhere
                _unpack(file, zipped, manifest, fresh, lambda share: on_progress(_UNPACKED * share))
                _examine(file, fresh / CATALOG)
                if (fresh / THUMBS).is_dir():
                    (fresh / THUMBS).rename(folder / THUMBS)
                if database is None:
                    (fresh / CATALOG).rename(folder / CATALOG)
                else:
                    _copy(fresh / CATALOG, database, lambda share: on_progress(_UNPACKED + (1 - _UNPACKED) * share))
            except BaseException:
                _clear(folder)
                if is_new:
                    folder.rmdir()
                raise
            if not (folder / TOML).exists():
                os.sync()  # or a power cut might leave the mark and take what it stands for
                (fresh / TOML).rename(folder / TOML)
            shutil.rmtree(fresh)
    on_progress(1.0)
    return manifest


def _check_free(folder: Path) -> None:
    """Raises `UsageError` where there is a library, or something else than an earlier restore has left."""
    if (folder / _UNFINISHED).is_dir() and not (is_library(folder) and (folder / CATALOG).exists()):
        return
    if not is_library(folder):
        check_vacant(folder)
        return
    if beside := sorted({each.name for each in folder.iterdir()} - {TOML}):
        raise UsageError(f"there is a library at {folder} ({beside[0]}); name a new folder with --library")


def _check_empty(database: str) -> None:
    engine = make_engine(database)
    try:
        with reading(engine) as connection:
            if schema.current(connection) is not None:
                where = engine.url.render_as_string(hide_password=True)
                raise UsageError(f"the database {where} holds a library; name an empty one in {TOML}")
    finally:
        engine.dispose()


def _check_room(folder: Path, manifest: Manifest) -> None:
    needed, free = sum(member.size for member in manifest.members.values()), shutil.disk_usage(folder).free
    if needed > free:
        raise StorageFull(
            f"the backup needs {needed / 1e6:,.0f} MB in {folder}, where {free / 1e6:,.0f} MB are free; free some"
        )


def _clear(folder: Path) -> None:
    """Remove what an earlier restore, or this one, has left; only where its mark tells that it was one."""
    if (folder / _UNFINISHED).is_dir():
        for name in (THUMBS, VIEWS, CATALOG, f"{CATALOG}-wal", f"{CATALOG}-shm", _UNFINISHED):
            path = folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _unpack(file: Path, zipped: zipfile.ZipFile, manifest: Manifest, fresh: Path, on_progress: OnProgress) -> None:
    whole = max(sum(member.size for member in manifest.members.values()), 1)
    done = 0

    def blocks(name: str) -> Iterator[bytes]:
        nonlocal done
        for block in checked_blocks(file, zipped, name, manifest.members[name]):
            yield block
            done += len(block)
            on_progress(done / whole)

    if manifest.members[TOML].size > _MOST_TOML:
        raise damaged(file, f"its {TOML} is too large to be one")
    for name in manifest.members:
        path = fresh / name
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as out:  # under a name that `archive` knows, so that nothing leads out of the folder
            out.writelines(blocks(name))
        if path.suffix == ".tar":
            with path.open("rb") as packed:
                _unpack_thumbnails(file, packed, path.with_suffix(""))
            path.unlink()


def _unpack_thumbnails(file: Path, packed: IO[bytes], folder: Path) -> None:
    folder.mkdir()
    try:
        with tarfile.open(fileobj=packed, mode="r|") as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # it keeps them all
                match = _THUMBNAIL.fullmatch(info.name)
                content = tar.extractfile(info) if info.isreg() else None
                if match is None or match[1] != folder.name or content is None:
                    raise damaged(file, f"{info.name!r} is no thumbnail")
                with (folder / info.name).open("wb") as out:
                    shutil.copyfileobj(content, out)
    except tarfile.TarError as error:
        raise damaged(file, f"thumbnails: {error}") from error


def _examine(file: Path, catalog: Path) -> None:
    """Bring the catalogue to the schema of this program, and see that it is one."""
    try:
        with closing(Catalog(sqlite_url(catalog))) as found, found.read() as tx:
            faults = tx.integrity() or ([] if tx.spaces.active() else ["it has no space"])
    except (LibraryError, sa.exc.SQLAlchemyError) as error:
        if isinstance(error, StorageFull):
            raise
        raise damaged(file, f"its catalogue: {str(error).splitlines()[0]}") from error
    if faults:
        raise damaged(file, f"its catalogue: {faults[0]}")


def _copy(catalog: Path, database: str, on_progress: OnProgress) -> None:
    with closing(Catalog(sqlite_url(catalog))) as source, closing(Catalog(database, create=True)) as target:
        copy_tables(source, target, on_progress)
