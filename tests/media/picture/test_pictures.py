from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.pictures import PictureDecoder
from bowerbird.moments import NOTHING, Moment, PictureSpec, Wanted
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind, SegmentKind
from tests.media.make import photo, save

DECODER = PictureDecoder(DecodeSettings())
WHOLE = Wanted(PictureSpec(64, "squash"))


def pixels(path: Path, spec: PictureSpec | None = None) -> NDArray[np.int16]:
    (moment,) = DECODER.decode(path, Wanted(spec) if spec else WHOLE).parts
    assert isinstance(moment, Moment)
    assert moment.kind == SegmentKind.IMAGE
    assert moment.pixels is not None
    return moment.pixels.astype(np.int16)


def reason(path: Path, decoder: PictureDecoder = DECODER) -> str:
    with pytest.raises(DecodeFailed) as failure:
        decoder.decode(path, WHOLE)
    return failure.value.reason


# --- formats and modes ---------------------------------------------------------------------------

LOSSLESS = ["png", "bmp", "dib", "tif", "tiff", "ppm", "pnm", "tga", "pcx", "qoi", "sgi", "dds", "ico", "apng"]
LOSSY = ["jpg", "jpeg", "jfif", "gif", "webp", "jp2", "avif"]


@pytest.mark.parametrize("suffix", [*LOSSLESS, *LOSSY])
def test_every_format_shows_the_same_picture(suffix: str, tmp_path: Path) -> None:
    square = photo(64, 64)
    path = tmp_path / f"a.{suffix}"
    save(square, path, **({"format": "PNG"} if suffix == "apng" else {}))
    decoded = DECODER.decode(path, WHOLE)
    assert (decoded.info.kind, decoded.info.width, decoded.info.height) == (AssetKind.IMAGE, 64, 64)
    assert np.abs(pixels(path) - np.asarray(square)).mean() <= (10 if suffix in LOSSY else 0)


@pytest.mark.parametrize(("suffix", "media_type"), [("jpg", "image/jpeg"), ("png", "image/png"), ("tif", "image/tiff")])
def test_the_media_type_is_of_the_content_not_the_name(suffix: str, media_type: str, tmp_path: Path) -> None:
    path = save(photo(), tmp_path / f"a.{suffix}").rename(tmp_path / "a.webp")
    assert DECODER.decode(path, WHOLE).info.media_type == media_type


@pytest.mark.parametrize("suffix", ["gif", "tif", "webp", "png"])
def test_of_several_frames_the_first_is_read(suffix: str, tmp_path: Path) -> None:
    red, blue = (Image.new("RGB", (20, 20), colour) for colour in ("red", "blue"))
    path = save(red, tmp_path / f"a.{suffix}", save_all=True, append_images=[blue], lossless=True)
    assert (pixels(path) == (255, 0, 0)).all(axis=2).mean() > 0.99


def test_postscript_is_no_picture_here(tmp_path: Path) -> None:
    path = save(photo(), tmp_path / "a.eps").rename(tmp_path / "a.jpg")
    assert reason(path) == "is not a picture of a kind that is read, or is damaged"


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    expected = np.rint(ramp / 257)[..., None]
    for suffix in ("png", "tif"):
        assert np.abs(pixels(save(Image.fromarray(ramp), tmp_path / f"a.{suffix}")) - expected).max() <= 1
    big_endian = Image.frombytes("I;16B", (64, 64), ramp.astype(">u2").tobytes())
    assert np.abs(pixels(save(big_endian, tmp_path / "b.tif")) - expected).max() <= 1


@pytest.mark.parametrize(("low", "high", "white"), [(0, 1, 1), (0, 255, 255), (-40, 4000, 4040)])
def test_real_numbers_are_scaled_to_what_they_span(low: float, high: float, white: float, tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(low, high, 64, dtype=np.float32), (64, 1))
    path = save(Image.fromarray(ramp), tmp_path / "a.tif")
    assert np.abs(pixels(path) - (255 * (ramp - low) / white)[..., None]).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_lies_on_white(mode: str, tmp_path: Path) -> None:
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 32, 64))
    picture.paste((0, 0, 0, 128), (0, 32, 32, 64))
    shown = pixels(save(picture.convert(mode), tmp_path / "a.png"))
    assert (shown[:28, :28] == 0).all()
    assert (shown[:, 36:] == 255).all()
    if mode != "P":
        assert np.abs(shown[36:, :28] - 127).max() <= 1


def test_a_colour_named_transparent_lies_on_white(tmp_path: Path) -> None:
    picture = Image.new("RGB", (64, 64), (10, 20, 30))
    picture.paste((200, 0, 0), (0, 0, 32, 64))
    shown = pixels(save(picture, tmp_path / "a.png", transparency=(10, 20, 30)))
    assert (shown[:, :28] == (200, 0, 0)).all()
    assert (shown[:, 36:] == 255).all()


def test_a_bitmap_is_black_and_white(tmp_path: Path) -> None:
    picture = Image.new("1", (64, 64))
    picture.paste(1, (0, 0, 32, 64))
    shown = pixels(save(picture, tmp_path / "a.png"))
    assert (shown[:, :32] == 255).all()
    assert (shown[:, 32:] == 0).all()


def test_cmyk_is_shown_as_it_prints(tmp_path: Path) -> None:
    shown = pixels(save(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), tmp_path / "a.jpg", quality=95))
    assert np.abs(shown - (255, 0, 0)).max() <= 8


def test_lab_is_shown_in_its_colours(tmp_path: Path) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = to_lab.apply(Image.new("RGB", (64, 64), (200, 60, 40)))
    assert np.abs(pixels(save(lab, tmp_path / "a.tif")) - (200, 60, 40)).max() <= 3


