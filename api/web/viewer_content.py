"""What the viewer shows of an asset, read from the catalogue."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from api.http.problems import NotThere
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.locations import Copy
from bowerbird.types import Asset, AssetKind, Box, Segment, SegmentKind
from bowerbird.wiring import Library
from search.parse import LARGEST

MOST_SAID = 3_000
"""Sentences beside a recording: four hours of talk."""
MOST_SCENES = 400
MOST_BOXES = 500
PASSAGES = 60
"""Passages of a text on one page of the viewer."""
BEFORE = 10
"""Of them, those that stand before the one that was found."""

Stage = Literal["picture", "film", "sound", "paper", "text"]


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a text; what it repeats of the one before is left out."""

    moment: Segment
    text: str


@dataclass(frozen=True, slots=True)
class Viewed:
    """One asset, and the moment of it that was asked for."""

    asset: Asset
    paths: Sequence[str]
    """Of all copies, the first one that is there now before the others."""
    dated: datetime | None
    stage: Stage
    moment: Segment | None
    page: int | None
    """Of a paper."""
    pages: int | None
    counts: dict[SegmentKind, int]
    said: Sequence[Segment]
    """What is spoken or read in a recording, in order of time."""
    scenes: Sequence[Segment]
    boxes: Sequence[Segment]
    """What is marked on the picture: words, parts, and the moment itself."""
    captions: Sequence[Segment]
    """Of a picture, or of this page of a paper; those of a film stand among what is said."""
    passages: Sequence[Passage]
    first: int
    """How many passages there are before these."""
    pointed_at: Box | None = None
    """A part of the picture that an answer cites."""

    @property
    def name(self) -> str:
        """The file's."""
        return Path(self.paths[0]).name

    @property
    def start_s(self) -> float:
        """Where a recording starts to play."""
        return 0.0 if self.moment is None or self.moment.start_s is None else self.moment.start_s


def viewed(
    library: Library,
    asset_id: str,
    *,
    segment: int | None = None,
    page: int | None = None,
    skip: int | None = None,
    pointed_at: Box | None = None,
) -> Viewed:
    """The asset with this id, at its ``segment``, a ``page`` of it, or the passage with ``skip`` others before it.

    Raises `NotThere` where there is none. A segment that is gone, since the file was indexed anew, is passed over.
    """
    with library.catalog.read() as tx:
        asset = tx.assets.by_hash(asset_id)
        copies = tx.locations.copies(asset.id) if asset is not None else ()
        if asset is None or not copies:
            raise NotThere("this file is not in the library any more: search again")
        counts = tx.moments.counts(asset.id)
        stage = _stage(asset, counts)
        moment = _moment(tx, asset, segment)
        pages = tx.moments.last_page(asset.id)
        here = page or (moment.page if moment is not None else None) or 1
        if stage == "paper" and pages is not None and here > pages:
            raise NotThere(f"this paper has {pages} pages, and no page {here}")
        timed = stage in {"film", "sound"}
        here_alone = here if stage == "paper" else None
        first, passages = _passages(tx, asset, moment, stage, here, skip)
        return Viewed(
            asset,
            _paths(copies),
            tx.filtered.dates([asset.id]).get(asset.id),
            stage,
            moment,
            here_alone,
            pages,
            counts,
            tx.moments.listed(asset.id, _HEARD, most=MOST_SAID) if timed else (),
            tx.moments.listed(asset.id, {SegmentKind.FRAME}, most=MOST_SCENES) if stage == "film" else (),
            tx.moments.listed(asset.id, _BOXED, most=MOST_BOXES) if stage == "picture" else (),
            () if timed else tx.moments.listed(asset.id, {SegmentKind.CAPTION}, most=MOST_BOXES, page=here_alone),
            passages,
            first,
            None if moment is not None and _same(moment.box, pointed_at) else pointed_at,
        )


_HEARD = (SegmentKind.SPEECH, SegmentKind.OCR, SegmentKind.CAPTION)
_BOXED = (SegmentKind.OCR, SegmentKind.REGION, SegmentKind.CAPTION)
_WRITTEN = (SegmentKind.TEXT, SegmentKind.OCR)


def _same(one: Box | None, other: Box | None) -> bool:
    """Whether they are the same rectangle, to within what an address tells of it."""
    if one is None or other is None:
        return False
    return all(abs(a - b) < _HAIR for a, b in zip(astuple(one), astuple(other), strict=True))


_HAIR = 1e-4


def _stage(asset: Asset, counts: dict[SegmentKind, int]) -> Stage:
    match asset.info.kind:
        case AssetKind.IMAGE:
            return "picture"
        case AssetKind.VIDEO:
            return "film"
        case AssetKind.AUDIO:
            return "sound"
        case AssetKind.DOCUMENT:
            drawn = SegmentKind.PAGE in counts or asset.info.media_type == "application/pdf"
            return "paper" if drawn else "text"


def _paths(copies: Sequence[Copy]) -> list[str]:
    paths = [str(Path(copy.root.path, copy.path)) for copy in copies]
    return sorted(paths, key=lambda path: not os.path.exists(path))


def _moment(tx: Transaction, asset: Asset, segment: int | None) -> Segment | None:
    if segment is None or abs(segment) > LARGEST:
        return None
    found = tx.segments.moments([segment]).get(segment)
    return found.segment if found is not None and found.asset.id == asset.id else None


def _passages(
    tx: Transaction, asset: Asset, moment: Segment | None, stage: Stage, page: int, skip: int | None
) -> tuple[int, Sequence[Passage]]:
    """How many are left out before, and those that are shown."""
    if stage == "paper":
        return 0, _without_repeats(tx.moments.listed(asset.id, _WRITTEN, most=PASSAGES, page=page), moment)
    if stage != "text":
        return 0, ()
    if skip is None:
        found = moment is not None and moment.kind is SegmentKind.TEXT
        skip = max(0, tx.moments.before(moment) - BEFORE) if found and moment is not None else 0
    return skip, _without_repeats(tx.moments.listed(asset.id, {SegmentKind.TEXT}, most=PASSAGES, skip=skip), moment)


def _without_repeats(moments: Sequence[Segment], found: Segment | None) -> list[Passage]:
    """Passages overlap, for search to find what lies across their border; nobody wants to read it twice.

    What was ``found`` stays whole, and the one before it is cut instead.
    """
    texts = [moment.text or "" for moment in moments]
    for index in range(1, len(moments)):
        repeated = _repeated(moments[index - 1].text or "", moments[index].text or "")
        if found is not None and moments[index].id == found.id:
            texts[index - 1] = texts[index - 1][: len(texts[index - 1]) - repeated]
        else:
            texts[index] = texts[index][repeated:]
    return [Passage(moment, text.strip("\n")) for moment, text in zip(moments, texts, strict=True)]


def _repeated(before: str, text: str) -> int:
    """How many characters at the end of ``before`` are also the beginning of ``text``."""
    longest = min(len(before), len(text))
    return next((size for size in range(longest, _BY_CHANCE, -1) if before.endswith(text[:size])), 0)


_BY_CHANCE = 16
"""Characters in which the end of one passage and the beginning of the next may agree and mean nothing by it."""
