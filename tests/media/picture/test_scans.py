from __future__ import annotations

import gc
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture import scans
from bowerbird.media.picture.pictures import PictureDecoder
from bowerbird.media.picture.scans import ScanDecoder
from bowerbird.media.registry import SCANS
from bowerbird.moments import NOTHING, PictureSpec, Wanted
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind, SegmentKind
from tests.contracts.decoder import ALL, DecoderContract, moments
from tests.media.make import photo, save

DECODER = ScanDecoder(DecodeSettings())
SQUARE = Wanted(PictureSpec(16, "squash"), detail_px=400)
COLOURS = ["red", "lime", "blue"]


def pages(path: Path, colours: list[str] = COLOURS, compression: str | None = None) -> Path:
    first, *rest = (Image.new("RGB", (60, 80), colour) for colour in colours)
    return save(first, path, save_all=True, append_images=rest, compression=compression)


def with_a_smaller_copy(path: Path, tag: int = 254, value: int = 1) -> Path:
    """A page, and itself at half the size."""
    page = photo(120, 80)
    small = page.resize((60, 40))
    small.encoderinfo = {"tiffinfo": {tag: value}}
    return save(page, path, save_all=True, append_images=[small])


class TestScans(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return SCANS.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        return pages(tmp_path / "scan.tif")


class TestScansOfOnePage(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return SCANS.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        return save(photo(), tmp_path / "scan.tif")


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_several_pages_are_a_document_that_can_be_read(compression: str | None, tmp_path: Path) -> None:
    decoded = DECODER.decode(pages(tmp_path / "a.tif", compression=compression), SQUARE)
    assert (decoded.info.kind, decoded.info.media_type) == (AssetKind.DOCUMENT, "image/tiff")
    shown = moments(decoded)
    assert [(moment.kind, moment.page) for moment in shown] == [(SegmentKind.PAGE, number) for number in (1, 2, 3)]
    for moment, colour in zip(shown, [(255, 0, 0), (0, 255, 0), (0, 0, 255)], strict=True):
        assert moment.pixels is not None
        assert moment.detail is not None
        assert moment.detail.shape == (80, 60, 3)
        assert np.abs(moment.pixels.astype(int) - colour).max() <= 3


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "CMYK", "I;16", "P", "RGBA"])
def test_one_page_is_what_the_picture_decoder_gives(mode: str, tmp_path: Path) -> None:
    picture = photo().convert("L").convert("I;16") if mode == "I;16" else photo().convert(mode)
    path = save(picture, tmp_path / "a.tiff")
    here, there = DECODER.decode(path, ALL), PictureDecoder(DecodeSettings()).decode(path, ALL)
    assert here.info == there.info
    assert here.info.kind is AssetKind.IMAGE
    for mine, other in zip(moments(here), moments(there), strict=True):
        assert mine == other
        np.testing.assert_array_equal(mine.pixels, other.pixels)


@pytest.mark.parametrize(("tag", "value"), [(254, 1), (254, 5), (255, 2)])
def test_a_smaller_copy_is_no_page(tag: int, value: int, tmp_path: Path) -> None:
    decoded = DECODER.decode(with_a_smaller_copy(tmp_path / "a.tif", tag, value), SQUARE)
    assert (decoded.info.kind, decoded.info.width, decoded.info.height) == (AssetKind.IMAGE, 120, 80)
    assert [moment.kind for moment in moments(decoded)] == [SegmentKind.IMAGE]


