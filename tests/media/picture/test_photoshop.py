from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageCms
from psd_tools import PSDImage

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture import photoshop
from bowerbird.media.picture.photoshop import PhotoshopDecoder
from bowerbird.media.registry import PHOTOSHOP
from bowerbird.moments import NOTHING, PictureSpec, Wanted
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind, SegmentKind
from tests.contracts.decoder import DecoderContract, moments
from tests.media.make import photo

DECODER = PhotoshopDecoder(DecodeSettings())
WHOLE = Wanted(PictureSpec(64, "squash"))
BITMAP, GREY, INDEXED, RGB, CMYK, LAB = 0, 1, 2, 3, 4, 9


def block(content: bytes, layout: str = ">I") -> bytes:
    return struct.pack(layout, len(content)) + content


def by_hand(
    path: Path,
    planes: list[np.ndarray],
    mode: int,
    depth: int = 8,
    *,
    colours: bytes = b"",
    resources: bytes = b"",
    layers: bytes = b"",
    large: bool = False,
) -> Path:
    """A file of Adobe's specification, uncompressed; ``planes`` hold the bytes of rows."""
    height, row_bytes = planes[0].shape
    header = struct.pack(
        ">4sH6xHIIHH", b"8BPS", 2 if large else 1, len(planes), height, row_bytes * 8 // depth, depth, mode
    )
    data = b"".join(plane.astype(np.uint8).tobytes() for plane in planes)
    section = block(layers, ">Q" if large else ">I")
    path.write_bytes(header + block(colours) + block(resources) + section + struct.pack(">H", 0) + data)
    return path


def resource(number: int, content: bytes) -> bytes:
    return struct.pack(">4sHH", b"8BIM", number, 0) + block(content + bytes(len(content) % 2))


def without_composite() -> bytes:
    name = struct.pack(">I", 0)
    return resource(1057, struct.pack(">IB", 1, 0) + name + name + struct.pack(">I", 1))


