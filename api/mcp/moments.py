"""One moment in detail: its file's facts, what is said and written around it, what it shows."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path
from typing import Any

from api.cli.common import printable
from api.mcp.answers import Hit as HitOut
from api.mcp.answers import Moment, Said
from api.mcp.parts import Parts
from api.mcp.pictures import picture
from bowerbird.answers import Citation
from bowerbird.errors import QueryError
from bowerbird.queries import Hit
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.segments import Found
from bowerbird.types import AssetInfo, Source
from search.fuse import Candidate, Gathered
from search.hydrate import hydrate
from search.moments_in_words import spot
from search.parse import LARGEST

AROUND_S = 30.0
_MOST_AROUND = 200
_MOST_CHARACTERS = 20_000
"""Of text in one answer: assistants read so much at once, and the next moment is one call away."""


def moment_of(parts: Parts, segment_id: int) -> tuple[Moment, bytes | None]:
    """The moment, and what it shows as JPEG where it shows anything. Raises `QueryError` where there is none."""
    with parts.library.catalog.read() as tx:
        found = tx.segments.moments([segment_id]).get(segment_id) if abs(segment_id) <= LARGEST else None
        hits = [] if found is None else _hits(tx, found)
        if found is None or not hits:
            raise QueryError(f"there is no moment {segment_id} here: take the segment_id of a hit of `search`")
        copies = tx.locations.copies(found.asset.id)
        around = _around(tx, found)
    hit = hits[0]
    shown = picture(parts, hit)
    paths = [str(Path(copy.root.path, copy.path)) for copy in copies]
    moment = Moment(
        **place_of(hit),
        around=around,
        picture=shown.source,
        picture_note=shown.note and printable(shown.note),
        size=found.asset.size,
        paths=[printable(path) for path in (hit.path, *(path for path in paths if path != hit.path))],
        **_facts(found.asset.info),
    )
    return moment, shown.jpeg


def hit_of(hit: Hit, bar: float) -> HitOut:
    """A hit as the assistant gets it, which fits from the relevance ``bar`` on; of a long text the beginning."""
    place = place_of(hit)
    if place["text"] is not None and len(place["text"]) > _LONGEST_TEXT:
        place["text"] = place["text"][: _LONGEST_TEXT - 1] + "…"
    fits = hit.relevance >= bar
    return HitOut(**place, rank=hit.rank, relevance=hit.relevance, matched=fits, more_like_this=hit.folded)


_LONGEST_TEXT = 1_000


def place_of(hit: Hit) -> dict[str, Any]:
    """Which file, and where in it; when and where it was made, and what it says."""
    return {**where_of(hit), "taken_at": hit.taken_at, "place": hit.place, "text": hit.text}


def where_of(moment: Hit | Citation) -> dict[str, Any]:
    """Which file, and where in it. Names that are not UTF-8 are escaped, since JSON cannot carry them."""
    path, where = printable(moment.path), spot(moment)
    return {
        "segment_id": moment.segment_id,
        "asset_id": moment.asset_id,
        "path": path,
        "citation": f"{path}, {where}" if where else path,
        "kind": moment.kind.value,
        "segment_kind": moment.segment_kind.value,
        "start_s": moment.start_s,
        "end_s": moment.end_s,
        "page": moment.page,
        "box": None if moment.box is None else list(astuple(moment.box)),
    }


def _hits(tx: Transaction, found: Found) -> list[Hit]:
    """The moment as a search would give it; nothing where its last location has just gone."""
    itself = Candidate(found.segment.id, found.asset.id, relevances={Source.WORDS: 1.0})
    return hydrate(tx, [Gathered(itself)], {found.segment.id: found})


def _around(tx: Transaction, found: Found) -> list[Said]:
    ids = tx.surroundings.of(found.segment, seconds=AROUND_S, most=_MOST_AROUND)
    there, said, left = tx.segments.moments(ids), [], _MOST_CHARACTERS
    for id_ in ids:
        segment = there[id_].segment
        text = (segment.text or "")[:left]
        left -= len(text)
        if text:
            said.append(
                Said(
                    segment_id=id_,
                    kind=segment.kind.value,
                    start_s=segment.start_s,
                    end_s=segment.end_s,
                    page=segment.page,
                    text=text,
                )
            )
    return said


def _facts(info: AssetInfo) -> dict[str, Any]:
    plain = ("media_type", "width", "height", "duration_s", "camera", "lens", "title", "artist", "album")
    return {
        **{name: getattr(info, name) for name in plain},
        "latitude": info.position and info.position.latitude,
        "longitude": info.position and info.position.longitude,
        "keywords": list(info.keywords),
    }
