"""Which frames of a film are kept: one for each scene, at least so many a minute, and at most so many.

A scene ends where the picture differs from the frame that stands for it, by more than the film's own unrest explains:
on slides one new line is enough, in an action film nearly everything has to change (in the way of PySceneDetect's
adaptive detector, but against the kept frame rather than the one before, so that slow changes count as well as cuts).
The frame that stands for a scene is the sharpest soon after its beginning, once a fade or wipe has come to rest, and
not a black one. Where a stretch of ten seconds has more scenes than are kept, those go first that add least: which
lie closest to the others, and look most like the one before. Nothing here knows of codecs, and memory is bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

GLANCE = (256, 144)
"""Width and height of the grey version of a frame that is looked at, whatever the film's proportions."""
LOOK_EVERY_S = 0.1
LONGEST_S = 15.0
"""The floor: 4 frames a minute of a picture that never changes."""
WINDOW_S = 10.0
MOST = 4
"""The cap: so many scenes in each window, 24 a minute."""

_CELL = 4
_NOTICED = 12
"""Grey levels by which a cell of 4 x 4 of a glance's pixels must differ to count as changed; a codec's unrest is less.
"""
_LEAST_CHANGE = 0.006
"""The share of cells from which on a still picture counts as another: a line of text on a slide."""
_UNREST = 6
"""How many times the share of cells that change from look to look must differ in a lively picture."""
_CUT = 0.4
"""The share that is a cut whatever went before."""
_REST_S, _PATIENCE_S = 0.3, 3.0
"""How soon after its beginning a scene that is at rest is judged, and how long one waits for rest."""
_MEMORY = 20
"""Looks, by whose median the unrest is told."""

T = TypeVar("T")
Glance = NDArray[np.uint8]
_Cells = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Scene(Generic[T]):
    """A stretch of the film and what stands for it. Stretches follow one another without a gap."""

    start_s: float
    end_s: float
    shown: T


@dataclass(frozen=True, slots=True)
class _Look(Generic[T]):
    at_s: float
    cells: _Cells
    sharpness: float
    settled: bool
    dark: bool
    show: Callable[[], T]

    @property
    def worth(self) -> tuple[bool, bool, float]:
        return not self.dark, self.settled, self.sharpness


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    start_s: float
    cells: _Cells
    shown: T


