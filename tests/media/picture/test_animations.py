from __future__ import annotations

import struct
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.animations import MOST_FRAMES, AnimationDecoder, chosen_frames
from bowerbird.media.picture.pictures import PictureDecoder
from bowerbird.media.registry import ANIMATIONS
from bowerbird.moments import NOTHING, Moment, PictureSpec, Wanted
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind, SegmentKind
from tests.contracts.decoder import ALL, DecoderContract, moments
from tests.media.make import photo, save

DECODER = AnimationDecoder(DecodeSettings())
SQUARE = Wanted(PictureSpec(16, "squash"))
COLOURS = ["red", "lime", "blue"]
MOVING = ["gif", "webp", "apng"]


def film(path: Path, colours: list[str] = COLOURS, ms: int | list[int] = 200, **options: Any) -> Path:
    first, *rest = (Image.new("RGB", (40, 30), colour) for colour in colours)
    if path.suffix == ".apng":
        options["format"] = "PNG"
    return save(first, path, save_all=True, append_images=rest, duration=ms, lossless=True, **options)


def mean_colour(moment: Moment) -> tuple[int, ...]:
    assert moment.pixels is not None
    return tuple(int(value) for value in np.rint(moment.pixels.mean(axis=(0, 1))))


def reason(path: Path, decoder: AnimationDecoder = DECODER) -> str:
    with pytest.raises(DecodeFailed) as failure:
        list(decoder.decode(path, SQUARE).parts)
    assert "\n" not in failure.value.reason
    return failure.value.reason


