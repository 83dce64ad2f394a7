"""Moments as decoding yields them: which of them can be seen together."""

from __future__ import annotations

import pytest

from bowerbird.moments import Moment, seen_together
from bowerbird.types import SegmentKind


def lying(start_s: float | None = None, end_s: float | None = None, page: int | None = None) -> Moment:
    return Moment(SegmentKind.OCR, start_s, end_s, page)


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (lying(), lying(), True),
        (lying(page=2), lying(page=2), True),
        (lying(page=2), lying(page=3), False),
        (lying(page=2), lying(), False),
        (lying(3, 6), lying(5, 9), True),
        (lying(3, 6), lying(4), True),
        (lying(3, 6), lying(3), True),
        (lying(3), lying(3), True),
        (lying(3), lying(4), False),
        (lying(3, 6), lying(6, 9), False),  # the end of a scene is the beginning of the next
        (lying(3, 6), lying(), True),  # what has no time is there throughout
    ],
)
def test_what_is_seen_together(one: Moment, other: Moment, together: bool) -> None:
    assert (seen_together(one, other), seen_together(other, one)) == (together, together)