class SceneSampler(Generic[T]):
    """Fed with looks at a film in order, gives its scenes, each as soon as its end is known.

    ``show`` makes what is kept of a frame; it is called only for frames that stand for a scene.
    """

    def __init__(self) -> None:
        self._last: _Look[T] | None = None
        self._recent: deque[float] = deque(maxlen=_MEMORY)
        self._anchor: _Cells | None = None
        self._anchored_s = 0.0
        self._best: _Look[T] | None = None
        """Of the scene that has just begun, while it is judged."""
        self._begun_s = 0.0
        self._threshold = 0.0
        self._overdue = False
        self._pool: list[_Kept[T]] = []
        """Scenes of the current window, behind the last one of those before, whose end is not known yet."""
        self._carried = 0
        self._window = 0

    def is_due(self, at_s: float) -> bool:
        """Whether it is time for another look."""
        return self._last is None or at_s >= self._last.at_s + LOOK_EVERY_S

    def look(self, at_s: float, glance: Glance, show: Callable[[], T]) -> list[Scene[T]]:
        """``glance``: shape ``(144, 256)``, uint8, grey; ``at_s`` never goes back."""
        cells = _cells(glance)
        step = _changed(cells, self._last.cells) if self._last else 1.0
        unrest = float(np.median(self._recent)) if self._recent else 0.0
        slow = self._last is not None and at_s - self._last.at_s >= 5 * LOOK_EVERY_S  # a slide show: each look is new
        settled = self._last is None or slow or step <= max(_LEAST_CHANGE, 1.5 * unrest)
        look = _Look(at_s, cells, _sharpness(glance), settled, _is_dark(cells), show)

        if self._best and self._is_judged(self._best, at_s):
            self._settle(self._best)
        elif self._best and not self._best.dark and self._last and _is_cut(cells, self._last.cells):
            if at_s >= self._begun_s + _REST_S:
                self._settle(self._best)
            else:
                self._best = look  # a flash, or the middle of a transition
        if self._best is None:
            threshold = min(_CUT, _LEAST_CHANGE + _UNREST * unrest)
            overdue = at_s >= self._anchored_s + LONGEST_S
            if self._anchor is None or overdue or _changed(cells, self._anchor) >= threshold:
                self._begun_s = at_s if self._last else 0.0
                self._threshold, self._overdue = threshold, overdue
                self._best = look
        elif look.worth > self._best.worth:
            self._best = look
        if self._last and not slow:
            self._recent.append(step)
        self._last = look
        return self._passed(at_s)

    def end(self, at_s: float) -> list[Scene[T]]:
        """The scenes that are left; the film ends at ``at_s``."""
        if self._best:
            self._settle(self._best)
        self._thin()
        rest, self._pool = self._pool, []
        return _scenes(rest, max([at_s, *(kept.start_s for kept in rest)]))

    def _is_judged(self, best: _Look[T], at_s: float) -> bool:
        if best.dark:
            return at_s >= self._begun_s + LONGEST_S
        return at_s >= self._begun_s + (_REST_S if best.settled else _PATIENCE_S)

    def _settle(self, best: _Look[T]) -> None:
        """Keep the scene that has begun, unless it was a flash, a fade, or black."""
        self._best = None
        if self._anchor is not None and self._pool:
            if best.dark and not _is_dark(self._anchor):
                return
            if not self._overdue and _changed(best.cells, self._anchor) < self._threshold:
                return
            if _alike(best.cells, self._anchor) and (not best.settled or _is_faded(best.cells, self._anchor)):
                return
        self._anchor, self._anchored_s = best.cells, self._begun_s
        self._pool.append(_Kept(self._begun_s, best.cells, best.show()))
        if len(self._pool) - self._carried > MOST + 1:
            self._thin()

    def _passed(self, at_s: float) -> list[Scene[T]]:
        """What is known once a window has passed, and the scene that began in it is judged."""
        now = int((self._begun_s if self._best else at_s) // WINDOW_S)
        if now <= self._window or not self._pool:
            return []
        self._thin()
        self._window, self._carried = now, 1
        known, self._pool = self._pool, self._pool[-1:]
        return _scenes(known[:-1], known[-1].start_s)

    def _thin(self) -> None:
        """Leave at most `MOST` of this window's scenes; each that goes is added to the one before it."""
        pool = self._pool
        while len(pool) - self._carried > MOST:
            crowded = [
                (pool[min(i + 1, len(pool) - 1)].start_s - pool[i - 1].start_s) * _distance(pool[i], pool[i - 1])
                for i in range(1, len(pool))
            ]
            del pool[1 + int(np.argmin(crowded))]


def _scenes(kept: list[_Kept[T]], end_s: float) -> list[Scene[T]]:
    ends = [*(each.start_s for each in kept[1:]), end_s]
    return [Scene(each.start_s, end, each.shown) for each, end in zip(kept, ends, strict=False)]


def _cells(glance: Glance) -> _Cells:
    height, width = glance.shape
    blocks = glance.reshape(height // _CELL, _CELL, width // _CELL, _CELL)
    cells: _Cells = blocks.mean((1, 3), dtype=np.float32).astype(np.int16)
    return cells


def _changed(one: _Cells, other: _Cells) -> float:
    return float((np.abs(one - other) > _NOTICED).mean())


def _is_cut(one: _Cells, other: _Cells) -> bool:
    return _changed(one, other) >= _CUT and not _alike(one, other)


def _distance(one: _Kept[T], other: _Kept[T]) -> float:
    return float(np.abs(one.cells - other.cells).mean()) + 1e-3  # equal ones still tell by their times


def _alike(one: _Cells, other: _Cells) -> bool:
    """Whether it is the same picture, darker or lighter."""
    first, second = one - one.mean(), other - other.mean()
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return norm > 0 and float((first * second).sum()) > 0.9 * norm


def _is_faded(one: _Cells, other: _Cells) -> bool:
    """Whether of two alike pictures one has clearly less contrast. Where only a line is added that hardly changes."""
    first, second = float(one.std()), float(other.std())
    return min(first, second) < 0.85 * max(first, second)


def _is_dark(cells: _Cells) -> bool:
    return float(cells.mean()) < 28 and float(cells.std()) < 5


def _sharpness(glance: Glance) -> float:
    """Mean step from pixel to pixel, both ways."""
    levels = glance.astype(np.int16)
    return float(np.abs(np.diff(levels, axis=0)).mean() + np.abs(np.diff(levels, axis=1)).mean())
