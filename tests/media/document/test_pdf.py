from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from bowerbird.errors import DecodeFailed
from bowerbird.media.document.pdf import PdfDecoder
from bowerbird.moments import NOTHING, Moment, PictureSpec, Wanted
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind, SegmentKind
from tests.contracts.decoder import ALL, DecoderContract, moments
from tests.media.papers import GREY, LOCKED, pdf, put, scan

DECODER = PdfDecoder(DecodeSettings())


class TestPdf(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return DECODER

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        return put(pdf(["Bowers are built\nof sticks", "Blue things lie before them"]), tmp_path / "a.pdf")


def read(content: bytes, folder: Path, wanted: Wanted = ALL) -> list[Moment]:
    return moments(DECODER.decode(put(content, folder / "a.pdf"), wanted))


def test_a_page_is_a_picture_and_a_text(tmp_path: Path) -> None:
    decoded = DECODER.decode(put(pdf(["One\ntwo", "", "Three"]), tmp_path / "a.pdf"), ALL)
    info = decoded.info
    assert (info.kind, info.media_type) == (AssetKind.DOCUMENT, "application/pdf")
    assert (info.title, info.artist, info.taken) == ("The bower", "Ann Ode", None)
    assert [(each.kind, each.page, each.text) for each in moments(decoded)] == [
        (SegmentKind.PAGE, 1, None),
        (SegmentKind.TEXT, 1, "One\ntwo"),
        (SegmentKind.PAGE, 2, None),
        (SegmentKind.PAGE, 3, None),
        (SegmentKind.TEXT, 3, "Three"),
    ]


def test_the_picture_shows_the_page_upright(tmp_path: Path) -> None:
    page, _ = read(pdf(["WORDS AT THE TOP"]), tmp_path, Wanted(PictureSpec(64, "squash")))
    assert page.pixels is not None
    rows = page.pixels.mean(axis=(1, 2))
    assert rows[:8].min() < 245
    assert rows[8:].min() > 254


def test_words_are_read_off_scans_only(tmp_path: Path) -> None:
    (page,) = read(scan(), tmp_path)
    assert page.detail is not None
    assert page.detail.min() < 50
    assert page.thumbnail
    written, _ = read(pdf(["Words that are known"]), tmp_path)
    assert written.detail is None
    assert written.thumbnail


def test_a_stamp_on_a_scan_is_no_text_layer(tmp_path: Path) -> None:
    stamped, _, article, _ = read(
        pdf(["Page 1", "Words in a number\nthat is no mere stamp\nbut an article"], under=GREY), tmp_path
    )
    assert stamped.detail is not None
    assert article.detail is None


def test_without_pixels_nothing_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pypdfium2.PdfPage.render", lambda *_, **__: pytest.fail("it was drawn"))
    page, text = read(pdf(["Words"]), tmp_path, NOTHING)
    assert (page.pixels, text.text) == (None, "Words")


@pytest.mark.parametrize("size", [(14400, 14400), (14400, 3), (3, 14400), (1, 1)])
def test_pages_of_any_size_are_drawn_in_bounds(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pypdfium2

    drawn: list[int] = []
    render = pypdfium2.PdfPage.render

    def watched(page: pypdfium2.PdfPage, **options: object) -> object:
        bitmap = render(page, **options)
        drawn.append(bitmap.width * bitmap.height)
        return bitmap

    monkeypatch.setattr("pypdfium2.PdfPage.render", watched)
    pages = read(pdf([""], size=size), tmp_path, Wanted(PictureSpec(224), detail_px=1600, thumbnail_px=320))
    assert pages[0].pixels is not None
    assert pages[0].pixels.shape == (224, 224, 3)
    assert 0 < drawn[0] <= 25e6


def test_pages_are_drawn_one_at_a_time(tmp_path: Path) -> None:
    path = put(pdf([f"page {number}" for number in range(60)]), tmp_path / "a.pdf")
    parts = iter(DECODER.decode(path, Wanted(PictureSpec(512))).parts)
    tracemalloc.start()
    try:
        assert sum(1 for _ in parts) == 120
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30 * 2**20  # of a page's pictures, not of sixty


@pytest.mark.parametrize("part", [0, 1])
def test_closing_half_way_lets_go_of_the_file(part: int, tmp_path: Path) -> None:
    path = put(pdf(["One", "Two"]), tmp_path / "a.pdf")
    gc.collect()  # or what earlier tests left may go in between
    before = len(list(Path("/dev/fd").iterdir()))
    parts = DECODER.decode(path, NOTHING).parts
    for _ in range(part):
        next(parts)  # type: ignore[call-overload]
    parts.close()  # type: ignore[attr-defined]
    assert len(list(Path("/dev/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7\n", "is damaged, or no PDF"),
        (b"hello, no pdf at all" * 100, "is damaged, or no PDF"),
        (pdf(["x"] * 20)[:2000], "is damaged, or no PDF"),
        (pdf(["secret"], extra=LOCKED), "is locked by a password; save a copy without one"),
    ],
)
def test_what_cannot_be_read_says_so(content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DecodeFailed) as failure:
        read(content, tmp_path)
    assert failure.value.reason == reason


def test_of_a_damaged_one_what_can_be_read_is(tmp_path: Path) -> None:
    content = pdf(["One", "Two"])
    places = content.index(b"xref\n")
    broken = content[:places] + content[places:].replace(b"0000000", b"0000009")
    assert [each.text for each in read(broken, tmp_path, NOTHING) if each.text] == ["One", "Two"]


def test_a_page_that_is_none_is_left_out(tmp_path: Path) -> None:
    content = pdf(["One", "Two"]).replace(b"/Kids [5 0 R 7 0 R]", b"/Kids [6 0 R 7 0 R]")
    texts = [each.text for each in read(content, tmp_path, NOTHING) if each.text]
    assert texts == ["Two"]


def test_numbers_of_pages(tmp_path: Path) -> None:
    one = pdf(["One"])
    lie = one.replace(b"/Count 1 ", b"/Count 99999999 ")
    assert [each.text for each in read(lie, tmp_path, NOTHING)] == [None, "One"]
    many = one.replace(b"[5 0 R]", b"[" + b"5 0 R " * 20_001 + b"]").replace(b"/Count 1 ", b"/Count 20001 ")
    with pytest.raises(DecodeFailed, match=r"^has 20001 pages, over the limit of 20000; split it$"):
        read(many, tmp_path)


def test_too_much_text_is_refused(tmp_path: Path) -> None:
    decoder = PdfDecoder(DecodeSettings(max_text_mb=0.00002))
    path = put(pdf(["a dozen words", "a dozen words"]), tmp_path / "a.pdf")
    with pytest.raises(DecodeFailed, match=r"raise decode\.max_text_mb"):
        list(decoder.decode(path, NOTHING).parts)


def test_squares_are_those_of_the_page_however_much_else_is_wanted(tmp_path: Path) -> None:
    content = scan()
    (small,) = read(content, tmp_path, Wanted(PictureSpec(32)))
    (large,) = read(content, tmp_path, ALL)
    assert small.pixels is not None
    assert large.pixels is not None
    assert np.abs(small.pixels.astype(int) - large.pixels.astype(int)).mean() < 6
