"""The way out: whatever filters leave of a library, read in one transaction and written row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from bowerbird.queries import Filters
from bowerbird.store.exchange import cuts_segments, lines
from bowerbird.wiring import Library
from indexer.exchange.files import JSONL, Format
from indexer.exchange.records import Header, SpaceRecord, record_of

REGIONS = "regions"
"""The name under which `indexer.regions` keeps into how many tiles pictures are cut."""


@dataclass(frozen=True, slots=True)
class Exported:
    """How much has been written."""

    assets: int
    segments: int
    vectors: int


def export(
    library: Library,
    filters: Filters,
    stream: IO[bytes],
    form: Format = JSONL,
    *,
    vectors: bool = True,
    made_by: str = "",
    on_progress: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write all that ``filters`` leave, as it is at one moment, to ``stream``; in memory that is bounded.

    ``on_progress`` is told how many rows have been written. Raises `UsageError` where pyarrow is wanted and not there.
    """
    configured = library.settings.index.regions
    with library.catalog.read() as tx:
        kept = tx.meta.get(REGIONS) if configured == "auto" else str(configured)
        spaces = tx.spaces.active()
        header = Header(
            made_by=made_by,
            vectors=vectors,
            whole=not cuts_segments(tx, filters),
            regions=None if kept is None else int(kept),
            spaces={
                space.name: SpaceRecord(spec=space.spec, fingerprint=space.fingerprint, dimension=space.dimension)
                for space in spaces
            },
        )
        writer = form.writer(stream, header)
        assets = segments = placed = 0
        for number, line in enumerate(lines(tx, filters, spaces if vectors else ()), 1):
            writer.put(record_of(line, whole=header.whole))
            assets += line.is_first
            segments += line.segment is not None
            placed += len(line.vectors)
            on_progress(number)
        writer.close()
    return Exported(assets, segments, placed)