class TestAnimations(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return ANIMATIONS.open(DecodeSettings())

    @pytest.fixture(params=MOVING)
    def good(self, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
        return film(tmp_path / f"film.{request.param}")


@pytest.mark.parametrize("suffix", MOVING)
def test_what_moves_is_a_film_of_the_frames_that_differ(suffix: str, tmp_path: Path) -> None:
    path = film(tmp_path / f"a.{suffix}", ["red", "lime", "#02fe02", "blue"], [100, 300, 400, 500])
    decoded = DECODER.decode(path, SQUARE)
    assert (decoded.info.kind, decoded.info.duration_s) == (AssetKind.VIDEO, 1.3)
    assert (decoded.info.width, decoded.info.height) == (40, 30)
    frames = moments(decoded)
    assert [(frame.kind, frame.start_s, frame.end_s) for frame in frames] == [
        (SegmentKind.FRAME, 0.0, 0.1),
        (SegmentKind.FRAME, 0.1, 0.8),
        (SegmentKind.FRAME, 0.8, 1.3),
    ]
    assert [mean_colour(frame) for frame in frames] == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


@pytest.mark.parametrize("suffix", MOVING)
def test_what_does_not_move_is_what_the_picture_decoder_gives(suffix: str, tmp_path: Path) -> None:
    path = save(photo(), tmp_path / f"a.{suffix}", **({"format": "PNG"} if suffix == "apng" else {}))
    here, there = DECODER.decode(path, ALL), PictureDecoder(DecodeSettings()).decode(path, ALL)
    assert here.info == there.info
    for mine, other in zip(moments(here), moments(there), strict=True):
        assert mine == other
        np.testing.assert_array_equal(mine.pixels, other.pixels)


def test_a_film_in_which_nothing_changes_has_one_frame(tmp_path: Path) -> None:
    still = Image.new("RGB", (40, 30), "red")
    dotted = still.copy()
    dotted.putpixel((3, 3), (0, 0, 255))  # or Pillow would save a single frame
    path = save(still, tmp_path / "a.gif", save_all=True, append_images=[dotted] * 5, duration=100)
    decoded = DECODER.decode(path, SQUARE)
    (frame,) = moments(decoded)
    assert (frame.start_s, frame.end_s) == (0, decoded.info.duration_s)


def test_of_many_frames_at_most_a_dozen_are_shown(tmp_path: Path) -> None:
    colours = [f"hsl({angle}, 100%, 50%)" for angle in range(0, 360, 9)]
    frames = moments(DECODER.decode(film(tmp_path / "a.webp", colours), SQUARE))
    assert len(frames) == MOST_FRAMES
    assert frames[0].start_s == 0
    assert all(one.end_s == other.start_s for one, other in pairwise(frames))


def test_a_frame_that_shows_only_what_changed_is_laid_over_the_one_before(tmp_path: Path) -> None:
    white = Image.new("RGB", (40, 30), "white")
    half = white.copy()
    half.paste("black", (0, 0, 20, 30))
    path = save(white, tmp_path / "a.gif", save_all=True, append_images=[half], duration=100, disposal=1)
    shown = moments(DECODER.decode(path, SQUARE))[1].pixels
    assert shown is not None
    assert (shown[:, :7] == 0).all()
    assert (shown[:, 9:] == 255).all()


def test_what_is_cleared_away_lies_on_white(tmp_path: Path) -> None:
    """Disposal to the background: the second frame stands alone on nothing."""
    left, right = (Image.new("RGBA", (40, 30)) for _ in range(2))
    left.paste("black", (0, 0, 20, 30))
    right.paste("black", (20, 0, 40, 30))
    path = save(left, tmp_path / "a.gif", save_all=True, append_images=[right], duration=100, disposal=2)
    shown = moments(DECODER.decode(path, SQUARE))[1].pixels
    assert shown is not None
    assert (shown[:, :7] == 255).all()
    assert (shown[:, 9:] == 0).all()


@pytest.mark.parametrize("ms", [0, 10])
def test_frames_that_last_no_time_last_as_in_a_browser(ms: int, tmp_path: Path) -> None:
    assert DECODER.decode(film(tmp_path / "a.gif", ms=ms), SQUARE).info.duration_s == pytest.approx(0.3)


def test_the_picture_that_apng_shows_elsewhere_is_no_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "a.apng", default_image=True)
    assert [mean_colour(frame) for frame in moments(DECODER.decode(path, SQUARE))] == [(0, 255, 0), (0, 0, 255)]


def test_whatever_its_name_a_film_is_one_and_a_photo_a_picture(tmp_path: Path) -> None:
    assert DECODER.decode(film(tmp_path / "a.gif").rename(tmp_path / "a.webp"), NOTHING).info.media_type == "image/gif"
    path = save(photo(), tmp_path / "b.jpg").rename(tmp_path / "b.gif")
    assert DECODER.decode(path, NOTHING).info.kind is AssetKind.IMAGE


@pytest.mark.parametrize("suffix", MOVING)
def test_a_bomb_of_many_frames_is_over_the_limit(suffix: str, tmp_path: Path) -> None:
    strict = AnimationDecoder(DecodeSettings(max_megapixels=1))
    colours = [f"hsl({angle}, 100%, 50%)" for angle in range(0, 357, 7)]
    said = reason(film(tmp_path / f"a.{suffix}", colours), strict)
    assert said.startswith("51 frames of 40 x 30 are over the limit of 5 megapixels")


def test_a_huge_frame_is_over_the_limit(tmp_path: Path) -> None:
    path = film(tmp_path / "a.gif")
    data = bytearray(path.read_bytes())
    data[6:10] = struct.pack("<HH", 60_000, 60_000)
    path.write_bytes(data)
    assert "over the limit" in reason(path)


@pytest.mark.parametrize("suffix", MOVING)
@pytest.mark.filterwarnings("ignore")  # Pillow's own
def test_a_film_cut_short_or_damaged_fails_in_one_line_or_is_shown(suffix: str, tmp_path: Path) -> None:
    path = film(tmp_path / f"a.{suffix}")
    data = path.read_bytes()
    path.write_bytes(b"")
    assert reason(path) == "is empty"
    random = np.random.default_rng(0)
    reasons: list[str] = []
    for length in np.linspace(1, len(data) - 1, 30).astype(int):
        altered = np.frombuffer(data, np.uint8).copy()
        altered[random.integers(0, len(data), 3)] = random.integers(0, 256, 3)
        for content in (data[:length], altered.tobytes()):
            path.write_bytes(content)
            try:
                assert list(DECODER.decode(path, SQUARE).parts)
            except DecodeFailed as failure:
                reasons.append(failure.reason)
    assert len(reasons) >= 20
    assert not any("\n" in reason for reason in reasons)


@given(levels=st.lists(st.integers(0, 255), max_size=60))
def test_the_frames_chosen_ascend_begin_with_the_first_and_differ(levels: list[int]) -> None:
    chosen = chosen_frames([np.full((2, 2, 3), level, np.uint8) for level in levels])
    assert chosen == sorted(set(chosen))
    assert chosen[:1] == ([0] if levels else [])
    assert len(chosen) <= MOST_FRAMES
    shown = [levels[at] for at in chosen]
    if len(chosen) < MOST_FRAMES:
        assert all(abs(one - other) > 6 for one, other in pairwise(shown))


@pytest.mark.parametrize("suffix", MOVING)
@pytest.mark.parametrize(("at_s", "shown"), [(0, 0), (0.19, 0), (0.2, 1), (0.45, 2), (9, 2)])
def test_the_frame_at_a_time(suffix: str, at_s: float, shown: int, tmp_path: Path) -> None:
    path = film(tmp_path / f"a.{suffix}")
    [moment] = DECODER.decode(path, Wanted(PictureSpec(16, "squash"), at_s=at_s)).parts
    assert isinstance(moment, Moment)
    assert (moment.start_s, moment.end_s) == (pytest.approx(shown * 0.2), pytest.approx(shown * 0.2 + 0.2))
    assert mean_colour(moment) == [(255, 0, 0), (0, 255, 0), (0, 0, 255)][shown]
