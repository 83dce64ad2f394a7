"""Brings a database to the schema that this program knows, or says politely why not."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from bowerbird.errors import LibraryMissing, LibraryTooNew
from bowerbird.store.engine import reading, writing
from bowerbird.store.tables import SCHEMA

_WORDS = "0003"
"""The migration that brought words, which older libraries must first learn from all their texts."""


def migrations_folder() -> Path:
    """A wheel carries the migrations inside the package; in a checkout they stand at the top level."""
    package = Path(__file__).resolve().parents[1]
    carried = package / "_migrations"
    return carried if carried.is_dir() else package.parent / "migrations"


def current(connection: sa.Connection) -> str | None:
    """The schema that the database has; None for an empty one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def ensure(engine: sa.Engine, *, create: bool) -> None:
    """Migrate if need be. All of it happens in one transaction, and of several processes one does it.

    Raises `LibraryTooNew`, or `LibraryMissing` where the database is empty and ``create`` is False.
    """
    with reading(engine) as connection:
        found = current(connection)
    if found == SCHEMA:  # the usual case, and the one that need not import alembic
        return
    _refuse_newer(found)
    if found is None and not create:
        raise LibraryMissing("the library holds no catalogue yet; make it with `bowerbird index FOLDER`")
    with writing(engine) as connection:
        found = current(connection)  # once more: another process may have been here meanwhile
        _refuse_newer(found)
        upgrade(connection, SCHEMA)
        if found is not None and found < _WORDS:
            from bowerbird.store.catalog.asset_words import refresh
            from bowerbird.store.catalog.vocabulary import learn_all

            refresh(connection)
            learn_all(connection)


def upgrade(connection: sa.Connection, revision: str) -> None:
    """Run the migrations up to ``revision`` inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _refuse_newer(found: str | None) -> None:
    if found is not None and found > SCHEMA:
        raise LibraryTooNew(
            f"the library has schema {found}, this Bowerbird knows up to {SCHEMA}; upgrade: pip install -U bowerbird"
        )
