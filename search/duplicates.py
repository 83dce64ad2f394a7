"""Near-duplicates as one hit: the same picture in another size, format or quality, the same film sent by a messenger.

Two things have to agree. The vectors say that the same is to be seen, which a burst of photos satisfies too; perceptual
hashes say that it is to be seen in the same places. The hash is that of gradients (dHash: N. Krawetz, Kind of like
that, 2013), in both directions and 16 steps each, taken off the stored thumbnail when it is first needed. Gradients too
weak to survive a JPEG do not count: two slides of one design agree in all that is empty, and differ in what is written.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bowerbird.queries import Hit
from bowerbird.types import AssetKind, Vectors

NEAR = 0.7
"""The least cosine between vectors of near-duplicates: small and much compressed copies come down to this."""
APART = 0.12
"""The most by which hashes of near-duplicates differ. Other sizes, qualities and colours of a photo stay below 0.07;
two slides of one design begin at 0.18, and two photos at 0.4 (measured)."""
SECONDS_APART = 0.5
"""The most by which near-duplicate films differ in length."""
_STEPS = 16
_WEAK = 2
"""Grey levels of 256, up to which a gradient may be an accident of compression."""
_FEWEST = 16
"""Gradients that have to be strong in one of two pictures for their hashes to say anything."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture, or the first scene of a film, looks like."""

    vector: Vectors
    """Unit vector, shape ``(dimension,)``."""
    thumbnail: Path
    duration_s: float | None = None


def fold_duplicates(hits: Sequence[Hit], looks: Mapping[str, Look]) -> list[Hit]:
    """``hits`` with each near-duplicate folded into the best of its kind, and ranks counted anew.

    ``looks`` holds those of pictures and films by asset. What has no thumbnail is nobody's duplicate.
    """
    kept: list[Hit] = []
    seen: list[_Seen] = []
    matrix = np.empty((len(looks), len(next(iter(looks.values())).vector) if looks else 0), np.float32)
    for hit in hits:
        look = looks.get(hit.asset_id)
        if look is None or hit.kind not in {AssetKind.IMAGE, AssetKind.VIDEO}:
            kept.append(hit)
            continue
        like = [seen[row] for row in np.flatnonzero(matrix[: len(seen)] @ look.vector >= NEAR).tolist()]
        one = _Seen(len(kept), hit.kind, look.duration_s or 0, look.thumbnail)
        original = next((other for other in like if one.shows_what(other)), None)
        if original is None:
            matrix[len(seen)] = look.vector
            kept.append(hit)
            seen.append(one)
        else:
            kept[original.place] = _with(kept[original.place], hit)
    return [hit if hit.rank == rank else replace(hit, rank=rank) for rank, hit in enumerate(kept, 1)]


def apart(one: Path, other: Path) -> float | None:
    """The share of strong gradients that run another way, in 0..1; None where there are few, or no thumbnail."""
    return _differing(_gradients_of(one), _gradients_of(other))


@dataclass(frozen=True, slots=True)
class _Gradients:
    """Those of one picture, across and down, a bit each."""

    strong: int
    rising: int
    falling: int

    @classmethod
    def of(cls, steps: NDArray[np.int16]) -> Self:
        return cls(_bits(np.abs(steps) > _WEAK), _bits(steps > 0), _bits(steps < 0))


def _bits(which: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(which).tobytes())


def _differing(first: _Gradients | None, second: _Gradients | None) -> float | None:
    if first is None or second is None:
        return None
    strong = first.strong | second.strong
    if strong.bit_count() < _FEWEST:
        return None
    other_way = (first.rising ^ second.rising) | (first.falling ^ second.falling)
    return (other_way & strong).bit_count() / strong.bit_count()


@dataclass(slots=True)
class _Seen:
    """A picture or film among the hits. Its thumbnail is read where it is held against another, once."""

    place: int
    """Among the hits that are kept."""
    kind: AssetKind
    duration_s: float
    thumbnail: Path
    _gradients: _Gradients | None = None
    _is_read: bool = False

    @property
    def gradients(self) -> _Gradients | None:
        if not self._is_read:
            self._gradients, self._is_read = _gradients_of(self.thumbnail), True
        return self._gradients

    def shows_what(self, other: _Seen) -> bool:
        """Whether it shows what the other does, the vectors being near."""
        if self.kind is not other.kind or abs(self.duration_s - other.duration_s) > SECONDS_APART:
            return False
        differ = _differing(self.gradients, other.gradients)
        return differ is not None and differ <= APART


def _with(hit: Hit, duplicate: Hit) -> Hit:
    stands_for = (*hit.stands_for, duplicate.asset_id, *duplicate.stands_for)
    return replace(hit, folded=hit.folded + 1 + len(duplicate.stands_for), stands_for=stands_for)


def is_same(picture: bytes, thumbnail: Path) -> bool:
    """Whether an encoded picture is the one of which ``thumbnail`` was made, whatever its size, format or quality."""
    differ = _differing(_gradients_in(picture), _gradients_of(thumbnail))
    return differ is not None and differ <= APART


def _gradients_of(thumbnail: Path) -> _Gradients | None:
    try:
        stat = thumbnail.stat()
    except OSError:
        return None
    return _gradients(str(thumbnail), stat.st_mtime_ns, stat.st_size)  # as a `Path` it would take half as much again


@lru_cache(maxsize=8192)  # 6 MB
def _gradients(path: str, mtime_ns: int, size: int) -> _Gradients | None:
    return _read(path)


@lru_cache(maxsize=8)
def _gradients_in(picture: bytes) -> _Gradients | None:
    return _read(io.BytesIO(picture))


def _read(file: str | io.BytesIO) -> _Gradients | None:
    """None where the picture cannot be read."""
    from PIL import Image

    try:
        with Image.open(file) as picture:
            grey = picture.convert("L")
    except (OSError, ValueError):
        return None
    across = np.asarray(grey.resize((_STEPS + 1, _STEPS), Image.Resampling.BOX), np.int16)
    down = np.asarray(grey.resize((_STEPS, _STEPS + 1), Image.Resampling.BOX), np.int16)
    return _Gradients.of(np.concatenate([np.diff(across, axis=1).ravel(), np.diff(down, axis=0).ravel()]))
