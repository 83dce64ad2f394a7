"""What stands around a moment, on both databases."""

from __future__ import annotations

import pytest

from bowerbird.moments import Moment
from bowerbird.store.catalog import Catalog
from bowerbird.types import Box, SegmentKind
from tests.store.hand import derive, make_space, place, put_asset


def speech(start: float, end: float | None) -> Moment:
    return Moment(SegmentKind.SPEECH, start_s=start, end_s=end, text=f"from {start:g}")


@pytest.fixture
def around(catalog: Catalog):
    """The texts around the moment with this text, in order."""
    with catalog.write() as tx:
        space, root = make_space(tx), tx.roots.add("/r", 1)
        talk, paper, notes, photo, other = (
            put_asset(tx, name) for name in ("talk", "paper", "notes", "photo", "other")
        )
        for name, asset in (("talk", talk), ("paper", paper), ("notes", notes), ("photo", photo), ("other", other)):
            place(tx, root.id, name, asset)
        frame = Moment(SegmentKind.FRAME, start_s=12.0, end_s=12.0)
        derive(tx, talk, [space], [frame], stage="decode")
        derive(tx, talk, [space], [speech(0, 4), speech(10, None), speech(15, 60), speech(45, 50)], stage="speech")
        derive(tx, other, [space], [speech(11, 12)], stage="speech")
        pages = [Moment(SegmentKind.TEXT, page=page, text=f"{page}{part}") for page in (1, 2) for part in "ab"]
        derive(tx, paper, [space], pages)
        derive(tx, notes, [space], [Moment(SegmentKind.TEXT, text=f"passage {n}") for n in range(9)])
        derive(tx, photo, [space], [Moment(SegmentKind.IMAGE)], stage="decode")
        read = [Moment(SegmentKind.OCR, box=Box(0, n / 4, 1, 0.1), text=f"line {n}") for n in range(3)]
        derive(tx, photo, [space], read, stage="ocr")

    def look(kind: SegmentKind, text: str | None, **options: float) -> list[str | None]:
        with catalog.read() as tx:
            every = tx.segments.moments(range(1, 100))
            here = next(
                each.segment for each in every.values() if (each.segment.kind, each.segment.text) == (kind, text)
            )
            ids = tx.surroundings.of(here, seconds=options.get("seconds", 5), most=int(options.get("most", 100)))
            return [every[id_].segment.text for id_ in ids]

    return look


def test_of_a_recording_by_time(around):
    assert around(SegmentKind.FRAME, None) == ["from 10", "from 15"]
    assert around(SegmentKind.SPEECH, "from 0") == ["from 0"]
    assert around(SegmentKind.SPEECH, "from 0", seconds=6) == ["from 0", "from 10"]
    assert around(SegmentKind.SPEECH, "from 10", seconds=0) == ["from 10"]
    assert around(SegmentKind.SPEECH, "from 45", seconds=0) == ["from 15", "from 45"]


def test_of_a_paper_by_page(around):
    assert around(SegmentKind.TEXT, "2b") == ["2a", "2b"]


def test_of_other_text_what_is_next_to_it(around):
    assert around(SegmentKind.TEXT, "passage 4") == [f"passage {n}" for n in range(2, 7)]
    assert around(SegmentKind.TEXT, "passage 0") == ["passage 0", "passage 1", "passage 2"]


def test_of_a_picture_all_that_is_read_off_it(around):
    assert around(SegmentKind.IMAGE, None) == ["line 0", "line 1", "line 2"]
    assert around(SegmentKind.OCR, "line 1", most=2) == ["line 0", "line 1"]
