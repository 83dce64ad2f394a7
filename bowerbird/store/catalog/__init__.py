"""What may be asked of SQL, one module a noun. Nothing outside `bowerbird.store` writes SQL.

>>> with catalog.write() as tx:            # doctest: +SKIP
...     root = tx.roots.add("/photos", device=2049)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import sqlalchemy as sa

from bowerbird.store import schema
from bowerbird.store.catalog.asset_moments import AssetMoments
from bowerbird.store.catalog.asset_words import refresh
from bowerbird.store.catalog.assets import Assets
from bowerbird.store.catalog.captions import Captions
from bowerbird.store.catalog.changes import SqlChangeLog, head_of
from bowerbird.store.catalog.facets import FacetCounts
from bowerbird.store.catalog.failures import Failures
from bowerbird.store.catalog.filters import Filtered
from bowerbird.store.catalog.folders import Folders
from bowerbird.store.catalog.jobs import Jobs
from bowerbird.store.catalog.keys import Keys
from bowerbird.store.catalog.leases import Leases
from bowerbird.store.catalog.locations import Locations
from bowerbird.store.catalog.meta import Meta
from bowerbird.store.catalog.roots import Roots
from bowerbird.store.catalog.saved import SavedSearches
from bowerbird.store.catalog.segments import Segments
from bowerbird.store.catalog.spaces import Spaces
from bowerbird.store.catalog.surroundings import Surroundings
from bowerbird.store.catalog.vacancies import Vacancies
from bowerbird.store.catalog.view_marks import ViewMarks
from bowerbird.store.catalog.words import Words
from bowerbird.store.dump import dump
from bowerbird.store.engine import in_plain_words, make_engine, reading, writing
from bowerbird.types import Space, ViewKey

__all__ = ["Catalog", "Transaction"]


class Transaction:
    """One transaction, with the nouns as attributes. It ends with the ``with`` block that gave it."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    @cached_property
    def meta(self) -> Meta:
        """A few facts about the library as a whole."""
        return Meta(self.connection)

    @cached_property
    def roots(self) -> Roots:
        """Folders that someone asked for."""
        return Roots(self.connection)

    @cached_property
    def locations(self) -> Locations:
        """Where copies of assets lie."""
        return Locations(self.connection)

    @cached_property
    def assets(self) -> Assets:
        """Content, and what was derived from it."""
        return Assets(self.connection)

    @cached_property
    def segments(self) -> Segments:
        """Moments, and their vectors."""
        return Segments(self.connection)

    @cached_property
    def moments(self) -> AssetMoments:
        """All moments of one asset, in order."""
        return AssetMoments(self.connection)

    @cached_property
    def surroundings(self) -> Surroundings:
        """What stands around a moment in its asset."""
        return Surroundings(self.connection)

    @cached_property
    def captions(self) -> Captions:
        """What has been said of pictures, and by whom."""
        return Captions(self.connection)

    @cached_property
    def words(self) -> Words:
        """What is written or spoken, and what assets are called."""
        return Words(self.connection)

    @cached_property
    def filtered(self) -> Filtered:
        """What is left of the library under a query's filters."""
        return Filtered(self.connection)

    @cached_property
    def facets(self) -> FacetCounts:
        """How what filters leave is spread over kinds, years, places and cameras."""
        return FacetCounts(self.connection)

    @cached_property
    def folders(self) -> Folders:
        """What lies at or below a path, and its vectors."""
        return Folders(self.connection)

    @cached_property
    def saved(self) -> SavedSearches:
        """Searches that someone keeps under a name."""
        return SavedSearches(self.connection)

    @cached_property
    def keys(self) -> Keys:
        """Who may enter from outside."""
        return Keys(self.connection)

    @cached_property
    def spaces(self) -> Spaces:
        """Spaces of meaning and the encoders that made them."""
        return Spaces(self.connection)

    def vacancies(self, space: Space) -> Vacancies:
        """What has no vector in a space yet."""
        return Vacancies(self.connection, space)

    @cached_property
    def failures(self) -> Failures:
        """Files that could not be read, and why."""
        return Failures(self.connection)

    @cached_property
    def jobs(self) -> Jobs:
        """Runs of the indexer."""
        return Jobs(self.connection)

    @cached_property
    def leases(self) -> Leases:
        """Who may do what only one process may do."""
        return Leases(self.connection)

    def head(self) -> int:
        """The last line of the change log that this transaction sees."""
        return head_of(self.connection)

    def integrity(self) -> list[str]:
        """What the database itself finds wrong, a line for each fault; PostgreSQL guards itself and is not asked."""
        if self.connection.dialect.name != "sqlite":
            return []
        said = self.connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        orphans = self.connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        return [line for line in said if line != "ok"] + [f"{row[0]} row {row[1]} refers to nothing" for row in orphans]


class Catalog:
    """The SQL side of a library, on SQLite or PostgreSQL. Safe to share between threads."""

    def __init__(self, url: str | sa.URL, *, create: bool = False) -> None:
        """Open, and migrate if need be; with ``create`` an empty database is filled.

        Raises `LibraryMissing`, `LibraryTooNew`, or `LibraryError` where the database cannot be reached.
        """
        self.engine = make_engine(url)
        try:
            schema.ensure(self.engine, create=create)
        except BaseException:
            self.engine.dispose()
            raise

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that sees one moment of the database and waits for nobody."""
        with reading(self.engine) as connection:
            yield Transaction(connection)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that alone may write: all of it is kept, or none."""
        with writing(self.engine) as connection:
            yield Transaction(connection)
            refresh(connection)

    def change_log(self, key: ViewKey, dimension: int) -> SqlChangeLog:
        """The log of one view, each of its calls a transaction of its own."""
        return SqlChangeLog(self.engine, key, dimension)

    @property
    def view_marks(self) -> ViewMarks:
        """What the database says of the snapshots of its views."""
        return ViewMarks(self.engine)

    def compact(self) -> None:
        """Write the log of SQLite back into its file, so that nothing that was deleted lingers in it."""
        if self.engine.dialect.name == "sqlite":
            with self.write() as tx:
                tx.words.compact()
            with in_plain_words(self.engine):
                connection = self.engine.raw_connection()  # a checkpoint cannot run inside a transaction
                try:
                    connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    connection.close()

    def dump(self) -> Iterator[str]:
        """The canonical dump, line by line: see `bowerbird.store.dump`."""
        return dump(self.engine)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()
