from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bowerbird.media.picture.picture_fit import prepare
from bowerbird.media.picture.renditions import least_size, picture_moments, tiles
from bowerbird.moments import NOTHING, Moment, PictureSpec, Wanted
from bowerbird.types import Box, SegmentKind
from tests.media.make import photo
from tests.media.picture.test_picture_fit import MODES
from tests.media.picture.test_pictures import swapped_profile

SPEC = PictureSpec(48)
ALL = Wanted(SPEC, regions=9, detail_px=200, thumbnail_px=64)


def whole(image: Image.Image, wanted: Wanted) -> Moment:
    return next(picture_moments(image, wanted))


def detail(image: Image.Image, longest: int) -> np.ndarray:
    shown = whole(image, Wanted(detail_px=longest)).detail
    assert shown is not None
    return shown.astype(int)


def thumbnail(image: Image.Image, longest: int) -> Image.Image:
    data = whole(image, Wanted(thumbnail_px=longest)).thumbnail
    assert data is not None
    return Image.open(BytesIO(data), formats=["WEBP"])


def cut(image: Image.Image, box: Box) -> Image.Image:
    sides = (box.x * image.width, box.y * image.height)
    ends = ((box.x + box.width) * image.width, (box.y + box.height) * image.height)
    return image.crop((round(sides[0]), round(sides[1]), round(ends[0]), round(ends[1])))


def smooth(width: int, height: int) -> Image.Image:
    """Of a large picture what the eye sees; of `photo` little would remain once it is shrunk."""
    return photo(40, 30).resize((width, height), Image.Resampling.BICUBIC)


# --- tiles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("regions", [4, 9])
def test_tiles_lie_within_the_picture_and_cover_it_and_overlap(regions: int) -> None:
    boxes = tiles(regions)
    assert len(set(boxes)) == regions
    covered = np.zeros((100, 100), int)
    for box in boxes:
        assert 0 <= box.x < box.x + box.width <= 1 + 1e-9
        assert 0 <= box.y < box.y + box.height <= 1 + 1e-9
        left, top = round(100 * box.x), round(100 * box.y)
        covered[top : top + round(100 * box.height), left : left + round(100 * box.width)] += 1
    assert covered.min() >= 1
    assert covered.max() >= 4


def test_there_is_no_grid_of_five() -> None:
    assert tiles(0) == []
    with pytest.raises(ValueError, match=r"no grid of 5 tiles; there are \[4, 9\]"):
        tiles(5)


@pytest.mark.parametrize("regions", [4, 9])
@pytest.mark.parametrize("resize", ["shortest", "squash", "longest"])
def test_a_tile_is_what_prepare_makes_of_that_part(regions: int, resize: str) -> None:
    image = photo(120, 80)
    spec = PictureSpec(64, resize)  # type: ignore[arg-type]
    first, *rest = picture_moments(image, Wanted(spec, regions))
    assert first.kind is SegmentKind.IMAGE
    assert [moment.box for moment in rest] == tiles(regions)
    for moment in rest:
        assert moment.kind is SegmentKind.REGION
        assert moment.box is not None
        np.testing.assert_array_equal(moment.pixels, prepare(cut(image, moment.box), spec))


def test_a_tile_of_a_large_picture_is_so_to_the_eye() -> None:
    image = smooth(1600, 1200)
    for moment in list(picture_moments(image, Wanted(SPEC, 9)))[1:]:
        assert moment.pixels is not None
        assert moment.box is not None
        assert np.abs(moment.pixels.astype(int) - prepare(cut(image, moment.box), SPEC)).mean() < 1


def test_a_tile_of_a_deep_picture_keeps_the_levels_of_the_whole() -> None:
    ramp = np.tile(np.linspace(-100, 900, 200, dtype=np.float32), (100, 1))
    first, *rest = picture_moments(Image.fromarray(ramp), Wanted(PictureSpec(40, "squash"), 4))
    left, right = rest[0].pixels, rest[1].pixels
    assert left is not None
    assert right is not None
    assert left[0, -1, 0] == pytest.approx(255 * 0.6, abs=3)
    assert right[0, 0, 0] == pytest.approx(255 * 0.4, abs=3)
    assert first.pixels is not None


@pytest.mark.parametrize("kind", [SegmentKind.FRAME, SegmentKind.PAGE])
def test_frames_and_pages_have_no_tiles(kind: SegmentKind) -> None:
    assert len(list(picture_moments(photo(), ALL, kind))) == 1


def test_where_no_square_is_wanted_there_are_no_tiles() -> None:
    assert len(list(picture_moments(photo(), Wanted(regions=9, thumbnail_px=64)))) == 1


