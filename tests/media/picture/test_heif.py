from __future__ import annotations

from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture import heif
from bowerbird.media.picture.heif import HeifDecoder
from bowerbird.media.picture.pictures import PictureDecoder
from bowerbird.media.registry import HEIF
from bowerbird.moments import NOTHING, PictureSpec, Wanted
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind
from tests.contracts.decoder import DecoderContract, moments
from tests.media.make import photo, save

DECODER = HeifDecoder(DecodeSettings())
SQUARE = Wanted(PictureSpec(32, "squash"))


def heic(path: Path, *pictures: Image.Image, primary: int = 0) -> Path:
    """Written by pillow-heif, which has an encoder; what reads it here is its smaller sister, which has none."""
    file = pillow_heif.HeifFile()  # type: ignore[no-untyped-call]
    for picture in pictures:
        file.add_from_pillow(picture)
    file.save(path, quality=90, primary_index=primary)
    return path


def turned_heic(path: Path, stored: Image.Image, orientation: int) -> Path:
    """As phones write it: the container says how to turn it, and EXIF says so too."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    pillow_heif.encode("RGB", stored.size, stored.tobytes(), path, quality=90, exif=exif.tobytes())
    return path


def pixels(path: Path, wanted: Wanted = SQUARE) -> np.ndarray:
    (moment,) = moments(DECODER.decode(path, wanted))
    assert moment.pixels is not None
    return moment.pixels.astype(int)


def reason(path: Path, decoder: HeifDecoder = DECODER) -> str:
    with pytest.raises(DecodeFailed) as failure:
        decoder.decode(path, SQUARE)
    assert "\n" not in failure.value.reason
    return failure.value.reason


class TestHeif(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return HEIF.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        return heic(tmp_path / "photo.heic", photo())


@pytest.mark.parametrize("suffix", ["heic", "heif", "hif"])
def test_a_photo_of_a_phone_is_shown(suffix: str, tmp_path: Path) -> None:
    path = heic(tmp_path / f"a.{suffix}", photo(64, 64))
    info = DECODER.decode(path, SQUARE).info
    assert (info.kind, info.media_type, info.width, info.height) == (AssetKind.IMAGE, "image/heic", 64, 64)
    assert np.abs(pixels(path, Wanted(PictureSpec(64, "squash"))) - np.asarray(photo(64, 64))).mean() < 10


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_shown_upright(orientation: int, tmp_path: Path) -> None:
    undo = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    upright = Image.new("RGB", (128, 64), "white")
    upright.paste("red", (0, 0, 64, 32))
    stored = upright if undo is None else upright.transpose(undo)
    path = turned_heic(tmp_path / "a.heic", stored, orientation)
    info = DECODER.decode(path, SQUARE).info
    assert (info.width, info.height) == (128, 64)
    shown = pixels(path)
    assert np.abs(shown[3:13, 3:13] - (255, 0, 0)).mean() < 20
    assert np.abs(shown[19:, 19:] - 255).mean() < 20


def test_of_several_pictures_the_main_one_is_shown(tmp_path: Path) -> None:
    red, blue = (Image.new("RGB", (64, 64), colour) for colour in ("red", "blue"))
    assert np.abs(pixels(heic(tmp_path / "a.heic", red, blue)) - (255, 0, 0)).mean() < 8
    assert np.abs(pixels(heic(tmp_path / "b.heic", red, blue, primary=1)) - (0, 0, 255)).mean() < 8


def test_deep_colours_become_eight_bits(tmp_path: Path) -> None:
    ramp = np.repeat(np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))[..., None], 3, axis=2)
    file = pillow_heif.from_bytes("RGB;16", (64, 64), np.ascontiguousarray(ramp).tobytes())
    file.save(tmp_path / "a.heic", quality=95)
    expected = np.linspace(0, 255, 32)[None, :, None]
    assert np.abs(pixels(tmp_path / "a.heic") - expected).mean() < 4


def test_a_jpeg_so_named_is_a_picture(tmp_path: Path) -> None:
    path = save(photo(), tmp_path / "a.jpg").rename(tmp_path / "a.heic")
    assert DECODER.decode(path, NOTHING).info.media_type == "image/jpeg"


def test_avif_is_pillows_own(tmp_path: Path) -> None:
    path = save(photo(64, 64), tmp_path / "a.avif", quality=90)
    decoded = PictureDecoder(DecodeSettings()).decode(path, SQUARE)
    assert (decoded.info.media_type, decoded.info.width) == ("image/avif", 64)


def test_a_huge_picture_is_over_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = heic(tmp_path / "a.heic", Image.new("RGB", (1300, 900)))
    strict = HeifDecoder(DecodeSettings(max_megapixels=1))
    assert reason(path, strict).startswith("1 megapixels is over the limit of 1;")
    monkeypatch.setattr(heif, "_MOST_BYTES", 1 << 10)
    assert "and a picture of this kind at most" in reason(path)


def test_what_is_none_fails_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.heic"
    for content, said in (
        (b"", "is empty"),
        (b"hello, I am a text", "is not a picture of a kind that is read, or is damaged"),
        (b"\0\0\0\x18ftypheic" + bytes(200), "is not a picture of a kind that is read, or is damaged"),
    ):
        path.write_bytes(content)
        assert reason(path) == said


@pytest.mark.filterwarnings("ignore")
def test_a_photo_cut_short_or_damaged_fails_in_one_line_or_is_shown(tmp_path: Path) -> None:
    path = heic(tmp_path / "a.heic", photo())
    data = path.read_bytes()
    random = np.random.default_rng(0)
    reasons: list[str] = []
    for length in np.linspace(1, len(data) - 1, 40).astype(int):
        altered = np.frombuffer(data, np.uint8).copy()
        altered[random.integers(0, len(data), 3)] = random.integers(0, 256, 3)
        for content in (data[:length], altered.tobytes()):
            path.write_bytes(content)
            try:
                assert pixels(path).shape == (32, 32, 3)
            except DecodeFailed as failure:
                reasons.append(failure.reason)
    assert len(reasons) >= 35
    assert not any("\n" in reason for reason in reasons)


def test_metadata_stays_at_hand(tmp_path: Path) -> None:
    """For whoever reads when and where it was taken."""
    from bowerbird.media.picture.pictures import opened

    path = turned_heic(tmp_path / "a.heic", photo(), 3)
    with opened(path, ("HEIF",)) as image:
        assert image.getexif()[0x0112] == 1  # the library has turned it, and says so