def text_layer(text: str) -> bytes:
    """The record of a layer without pixels, whose block `TySh` holds what it says."""
    said = text.encode("utf-16-be") + b"\0\0"
    unnamed = struct.pack(">IH", 1, 0)
    descriptor = struct.pack(">I", 16) + unnamed + block(b"")[:4] + b"TxLr" + struct.pack(">I", 1)
    descriptor += block(b"")[:4] + b"Txt TEXT" + struct.pack(">I", len(said) // 2) + said
    warp = struct.pack(">I", 16) + unnamed + block(b"")[:4] + b"warp" + struct.pack(">I", 0)
    type_tool = struct.pack(">H6dH", 1, 1, 0, 0, 1, 0, 0, 50) + descriptor + struct.pack(">H", 1) + warp + bytes(16)
    extra = block(b"") + block(b"") + b"\0\0\0\0" + b"8BIMTySh" + block(type_tool + bytes(len(type_tool) % 2))
    return struct.pack(">4iH", 0, 0, 0, 0, 0) + b"8BIMnorm" + struct.pack(">BBBB", 255, 0, 0, 0) + block(extra)


def layers(*records: bytes) -> bytes:
    content = struct.pack(">h", len(records)) + b"".join(records)
    return block(content + bytes(len(content) % 2))


def pixels(path: Path, wanted: Wanted = WHOLE) -> np.ndarray:
    shown = moments(DECODER.decode(path, wanted))[0].pixels
    assert shown is not None
    return shown.astype(int)


def words(path: Path) -> list[str | None]:
    return [moment.text for moment in moments(DECODER.decode(path, NOTHING)) if moment.kind is SegmentKind.TEXT]


def reason(path: Path, decoder: PhotoshopDecoder = DECODER) -> str:
    with pytest.raises(DecodeFailed) as failure:
        decoder.decode(path, WHOLE)
    assert "\n" not in failure.value.reason
    return failure.value.reason


def save(picture: Image.Image, path: Path) -> Path:
    """By psd-tools, which writes ink as it comes, though Photoshop, and psd-tools itself when reading, inverts it."""
    PSDImage.frompil(ImageChops.invert(picture) if picture.mode == "CMYK" else picture).save(path)
    return path


PLANES = list(np.asarray(photo(64, 64)).transpose(2, 0, 1))


class TestPhotoshop(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return PHOTOSHOP.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        return by_hand(tmp_path / "a.psd", PLANES, RGB, layers=layers(text_layer("Bowerbirds")))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_what_psd_tools_writes_is_shown(mode: str, tmp_path: Path) -> None:
    picture = photo(64, 64).convert(mode)
    path = save(picture, tmp_path / "a.psd")
    info = DECODER.decode(path, WHOLE).info
    assert (info.kind, info.media_type) == (AssetKind.IMAGE, "image/vnd.adobe.photoshop")
    assert (info.width, info.height) == (64, 64)
    np.testing.assert_array_equal(pixels(path), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("large", [False, True])
def test_psd_and_psb_are_shown(large: bool, tmp_path: Path) -> None:
    path = by_hand(tmp_path / "a.psb", PLANES, RGB, large=large)
    np.testing.assert_array_equal(pixels(path), np.asarray(photo(64, 64)))


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(">u2"), (64, 1))
    shown = pixels(by_hand(tmp_path / "a.psd", [ramp.view(np.uint8)] * 3, RGB, 16))
    assert np.abs(shown - (ramp.astype(int) >> 8)[..., None]).max() == 0


def test_light_in_real_numbers_is_shown_as_a_screen_does(tmp_path: Path) -> None:
    light = np.array([[0.0, 0.2158605, 1.0, 7.0]], ">f4").repeat(16, axis=1).repeat(64, axis=0)
    shown = pixels(by_hand(tmp_path / "a.psd", [light.view(np.uint8)] * 3, RGB, 32))
    assert [shown[30, at, 0] for at in (7, 24, 40, 56)] == [0, 128, 255, 255]


def test_bitmap_palette_and_lab_are_shown_in_their_colours(tmp_path: Path) -> None:
    bits = np.packbits(np.tile(np.arange(64) < 32, (64, 1)), axis=1)
    shown = pixels(by_hand(tmp_path / "bits.psd", [bits], BITMAP, 1))
    assert (shown[:, :32] == 0).all()
    assert (shown[:, 32:] == 255).all()
    colours = bytes([10, 200] + [0] * 254 + [20, 100] + [0] * 254 + [30, 50] + [0] * 254)
    shown = pixels(by_hand(tmp_path / "p.psd", [np.tile(np.arange(64) // 32, (64, 1))], INDEXED, colours=colours))
    assert (shown[:, :32] == (10, 20, 30)).all()
    assert (shown[:, 32:] == (200, 100, 50)).all()
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = to_lab.apply(Image.new("RGB", (64, 64), (200, 60, 40)))
    planes = [np.asarray(band) for band in lab.split()]
    assert np.abs(pixels(by_hand(tmp_path / "lab.psd", planes, LAB)) - (200, 60, 40)).max() <= 3


def test_its_profile_is_applied(tmp_path: Path) -> None:
    from tests.media.picture.test_pictures import swapped_profile

    red = [np.full((64, 64), value) for value in (255, 0, 0)]
    path = by_hand(tmp_path / "a.psd", red, RGB, resources=resource(1039, swapped_profile()))
    assert np.abs(pixels(path) - (0, 255, 0)).max() <= 3


def test_masks_beside_the_picture_are_not_shown(tmp_path: Path) -> None:
    planes = [*PLANES, np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)]
    np.testing.assert_array_equal(pixels(by_hand(tmp_path / "a.psd", planes, RGB)), np.asarray(photo(64, 64)))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("band", [1, 5000, 8 << 20])
def test_it_is_shrunk_band_by_band(mode: str, band: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photoshop, "_BAND_BYTES", band)
    picture = photo(40, 30).resize((700, 501), Image.Resampling.BICUBIC).convert(mode)
    path = save(picture, tmp_path / "a.psd")
    exact = np.asarray(picture.convert("RGB").resize((64, 64), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(pixels(path) - exact).mean() < 1
    detail = moments(DECODER.decode(path, Wanted(detail_px=700)))[0].detail
    np.testing.assert_array_equal(detail, np.asarray(picture.convert("RGB")))


def test_the_words_of_text_layers_are_text(tmp_path: Path) -> None:
    content = layers(text_layer("Blue\rfeathers"), text_layer("Die Laube"))
    path = by_hand(tmp_path / "a.psd", PLANES, RGB, layers=content)
    assert words(path) == ["Blue\nfeathers\nDie Laube"]
    np.testing.assert_array_equal(pixels(path), np.asarray(photo(64, 64)))


def test_the_words_in_a_deeper_file_are_found_too(tmp_path: Path) -> None:
    inner = layers(text_layer("Blue feathers"))[4:]
    content = block(b"") + block(b"") + b"8BIMPatt" + block(bytes(7)) + b"\0" + b"8BIMLr16" + block(inner)
    path = by_hand(tmp_path / "a.psd", [plane.repeat(2, axis=1) for plane in PLANES], RGB, 16, layers=content)
    assert words(path) == ["Blue feathers"]


def test_damaged_layers_cost_no_picture(tmp_path: Path) -> None:
    content = bytearray(layers(text_layer("Blue"), text_layer("feathers")))
    content[-90:] = b"\xff" * 90
    path = by_hand(tmp_path / "a.psd", PLANES, RGB, layers=bytes(content))
    np.testing.assert_array_equal(pixels(path), np.asarray(photo(64, 64)))
    assert words(path) == ["Blue"]


def test_without_a_picture_of_the_whole_the_small_one_is_shown(tmp_path: Path) -> None:
    from io import BytesIO

    small = BytesIO()
    Image.new("RGB", (64, 64), "red").save(small, "JPEG", quality=95)
    head = struct.pack(">6I2H", 1, 64, 64, 192, 64 * 192, len(small.getvalue()), 24, 1)
    both = without_composite() + resource(1036, head + small.getvalue())
    path = by_hand(tmp_path / "a.psd", PLANES, RGB, resources=both)
    assert np.abs(pixels(path) - (255, 0, 0)).max() < 5
    path = by_hand(tmp_path / "b.psd", PLANES, RGB, resources=without_composite())
    assert reason(path) == "holds only layers; save it with Photoshop's option 'Maximize Compatibility'"


def test_a_bomb_is_known_by_its_header(tmp_path: Path) -> None:
    path = by_hand(tmp_path / "a.psd", PLANES, RGB)
    data = bytearray(path.read_bytes())
    data[14:22] = struct.pack(">II", 30_000, 30_000)
    path.write_bytes(data)
    assert reason(path).startswith("900 megapixels is over the limit of 200;")


def test_what_is_none_fails_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.psd"
    for content, said in (
        (b"", "is empty"),
        (b"hello, I am a text", "is not a Photoshop file"),
        (b"8BPS", "is damaged"),
        (b"8BPS" + b"\xff" * 100, "is damaged"),
    ):
        path.write_bytes(content)
        assert reason(path).startswith(said)
    by_hand(path, PLANES[:2], RGB)
    assert reason(path) == "is damaged: 2 channels, where 3 make a picture"


def test_a_file_cut_short_or_damaged_fails_in_one_line_or_is_shown(tmp_path: Path) -> None:
    path = save(photo(), tmp_path / "a.psd")
    data = path.read_bytes()
    reasons: list[str] = []
    random = np.random.default_rng(0)
    for length in np.linspace(1, len(data) - 1, 60).astype(int):
        path.write_bytes(data[:length])
        assert reason(path)
        altered = np.frombuffer(data, np.uint8).copy()
        altered[random.integers(0, 400, 3)] = random.integers(0, 256, 3)
        path.write_bytes(altered.tobytes())
        try:
            assert pixels(path).shape == (64, 64, 3)
        except DecodeFailed as failure:
            reasons.append(failure.reason)
    assert not any("\n" in reason for reason in reasons)
