"""Connections and transactions, so that the rest of the store need not know which database it speaks to.

Writers are serialised (``BEGIN IMMEDIATE`` on SQLite, an advisory lock on PostgreSQL), so lines of the change log
become visible in the order of their numbers. Readers see one moment of the database and never wait.
"""

from __future__ import annotations

import errno
import sqlite3
import time
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
# A search holds one connection while its views catch up on another: with a limit, many at once would wait for ever.
_POOL: dict[str, Any] = {"pool_size": 5, "max_overflow": -1}


def sqlite_url(file: Path) -> sa.URL:
    """The URL of an embedded catalogue."""
    return sa.URL.create("sqlite", database=str(file))


def make_engine(url: str | sa.URL) -> sa.Engine:
    """An engine for ``url``; connects to nothing yet.

    Raises `LibraryError` where the URL is malformed, of another sort of database, or its driver is not installed.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # the latter where the port is no number
        raise LibraryError(
            "the database URL is not valid; write postgresql://user@host/name, in library.toml or BOWERBIRD_DATABASE"
        ) from None
    backend = parsed.drivername.partition("+")[0]
    if backend == "sqlite":
        engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY_S}, **_POOL)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if backend not in {"postgresql", "postgres"}:
        raise LibraryError(f"{backend!r} is no database that Bowerbird knows; use postgresql://user@host/name")
    try:
        parsed = parsed.set(drivername="postgresql+psycopg")
        return sa.create_engine(parsed, isolation_level="REPEATABLE READ", pool_pre_ping=True, **_POOL)
    except ImportError:
        raise LibraryError("PostgreSQL needs its driver: pip install 'bowerbird[postgres]'") from None


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`, not by the driver
    _enter_wal(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Once for each database; while another process does it, SQLite says "locked" at once instead of waiting."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("bowerbird_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that sees one moment of the database."""
    with in_plain_words(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that alone may write; all of it is kept or none.

    Raises `LibraryBusy` where another writer does not finish, `StorageFull` where the disk is full.
    """
    with in_plain_words(engine), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection = connection.execution_options(bowerbird_writes=True)
        else:
            # The snapshot of a stricter level would be taken before the lock is held, and be out of date after it.
            connection = connection.execution_options(isolation_level="READ COMMITTED")
        with connection.begin():
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{1000 * _BUSY_S:.0f}ms'")
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITERS)))
            yield connection


@contextmanager
def in_plain_words(engine: sa.Engine) -> Iterator[None]:
    """Turns what a driver says of the world outside into our own errors; programming errors pass unchanged."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        if (ours := _translated(engine.url, getattr(error, "orig", None) or error)) is None:
            raise
        raise ours from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StorageFull("no space left on the device; free some and run the same command again") from error
        raise


def _translated(url: sa.URL, error: BaseException) -> LibraryError | None:
    """Our word for a driver's error; None where it is none of the world's faults."""
    where = url.database if url.drivername == "sqlite" else url.render_as_string(hide_password=True)
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    code = getattr(error, "sqlite_errorname", None) or getattr(error, "sqlstate", None) or ""
    match code.split("_"):
        case ["SQLITE", "FULL"] | ["53100"]:
            return StorageFull(
                f"no space left for the library ({where}); free some and run the same command again: nothing was lost"
            )
        case ["SQLITE", "BUSY" | "LOCKED", *_] | ["55P03"]:
            return LibraryBusy(
                f"another process has been writing to the library for {_BUSY_S:.0f} s; wait for it, or end it"
            )
        case ["SQLITE", "CORRUPT" | "NOTADB", *_]:
            return LibraryError(f"the catalogue {where} is damaged ({said}); restore it from a backup")
        case ["SQLITE", "READONLY" | "PERM", *_] | ["25006" | "42501"]:
            return LibraryError(f"the library {where} cannot be written to ({said}); make it writable")
        case ["SQLITE", "CANTOPEN" | "IOERR", *_]:
            return LibraryError(f"the catalogue {where} cannot be reached ({said}); look at the drive it lies on")
    if url.drivername != "sqlite" and _is_out_of_reach(error, code):
        return LibraryError(f"the database {where} cannot be reached ({said}); see that it runs, and check the URL")
    return None


def _is_out_of_reach(error: BaseException, code: str) -> bool:
    """Whether PostgreSQL could not be connected to, or ended the connection."""
    import psycopg

    # Connection, login, name of the database, too many connections, shut down; without a code: no answer at all.
    return isinstance(error, psycopg.OperationalError) and code[:2] in {"", "08", "28", "3D", "53", "57"}
