"""Connections and transactions, so that the rest of the store need not know which database it speaks to.

Writers are serialised (``BEGIN IMMEDIATE`` on SQLite, an advisory lock on PostgreSQL), so lines of the change log
become visible in the order of their numbers. Readers see one moment of the database and never wait.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from bowerbird.errors import LibraryBusy, LibraryError, StorageFull

_WRITERS = 0x626F776572  # "bower": the advisory lock that PostgreSQL's writers queue at
_BUSY_S = 30.0


def sqlite_url(file: Path) -> str:
    """The URL of an embedded catalogue."""
    return sa.URL.create("sqlite", database=str(file)).render_as_string()


def make_engine(url: str) -> sa.Engine:
    """An engine for ``url``; connects to nothing yet.

    Raises `LibraryError` where the URL is malformed or its driver is not installed.
    """
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
            return sa.create_engine(parsed, isolation_level="REPEATABLE READ", pool_pre_ping=True)
        engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY_S})
    except ModuleNotFoundError:
        raise LibraryError("PostgreSQL needs its driver: pip install 'bowerbird[postgres]'") from None
    except sa.exc.ArgumentError as error:
        raise LibraryError(f"the database URL is not valid: {error}; correct it in library.toml") from None
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`, not by the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("bowerbird_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that sees one moment of the database."""
    with _in_plain_words(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that alone may write; all of it is kept or none.

    Raises `LibraryBusy` where another writer does not finish, `StorageFull` where the disk is full.
    """
    with _in_plain_words(engine), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection = connection.execution_options(bowerbird_writes=True)
        else:
            # The snapshot of a stricter level would be taken before the lock is held, and be out of date after it.
            connection = connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITERS)))
            yield connection


@contextmanager
def _in_plain_words(engine: sa.Engine) -> Iterator[None]:
    """Turns what a driver says of the world outside into our own errors; programming errors pass unchanged."""
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig).strip().splitlines()[0] if error.orig and str(error.orig).strip() else str(error)
        lower = said.lower()
        where = engine.url.render_as_string(hide_password=True)
        if "disk is full" in lower or "no space left" in lower or getattr(error.orig, "sqlstate", "") == "53100":
            raise StorageFull(
                f"no space left for the library ({where}); free some and run the same command again: nothing was lost"
            ) from error
        if "locked" in lower:
            raise LibraryBusy(
                f"another process has been writing to the library for {_BUSY_S:.0f} s; wait for it, or end it"
            ) from error
        if "malformed" in lower or "not a database" in lower:
            raise LibraryError(f"the catalogue {where} is damaged ({said}); restore it from a backup") from error
        if "readonly" in lower or "read-only" in lower:
            raise LibraryError(f"the library {where} cannot be written to; make it writable") from error
        if isinstance(error, sa.exc.OperationalError) and (error.connection_invalidated or "unable to open" in lower):
            raise LibraryError(f"the catalogue {where} cannot be reached: {said}") from error
        if isinstance(error, sa.exc.OperationalError) and "connect" in lower:
            raise LibraryError(f"the database {where} cannot be reached: {said}") from error
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull("no space left on the device; free some and run the same command again") from error
        raise
