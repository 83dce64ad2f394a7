"""Fifth stage: what was found becomes hits that a person can open."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.locations import Copy
from bowerbird.types import Hit
from search.fuse import Gathered


def hydrate(tx: Transaction, gathered: Sequence[Gathered], limit: int) -> list[Hit]:
    """The first ``limit`` with their paths; where an asset lies in several places, the first that is there now."""
    copies = tx.locations.copies_of([each.best.asset.id for each in gathered[:limit]])
    hits: list[Hit] = []
    for each in gathered[:limit]:
        segment, asset = each.best.segment, each.best.asset
        if asset.id not in copies:
            continue  # its last location has just gone
        hits.append(
            Hit(
                rank=len(hits) + 1,
                relevance=round(each.best.relevance, 4),
                asset_id=asset.hash,
                path=_path(copies[asset.id]),
                kind=asset.info.kind,
                segment_id=segment.id,
                segment_kind=segment.kind,
                start_s=segment.start_s,
                end_s=segment.end_s,
                page=segment.page,
                box=segment.box,
                text=segment.text,
                folded=each.folded,
                evidence=tuple(each.best.evidence),
            )
        )
    return hits


def _path(copies: Sequence[Copy]) -> str:
    paths = [Path(copy.root.path, copy.path) for copy in copies]
    return str(next((path for path in paths if os.path.exists(path)), paths[0]))
