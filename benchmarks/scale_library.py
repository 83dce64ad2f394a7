"""A library of a million segments for `benchmarks.scale`, filled straight through the catalogue's tables."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from bowerbird.store import tables
from bowerbird.store.catalog.full_text import Term, of
from bowerbird.types import SegmentKind, Space
from bowerbird.wiring import open_library
from search.service import Search

_PIECE = 20_000
_RARE, _RARE_COUNT = "Rarecam", 10
_SAID = """harbour street morning garden winter birthday market river window mountain dog cat horse train boat kitchen
coffee snow children beach holiday bridge tower forest lake sunset family wedding concert bicycle"""
_TABLES = ("change", "embedding", "segment", "derivation", "location", "asset", "root")


@dataclass
class Filled:
    """An open library; ids of embeddings count up from ``first_id`` in the order of the vectors."""

    search: Search
    space: Space
    first_id: int
    built_s: float = 0.0
    built_cpu_s: float = 0.0
    rare: str = _RARE
    rare_count: int = _RARE_COUNT


@contextmanager
def filled(folder: Path, made: NDArray[np.float16]) -> Iterator[Filled]:
    """The library in ``folder``, filled if it is not yet and with an approximate view."""
    with open_library(folder, create=True, encoder="concepts") as library:
        with library.catalog.read() as tx:
            there = tx.connection.execute(sa.select(sa.func.count()).select_from(tables.embedding)).scalar_one()
        if there != len(made):
            _fill(library.catalog.engine, library.joint, made)
        started, cpu = time.perf_counter(), time.process_time()
        library.save_views()
        spent, worked = time.perf_counter() - started, time.process_time() - cpu
        written = spent if spent > 2 else 0.0  # less: nothing was written
        yield Filled(Search(library), library.joint, 1, written, worked)


def raw_words(engine: sa.Engine, text: str, most: int = 90) -> None:
    """The words of ``text`` in FTS5, as barely as they can be asked for."""
    with engine.connect() as connection:
        for table in ("segment", "asset"):
            for word in text.split():
                of(connection).rows(table, Term((word.lower(),)), most)


def _fill(engine: sa.Engine, space: Space, made: NDArray[np.float16]) -> None:
    random = np.random.default_rng(7)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    rare = set(random.choice(len(made), _RARE_COUNT, replace=False).tolist())
    with engine.begin() as connection:
        for name in _TABLES:
            connection.execute(sa.delete(tables.metadata.tables[name]))
        connection.execute(sa.insert(tables.root), {"id": 1, "path": "/photos", "device": 1, "added_at": now})
    for start in range(0, len(made), _PIECE):
        numbers = range(start + 1, min(start + _PIECE, len(made)) + 1)
        said = [" ".join(row) for row in random.choice(_SAID.split(), (len(numbers), 4)).tolist()]
        rows: dict[sa.Table, list[dict[str, object]]] = {
            tables.asset: [
                {"id": n, "hash": f"{n:064x}", "size": n, "kind": "image", "media_type": "image/jpeg",
                 "camera": _RARE if n - 1 in rare else "Pixel 7", "added_at": now, "words": f"{n} {text}"}
                for n, text in zip(numbers, said, strict=True)
            ],
            tables.location: [
                {"id": n, "root_id": 1, "path": f"{n % 1000}/{n}.jpg", "asset_id": n, "size": n, "mtime_ns": n,
                 "inode": n}
                for n in numbers
            ],
            tables.derivation: [{"id": n, "asset_id": n, "stage": "decode", "key": "k"} for n in numbers],
            tables.segment: [
                {"id": n, "asset_id": n, "derivation_id": n, "ordinal": 0, "kind": "image", "text": text}
                for n, text in zip(numbers, said, strict=True)
            ],
            tables.embedding: [
                {"id": n, "segment_id": n, "space_id": space.id, "vector": made[n - 1].tobytes()} for n in numbers
            ],
            tables.change: [
                {"op": "add", "embedding_id": n, "space_id": space.id, "kind": SegmentKind.IMAGE.value}
                for n in numbers
            ],
        }  # fmt: skip
        with engine.begin() as connection:
            for table, each in rows.items():
                connection.execute(sa.insert(table), each)
