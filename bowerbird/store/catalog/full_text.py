"""Which rows bear which words: FTS5 on SQLite, text search on PostgreSQL, behind the same three questions.

Both split text into runs of letters and digits, drop case and the accents of Latin letters, and keep Porter's stems of
what is left, stop words included (M. F. Porter, An algorithm for suffix stripping, 1980). Rows are asked for by the
newest first and only so many, so that a word which stands everywhere costs no more than one that stands in a thousand
places.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

import sqlalchemy as sa

from bowerbird.store.catalog.rows import chunks
from bowerbird.store.tables import asset, segment

Table = Literal["segment", "asset"]
BOTH: tuple[Table, Table] = ("segment", "asset")
Field = Literal["place", "camera"]


@dataclass(frozen=True, slots=True)
class Term:
    """Something to look for: words in a row, each of letters and digits alone as `plain_words` gives them.

    With ``prefix`` the last of them may go on; any of ``instead``, single words, will do in their place.
    """

    words: tuple[str, ...]
    prefix: bool = False
    instead: tuple[str, ...] = ()


class FullText(Protocol):
    """What may be asked of either database."""

    def rows(self, table: Table, term: Term, most: int, below: int | None = None) -> list[int]:
        """Ids of rows that bear ``term``, the newest first, at most ``most``, and lower than ``below``."""
        ...

    def newest(self, terms: Sequence[Term], most: int) -> list[dict[Table, list[int]]]:
        """Of each term the ids of rows of either table that bear it, the newest first, at most ``most`` of each."""
        ...

    def among(self, table: Table, term: Term, ids: Iterable[int]) -> set[int]:
        """Those of ``ids`` that bear ``term``."""
        ...

    def bearing(self, table: Table, term: Term) -> sa.Select[tuple[int]]:
        """The ids of all rows that bear ``term``: read once, where whatever bears it is wanted."""
        ...

    def bears(self, table: Table, term: Term) -> sa.ColumnElement[bool]:
        """A condition over a row of ``table``: it bears ``term``. Looked up for each row, where there are few."""
        ...

    def in_field(self, field: Field, words: Sequence[str]) -> sa.ColumnElement[bool]:
        """A condition over ``asset``: all ``words`` stand in this part of what is known of it."""
        ...


def of(connection: sa.Connection) -> FullText:
    """The one that this database has."""
    return _Fts5(connection) if connection.dialect.name == "sqlite" else _TextSearch(connection)


def belongs(name: str | None) -> bool:
    """Whether a table, column or index of this name is full-text search's own, which no metadata describes."""
    return name is not None and (name.startswith(("segment_words", "asset_words")) or name.endswith("lexemes"))


class _Fts5:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def rows(self, table: Table, term: Term, most: int, below: int | None = None) -> list[int]:
        query = sa.text(f"SELECT rowid FROM {table}_words(:term) WHERE rowid < :below ORDER BY rowid DESC LIMIT :most")
        asked = {"term": self._said(term), "most": most, "below": _HIGHEST if below is None else below}
        return list(self._connection.execute(query, asked).scalars().all())

    def newest(self, terms: Sequence[Term], most: int) -> list[dict[Table, list[int]]]:
        rows = "SELECT rowid AS id FROM {table}_words(:{term}) ORDER BY rowid DESC LIMIT :most"
        return _newest(self._connection, rows, [self._said(term) for term in terms], most)

    def among(self, table: Table, term: Term, ids: Iterable[int]) -> set[int]:
        query = sa.text(f"SELECT rowid FROM {table}_words(:term) WHERE rowid IN :ids")
        query = query.bindparams(sa.bindparam("ids", expanding=True))
        found: set[int] = set()
        for chunk in chunks(ids):
            found.update(self._connection.execute(query, {"term": self._said(term), "ids": chunk}).scalars().all())
        return found

    def bearing(self, table: Table, term: Term) -> sa.Select[tuple[int]]:
        rows = sa.text(f"SELECT rowid FROM {table}_words(:wanted)")
        said: sa.BindParameter[str] = sa.bindparam("wanted", self._said(term), unique=True)
        return sa.select(rows.bindparams(said).columns(sa.column("rowid", sa.Integer)).subquery().c.rowid)

    def bears(self, table: Table, term: Term) -> sa.ColumnElement[bool]:
        said: sa.BindParameter[str] = sa.bindparam("wanted", self._said(term), unique=True)
        here = sa.text(f"SELECT 1 FROM {table}_words(:wanted) WHERE rowid = {table}.id")
        return here.bindparams(said).columns(sa.column("1", sa.Integer)).scalar_subquery().is_not(None)

    def in_field(self, field: Field, words: Sequence[str]) -> sa.ColumnElement[bool]:
        columns = {"place": "place region country", "camera": "camera lens"}[field]
        wanted = f"{{{columns}}} : ({' AND '.join(map(_quoted, words))})"
        rows = sa.text("SELECT rowid FROM asset_words(:wanted)").bindparams(sa.bindparam("wanted", wanted, unique=True))
        return asset.c.id.in_(rows.columns(sa.column("rowid", sa.Integer)).scalar_subquery())

    @staticmethod
    def _said(term: Term) -> str:
        written = _quoted(" ".join(term.words)) + (" *" if term.prefix else "")
        return " OR ".join([written, *map(_quoted, term.instead)])


