from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture import raw
from bowerbird.media.picture.raw import RawDecoder
from bowerbird.media.registry import RAW
from bowerbird.moments import PictureSpec, Wanted
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind
from tests.contracts.decoder import DecoderContract, moments
from tests.media.make import photo

DECODER = RawDecoder(DecodeSettings())
SQUARE = Wanted(PictureSpec(32, "squash"))

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = 1, 2, 3, 4, 5, 10
_CODES = {_BYTE: "B", _SHORT: "H", _LONG: "L", _RATIONAL: "L", _SRATIONAL: "l"}


def directory(tags: Sequence[tuple[int, int, Any]], at: int) -> bytes:
    """A directory of TIFF that begins at ``at``, with its values behind it."""
    behind = at + 2 + 12 * len(tags) + 4
    head, values = struct.pack("<H", len(tags)), b""
    for tag, kind, value in sorted(tags):
        if kind == _ASCII:
            content, count = value.encode() + b"\0", len(value) + 1
        else:
            fractions = [part for each in value for part in (each, 1)]
            numbers = fractions if kind in (_RATIONAL, _SRATIONAL) else list(value)
            content, count = struct.pack(f"<{len(numbers)}{_CODES[kind]}", *numbers), len(value)
        where = content.ljust(4, b"\0")
        if len(content) > 4:
            where = struct.pack("<L", behind + len(values))
            values += content + bytes(len(content) % 2)
        head += struct.pack("<HHL", tag, kind, count) + where
    return head + bytes(4) + values


def jpeg(picture: Image.Image) -> bytes:
    data = BytesIO()
    picture.save(data, "JPEG", quality=95)
    return data.getvalue()


def dng(path: Path, sensor: np.ndarray, preview: bytes | None = None, orientation: int = 1) -> Path:
    """A small DNG 1.4: a mosaic of RGGB in 12 of 16 bits, and a preview before it if there is one."""
    height, width = sensor.shape
    data = sensor.astype("<u2").tobytes()
    camera = [
        (271, _ASCII, "Bower"), (272, _ASCII, "Bird 1"), (274, _SHORT, [orientation]), (50706, _BYTE, [1, 4, 0, 0]),
        (50708, _ASCII, "Bower Bird 1"), (50721, _SRATIONAL, [1, 0, 0, 0, 1, 0, 0, 0, 1]),
        (50728, _RATIONAL, [1, 1, 1]), (50778, _SHORT, [21]),
    ]  # fmt: skip

    def mosaic(at: int) -> list[tuple[int, int, Any]]:
        return [
            (254, _LONG, [0]), (256, _LONG, [width]), (257, _LONG, [height]), (258, _SHORT, [16]), (259, _SHORT, [1]),
            (262, _SHORT, [32803]), (273, _LONG, [at]), (277, _SHORT, [1]), (278, _LONG, [height]),
            (279, _LONG, [len(data)]), (284, _SHORT, [1]), (33421, _SHORT, [2, 2]), (33422, _BYTE, [0, 1, 1, 2]),
            (50714, _SHORT, [0]), (50717, _LONG, [4095]),
        ]  # fmt: skip

    start = b"II*\0" + struct.pack("<L", 8)
    if preview is None:
        at = 8 + len(directory(camera + mosaic(0), 8))
        path.write_bytes(start + directory(camera + mosaic(at), 8) + data)
        return path
    with Image.open(BytesIO(preview)) as image:
        wide, high = image.size

    def shown(at: int, main: int) -> list[tuple[int, int, Any]]:
        return [
            (254, _LONG, [1]), (256, _LONG, [wide]), (257, _LONG, [high]), (258, _SHORT, [8, 8, 8]), (259, _SHORT, [7]),
            (262, _SHORT, [6]), (273, _LONG, [at]), (277, _SHORT, [3]), (278, _LONG, [high]),
            (279, _LONG, [len(preview)]), (284, _SHORT, [1]), (330, _LONG, [main]),
        ]  # fmt: skip

    second = 8 + len(directory(camera + shown(0, 0), 8))
    at = second + len(directory(mosaic(0), second))
    first = directory(camera + shown(at + len(data), second), 8)
    path.write_bytes(start + first + directory(mosaic(at), second) + data + preview)
    return path


def left_red(width: int = 80, height: int = 60) -> np.ndarray:
    """What a sensor sees of a scene whose left half is red and whose right half is grey."""
    sensor = np.full((height, width), 1200, np.uint16)
    half = width // 2
    sensor[:, :half] = 30
    sensor[::2, :half:2] = 3000
    return sensor


def grey(width: int = 80, height: int = 60) -> np.ndarray:
    return np.full((height, width), 1500, np.uint16)


def pixels(path: Path) -> np.ndarray:
    (moment,) = moments(DECODER.decode(path, SQUARE))
    assert moment.pixels is not None
    return moment.pixels.astype(int)


def reason(path: Path, decoder: RawDecoder = DECODER) -> str:
    with pytest.raises(DecodeFailed) as failure:
        decoder.decode(path, SQUARE)
    assert "\n" not in failure.value.reason
    return failure.value.reason