def test_pages_are_decoded_when_they_are_asked_for(tmp_path: Path) -> None:
    """Damage on the last page leaves the others; and who has seen enough leaves the file closed."""
    path = pages(tmp_path / "a.tif", compression="tiff_lzw")
    with Image.open(path) as image:
        image.seek(2)
        at = image.tag_v2[273][0]  # type: ignore[attr-defined]
    data = bytearray(path.read_bytes())
    data[at : at + 8] = b"\xff" * 8
    path.write_bytes(data)
    parts = iter(DECODER.decode(path, SQUARE).parts)
    assert [next(parts).page, next(parts).page] == [1, 2]  # type: ignore[union-attr]
    with pytest.raises(DecodeFailed):
        next(parts)
    gc.collect()  # or what earlier tests left may go in between
    before = len(list(Path("/dev/fd").iterdir()))
    parts = iter(DECODER.decode(path, SQUARE).parts)
    next(parts)
    assert isinstance(parts, Generator)
    parts.close()
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_too_many_pages_are_over_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scans, "_MOST_PAGES", 2)
    path = pages(tmp_path / "a.tif")
    with pytest.raises(DecodeFailed, match="has more than 2 pages; split it into several files"):
        DECODER.decode(path, SQUARE)


def test_pages_that_go_in_a_circle_end(tmp_path: Path) -> None:
    path = pages(tmp_path / "a.tif", ["red"])
    data = bytearray(path.read_bytes())
    at = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[at : at + 2], "little")
    data[at + 2 + 12 * count : at + 6 + 12 * count] = at.to_bytes(4, "little")
    path.write_bytes(data)
    assert len(moments(DECODER.decode(path, SQUARE))) == 1


def test_a_huge_page_is_over_the_limit(tmp_path: Path) -> None:
    path = pages(tmp_path / "a.tif")
    with pytest.raises(DecodeFailed, match="over the limit"):
        list(ScanDecoder(_Strict()).decode(path, SQUARE).parts)


class _Strict:
    max_megapixels = 0
    max_text_mb = 1.0


def test_a_photo_so_named_is_a_picture(tmp_path: Path) -> None:
    path = save(photo(), tmp_path / "a.jpg").rename(tmp_path / "a.tif")
    assert DECODER.decode(path, NOTHING).info.media_type == "image/jpeg"


@pytest.mark.filterwarnings("ignore")  # Pillow's own
def test_a_scan_cut_short_or_damaged_fails_in_one_line_or_is_shown(tmp_path: Path) -> None:
    path = pages(tmp_path / "a.tif", compression="tiff_lzw")
    data = path.read_bytes()
    random = np.random.default_rng(0)
    reasons: list[str] = []
    for length in np.linspace(0, len(data) - 1, 40).astype(int):
        altered = np.frombuffer(data, np.uint8).copy()
        altered[random.integers(0, len(data), 3)] = random.integers(0, 256, 3)
        for content in (data[:length], altered.tobytes()):
            path.write_bytes(content)
            try:
                assert list(DECODER.decode(path, SQUARE).parts)
            except DecodeFailed as failure:
                reasons.append(failure.reason)
    assert len(reasons) >= 35
    assert not any("\n" in reason for reason in reasons)


@pytest.mark.parametrize("page", [1, 2, 3])
def test_of_one_page_no_other_is_decoded(page: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    load_upright = scans.load_upright

    def counting(image: Image.Image, *given: object) -> object:
        decoded.append(image.tell())
        return load_upright(image, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(scans, "load_upright", counting)
    wanted = Wanted(PictureSpec(16, "squash"), page=page)
    [moment] = moments(DECODER.decode(pages(tmp_path / "a.tif"), wanted))
    assert moment.page == page
    assert moment.pixels is not None
    assert moment.pixels[0, 0].argmax() == page - 1
    assert len(decoded) == 1


@pytest.mark.parametrize(("colours", "page"), [(COLOURS, 4), (COLOURS, 0), (COLOURS[:1], 2)])
def test_a_page_that_is_not_there(colours: list[str], page: int, tmp_path: Path) -> None:
    with pytest.raises(DecodeFailed, match=rf"^has {len(colours)} pages?, and no page {page}; ask for one"):
        DECODER.decode(pages(tmp_path / "a.tif", colours), Wanted(page=page))


def test_a_picture_is_its_own_first_page(tmp_path: Path) -> None:
    path = save(photo(), tmp_path / "a.tif")
    assert moments(DECODER.decode(path, Wanted(page=1))) == moments(DECODER.decode(path, NOTHING))
