"""Fifth stage: what was found becomes hits that a person can open."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from bowerbird.queries import Hit
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.locations import Copy
from bowerbird.store.catalog.segments import Found
from bowerbird.store.thumbnails import Thumbnails
from bowerbird.types import AssetKind, Place, Space
from search.duplicates import Look, fold_duplicates
from search.fold import fold
from search.fuse import Gathered

_SEEN = frozenset({AssetKind.IMAGE, AssetKind.VIDEO})


def first_hits(
    tx: Transaction,
    gathered: Sequence[Gathered],
    limit: int,
    *,
    space: Space,
    thumbnails: Thumbnails,
    path: str | None = None,
) -> list[Hit]:
    """At most ``limit`` hits. Several become one and files go, so more are looked at until there are as many."""
    looked_at = 2 * limit
    while True:
        moments = tx.segments.moments([each.best.segment_id for each in gathered[:looked_at]])
        hits = hydrate(tx, gathered[:looked_at], moments, path)
        hits = fold_duplicates(hits, _looks(tx, moments.values(), space, thumbnails))
        if len(hits) >= limit or looked_at >= len(gathered):
            return hits[:limit]
        looked_at *= 2


def hydrate(
    tx: Transaction, gathered: Sequence[Gathered], moments: Mapping[int, Found], path: str | None = None
) -> list[Hit]:
    """All of them that are among ``moments``, pairs folded, with their paths.

    Where an asset lies in several places, the first there is now, of those that meet the filter ``path`` if any does.
    """
    ids = [each.best.asset_id for each in gathered]
    copies = tx.locations.copies_of(ids)
    if path is not None:
        everywhere = [copy.location_id for each in copies.values() for copy in each]
        asked = tx.filtered.lying_at(path, everywhere)
        copies = {id_: [copy for copy in each if copy.location_id in asked] or each for id_, each in copies.items()}
    hits: list[Hit] = []
    for each in gathered:
        if each.best.asset_id not in copies or each.best.segment_id not in moments:
            continue  # it, or its last location, has just gone
        moment = moments[each.best.segment_id]
        segment, asset, dated = moment.segment, moment.asset, moment.dated_at
        hits.append(
            Hit(
                rank=len(hits) + 1,
                relevance=round(each.best.relevance, 4),
                asset_id=asset.hash,
                path=path_of(copies[asset.id]),
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
                place=place_in_words(asset.info.place),
            )
        )
    return fold(hits, {each.asset.hash: each.asset.info.duration_s for each in moments.values()})


def _looks(tx: Transaction, moments: Iterable[Found], space: Space, thumbnails: Thumbnails) -> dict[str, Look]:
    """What the pictures and films among these look like, by the hashes of their assets."""
    assets = {each.asset.id: each.asset for each in moments if each.asset.info.kind in _SEEN}
    first = tx.segments.first_pictures(list(assets), space.id) if assets else {}
    return {
        assets[id_].hash: Look(vector, thumbnails.path(assets[id_].hash), assets[id_].info.duration_s)
        for id_, vector in first.items()
    }


def path_of(copies: Sequence[Copy]) -> str:
    """The path of the first of these copies that is there now, else of the first."""
    # Strings, since to make a Path takes longer than to look whether it is there.
    paths = [f"{copy.root.path.rstrip('/')}/{copy.path}" if copy.path else copy.root.path for copy in copies]
    return next((path for path in paths if os.path.exists(path)), paths[0])


def place_in_words(place: Place | None) -> str | None:
    """``Lisbon, Portugal``."""
    return None if place is None else ", ".join(dict.fromkeys(name for name in (place.name, place.country) if name))
