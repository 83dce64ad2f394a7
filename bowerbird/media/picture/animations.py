"""Animated pictures as short films: GIF, WebP, APNG. One that does not move is a picture like any other.

It is gone through twice: once to see when it changes, and how much, by tiny copies of its frames; once more to show the
frames that were chosen. So any number of frames takes the memory of one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL.ImageFile import ImageFile

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.photo_facts import with_facts
from bowerbird.media.picture.picture_fit import prepare
from bowerbird.media.picture.pictures import load_upright, media_type, opened, still
from bowerbird.media.picture.renditions import picture_moments
from bowerbird.media.registry import ANIMATIONS, Limits
from bowerbird.moments import NOTHING, Decoded, Moment, PictureSpec, Wanted
from bowerbird.types import AssetInfo, AssetKind, Pixels, SegmentKind

_MOVING = ("GIF", "WEBP", "PNG")
MOST_FRAMES = 12
"""That are shown of one file."""
_CHANGED = 6.0
"""From how great a mean difference of tiny copies on, of 255, a frame shows something new: dithering differs by 2."""
_TINY = PictureSpec(32, "squash", interpolation="bilinear")
_PASSES = 5
"""How many times `max_megapixels` the frames of a file may have together."""
_LEAST_FRAME = 100_000
"""Pixels that a frame counts for, however small it is: each takes time of its own."""
_TOO_SHORT_MS = 10
_AS_SHOWN_MS = 100
"""How long browsers show a frame that is on for too short a time, or for none."""


@dataclass(frozen=True, slots=True)
class _Glance:
    frame: int
    size: tuple[int, int]
    start_s: float
    end_s: float
    tiny: Pixels


class AnimationDecoder:
    """GIF, WebP and APNG, known by content. At least one frame of a moving one comes, and the rest as they differ."""

    name = ANIMATIONS.name
    version = ANIMATIONS.version
    kind = ANIMATIONS.kind
    suffixes = ANIMATIONS.suffixes

    def __init__(self, limits: Limits) -> None:
        self._max_megapixels = limits.max_megapixels

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """A picture as `PictureDecoder` gives it, or a film of frames, each lasting until the next.

        All are gone through also where only the one at some time is wanted: each builds on those before it.
        Raises `DecodeFailed` also where the frames together are over the limit.
        """
        with ExitStack() as stack:
            image = stack.enter_context(opened(path))
            if image.format not in _MOVING or not getattr(image, "is_animated", False):
                return still(image, wanted, self._max_megapixels)
            glances = list(self._glances(image))
            if wanted.at_s is None:
                chosen, end_s = chosen_frames([glance.tiny for glance in glances]), glances[-1].end_s
            else:
                at = max(0, bisect_right(glances, wanted.at_s, key=lambda glance: glance.start_s) - 1)
                chosen, end_s = [at], glances[at].end_s
            info = AssetInfo(AssetKind.VIDEO, media_type(image), *glances[0].size, duration_s=glances[-1].end_s)
            info = with_facts(info, image)
            shown = [(glances[at].frame, glances[at].start_s) for at in chosen]
            return Decoded(info, self._frames(stack.pop_all(), image, shown, end_s, wanted))

    def _glances(self, image: ImageFile) -> Iterator[_Glance]:
        """Each frame in little, and when it is on."""
        count: int = image.n_frames  # type: ignore[attr-defined]
        if count * max(image.width * image.height, _LEAST_FRAME) > _PASSES * self._max_megapixels * 1e6:
            raise DecodeFailed(
                f"{count} frames of {image.width} x {image.height} are over the limit of "
                f"{_PASSES * self._max_megapixels} megapixels; raise decode.max_megapixels in library.toml"
            )
        now = 0
        for frame in range(1 if getattr(image, "default_image", False) else 0, count):  # what APNG shows elsewhere
            image.seek(frame)
            upright, size = load_upright(image, NOTHING, self._max_megapixels)
            start, lasts = now, round(image.info.get("duration") or 0)
            now += lasts if lasts > _TOO_SHORT_MS else _AS_SHOWN_MS
            yield _Glance(frame, size, start / 1000, now / 1000, prepare(upright, _TINY))

    def _frames(
        self, stack: ExitStack, image: ImageFile, shown: Sequence[tuple[int, float]], end_s: float, wanted: Wanted
    ) -> Iterator[Moment]:
        ends = [*(start_s for _, start_s in shown[1:]), end_s]
        with stack:
            for (frame, start_s), until_s in zip(shown, ends, strict=True):
                if not wanted.sees:
                    yield Moment(SegmentKind.FRAME, start_s, until_s)
                    continue
                image.seek(frame)
                upright, _ = load_upright(image, NOTHING, self._max_megapixels)
                yield from picture_moments(upright, wanted, SegmentKind.FRAME, start_s=start_s, end_s=until_s)


def chosen_frames(frames: Sequence[Pixels], most: int = MOST_FRAMES) -> list[int]:
    """Which of several equally large pictures to show: the first, and each that differs from the last one shown.

    Of more than ``most`` those go that differ the least from the one before. Numbers ascend; none for no frames.
    """
    chosen: list[int] = []
    for at, frame in enumerate(frames):
        if not chosen or _difference(frame, frames[chosen[-1]]) > _CHANGED:
            chosen.append(at)
    while len(chosen) > most:
        differ = [_difference(frames[one], frames[other]) for one, other in pairwise(chosen)]
        del chosen[1 + differ.index(min(differ))]
    return chosen


def _difference(one: Pixels, other: Pixels) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())
