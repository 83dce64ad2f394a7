"""Many rows at a time, in ways that SQLite and PostgreSQL share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

T = TypeVar("T")

_CHUNK = 500  # parameters of one statement


def chunks(items: Iterable[T], most: int = _CHUNK) -> Iterator[Sequence[T]]:
    """``items`` in pieces of at most ``most`` that fit into one statement."""
    everything, size = list(items), min(most, _CHUNK)
    for start in range(0, len(everything), size):
        yield everything[start : start + size]


def among(
    connection: sa.Connection, column: sa.Column[int] | sa.Column[str], values: Iterable[int] | Iterable[str]
) -> sa.ColumnElement[bool]:
    """A condition: ``column``, of ids or of plain text, is one of ``values``, however many, in one parameter.

    A parameter for each, as ``IN`` takes them, costs SQLAlchemy more time than the database.
    """
    listed = [value if isinstance(value, str) else int(value) for value in values]
    if connection.dialect.name == "sqlite":
        value = sa.func.json_each(sa.bindparam(None, json.dumps(listed), sa.Text)).table_valued("value").c.value
        return column.in_(sa.select(value))
    return column == sa.any_(sa.bindparam(None, listed, sa.ARRAY(column.type)))


def among_ids(column: sa.Column[int]) -> sa.ColumnElement[bool]:
    """As `among`, for a statement that is made once and run with the parameter ``ids``, a sequence of integers.

    To make a statement anew, and for SQLAlchemy to know it again, takes longer than many a lookup.
    """
    return _AmongIds(column, sa.bindparam("ids", type_=_Ids()))


class _Ids(sa.TypeDecorator[Sequence[int]]):
    """Integers in one parameter: JSON on SQLite, an array on PostgreSQL."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return sa.Text() if dialect.name == "sqlite" else sa.ARRAY(sa.BigInteger)

    def process_bind_param(self, value: Sequence[int] | None, dialect: sa.Dialect) -> Any:
        listed = [int(each) for each in value or ()]
        return json.dumps(listed) if dialect.name == "sqlite" else listed


class _AmongIds(FunctionElement[bool]):
    # Of no type: SQLite would have Boolean ones compared with 1, and not use an index.
    inherit_cache = True


@compiles(_AmongIds, "sqlite")
def _among_json(element: _AmongIds, compiler: SQLCompiler, **how: Any) -> str:
    column, ids = (compiler.process(each, **how) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"


@compiles(_AmongIds, "postgresql")
def _among_array(element: _AmongIds, compiler: SQLCompiler, **how: Any) -> str:
    column, ids = (compiler.process(each, **how) for each in element.clauses)
    return f"{column} = ANY({ids})"


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    key: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    *,
    keep: Sequence[str] = (),
    returning: Sequence[sa.Column[Any]] = (),
) -> Sequence[sa.Row[Any]]:
    """Insert rows, or update those that are there under the same ``key`` in every column but those in ``keep``.

    All rows have the same columns; of two with the same key the later counts. ``returning`` is in no certain order.
    """
    distinct = list({tuple(row[name] for name in key): row for row in rows}.values())
    if not distinct:
        return []
    insert = _insert(connection, table)
    changed = {name: insert.excluded[name] for name in distinct[0] if name not in {*key, *keep}}
    statement = insert.on_conflict_do_update(index_elements=key, set_=changed)
    if not returning:
        connection.execute(statement, distinct)
        return []
    return connection.execute(statement.returning(*returning), distinct).all()


def add_missing(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert those rows that are not there yet; the others are left as they are."""
    for chunk in chunks(rows):
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), chunk)


def _insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # an eighth of the time that a cold search takes to import

        return postgresql.insert(table)
    return sqlite.insert(table)
