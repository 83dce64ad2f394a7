from __future__ import annotations

import numpy as np

from bowerbird.moments import Moment
from bowerbird.types import SegmentKind
from indexer.read_words import WordReader
from tests.fakes import ScriptedReader


def picture(grey: int) -> np.ndarray:
    return np.full((4, 6, 3), grey, np.uint8)


TITLE = "Habitats of the satin bowerbird, and what it gathers there"
READER = ScriptedReader(
    (picture(1), [TITLE]),
    (picture(2), [TITLE.replace("satin", "satln")]),  # as a reader errs
    (picture(3), ["Thank you"]),
    (picture(4), ["EXIT", "to the left"]),
)


def frames(*greys: int) -> list[Moment]:
    return [
        Moment(SegmentKind.FRAME, float(second), second + 1.0, detail=picture(grey))
        for second, grey in enumerate(greys)
    ]


def read(moments: list[Moment]) -> list[tuple[str | None, float | None, float | None]]:
    words = WordReader(READER)
    found = [each for moment in moments for each in words.take(moment)] + list(words.finish())
    return [(each.text, each.start_s, each.end_s) for each in found]


def test_a_slide_that_stands_still_is_one_moment():
    assert read(frames(1, 2, 1, 3, 0, 3)) == [(TITLE, 0.0, 3.0), ("Thank you", 3.0, 4.0), ("Thank you", 5.0, 6.0)]


def test_words_lie_where_their_page_does():
    words = WordReader(READER)
    found = list(words.take(Moment(SegmentKind.PAGE, page=7, detail=picture(4))))
    assert [(each.text, each.page, each.kind) for each in found] == [
        ("EXIT", 7, SegmentKind.OCR),
        ("to the left", 7, SegmentKind.OCR),
    ]
    assert all(each.box is not None for each in found)
    assert list(words.finish()) == []


def test_a_moment_with_nothing_to_read_from_has_no_words():
    assert read([Moment(SegmentKind.IMAGE), Moment(SegmentKind.FRAME, 0.0, 1.0)]) == []