# --- every form ----------------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(
    width=st.one_of(st.integers(1, 400), st.integers(1, 3)),
    height=st.one_of(st.integers(1, 400), st.integers(1, 3)),
    mode=st.sampled_from([*MODES, "LAB"]),
    regions=st.sampled_from([0, 4, 9]),
    detail_px=st.sampled_from([0, 1, 50, 500]),
    thumbnail_px=st.sampled_from([0, 1, 64, 500]),
    square=st.booleans(),
)
def test_every_form_is_as_wanted(
    width: int, height: int, mode: str, regions: int, detail_px: int, thumbnail_px: int, square: bool
) -> None:
    image = Image.new(mode, (width, height))
    wanted = Wanted(SPEC if square else None, regions, detail_px, thumbnail_px)
    made = list(picture_moments(image, wanted))
    assert len(made) == 1 + (regions if square else 0)
    for moment in made:
        assert (moment.pixels is not None) == square
        if moment.pixels is not None:
            assert moment.pixels.shape == (48, 48, 3)
    if square:
        np.testing.assert_array_equal(made[0].pixels, prepare(image, SPEC))
    for shown, longest in (
        (made[0].detail, detail_px),
        (made[0].thumbnail and np.asarray(Image.open(BytesIO(made[0].thumbnail))), thumbnail_px),
    ):
        assert (shown is not None) == bool(longest)
        if isinstance(shown, np.ndarray):
            assert max(shown.shape[:2]) == min(longest, max(width, height))
            assert shown.shape[2] == 3
            assert shown.dtype == np.uint8


@given(
    width=st.integers(1, 20_000),
    height=st.integers(1, 20_000),
    detail_px=st.integers(0, 3000),
    thumbnail_px=st.integers(0, 500),
    square=st.sampled_from([None, PictureSpec(224), PictureSpec(224, "longest"), PictureSpec(224, "squash")]),
)
def test_the_least_size_is_enough_and_never_more_than_there_is(
    width: int, height: int, detail_px: int, thumbnail_px: int, square: PictureSpec | None
) -> None:
    wide, high = least_size(width, height, Wanted(square, 0, detail_px, thumbnail_px))
    assert 1 <= wide <= width
    assert 1 <= high <= height
    assert max(wide, high) >= min(max(detail_px, 2 * thumbnail_px), max(width, height)) - 1
    if square:
        assert min(wide, high) >= min(448 if square.resize != "longest" else 1, width, height)


def test_nothing_wanted_is_nothing_made() -> None:
    moment = whole(photo(), NOTHING)
    assert (moment.pixels, moment.detail, moment.thumbnail) == (None, None, None)


def test_the_square_is_the_same_whatever_else_is_wanted() -> None:
    image = photo(900, 700)
    np.testing.assert_array_equal(whole(image, Wanted(SPEC)).pixels, whole(image, ALL).pixels)
    np.testing.assert_array_equal(whole(image, Wanted(SPEC)).pixels, prepare(image, SPEC))


def test_detail_of_a_picture_small_enough_is_the_picture() -> None:
    np.testing.assert_array_equal(detail(photo(), 200), np.asarray(photo()))


def test_words_known_as_text_are_not_read_off_again() -> None:
    assert whole(photo(), ALL).detail is not None
    assert next(picture_moments(photo(), ALL, readable=False)).detail is None


def test_where_a_moment_lies_is_said_of_it() -> None:
    moment = next(picture_moments(photo(), ALL, SegmentKind.FRAME, start_s=1.5, end_s=2.5, page=3))
    assert (moment.start_s, moment.end_s, moment.page) == (1.5, 2.5, 3)


def test_what_is_transparent_lies_on_white_in_every_form() -> None:
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    assert np.all(detail(image, 50) == 255)
    assert thumbnail(image, 50).convert("RGB").getextrema() == ((255, 255),) * 3
    assert all(np.all(moment.pixels == 255) for moment in picture_moments(image, Wanted(SPEC, 9)))


def test_a_profile_is_applied_in_every_form() -> None:
    image = Image.new("RGB", (300, 300), (255, 0, 0))
    image.info["icc_profile"] = swapped_profile()
    assert np.abs(detail(image, 100) - (0, 255, 0)).max() <= 3
    assert np.abs(np.asarray(thumbnail(image, 64)).astype(int) - (0, 255, 0)).max() <= 6
    for moment in picture_moments(image, Wanted(SPEC, 4)):
        assert moment.pixels is not None
        assert np.abs(moment.pixels.astype(int) - (0, 255, 0)).max() <= 3


@pytest.mark.parametrize("mode", ["I;16", "CMYK", "P", "1", "LA"])
def test_every_mode_looks_the_same_in_every_form(mode: str) -> None:
    grey = photo(400, 300).convert("L")
    image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    shown = np.asarray(grey.resize((100, 75)).convert("RGB")).astype(int)
    assert np.abs(detail(image, 100) - shown).mean() < 12
    assert np.abs(np.asarray(thumbnail(image, 100)).astype(int) - shown).mean() < 14


@pytest.mark.parametrize("size", [(100_000, 3), (3, 100_000), (1, 1), (1, 40_000)])
def test_strips_and_single_pixels(size: tuple[int, int]) -> None:
    made = list(picture_moments(Image.new("RGB", size, "red"), ALL))
    assert len(made) == 10
    assert all(np.all(moment.pixels == (255, 0, 0)) for moment in made)
    assert made[0].detail is not None
    assert made[0].detail.shape[:2] == tuple(max(1, min(side, side * 200 // max(size))) for side in size[::-1])


def test_thumbnails_show_the_picture() -> None:
    image = smooth(800, 600)
    shown = thumbnail(image, 256)
    assert shown.size == (256, 192)
    exact = np.asarray(image.resize((256, 192), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(np.asarray(shown.convert("RGB")) - exact).mean() < 8
