"""The tables, for SQLite and PostgreSQL alike. Migrations take their metadata from here.

``root`` and ``location`` say where things lie, ``asset`` what they are, ``derivation`` and ``segment`` what was made of
them, ``space`` and ``embedding`` where that stands in a space of meaning, ``change`` in which order it came and went.
What full-text search adds to them differs by database and is made by migration 0003: see `catalog.full_text`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

SCHEMA = "0005"
"""The newest migration: what this program reads and writes."""


_UNESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_UNFIT = re.compile("[\0\ud800-\udfff]")


class PathText(sa.types.TypeDecorator[str]):
    """A path as text: names that are not UTF-8 (surrogate escapes in Python) are kept as ``\\xNN``, reversibly."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Backslashes are doubled, so that an escaped byte cannot be mistaken for one that was written so."""
        if value is None:
            return None
        return value.replace("\\", "\\\\").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """The name as ``os.fsdecode`` gives it."""
        if value is None or "\\" not in value:
            return value
        pieces = value.split("\\\\")
        return "\\".join(_UNESCAPE.sub(lambda m: chr(0xDC00 + int(m[1], 16)), piece) for piece in pieces)


class PlainText(sa.types.TypeDecorator[str]):
    """Text from files, which may hold what no database takes: NUL (not in PostgreSQL) and half a surrogate pair."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The same for both databases, with the sign for what cannot be shown in the place of each."""
        return None if value is None else _UNFIT.sub("\ufffd", value)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware datetime, kept in UTC without its zone, since SQLite has none."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Naive values are refused: their meaning would depend on the machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always aware, always UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


_BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str = "id") -> sa.Column[Any]:
    return sa.Column(name, _BigId, primary_key=True, autoincrement=True)


def _of(table: str, *, index: bool = False) -> sa.Column[Any]:
    """A foreign key that dies with its owner."""
    return sa.Column(
        f"{table}_id", _BigId, sa.ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False, index=index
    )


meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

root = sa.Table(
    "root",
    metadata,
    _id(),
    sa.Column("path", PathText, nullable=False, unique=True),
    sa.Column("device", sa.BigInteger, nullable=False),
    sa.Column("added_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)

asset = sa.Table(
    "asset",
    metadata,
    _id(),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("media_type", PlainText, nullable=False),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("duration_s", sa.Double),
    sa.Column("taken_at", sa.DateTime, index=True),  # the clock on the wall there, so it has no zone
    sa.Column("taken_from", sa.Text),
    sa.Column("camera", PlainText),
    sa.Column("lens", PlainText),
    sa.Column("latitude", sa.Double),
    sa.Column("longitude", sa.Double),
    sa.Column("place", PlainText),
    sa.Column("region", PlainText),
    sa.Column("country", PlainText),
    sa.Column("title", PlainText),
    sa.Column("artist", PlainText),
    sa.Column("album", PlainText),
    sa.Column("keywords", PlainText),  # one a line
    sa.Column("added_at", UtcDateTime, nullable=False),
    # Set while no location is left: out of every view, yet ready to come back without being encoded again.
    sa.Column("orphaned_at", UtcDateTime, index=True),
    # Worked out from the above and the locations, by `catalog.asset_words`; NULL until that has been done anew.
    sa.Column("words", PlainText),
    sa.Column("dated_at", sa.DateTime, index=True),  # taken_at, or for want of it the earliest that a location tells
    sa.Index(
        "ix_asset_wordless", "id", sqlite_where=sa.text("words IS NULL"), postgresql_where=sa.text("words IS NULL")
    ),
    sqlite_autoincrement=True,
)

location = sa.Table(
    "location",
    metadata,
    _id(),
    _of("root"),
    sa.Column("path", PathText, nullable=False),
    _of("asset", index=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("inode", sa.BigInteger, nullable=False),
    sa.Column("dated_at", sa.DateTime),  # by name or time, for want of anything in the content
    sa.Column("dated_from", sa.Text),
    sa.UniqueConstraint("root_id", "path"),
    sqlite_autoincrement=True,
)

derivation = sa.Table(
    "derivation",
    metadata,
    _id(),
    _of("asset"),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.UniqueConstraint("asset_id", "stage"),
)

segment = sa.Table(
    "segment",
    metadata,
    _id(),
    _of("asset", index=True),
    _of("derivation"),
    sa.Column("ordinal", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("start_s", sa.Double),
    sa.Column("end_s", sa.Double),
    sa.Column("page", sa.Integer),
    sa.Column("box_x", sa.Double),
    sa.Column("box_y", sa.Double),
    sa.Column("box_width", sa.Double),
    sa.Column("box_height", sa.Double),
    sa.Column("text", PlainText),
    sa.Column("language", PlainText),
    sa.Column("confidence", sa.Double),
    sa.UniqueConstraint("derivation_id", "ordinal"),
    sqlite_autoincrement=True,
)

space = sa.Table(
    "space",
    metadata,
    _id(),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("dimension", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.UniqueConstraint("name", "fingerprint"),
    sqlite_autoincrement=True,
)

embedding = sa.Table(
    "embedding",
    metadata,
    _id(),
    _of("segment"),
    _of("space"),
    sa.Column("vector", sa.LargeBinary, nullable=False),  # float16, little-endian
    sa.UniqueConstraint("segment_id", "space_id"),
    sqlite_autoincrement=True,
)

vocabulary = sa.Table(
    "vocabulary",
    metadata,
    sa.Column("word", sa.Text, primary_key=True),
    sa.Column("initial", sa.Text, nullable=False),
    sa.Column("length", sa.Integer, nullable=False),
    sa.Index("ix_vocabulary_initial_length", "initial", "length"),
)

change = sa.Table(
    "change",
    metadata,
    _id("seq"),
    sa.Column("op", sa.Text, nullable=False),
    # No foreign key: the log tells of embeddings that are gone.
    sa.Column("embedding_id", sa.BigInteger, nullable=False),
    sa.Column("space_id", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Index("ix_change_space_id_kind_seq", "space_id", "kind", "seq"),
    sqlite_autoincrement=True,
)

failure = sa.Table(
    "failure",
    metadata,
    _id(),
    _of("root"),
    sa.Column("path", PathText, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("inode", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.Text),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("reason", PlainText, nullable=False),
    sa.Column("failed_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("root_id", "path"),
)

job = sa.Table(
    "job",
    metadata,
    _id(),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("report", sa.JSON),
    sqlite_autoincrement=True,
)

lease = sa.Table(
    "lease",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)

saved_search = sa.Table(
    "saved_search",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("query", sa.Text, nullable=False),  # JSON as `search.saved` writes it, all of it ASCII
    sa.Column("saved_at", UtcDateTime, nullable=False),
)

api_key = sa.Table(
    "api_key",
    metadata,
    _id(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("secret_hash", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),  # a space between
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime),
    sqlite_autoincrement=True,  # what a token names is never another key
)

session = sa.Table(
    "session",
    metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),
    _of("api_key"),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)
