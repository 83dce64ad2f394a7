"""Seconds since a film began, which never go back, out of whatever times its packets bear."""

from __future__ import annotations

from fractions import Fraction

_BACK_S = 0.5
_LEAP_S = 86_400.0


class StreamClock:
    """One stream's. A recorder that was restarted, a joined or a damaged file let times jump back, or leap by years:
    there the film just goes on.
    """

    def __init__(self, time_base: Fraction | None, begin_s: float) -> None:
        self._time_base = time_base
        self._begin_s = begin_s
        self._now_s = 0.0

    def at(self, pts: int | None, step_s: float) -> float:
        """When a frame is due; ``step_s`` after the last one where it does not say."""
        if pts is None or self._time_base is None:
            self._now_s += step_s
            return self._now_s
        at = float(pts * self._time_base) - self._begin_s
        if not self._now_s - _BACK_S <= at <= self._now_s + _LEAP_S:
            self._begin_s += at - self._now_s - step_s
            at = self._now_s + step_s
        self._now_s = max(self._now_s, at)
        return self._now_s