class TestRaw(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return RAW.open(DecodeSettings())

    @pytest.fixture(params=["with a preview", "without one"])
    def good(self, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
        preview = jpeg(photo(640, 480)) if request.param == "with a preview" else None
        return dng(tmp_path / "photo.dng", grey(), preview)


def test_the_preview_is_shown_and_the_size_is_the_full_pictures(tmp_path: Path) -> None:
    path = dng(tmp_path / "a.dng", grey(800, 600), jpeg(Image.new("RGB", (640, 480), (200, 30, 90))))
    info = DECODER.decode(path, SQUARE).info
    assert (info.kind, info.media_type, info.width, info.height) == (AssetKind.IMAGE, "image/x-adobe-dng", 800, 600)
    assert np.abs(pixels(path) - (200, 30, 90)).max() <= 4


def test_without_a_preview_it_is_developed(tmp_path: Path) -> None:
    path = dng(tmp_path / "a.dng", left_red())
    info = DECODER.decode(path, SQUARE).info
    assert (info.width, info.height) == (80, 60)
    red, even = pixels(path)[:, :14].mean(axis=(0, 1)), pixels(path)[:, 18:].mean(axis=(0, 1))
    assert red[0] > 3 * max(red[1:])
    assert np.ptp(even) < 40


@pytest.mark.parametrize("preview", [jpeg(Image.new("RGB", (160, 120), "lime")), b"\xff\xd8\xff\xd9"])
def test_a_preview_too_small_or_damaged_is_none(preview: bytes, tmp_path: Path) -> None:
    whole = jpeg(Image.new("RGB", (640, 480), "lime"))
    path = dng(tmp_path / "a.dng", left_red(), preview if len(preview) > 10 else whole)
    if len(preview) <= 10:  # a header that promises a picture, and nothing behind it
        path.write_bytes(path.read_bytes().replace(whole[-len(whole) // 2 :], bytes(len(whole) // 2)))
    shown = pixels(path)[:, :14].mean(axis=(0, 1))
    assert shown[0] > shown[1]


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("has_preview", [True, False])
def test_it_is_shown_upright(orientation: int, has_preview: bool, tmp_path: Path) -> None:
    """The left half, as the sensor lies, is red: where it comes to lie when it is turned."""
    seen = Image.new("RGB", (640, 480), "grey")
    seen.paste("red", (0, 0, 320, 480))
    path = dng(tmp_path / "a.dng", left_red(), jpeg(seen) if has_preview else None, orientation)
    info = DECODER.decode(path, SQUARE).info
    assert (info.width, info.height) == ((80, 60) if orientation in (1, 3) else (60, 80))
    shown = pixels(path)
    half = {1: shown[:, :14], 3: shown[:, 18:], 6: shown[:14], 8: shown[18:]}[orientation]
    other = {1: shown[:, 18:], 3: shown[:, :14], 6: shown[18:], 8: shown[:14]}[orientation]
    redness = [part[..., 0].mean() / (1 + part[..., 1].mean()) for part in (half, other)]
    assert redness[0] > 2 > redness[1]


def test_a_preview_that_stands_already_is_not_turned_again(tmp_path: Path) -> None:
    seen = Image.new("RGB", (480, 640), "grey")
    seen.paste("red", (0, 0, 480, 320))
    shown = pixels(dng(tmp_path / "a.dng", left_red(), jpeg(seen), orientation=6))
    assert shown[:14, :, 1].mean() < 40 < shown[18:, :, 1].mean()


@pytest.mark.parametrize(("suffix", "said"), [("cr2", "image/x-canon-cr2"), ("nef", "image/x-nikon-nef")])
def test_the_media_type_names_the_maker(suffix: str, said: str, tmp_path: Path) -> None:
    path = dng(tmp_path / "a.dng", grey()).rename(tmp_path / f"a.{suffix}")
    assert DECODER.decode(path, SQUARE).info.media_type == said


def test_every_suffix_has_a_media_type_of_its_own() -> None:
    assert {suffix[1:] for suffix in RAW.suffixes} == set(raw._MAKERS)


def test_what_is_too_large_is_over_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = dng(tmp_path / "a.dng", grey(1200, 1000))
    strict = RawDecoder(DecodeSettings(max_megapixels=1))
    assert reason(path, strict).startswith("1 megapixels is over the limit of 1;")
    monkeypatch.setattr(raw, "_MOST_BYTES", 1 << 10)
    assert "and a picture of this kind at most" in reason(path)


def test_what_is_none_fails_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.cr2"
    path.write_bytes(b"")
    assert reason(path) == "is empty"
    for content in (b"hello, I am a text" * 500, bytes(5000), b"II*\0" + bytes(5000)):
        path.write_bytes(content)
        assert reason(path) == "is not a RAW file of a camera that is known, or is damaged"


def test_a_file_cut_short_or_damaged_fails_in_one_line_or_is_shown(tmp_path: Path) -> None:
    path = dng(tmp_path / "a.dng", grey(), jpeg(photo(640, 480)))
    data = path.read_bytes()
    random = np.random.default_rng(0)
    reasons: list[str] = []
    for length in np.linspace(1, 11_000, 30).astype(int):
        altered = np.frombuffer(data, np.uint8).copy()
        altered[random.integers(0, 700, 3)] = random.integers(0, 256, 3)
        for content in (data[:length], altered.tobytes()):
            path.write_bytes(content)
            try:
                assert pixels(path).shape == (32, 32, 3)
            except DecodeFailed as failure:
                reasons.append(failure.reason)
    assert len(reasons) >= 3
    assert not any("\n" in reason for reason in reasons)
