"""The small picture that goes with a hit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bowerbird.answers import Exhibit
from bowerbird.queries import Hit
from bowerbird.wiring import Library


def thumbnails_of(library: Library, hits: Sequence[Hit | Exhibit]) -> list[Path | None]:
    """Where the picture of each of ``hits`` lies: what is seen in its moment, else first in its asset; None: nowhere.

    The files are WebP, their longest side `IndexSettings.thumbnail_px`. Raises `LibraryError` where the catalogue is
    out of reach.
    """
    with library.catalog.read() as tx:
        moments = tx.segments.moments([hit.segment_id for hit in hits])
        ordinals = {id_: tx.moments.shown_by(found.segment) for id_, found in moments.items()}
    return [_picture(library, hit.asset_id, ordinals.get(hit.segment_id, 0)) for hit in hits]


def _picture(library: Library, asset_id: str, ordinal: int) -> Path | None:
    paths = (library.thumbnails.path(asset_id, each) for each in dict.fromkeys((ordinal, 0)))
    return next((path for path in paths if path.is_file()), None)
