"""Migrations: they end at the tables that the program knows, and a library is migrated wholly, once, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bowerbird.errors import LibraryMissing, LibraryTooNew
from bowerbird.store import schema
from bowerbird.store.catalog import Catalog, full_text
from bowerbird.store.engine import make_engine, reading, writing
from bowerbird.store.tables import SCHEMA, metadata, vocabulary
from tests.store.hand import derive, live_ids, make_space, put_asset


def tables(url: sa.URL) -> set[str]:
    engine = make_engine(url)
    with reading(engine) as connection:
        found = {name for name in sa.inspect(connection).get_table_names() if not full_text.belongs(name)}
    engine.dispose()
    return found


def test_migrations_lead_to_the_tables_that_the_program_knows(catalog: Catalog) -> None:
    with catalog.read() as tx:
        opts = {"compare_type": True, "include_name": lambda name, type_, parents: not full_text.belongs(name)}
        context = MigrationContext.configure(tx.connection, opts=opts)
        assert compare_metadata(context, metadata) == []
        assert schema.current(tx.connection) == SCHEMA


def test_counted_columns_never_give_a_number_twice(sqlite: sa.URL) -> None:
    """What `compare_metadata` does not look at: AUTOINCREMENT."""
    catalog = Catalog(sqlite, create=True)
    with catalog.read() as tx:
        made = dict(tx.connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all())
    for table in metadata.tables.values():
        wanted = table.dialect_options["sqlite"]["autoincrement"] is True
        assert ("AUTOINCREMENT" in made[table.name]) == wanted, table.name
    assert "AUTOINCREMENT" in made["change"]
    assert "AUTOINCREMENT" in made["embedding"]
    catalog.close()


def test_the_program_reads_the_newest_schema() -> None:
    folder = ScriptDirectory(str(schema.migrations_folder()))
    assert folder.get_heads() == [SCHEMA]
    numbers = [script.revision for script in folder.walk_revisions()]
    assert numbers == sorted(numbers, reverse=True), "newer and older are told by comparing"


def test_up_and_down_again(catalog: Catalog, url: sa.URL) -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.migrations_folder()))
    with writing(catalog.engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert tables(url) == {"alembic_version"}
    again = Catalog(url, create=True)
    with again.write() as tx:
        space = make_space(tx)
        derive(tx, put_asset(tx), [space])
    assert len(live_ids(again, space)) == 1
    again.close()


def test_a_library_of_a_newer_program_is_refused_and_left_alone(catalog: Catalog, url: sa.URL) -> None:
    with writing(catalog.engine) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(sa.text("CREATE TABLE of_the_future (id INTEGER)"))
    before = tables(url)
    for create in (True, False):
        with pytest.raises(LibraryTooNew, match="pip install -U"):
            Catalog(url, create=create)
    assert tables(url) == before
    with reading(catalog.engine) as connection:
        assert schema.current(connection) == "9999"


def test_an_empty_database_is_filled_only_when_asked_to(url: sa.URL) -> None:
    with pytest.raises(LibraryMissing, match="bowerbird index"):
        Catalog(url)
    assert tables(url) == set()


def test_opening_again_changes_nothing_and_needs_no_alembic(catalog: Catalog, url: sa.URL) -> None:
    with catalog.write() as tx:
        tx.roots.add("/a", 1)
    opened = "import sys; from bowerbird.store.catalog import Catalog; Catalog(sys.argv[1], create=True).close();"
    said = "sys.exit('alembic' in sys.modules)"
    run(opened + said, url)
    with catalog.read() as tx:
        assert len(tx.roots.all()) == 1


@pytest.mark.parametrize(("older", "learnt"), [("0002", ["tide"]), ("0003", [])])
def test_all_texts_are_read_only_where_words_are_new(url: sa.URL, older: str, learnt: list[str]) -> None:
    engine = make_engine(url)
    with writing(engine) as connection:
        schema.upgrade(connection, older)
        for statement in (
            "INSERT INTO asset (id, hash, size, kind, media_type, added_at)"
            " VALUES (1, 'aa', 1, 'document', 'text/plain', '2020-01-01')",
            "INSERT INTO derivation (id, asset_id, stage, key) VALUES (1, 1, 'decode', '1')",
            "INSERT INTO segment (asset_id, derivation_id, ordinal, kind, text) VALUES (1, 1, 0, 'text', 'The tide')",
        ):
            connection.execute(sa.text(statement))
    engine.dispose()
    catalog = Catalog(url)
    with catalog.read() as tx:
        assert schema.current(tx.connection) == SCHEMA
        assert list(tx.connection.execute(sa.select(vocabulary.c.word)).scalars()) == learnt
    catalog.close()


def test_several_processes_may_make_the_same_library_at_once(url: sa.URL) -> None:
    script = """
import sys
import alembic.command
from bowerbird.store.catalog import Catalog, full_text

print("ready", flush=True)
input()
Catalog(sys.argv[1], create=True).close()
"""
    call = [sys.executable, "-c", script, url.render_as_string(hide_password=False)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    makers = [subprocess.Popen(call, **pipes) for _ in range(4)]
    for maker in makers:
        assert maker.stdout.readline() == "ready\n"
    for maker in makers:
        maker.stdin.write("\n")
        maker.stdin.flush()
    assert [maker.communicate()[1] for maker in makers] == [""] * 4
    catalog = Catalog(url)
    with catalog.read() as tx:
        assert schema.current(tx.connection) == SCHEMA
    catalog.close()


@pytest.mark.parametrize("harm", ["an error", "a kill"])
@pytest.mark.parametrize("after", [1, 7, 15])
def test_an_interrupted_migration_leaves_an_empty_database(url: sa.URL, harm: str, after: int) -> None:
    script = f"""
import os, signal, sys
import sqlalchemy as sa
from bowerbird.store.catalog import Catalog, full_text

made = 0

@sa.event.listens_for(sa.Engine, "after_cursor_execute")
def interrupt(connection, cursor, statement, *rest):
    global made
    made += statement.lstrip().startswith("CREATE")
    if made == {after}:
        if {harm!r} == "a kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise InterruptedError("a power cut")

Catalog(sys.argv[1], create=True)
"""
    process = subprocess.run(
        [sys.executable, "-c", script, url.render_as_string(hide_password=False)], stderr=subprocess.PIPE, check=False
    )
    assert process.returncode == (-signal.SIGKILL if harm == "a kill" else 1)
    if harm == "an error":
        assert b"a power cut" in process.stderr
    assert tables(url) == set()
    Catalog(url, create=True).close()
    assert tables(url) == {*metadata.tables, "alembic_version"}


def run(script: str, url: sa.URL) -> None:
    address = url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", script, address], check=True, env=os.environ)
