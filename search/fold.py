"""Pairs that are one thing to a person: a raw file and its JPEG, a photo and the short film taken with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from bowerbird.media.registry import RAW
from bowerbird.queries import Hit
from bowerbird.types import AssetKind

RAW_SUFFIXES = RAW.suffixes | {".dng"}
FILM_SUFFIXES = frozenset({".mov", ".mp4"})
LONGEST_FILM_S = 4.0
"""Of the film in a live photo; a longer one of the same name was made for its own sake."""

_PAIRED = frozenset({AssetKind.IMAGE, AssetKind.VIDEO})


def fold(hits: Sequence[Hit], durations: Mapping[str, float | None]) -> list[Hit]:
    """``hits`` with every pair as one hit, the photo, in the better one's place, and ranks counted anew.

    A pair lies in one folder under one stem. ``durations`` holds the seconds of films by asset.
    """
    if not any(_goes_with_a_photo(hit, durations) for hit in hits):
        return [hit if hit.rank == rank else replace(hit, rank=rank) for rank, hit in enumerate(hits, 1)]
    photos: dict[PurePath, Hit] = {}
    for hit in hits:
        if hit.kind is AssetKind.IMAGE and PurePath(hit.path).suffix.lower() not in RAW_SUFFIXES:
            photos.setdefault(_name(hit), hit)
    things: dict[str, list[Hit]] = {}
    for hit in hits:
        photo = photos.get(_name(hit)) if _goes_with_a_photo(hit, durations) else None
        things.setdefault((photo or hit).asset_id, []).append(hit)
    shown = {hit.asset_id: hit for hit in hits}
    return [
        replace(
            shown[asset_id],
            rank=rank,
            relevance=max(hit.relevance for hit in together),
            folded=shown[asset_id].folded + len(together) - 1,
            stands_for=(*shown[asset_id].stands_for, *(hit.asset_id for hit in together if hit.asset_id != asset_id)),
        )
        for rank, (asset_id, together) in enumerate(things.items(), 1)
    ]


def _name(hit: Hit) -> PurePath:
    return PurePath(hit.path).with_suffix("")


def _goes_with_a_photo(hit: Hit, durations: Mapping[str, float | None]) -> bool:
    if hit.kind not in _PAIRED:
        return False
    suffix = PurePath(hit.path).suffix.lower()
    if hit.kind is AssetKind.IMAGE:
        return suffix in RAW_SUFFIXES
    duration = durations.get(hit.asset_id)
    return suffix in FILM_SUFFIXES and duration is not None and duration <= LONGEST_FILM_S
