"""Saved searches in SQL, on both databases."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from bowerbird.store import schema
from bowerbird.store.catalog import Catalog
from bowerbird.store.engine import writing
from tests.store.hand import make_space, put_asset


def test_one_query_for_each_name(catalog: Catalog) -> None:
    before = datetime.now(UTC)
    with catalog.write() as tx:
        tx.saved.put("Beach", '{"text":"sand"}')
        tx.saved.put("beach", '{"text":"sea"}')
        tx.saved.put("Été", "{}")
        tx.saved.put("alps", "{}")
        tx.saved.put("Beach", '{"text":"dunes"}')
    with catalog.read() as tx:
        assert [each.name for each in tx.saved.all()] == ["alps", "Beach", "beach", "Été"]
        kept = tx.saved.at("Beach")
        assert kept is not None
        assert kept.query == '{"text":"dunes"}'
        assert before <= kept.saved_at <= datetime.now(UTC)
        assert tx.saved.at("BEACH") is None


def test_what_was_removed_is_gone_and_cannot_be_removed_twice(catalog: Catalog) -> None:
    with catalog.write() as tx:
        tx.saved.put("beach", "{}")
    with catalog.write() as tx:
        assert tx.saved.remove("beach") is True
        assert tx.saved.remove("beach") is False
    with catalog.read() as tx:
        assert tx.saved.all() == []


def test_a_search_that_is_not_committed_is_not_saved(catalog: Catalog) -> None:
    def interrupted() -> None:
        with catalog.write() as tx:
            tx.saved.put("beach", "{}")
            raise InterruptedError("a power cut")

    with pytest.raises(InterruptedError):
        interrupted()
    with catalog.read() as tx:
        assert tx.saved.at("beach") is None


def test_the_dump_tells_what_is_saved_and_not_when(catalog: Catalog) -> None:
    with catalog.write() as tx:
        tx.saved.put("beach", '{"text":"sand"}')
    (line,) = (json.loads(line) for line in catalog.dump())
    assert line == {"table": "saved_search", "name": "beach", "query": '{"text":"sand"}'}


def test_a_library_from_before_there_were_any_is_migrated_in_place(url: sa.URL) -> None:
    old = Catalog(url, create=True)
    with old.write() as tx:
        make_space(tx)
        put_asset(tx)
    with writing(old.engine) as connection:
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(schema.migrations_folder()))
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")
        assert not sa.inspect(connection).has_table("saved_search")
    old.close()
    migrated = Catalog(url)
    with migrated.write() as tx:
        tx.saved.put("beach", "{}")
        assert len(tx.spaces.active()) == 1
    migrated.close()
