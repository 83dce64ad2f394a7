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


def first_hits(tx: Transaction, gathered: Sequence[Gathered], limit: int, path: str | None = None) -> list[Hit]:
    """At most ``limit`` hits. Pairs become one and files go, so more are looked at until there are as many."""
    looked_at = 2 * limit
    while True:
        hits = hydrate(tx, gathered[:looked_at], path)
        if len(hits) >= limit or looked_at >= len(gathered):
            return hits[:limit]
        looked_at *= 2


def hydrate(tx: Transaction, gathered: Sequence[Gathered], path: str | None = None) -> list[Hit]:
    """All of them, pairs folded, with their paths.

    Where an asset lies in several places, the first there is now, of those that meet the filter ``path`` if any does.
    """
    ids = [each.best.asset.id for each in gathered]
    copies, dates = tx.locations.copies_of(ids), tx.filtered.dates(ids)
    if path is not None:
        everywhere = [copy.location_id for each in copies.values() for copy in each]
        asked = tx.filtered.lying_at(path, everywhere)
        copies = {id_: [copy for copy in each if copy.location_id in asked] or each for id_, each in copies.items()}
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