class _TextSearch:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def rows(self, table: Table, term: Term, most: int, below: int | None = None) -> list[int]:
        query = sa.text(
            f"SELECT id FROM {table} WHERE lexemes @@ {_TSQUERY} AND id < :below ORDER BY id DESC LIMIT :most"
        )
        asked = {"term": self._said(term), "most": most, "below": _HIGHEST if below is None else below}
        return list(self._connection.execute(query, asked).scalars().all())

    def newest(self, terms: Sequence[Term], most: int) -> list[dict[Table, list[int]]]:
        rows = "SELECT id FROM {table} WHERE lexemes @@ to_tsquery('lexemes', :{term}) ORDER BY id DESC LIMIT :most"
        return _newest(self._connection, rows, [self._said(term) for term in terms], most)

    def among(self, table: Table, term: Term, ids: Iterable[int]) -> set[int]:
        query = sa.text(f"SELECT id FROM {table} WHERE lexemes @@ {_TSQUERY} AND id = ANY(:ids)")
        found: set[int] = set()
        for chunk in chunks(ids):
            found.update(
                self._connection.execute(query, {"term": self._said(term), "ids": list(chunk)}).scalars().all()
            )
        return found

    def bearing(self, table: Table, term: Term) -> sa.Select[tuple[int]]:
        return sa.select(_OWN[table].c.id).where(self.bears(table, term))

    def bears(self, table: Table, term: Term) -> sa.ColumnElement[bool]:
        lexemes: sa.ColumnClause[object] = sa.literal_column(f"{table}.lexemes")
        wanted = sa.func.to_tsquery(sa.literal_column("'lexemes'"), sa.literal(self._said(term)))
        return lexemes.op("@@", is_comparison=True)(wanted)

    def in_field(self, field: Field, words: Sequence[str]) -> sa.ColumnElement[bool]:
        weight = {"place": "A", "camera": "B"}[field]
        wanted = sa.literal(" & ".join(f"'{word}':{weight}" for word in words))
        lexemes: sa.ColumnClause[object] = sa.literal_column("asset.lexemes")
        return lexemes.op("@@", is_comparison=True)(sa.func.to_tsquery(sa.literal_column("'lexemes'"), wanted))

    @staticmethod
    def _said(term: Term) -> str:
        written = " <-> ".join(f"'{word}'" for word in term.words) + (":*" if term.prefix else "")
        return " | ".join([written, *(f"'{word}'" for word in term.instead)])


_OWN: dict[Table, sa.Table] = {"segment": segment, "asset": asset}
_HIGHEST = 2**63 - 1
_TSQUERY = "to_tsquery('lexemes', :term)"


def _newest(connection: sa.Connection, rows: str, said: Sequence[str], most: int) -> list[dict[Table, list[int]]]:
    """``rows`` selects those of one ``{table}`` that bear what is said under the name ``{term}``."""
    found: list[dict[Table, list[int]]] = [{table: [] for table in BOTH} for _ in said]
    if said:
        asked = {f"term{number}": each for number, each in enumerate(said)}
        for number, table, id_ in connection.execute(_of_each(rows, len(said)), {**asked, "most": most}).all():
            found[number][table].append(id_)
    return found


@lru_cache(maxsize=128)
def _of_each(rows: str, terms: int) -> sa.TextClause:
    """One statement for all: to ask for one word after the other takes several times as long as to look them up."""
    return sa.text(
        " UNION ALL ".join(
            f"SELECT {number}, '{table}', id FROM ({rows.format(table=table, term=f'term{number}')}) AS {table}{number}"
            for number in range(terms)
            for table in BOTH
        )
    )


def _quoted(words: str) -> str:
    return f'"{words}"'
