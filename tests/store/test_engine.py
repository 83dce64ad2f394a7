"""Connections: what the world does to a database, in plain words; and URLs that cannot be right."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bowerbird.errors import LibraryBusy, LibraryError, StorageFull
from bowerbird.moments import Moment
from bowerbird.store import engine as engines
from bowerbird.store.catalog import Catalog
from bowerbird.store.engine import make_engine, reading, sqlite_url, writing
from bowerbird.types import SegmentKind
from tests.store.hand import derive, put_asset


def fill(catalog: Catalog, name: str = "one", characters: int = 1_000_000) -> None:
    with catalog.write() as tx:
        derive(tx, put_asset(tx, name), [], [Moment(SegmentKind.TEXT, text="x" * characters)])


def assert_plain(error: LibraryError, *words: str) -> None:
    said = str(error)
    assert "\n" not in said
    for word in words:
        assert word in said


# --- SQLite ---


def test_sqlite_is_set_up_as_the_design_asks(sqlite: sa.URL) -> None:
    catalog = Catalog(sqlite, create=True)
    with catalog.read() as tx:
        found = {
            name: tx.connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "secure_delete")
        }
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "secure_delete": 1}
    catalog.close()


@pytest.mark.parametrize("name", ["a?b=c", "100%20", "#", "näme 'with' \"quotes\"", "\\x41", os.fsdecode(b"\xff")])
def test_a_library_may_lie_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    file = tmp_path / name / "catalog.db"
    Catalog(sqlite_url(file), create=True).close()
    assert file.is_file()
    Catalog(sqlite_url(file)).close()


def test_a_full_disk_is_told_and_costs_nothing_that_was_written(sqlite: sa.URL) -> None:
    catalog = Catalog(sqlite, create=True)
    fill(catalog, "before")
    with catalog.read() as tx:
        pages = tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    catalog.engine.dispose()

    @sa.event.listens_for(catalog.engine, "connect")
    def limit(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages + 20}")

    with pytest.raises(StorageFull) as caught:
        fill(catalog, "after")
    assert_plain(caught.value, "free some", "catalog.db")
    fill(catalog, "small", 100)
    with catalog.read() as tx:
        assert tx.segments.counts() == {"text": 2}
        assert tx.integrity() == []
    catalog.close()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("file systems cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_is_really_full_is_no_different(tiny_disk: Path) -> None:
    catalog = Catalog(sqlite_url(tiny_disk / "catalog.db"), create=True)
    with pytest.raises(StorageFull):
        fill(catalog, characters=4_000_000)
    with catalog.read() as tx:
        assert tx.integrity() == []
        assert tx.segments.counts() == {}
    catalog.close()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LibraryError) as caught:
        Catalog(sqlite_url(tmp_path / "nowhere" / "catalog.db"), create=True)
    assert_plain(caught.value, str(tmp_path / "nowhere"), "drive")


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    file.write_bytes(b"a letter to a friend" * 100)
    before = file.read_bytes()
    with pytest.raises(LibraryError) as caught:
        Catalog(sqlite_url(file), create=True)
    assert_plain(caught.value, str(file), "damaged", "backup")
    assert file.read_bytes() == before


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    catalog = Catalog(sqlite_url(file), create=True)
    fill(catalog)
    catalog.compact()
    catalog.close()
    content = bytearray(file.read_bytes())
    content[4096:] = random.Random(0).randbytes(len(content) - 4096)
    file.write_bytes(content)
    with pytest.raises(LibraryError) as caught:
        Catalog(sqlite_url(file)).dump().__next__()
    assert_plain(caught.value, str(file), "damaged", "backup")


def test_a_database_that_cannot_be_written_to_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "catalog.db"
    writer = Catalog(sqlite_url(file), create=True)
    fill(writer)
    reader = Catalog(sa.make_url(f"sqlite:///file:{file}?mode=ro&uri=true"))
    with reader.read() as tx:
        assert tx.segments.counts() == {"text": 1}
    with pytest.raises(LibraryError) as caught:
        fill(reader)
    assert_plain(caught.value, str(file), "writable")
    reader.close()
    writer.close()


def test_a_writer_that_is_killed_takes_only_its_own_work_along(url: sa.URL) -> None:
    catalog = Catalog(url, create=True)
    fill(catalog, "before", 10)
    script = """
