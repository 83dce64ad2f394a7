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


def test_what_there_is_at_a_time_or_on_a_page(catalog: Catalog):
    with catalog.write() as tx:
        space, root = make_space(tx), tx.roots.add("/r", 1)
        film, paper = put_asset(tx, "film"), put_asset(tx, "paper")
        for name, asset in (("film", film), ("paper", paper)):
            place(tx, root.id, name, asset)
        frames = [Moment(SegmentKind.FRAME, start_s=start, end_s=start + 10) for start in (0.0, 10.0)]
        derive(tx, film, [space], frames, stage="decode")
        derive(tx, film, [space], [speech(3, 4), speech(12, None)], stage="speech")
        derive(tx, paper, [space], [Moment(SegmentKind.PAGE, page=page, text=f"page {page}") for page in (1, 2)])
    with catalog.read() as tx:
        every = tx.segments.moments(range(1, 100))

        def at(asset: int, **there: float) -> list[object]:
            ids = tx.surroundings.at(asset, most=9, **there)  # type: ignore[arg-type]
            return [every[id_].segment.text or every[id_].segment.start_s for id_ in ids]

        assert at(film, start_s=3.5) == [0.0, "from 3"]
        assert at(film, start_s=5.0) == [0.0]
        assert at(film, start_s=5.0, seconds=1.0) == [0.0, "from 3"]
        assert at(film, start_s=11.0, end_s=13.0) == [10.0, "from 12"]
        assert at(film, start_s=99.0) == at(film, start_s=1.0, page=1) == at(99) == []
        assert at(paper, page=2) == ["page 2"]
        assert at(paper) == ["page 1", "page 2"]


def test_moments_from_all_over(catalog: Catalog):
    with catalog.write() as tx:
        space = make_space(tx)
        film, other = put_asset(tx, "film"), put_asset(tx, "other")
        derive(tx, other, [space], [speech(n, n + 1) for n in range(5)], stage="speech")
        frames = [Moment(SegmentKind.FRAME, start_s=n, end_s=n + 1) for n in range(10)]
        derive(tx, film, [space], frames, stage="decode")
        derive(tx, film, [space], [speech(10 * n, 10 * n + 5) for n in range(100)], stage="speech")
        read = [Moment(SegmentKind.OCR, start_s=n, end_s=n + 1, text=f"sign {n}") for n in range(1000, 1005)]
        derive(tx, film, [space], read, stage="ocr")

        def spread(asset: int, most: int, *, pictures: bool) -> list[float | None]:
            ids = tx.surroundings.spread(asset, most, pictures=pictures)
            found = tx.segments.moments(ids)
            return [found[id_].segment.start_s for id_ in ids]

        assert spread(film, 5, pictures=False) == [0.0, 210.0, 420.0, 630.0, 840.0]
        # Ten frames and a sentence come before the second sentence; parts of pictures are passed over.
        assert spread(film, 11, pictures=True) == [0.0, 9.0, *(100.0 * n for n in range(1, 10))]
        for most in range(12):
            assert len(spread(film, most, pictures=False)) == most
        assert spread(other, 99, pictures=True) == [0.0, 1.0, 2.0, 3.0, 4.0]
        assert spread(other, 0, pictures=True) == spread(99, 3, pictures=True) == []


def test_what_is_about_the_whole_comes_before_any_time_or_page(catalog: Catalog):
    with catalog.write() as tx:
        space = make_space(tx)
        film = put_asset(tx, "film")
        derive(tx, film, [space], [Moment(SegmentKind.FRAME, start_s=n, end_s=n) for n in range(3)], stage="decode")
        derive(tx, film, [space], [Moment(SegmentKind.CAPTION, text="our garden")], stage="caption:owner")
        first, *rest = tx.surroundings.at(film, most=2)
        assert tx.segments.moments([first])[first].segment.text == "our garden"
        assert [tx.segments.moments([id_])[id_].segment.start_s for id_ in rest] == [0.0]


def test_which_assets_bear_words_on_their_pictures(catalog: Catalog):
    with catalog.write() as tx:
        space, root = make_space(tx), tx.roots.add("/r", 1)
        names = ("sign", "titled", "told", "made", "plain", "note")
        sign, titled, told, made, plain, note = every = [put_asset(tx, name) for name in names]
        for name, asset in zip(names, every, strict=True):
            place(tx, root.id, name, asset)
        caption = [Moment(SegmentKind.CAPTION, text="a cat")]
        derive(tx, sign, [space], [Moment(SegmentKind.OCR, text="STOP")])
        derive(tx, titled, [space], caption, stage="decode")
        derive(tx, told, [space], caption, stage="caption:owner")
        derive(tx, made, [space], caption, stage="caption:blip")
        derive(tx, plain, [space], [Moment(SegmentKind.IMAGE)])
        derive(tx, note, [space], [Moment(SegmentKind.TEXT, text="a cat")])
        assert tx.surroundings.legible(every) == {sign, titled, told}, "what a model says of it does not stand on it"
        assert tx.surroundings.legible([plain]) == tx.surroundings.legible([]) == set()
