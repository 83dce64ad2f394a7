"""A whole catalogue as it is at one moment, in another database.

All of it goes along but what belongs to running programs: leases, sessions, and what is noted of snapshots of views.
What full-text search adds to the tables is made anew by the triggers of the database that it comes into.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bowerbird.store.catalog import Catalog
from bowerbird.store.engine import in_plain_words, make_engine, sqlite_url, writing
from bowerbird.store.tables import meta, metadata

OnProgress = Callable[[float], None]
"""Told now and then which share is done, in 0..1."""

_FLEETING = frozenset({"lease", "session"})
_PAGES = 2048  # of SQLite, copied between two looks at whether to stop
_ROWS = 1000


def copy_to_file(catalog: Catalog, file: Path, on_progress: OnProgress = lambda _: None) -> None:
    """Make ``file`` an SQLite catalogue that says what ``catalog`` says at one moment; nobody who writes has to wait.

    Raises `StorageFull`, and `LibraryError` where the catalogue cannot be read.
    """
    if catalog.engine.dialect.name == "sqlite":
        _copy_pages(catalog, file, on_progress)
        copied = Catalog(sqlite_url(file))
        try:
            with writing(copied.engine) as connection:
                for table in metadata.sorted_tables:
                    if table.name in _FLEETING:
                        connection.execute(sa.delete(table))
                connection.execute(sa.delete(meta).where(_OF_SNAPSHOTS))
        finally:
            copied.close()
        return
    copied = Catalog(sqlite_url(file), create=True)
    try:
        copy_tables(catalog, copied, on_progress)
    finally:
        copied.close()


def copy_tables(source: Catalog, target: Catalog, on_progress: OnProgress = lambda _: None) -> None:
    """Write all that ``source`` says into ``target``, which is empty and of the same schema, in one transaction.

    ``source`` is read at one moment. Raises `StorageFull`.
    """
    tables = [table for table in metadata.sorted_tables if table.name not in _FLEETING]
    with source.read() as reading, target.write() as tx:
        count = sum(int(reading.connection.execute(_count(table)).scalar_one()) for table in tables)
        done = 0
        for table in tables:
            query = sa.select(table).order_by(*table.primary_key.columns)
            if table is meta:
                query = query.where(~_OF_SNAPSHOTS)
            for rows in reading.connection.execute(query.execution_options(yield_per=_ROWS)).mappings().partitions():
                tx.connection.execute(sa.insert(table), [dict(row) for row in rows])
                done += len(rows)
                on_progress(done / count)
            _count_on(tx.connection, table)


_OF_SNAPSHOTS = meta.c.key.startswith("snapshot:")


def _count(table: sa.Table) -> sa.Select[Any]:
    return sa.select(sa.func.count()).select_from(table)


def _count_on(connection: sa.Connection, table: sa.Table) -> None:
    """Have PostgreSQL number new rows after those that came with their numbers, as SQLite does by itself."""
    column = table.autoincrement_column
    if column is not None and connection.dialect.name == "postgresql":
        highest = sa.select(sa.func.max(column)).scalar_subquery()
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(sa.select(sa.func.setval(sequence, sa.func.coalesce(highest, 1), highest.is_not(None))))


def _copy_pages(catalog: Catalog, file: Path, on_progress: OnProgress) -> None:
    """SQLite's online backup (https://sqlite.org/backup.html), out of one read transaction.

    Without that it would begin anew whenever another process writes, and under a busy indexer never end.
    """

    def progress(_status: int, left: int, total: int) -> None:
        on_progress(1 - left / max(total, 1))

    with catalog.read() as tx, in_plain_words(make_engine(sqlite_url(file))):
        tx.head()  # SQLite's transactions begin with the first thing that is read
        source = tx.connection.connection.dbapi_connection
        assert isinstance(source, sqlite3.Connection)
        with closing(sqlite3.connect(file)) as copied:
            copied.execute("PRAGMA synchronous=OFF")  # nobody relies on it before it is packed
            source.backup(copied, pages=_PAGES, progress=progress)
