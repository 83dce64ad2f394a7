"""Fifth stage: what was found becomes hits that a person can open."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from bowerbird.queries import Hit
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.locations import Copy
from bowerbird.types import Place
from search.fold import fold
from search.fuse import Gathered


def hydrate(tx: Transaction, gathered: Sequence[Gathered]) -> list[Hit]:
    """All of them, pairs folded, with their paths: where an asset lies in several places, the first there is now."""
    ids = [each.best.asset.id for each in gathered]
    copies, dates = tx.locations.copies_of(ids), tx.filtered.dates(ids)
    hits: list[Hit] = []
    for each in gathered:
        segment, asset = each.best.segment, each.best.asset
        if asset.id not in copies:
            continue  # its last location has just gone
        dated = dates.get(asset.id)
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
                taken_at=None if dated is None else dated.isoformat(timespec="seconds"),
                place=_place(asset.info.place),
            )
        )
    return fold(hits, {each.best.asset.hash: each.best.asset.info.duration_s for each in gathered})


def _path(copies: Sequence[Copy]) -> str:
    paths = [Path(copy.root.path, copy.path) for copy in copies]
    return str(next((path for path in paths if os.path.exists(path)), paths[0]))


def _place(place: Place | None) -> str | None:
    return None if place is None else ", ".join(dict.fromkeys(name for name in (place.name, place.country) if name))
