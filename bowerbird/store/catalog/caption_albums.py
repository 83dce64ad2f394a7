"""What a captioner is given to go through: assets with their pictures, and what is known of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bowerbird.moments import Moment, seen_together
from bowerbird.types import AssetInfo, Segment, SegmentKind

CAPTIONED = (SegmentKind.FRAME, SegmentKind.IMAGE, SegmentKind.PAGE)
"""Kinds of moments that can be captioned: whole pictures."""
OWNER = "owner"
"""Who wrote the captions that no captioner ever replaces."""
PREFIX = "caption:"
"""Of the stages of captions."""

Place = tuple[float | None, float | None, int | None]
"""Of a moment in its asset: start, end, page."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a captioner is to go through. ``key`` names the way in which it captions."""

    spec: str
    key: str
    kinds: frozenset[SegmentKind]
    """Some of `CAPTIONED`."""
    again: bool = False
    """Whether what it has captioned in the same way before is captioned once more."""
    within: Collection[int] | None = None
    """The ids of the assets that are meant; None: all."""

    @property
    def stage(self) -> str:
        """Under which its captions stand."""
        return stage_of(self.spec)


@dataclass(frozen=True, slots=True)
class Picture:
    """A moment that is to be captioned, with what is known of it."""

    segment_id: int
    stage: str
    """The step that made it, ``decode:NAME``."""
    ordinal: int
    moment: Moment
    """Without pixels."""
    vector: NDArray[np.float16] | None
    """In the space asked for, shape ``(dimension,)``."""
    words: tuple[Moment, ...]
    """Read off it: kind `ocr`, with box and confidence."""


@dataclass(frozen=True, slots=True)
class Album:
    """An asset with what is to be captioned in it, in order."""

    asset_id: int
    hash: str
    info: AssetInfo
    pictures: Sequence[Picture]
    kept: Sequence[Moment]
    """Captions that stay, of other pictures."""
    before: Sequence[Moment]
    """Captions that these pictures have, and that new ones are to replace."""
    through: frozenset[SegmentKind]
    """Kinds that have been gone through before."""


def stage_of(spec: str) -> str:
    """The stage under which what this captioner says stands."""
    return f"{PREFIX}{spec}"


def key_of(key: str, kinds: Collection[SegmentKind]) -> str:
    """The key of captions by a captioner, whose own ``key`` is, that is through with these kinds."""
    return f"{key}:{'+'.join(sorted(kinds))}"


def place(moment: Moment) -> Place:
    """Where a moment lies."""
    return moment.start_s, moment.end_s, moment.page


def moment_of(found: Segment) -> Moment:
    """A segment as whoever made it gave it."""
    return Moment(
        found.kind,
        found.start_s,
        found.end_s,
        found.page,
        found.box,
        found.text,
        found.language,
        found.confidence,
    )


def through_of(stored: str, key: str) -> frozenset[SegmentKind] | None:
    """The kinds that the stored key says are done; None where it is of another way to caption."""
    own, _, kinds = stored.rpartition(":")
    return frozenset(SegmentKind(each) for each in kinds.split("+") if each) if own == key else None


def without_captions(shown: Sequence[Picture], made: Sequence[Moment]) -> list[Picture]:
    """Those of the pictures whose place has no caption; of several in one place all, if one may have none."""
    there, lying = {place(each) for each in made}, Counter(place(each.moment) for each in shown)
    return [each for each in shown if place(each.moment) not in there or lying[place(each.moment)] > 1]


def read_off(at: Segment, words: Iterable[Segment]) -> tuple[Moment, ...]:
    """What was read off this picture, of all that was read in its asset."""
    return tuple(moment_of(each) for each in words if seen_together(each, at))
