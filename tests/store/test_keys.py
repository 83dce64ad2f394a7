"""Keys and sessions in SQL, on both databases."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from bowerbird.store import schema
from bowerbird.store.catalog import Catalog
from bowerbird.store.engine import make_engine, writing
from bowerbird.store.tables import session
from tests.store.hand import make_space, put_asset

SOON, PAST = timedelta(hours=1), timedelta(seconds=-1)


def now() -> datetime:
    return datetime.now(UTC)


def sessions(catalog: Catalog) -> list[str]:
    with catalog.read() as tx:
        return sorted(tx.connection.execute(sa.select(session.c.token_hash)).scalars())


def test_a_key_comes_back_as_it_was_kept(catalog: Catalog) -> None:
    before, ends = now(), now() + SOON
    with catalog.write() as tx:
        made = tx.keys.add("Été", "hash", {"search", "index"}, ends)
    with catalog.read() as tx:
        assert tx.keys.named("Été") == tx.keys.at(made.id) == made
        assert tx.keys.named("été") is None
        assert tx.keys.at(made.id + 1) is None
    assert (made.secret_hash, made.scopes, made.expires_at) == ("hash", {"search", "index"}, ends)
    assert before <= made.created_at <= now()
    assert made.live
    assert "hash'" not in repr(made)


def test_keys_are_listed_by_name_and_those_that_ended_too(catalog: Catalog) -> None:
    with catalog.write() as tx:
        for name, ends in (("phone", None), ("Alps", now() + PAST), ("été", None)):
            tx.keys.add(name, "hash", ["search"], ends)
    with catalog.read() as tx:
        assert [(each.name, each.live) for each in tx.keys.all()] == [("Alps", False), ("phone", True), ("été", True)]


def test_a_number_is_never_given_twice(catalog: Catalog) -> None:
    numbers = []
    for _ in range(3):
        with catalog.write() as tx:
            numbers.append(tx.keys.add("phone", "hash", ["search"], None).id)
            assert tx.keys.remove("phone") is True
            assert tx.keys.remove("phone") is False
    assert len(set(numbers)) == 3


def test_two_keys_have_not_one_name(catalog: Catalog) -> None:
    with catalog.write() as tx:
        tx.keys.add("phone", "hash", ["search"], None)
    with pytest.raises(sa.exc.IntegrityError), catalog.write() as tx:
        tx.keys.add("phone", "other", ["search"], None)


def test_a_session_is_of_its_key_until_it_ends_is_closed_or_the_key_goes(catalog: Catalog) -> None:
    with catalog.write() as tx:
        phone = tx.keys.add("phone", "hash", ["search"], None)
        desk = tx.keys.add("desk", "hash", ["search"], None)
        for token, key, ends in (("a", phone, SOON), ("b", phone, SOON), ("c", desk, SOON), ("d", desk, PAST)):
            tx.keys.open_session(token, key.id, now() + ends)
    with catalog.read() as tx:
        assert [tx.keys.of_session(each) for each in "abcde"] == [phone, phone, desk, None, None]
    with catalog.write() as tx:
        assert tx.keys.close_session("a") is True
        assert tx.keys.close_session("a") is False
        assert tx.keys.of_session("a") is None
        assert tx.keys.of_session("b") == phone
        tx.keys.remove("phone")
        assert tx.keys.of_session("b") is None
        assert tx.keys.of_session("c") == desk
    assert sessions(catalog) == ["c", "d"]


def test_sessions_that_ended_are_swept_when_one_is_opened(catalog: Catalog) -> None:
    with catalog.write() as tx:
        key = tx.keys.add("phone", "hash", ["search"], None)
        tx.keys.open_session("lasting", key.id, now() + SOON)
        tx.keys.open_session("ended", key.id, now() + PAST)
    assert sessions(catalog) == ["ended", "lasting"]
    with catalog.write() as tx:
        tx.keys.open_session("new", key.id, now() + SOON)
    assert sessions(catalog) == ["lasting", "new"]


def test_the_dump_tells_nothing_of_who_may_enter(catalog: Catalog) -> None:
    with catalog.write() as tx:
        make_space(tx)
    before = list(catalog.dump())
    with catalog.write() as tx:
        key = tx.keys.add("phone", "hash", ["search"], None)
        tx.keys.open_session("token", key.id, now() + SOON)
    assert list(catalog.dump()) == before
    assert {json.loads(line)["table"] for line in before} == {"space"}


def test_a_library_from_before_there_were_keys_is_migrated_in_place(url: sa.URL) -> None:
    engine = make_engine(url)
    with writing(engine) as connection:
        schema.upgrade(connection, "0004")
        assert not {"api_key", "session"} & set(sa.inspect(connection).get_table_names())
        connection.execute(
            sa.text("INSERT INTO saved_search (name, query, saved_at) VALUES ('beach', '{}', '2026-01-01')")
        )
    engine.dispose()
    migrated = Catalog(url)
    with migrated.write() as tx:
        assert schema.current(tx.connection) == "0005"
        assert [each.name for each in tx.saved.all()] == ["beach"]
        key = tx.keys.add("phone", "hash", ["search"], None)
        tx.keys.open_session("token", key.id, now() + SOON)
        assert tx.keys.of_session("token") == key
    migrated.close()


def test_going_back_takes_keys_with_it_and_nothing_else(catalog: Catalog) -> None:
    from alembic import command
    from alembic.config import Config

    with catalog.write() as tx:
        put_asset(tx)
        key = tx.keys.add("phone", "hash", ["search"], None)
        tx.keys.open_session("token", key.id, now() + SOON)
    config = Config()
    config.set_main_option("script_location", str(schema.migrations_folder()))
    with writing(catalog.engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
        assert not {"api_key", "session"} & set(sa.inspect(connection).get_table_names())
        assert connection.execute(sa.text("SELECT count(*) FROM asset")).scalar() == 1