import os, signal, sys
from bowerbird.store.catalog import Catalog

with Catalog(sys.argv[1]).write() as tx:
    tx.roots.add("/half", 1)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    call = [sys.executable, "-c", script, url.render_as_string(hide_password=False)]
    assert subprocess.run(call, check=False).returncode == -signal.SIGKILL
    fill(catalog, "after", 10)
    with catalog.read() as tx:
        assert tx.segments.counts() == {"text": 2}
        assert tx.roots.all() == []
    catalog.close()


# --- both ---


def test_a_writer_that_waits_too_long_says_so(url: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_BUSY_S", 0.2)
    catalog = Catalog(url, create=True)
    other = Catalog(url)
    with catalog.write() as tx:
        put_asset(tx)
        with pytest.raises(LibraryBusy) as caught:
            fill(other)
    assert_plain(caught.value, "another process", "wait")
    fill(other)
    for each in (catalog, other):
        each.close()


def test_our_own_mistakes_are_not_dressed_up(url: sa.URL) -> None:
    engine = make_engine(url)
    with pytest.raises(sa.exc.DBAPIError, match="no_such_table"), reading(engine) as connection:
        connection.exec_driver_sql("SELECT * FROM no_such_table")
    with pytest.raises(sa.exc.DBAPIError), writing(engine) as connection:
        connection.exec_driver_sql("this database is locked, readonly and malformed, and the disk is full")
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", ["not valid", "library.toml"]),
        ("catalog.db", ["not valid", "postgresql://"]),
        ("postgresql://me:secret@host:port/name", ["not valid", "postgresql://"]),
        ("mysql://me:secret@host/name", ["'mysql'", "postgresql://"]),
        ("postgresq://me:secret@host/name", ["'postgresq'", "postgresql://"]),
    ],
)
def test_a_url_that_cannot_be_right_is_told_without_its_password(url: str, words: list[str]) -> None:
    with pytest.raises(LibraryError) as caught:
        make_engine(url)
    assert_plain(caught.value, *words)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+asyncpg"])
def test_every_way_to_write_a_postgresql_url_means_the_driver_we_have(scheme: str) -> None:
    pytest.importorskip("psycopg")
    engine = make_engine(f"{scheme}://me@host/name")
    assert engine.dialect.driver == "psycopg"


def test_a_missing_driver_comes_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LibraryError) as caught:
        make_engine("postgresql://me@host/name")
    assert_plain(caught.value, "pip install 'bowerbird[postgres]'")


# --- PostgreSQL ---


def test_a_server_that_does_not_answer_is_told_without_its_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(LibraryError) as caught:
        Catalog("postgresql://me:secret@127.0.0.1:1/name")
    assert_plain(caught.value, "cannot be reached", "127.0.0.1:1")
    assert "secret" not in str(caught.value)


def test_a_database_that_does_not_exist_is_told(postgres: sa.Engine) -> None:
    with pytest.raises(LibraryError) as caught:
        Catalog(postgres.url.set(database="nobody_made_this"))
    assert_plain(caught.value, "nobody_made_this", "cannot be reached")


def test_a_connection_that_the_server_ends_is_told_and_made_anew(postgres_url: sa.URL) -> None:
    catalog = Catalog(postgres_url, create=True)

    def be_cut_off() -> None:
        with catalog.write() as tx:
            put_asset(tx)
            with catalog.read() as other:
                mine = tx.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
                other.connection.exec_driver_sql(f"SELECT pg_terminate_backend({mine}, 10000)")
            put_asset(tx, "two")

    with pytest.raises(LibraryError) as caught:
        be_cut_off()
    assert_plain(caught.value, "cannot be reached")
    with catalog.read() as tx:
        assert tx.assets.counts() == {}
    catalog.close()


@pytest.mark.parametrize(
    ("code", "expected"),
    [("53100", StorageFull), ("55P03", LibraryBusy), ("25006", LibraryError), ("53300", LibraryError)],
)
def test_what_postgresql_says_by_code(postgres_url: sa.URL, code: str, expected: type[LibraryError]) -> None:
    engine = make_engine(postgres_url)
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{code}'; END $$"
    with pytest.raises(LibraryError) as caught, writing(engine) as connection:
        connection.exec_driver_sql(raising)
    assert type(caught.value) is expected
    assert_plain(caught.value)
    engine.dispose()
