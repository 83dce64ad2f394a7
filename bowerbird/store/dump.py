"""A canonical dump: what a library says, without the numbers by which it says it.

Two libraries that came about differently (in one quiet run, or killed and resumed) give the same lines if they hold
the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from bowerbird.store.engine import reading
from bowerbird.store.tables import (
    asset,
    change,
    derivation,
    embedding,
    failure,
    location,
    root,
    saved_search,
    segment,
    space,
)


def dump(engine: sa.Engine) -> Iterator[str]:
    """One JSON object a line, sorted; ids, sequence numbers, inodes and times of indexing are left out."""
    with reading(engine) as connection:
        lines = [json.dumps({"table": table, **row}, sort_keys=True, default=str) for table, row in _rows(connection)]
    yield from sorted(lines)


def _rows(connection: sa.Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in connection.execute(sa.select(root.c.path)):
        yield "root", {"path": row.path}
    for row in connection.execute(sa.select(asset)):
        unsaid = {"id", "hash", "added_at", "orphaned_at"}
        facts = {key: value for key, value in row._mapping.items() if key not in unsaid}
        yield "asset", {"hash": row.hash, "orphan": row.orphaned_at is not None, **facts}
    here = sa.select(root.c.path.label("root"), location.c.path, location.c.size, location.c.mtime_ns, asset.c.hash)
    for row in connection.execute(here.join(root, root.c.id == location.c.root_id).join(asset)):
        yield "location", dict(row._mapping)
    for row in connection.execute(sa.select(asset.c.hash, derivation.c.stage, derivation.c.key).join(asset)):
        yield "derivation", dict(row._mapping)
    for row in connection.execute(sa.select(space.c.name, space.c.fingerprint, space.c.state)):
        yield "space", dict(row._mapping)
    failed = sa.select(root.c.path.label("root"), failure.c.path, failure.c.stage, failure.c.reason).join(root)
    for row in connection.execute(failed):
        yield "failure", dict(row._mapping)
    for row in connection.execute(sa.select(saved_search.c.name, saved_search.c.query)):
        yield "saved_search", dict(row._mapping)
    yield from _segments(connection)


def _segments(connection: sa.Connection) -> Iterator[tuple[str, dict[str, Any]]]:
    names = {row.id: (row.hash, row.stage) for row in connection.execute(_OWNERS)}
    ids = {"id", "asset_id", "derivation_id"}
    place: dict[int, dict[str, Any]] = {}
    for row in connection.execute(sa.select(segment)):
        hash_, stage = names[row.derivation_id]
        place[row.id] = {"hash": hash_, "stage": stage, "ordinal": row.ordinal}
        facts = {key: value for key, value in row._mapping.items() if key not in ids}
        yield "segment", {**place[row.id], **facts}
    last_op = {row.embedding_id: row.op for row in connection.execute(sa.select(change).order_by(change.c.seq))}
    query = sa.select(embedding, space.c.name).join(space, space.c.id == embedding.c.space_id)
    for row in connection.execute(query):
        vector = hashlib.sha256(row.vector).hexdigest()
        in_views = last_op.pop(row.id, None) == "add"
        yield "embedding", {**place[row.segment_id], "space": row.name, "vector": vector, "in_views": in_views}
    for op in last_op.values():
        if op == "add":  # a view would hold what SQL does not: never so in a library that is whole
            yield "embedding", {"lost": True}


_OWNERS = sa.select(derivation.c.id, asset.c.hash, derivation.c.stage).join(asset)
