"""The moments of one asset in the order in which somebody goes through it, on both databases."""

from __future__ import annotations

from bowerbird.moments import Moment
from bowerbird.types import SegmentKind
from tests.store.hand import derive, make_space, put_asset

FRAME, SPEECH, TEXT, PAGE = SegmentKind.FRAME, SegmentKind.SPEECH, SegmentKind.TEXT, SegmentKind.PAGE


def test_by_time(catalog):
    with catalog.write() as tx:
        spaces = [make_space(tx)]
        film, other = put_asset(tx, "film"), put_asset(tx, "other")
        derive(tx, film, spaces, [Moment(SPEECH, start_s=each, text=f"at {each}") for each in (8.0, 2.0)], stage="hear")
        derive(tx, film, spaces, [Moment(FRAME, start_s=each) for each in (0.0, 5.0)], stage="see")
        derive(tx, other, spaces, [Moment(SPEECH, start_s=1.0, text="elsewhere")])
        listed = tx.moments.listed(film, {SPEECH, FRAME}, most=10)
        assert [each.start_s for each in listed] == [0.0, 2.0, 5.0, 8.0]
        assert [each.start_s for each in tx.moments.listed(film, {SPEECH}, most=1)] == [2.0]
        assert [each.start_s for each in tx.moments.listed(film, {SPEECH}, most=9, skip=1)] == [8.0]
        assert tx.moments.counts(film) == {SPEECH: 2, FRAME: 2}
        assert tx.moments.last_page(film) is None


def test_by_page(catalog):
    with catalog.write() as tx:
        spaces = [make_space(tx)]
        paper = put_asset(tx, "paper")
        moments = [Moment(kind, page=page, text=kind) for page in (1, 2, 3) for kind in (PAGE, TEXT)]
        derive(tx, paper, spaces, moments)
        listed = tx.moments.listed(paper, {PAGE, TEXT}, most=10)
        assert [(each.page, each.kind) for each in listed] == [(each.page, each.kind) for each in moments]
        assert [each.kind for each in tx.moments.listed(paper, {TEXT}, most=10, page=2)] == [TEXT]
        assert tx.moments.last_page(paper) == 3


def test_how_many_go_before(catalog):
    with catalog.write() as tx:
        spaces = [make_space(tx)]
        note = put_asset(tx, "note")
        derive(tx, note, spaces, [Moment(TEXT, text=f"passage {number}") for number in range(5)], stage="one")
        derive(tx, note, spaces, [Moment(TEXT, text=f"more {number}") for number in range(3)], stage="two")
        listed = tx.moments.listed(note, {TEXT}, most=10)
        assert [tx.moments.before(each) for each in listed] == list(range(8))