def swapped_profile() -> bytes:
    """An sRGB profile whose red and green primaries are exchanged: what it does is plain to see."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for i in range(struct.unpack(">I", profile[128:132])[0]):
        at = 132 + 12 * i
        name = bytes(profile[at : at + 4])
        profile[at : at + 4] = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}.get(name, name)
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be")).replace(b"sRGB", b"test")


def test_an_embedded_profile_is_applied(tmp_path: Path) -> None:
    red = Image.new("RGB", (64, 64), (255, 0, 0))
    assert np.abs(pixels(save(red, tmp_path / "a.png", icc_profile=swapped_profile())) - (0, 255, 0)).max() <= 3
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 255))
    assert np.abs(pixels(save(clear, tmp_path / "b.png", icc_profile=swapped_profile())) - (0, 255, 0)).max() <= 3


def test_a_broken_profile_costs_nothing(tmp_path: Path) -> None:
    path = save(photo(64, 64), tmp_path / "a.png", icc_profile=b"no profile")
    assert (pixels(path) == np.asarray(photo(64, 64))).all()


# --- orientation and size ------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_shown_upright(orientation: int, suffix: str, tmp_path: Path) -> None:
    upright = Image.new("RGB", (96, 48), "white")
    upright.paste("red", (0, 0, 24, 24))
    upright.paste("blue", (72, 24, 96, 48))
    undo = {  # what the camera did to the picture, so that `orientation` is right
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    stored = upright if undo is None else upright.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(stored, tmp_path / f"a.{suffix}", exif=exif, quality=95)
    info = DECODER.decode(path, WHOLE).info
    assert (info.width, info.height) == (96, 48)
    shown = pixels(path, PictureSpec(48, "squash"))
    assert np.abs(shown[4:20, 2:10] - (255, 0, 0)).max() < 40
    assert np.abs(shown[28:44, 38:46] - (0, 0, 255)).max() < 40


def test_a_shrunk_jpeg_keeps_its_size_and_look(tmp_path: Path) -> None:
    large = photo(2400, 1600)
    path = save(large, tmp_path / "a.jpg", quality=92)
    decoded = DECODER.decode(path, WHOLE)
    assert (decoded.info.width, decoded.info.height) == (2400, 1600)
    exact = pixels(save(Image.open(path), tmp_path / "a.png"))
    assert np.abs(pixels(path) - exact).mean() < 1


def test_with_nothing_wanted_a_picture_is_read_through_all_the_same(tmp_path: Path) -> None:
    path = save(photo(), tmp_path / "a.jpg")
    decoded = DECODER.decode(path, NOTHING)
    assert (decoded.info.width, decoded.info.height) == (120, 80)
    assert list(decoded.parts) == [Moment(SegmentKind.IMAGE)]
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DecodeFailed):
        DECODER.decode(path, NOTHING)


# --- hostile files -------------------------------------------------------------------------------


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10**6)))
        + chunk(b"IEND", b"")
    )


def test_a_bomb_is_known_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png_header(30_000, 30_000))
    assert reason(path) == "900 megapixels is over the limit of 200; raise decode.max_megapixels in library.toml"


def test_the_limit_is_on_a_jpeg_as_it_is_read(tmp_path: Path) -> None:
    """1.9 megapixels, drafted to an eighth of each side, pass a limit of 1; as a PNG they do not."""
    strict = PictureDecoder(DecodeSettings(max_megapixels=1))
    large = photo(1600, 1200)
    strict.decode(save(large, tmp_path / "a.jpg"), WHOLE)
    assert reason(save(large, tmp_path / "a.png"), strict).startswith("2 megapixels is over the limit of 1;")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"hello, I am a text", "is not a picture of a kind that is read, or is damaged"),
        (b"\xff\xd8\xff", "is not a picture of a kind that is read, or is damaged"),
        (bytes(1000), "is not a picture of a kind that is read, or is damaged"),
    ],
)
def test_what_is_no_picture(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    assert reason(path) == said


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "bmp", "tif", "ppm", "jp2", "avif", "tga"])
def test_a_picture_cut_short_is_whole_or_a_failure_never_half(suffix: str, tmp_path: Path) -> None:
    path = save(photo(), tmp_path / f"a.{suffix}")
    whole, data = pixels(path), path.read_bytes()
    failures = 0
    for length in np.linspace(1, len(data) - 1, 40).astype(int):
        path.write_bytes(data[:length])
        try:
            shown = pixels(path)
        except DecodeFailed:
            failures += 1
        else:
            np.testing.assert_array_equal(shown, whole)
    assert failures >= 36


@pytest.mark.parametrize(
    "suffix", ["jpg", "png", "gif", "webp", "bmp", "tif", "ppm", "jp2", "avif", "tga", "ico", "pcx"]
)
@pytest.mark.filterwarnings("ignore")  # Pillow's own, of damaged metadata
def test_a_damaged_picture_raises_nothing_else(suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "camera"
    path = save(photo(), tmp_path / f"a.{suffix}", **({"exif": exif} if suffix in ("jpg", "png", "webp") else {}))
    data = path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(60):
        damaged = np.frombuffer(data, np.uint8).copy()
        damaged[random.integers(0, min(len(data), 400), 3)] = random.integers(0, 256, 3)
        path.write_bytes(damaged.tobytes())
        with suppress(DecodeFailed):
            assert pixels(path).shape == (64, 64, 3)


def test_bytes_of_a_picture_need_no_name(tmp_path: Path) -> None:
    buffer = BytesIO()
    photo(64, 64).save(buffer, "PNG")
    path = tmp_path / "no suffix"
    path.write_bytes(buffer.getvalue())
    assert (pixels(path) == np.asarray(photo(64, 64))).all()
