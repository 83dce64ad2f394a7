"""One page of a PDF, and where its words stand."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.media.document import pdf_words
from bowerbird.media.document.pdf import PdfDecoder
from bowerbird.moments import Moment, Wanted
from bowerbird.settings import DecodeSettings
from bowerbird.types import SegmentKind
from tests.contracts.decoder import moments
from tests.media.papers import docx, epub, pdf, put, scan

DECODER = PdfDecoder(DecodeSettings())
PX = 1600


def read(content: bytes, folder: Path, wanted: Wanted) -> list[Moment]:
    return moments(DECODER.decode(put(content, folder / "a.pdf"), wanted))


def words(content: bytes, folder: Path) -> list[Moment]:
    return read(content, folder, Wanted(page=1, word_boxes=True))[1:]


def test_of_one_page_no_other_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = pdf([f"This is page {number}" for number in range(1, 501)])
    (whole,) = [
        each for each in read(content, tmp_path, Wanted(thumbnail_px=200)) if each.page == 400 and each.thumbnail
    ]
    loaded: list[int] = []
    get_page = pypdfium2.PdfDocument.get_page

    def counting(document: pypdfium2.PdfDocument, index: int) -> pypdfium2.PdfPage:
        loaded.append(index)
        return get_page(document, index)

    monkeypatch.setattr(pypdfium2.PdfDocument, "get_page", counting)
    monkeypatch.setattr(pypdfium2.PdfDocument, "__getitem__", counting)
    page, text = read(content, tmp_path, Wanted(thumbnail_px=200, page=400))
    assert loaded == [399]
    assert (page.kind, page.page, page.thumbnail) == (SegmentKind.PAGE, 400, whole.thumbnail)
    assert (text.page, text.text) == (400, "This is page 400")


def test_a_large_picture_is_sharp(tmp_path: Path) -> None:
    page, _ = read(pdf(["Fine print"]), tmp_path, Wanted(thumbnail_px=PX, page=1))
    assert page.thumbnail is not None
    with Image.open(BytesIO(page.thumbnail)) as image:
        assert image.size == (1130, PX)
        grey = np.asarray(image.convert("L")).astype(int)
    assert np.abs(np.diff(grey[60:130, 60:400])).max() > 180  # from black to white in a step


@pytest.mark.parametrize("page", [0, 3, 2**31 - 1])
def test_a_page_that_is_not_there(page: int, tmp_path: Path) -> None:
    with pytest.raises(DecodeFailed, match=rf"^has 2 pages, and no page {page}; ask for one that it has$"):
        read(pdf(["One", "Two"]), tmp_path, Wanted(page=page))
    with pytest.raises(DecodeFailed, match=rf"^has 1 page, and no page {page}; ask for one that it has$"):
        read(pdf(["One"]), tmp_path, Wanted(page=page))


def test_a_page_that_is_damaged(tmp_path: Path) -> None:
    content = pdf(["One", "Two"]).replace(b"/Kids [5 0 R 7 0 R]", b"/Kids [99 0 R 7 0 R]")
    with pytest.raises(DecodeFailed, match=r"^is damaged: no page 1 can be read$"):
        read(content, tmp_path, Wanted(page=1))
    assert read(content, tmp_path, Wanted(page=2))[1].text == "Two"


@pytest.mark.parametrize(
    "page",
    [
        "",
        "/Rotate 90",
        "/Rotate 180",
        "/Rotate 270",
        "/CropBox [20 600 500 830]",
        "/Rotate 90 /CropBox [20 600 500 830]",
    ],
)
def test_boxes_surround_the_ink_of_words(page: str, tmp_path: Path) -> None:
    content = pdf(["Bower birds\ngather \\(blue\\) things"], page=page)
    shown, *found = read(content, tmp_path, Wanted(thumbnail_px=PX, page=1, word_boxes=True))
    assert sorted(each.text or "" for each in found) == ["(blue)", "Bower", "birds", "gather", "things"]
    assert shown.thumbnail is not None
    with Image.open(BytesIO(shown.thumbnail)) as image:
        ink = np.asarray(image.convert("L")) < 128
    height, width = ink.shape
    for word in found:
        assert (word.kind, word.page) == (SegmentKind.TEXT, 1)
        assert word.box is not None
        left, right = word.box.x * width, (word.box.x + word.box.width) * width
        top, bottom = word.box.y * height, (word.box.y + word.box.height) * height
        near = ink[int(top) - 4 : int(bottom) + 5, int(left) - 4 : int(right) + 5]
        down, across = np.nonzero(near)
        assert int(left) - 4 + across.min() == pytest.approx(left, abs=2)
        assert int(left) - 4 + across.max() == pytest.approx(right, abs=2)
        assert int(top) - 4 + down.min() == pytest.approx(top, abs=2)
        assert int(top) - 4 + down.max() == pytest.approx(bottom, abs=2)
        ink[int(top) - 2 : int(bottom) + 3, int(left) - 2 : int(right) + 3] = False
    assert not ink.any()  # no ink but that of words


def test_words_are_those_of_the_text_in_its_order(tmp_path: Path) -> None:
    content = pdf(["Bowers are built of sticks\nand caf\\351s of 12,5 \\(or so\\) bricks."])
    _, text = read(content, tmp_path, Wanted(page=1))
    assert text.text is not None
    assert [each.text for each in words(content, tmp_path)] == text.text.split()


def test_words_beyond_the_edge_are_left_out_or_cut(tmp_path: Path) -> None:
    found = words(pdf(["Seen across unseen"], page="/CropBox [0 0 150 842]"), tmp_path)
    assert [each.text for each in found] == ["Seen", "across"]
    assert found[1].box is not None
    assert found[1].box.x + found[1].box.width == pytest.approx(1)


def test_a_scan_has_no_words(tmp_path: Path) -> None:
    assert words(scan(), tmp_path) == []


def test_where_words_are_asked_for_without_a_page_all_come(tmp_path: Path) -> None:
    found = read(pdf(["One two", "Three"]), tmp_path, Wanted(word_boxes=True))
    assert [(each.page, each.text) for each in found if each.box] == [(1, "One"), (1, "two"), (2, "Three")]


def test_words_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_words, "_MOST_WORDS", 3)
    with pytest.raises(DecodeFailed, match=r"^page 1 has more than 3 words$"):
        words(pdf(["one two three four"]), tmp_path)
    assert len(words(pdf(["one two three"]), tmp_path)) == 3


def test_boxes_lie_on_the_page_whatever_is_drawn_where(tmp_path: Path) -> None:
    """Drawn without bounds, without a size, and miles away."""
    huge, none, far = "/F1 1e38 Tf 40 700 Td (huge)", "/F1 0 Tf 40 500 Td (none)", "/F1 12 Tf -1e9 0 Td (far)"
    under = " ".join(f"BT {each} Tj ET" for each in (huge, none, far))
    for each in words(pdf(["there"], under=under), tmp_path):
        assert each.box is not None
        assert 0 <= each.box.x <= 1
        assert 0 <= each.box.y <= 1
        assert 0 <= each.box.width <= 1
        assert 0 <= each.box.height <= 1


@pytest.mark.parametrize("given", [[0xD83E, 0xDEBA], [0x1FABA]])
def test_letters_beyond_the_first_plane(given: list[int]) -> None:
    assert pdf_words._text(given) == "\U0001faba"
    assert pdf_words._text(given[:1] if len(given) > 1 else [0xD800]) == "\ufffd"


@pytest.mark.parametrize(
    ("name", "content"), [("a.docx", docx(("Normal", "Words"))), ("a.epub", epub({"a.xhtml": "x"}))]
)
def test_documents_whose_pages_are_not_drawn_say_so(name: str, content: bytes, tmp_path: Path) -> None:
    from bowerbird.media.registry import format_for

    path = put(content, tmp_path / name)
    made_by = format_for(path)
    assert made_by is not None
    with pytest.raises(
        DecodeFailed, match=r"^is read for its text, and its pages are not drawn; open the file itself$"
    ):
        made_by.open(DecodeSettings()).decode(path, Wanted(thumbnail_px=PX, page=1))
