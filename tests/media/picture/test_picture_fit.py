from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bowerbird.media.picture.picture_fit import prepare, scaled_size
from bowerbird.moments import PictureSpec
from tests.media.make import photo

SIZES = [(640, 480), (480, 640), (333, 517), (224, 224), (100, 61), (1001, 300), (225, 224), (50, 50)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("resize", ["shortest", "squash", "longest"])
def test_it_is_what_open_clip_does(
    resize: Literal["shortest", "squash", "longest"],
    interpolation: Literal["bicubic", "bilinear"],
    size: tuple[int, int],
) -> None:
    from open_clip.transform import image_transform

    picture = photo(*size)
    transform = image_transform(
        224,
        is_train=False,
        mean=(0, 0, 0),
        std=(1, 1, 1),
        resize_mode=resize,
        interpolation=interpolation,
        fill_color=7,
    )
    theirs = (transform(picture).numpy().transpose(1, 2, 0) * 255).round().astype(int)
    ours = prepare(picture, PictureSpec(224, resize, interpolation=interpolation, fill=7)).astype(int)
    assert np.abs(ours - theirs).max() <= 1


@pytest.mark.parametrize("size", SIZES)
def test_a_crop_below_one_is_torchvisions_resize_and_centre_crop(size: tuple[int, int]) -> None:
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    picture = photo(*size)
    theirs = Compose([Resize(297, InterpolationMode.BICUBIC), CenterCrop(260)])(picture)
    ours = prepare(picture, PictureSpec(260, crop=0.875)).astype(int)
    assert np.abs(ours - np.asarray(theirs)).max() <= 1


MODES = ["RGB", "L", "RGBA", "LA", "P", "1", "CMYK", "I", "F", "I;16", "YCbCr", "HSV", "PA", "La", "RGBa"]


@settings(deadline=None, max_examples=150)
@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    mode=st.sampled_from(MODES),
    size=st.integers(1, 80),
    resize=st.sampled_from(["shortest", "squash", "longest"]),
    crop=st.floats(0.3, 1.0),
    interpolation=st.sampled_from(["bicubic", "bilinear"]),
)
def test_any_picture_becomes_what_the_spec_asks_for(
    width: int,
    height: int,
    mode: str,
    size: int,
    resize: Literal["shortest", "squash", "longest"],
    crop: float,
    interpolation: Literal["bicubic", "bilinear"],
) -> None:
    pixels = prepare(Image.new(mode, (width, height)), PictureSpec(size, resize, crop, interpolation))
    assert pixels.shape == (size, size, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable


@given(grey=st.integers(0, 255), width=st.integers(1, 200), height=st.integers(1, 200), size=st.integers(1, 64))
def test_an_even_picture_stays_even(grey: int, width: int, height: int, size: int) -> None:
    assert (prepare(Image.new("RGB", (width, height), (grey,) * 3), PictureSpec(size, crop=0.875)) == grey).all()


@given(width=st.integers(1, 10_000), height=st.integers(1, 10_000), size=st.integers(1, 600), crop=st.floats(0.5, 1))
def test_scaled_sides(width: int, height: int, size: int, crop: float) -> None:
    wide, high = scaled_size(width, height, PictureSpec(size, "shortest", crop))
    assert min(wide, high) == int(size / crop) >= size
    wide, high = scaled_size(width, height, PictureSpec(size, "longest"))
    assert max(wide, high) == size
    assert scaled_size(width, height, PictureSpec(size, "squash")) == (size, size)


@pytest.mark.parametrize("size", [(100_000, 1), (1, 100_000)])
def test_a_picture_of_one_row_costs_no_more_than_a_square(size: tuple[int, int]) -> None:
    for spec in (PictureSpec(64), PictureSpec(64, "longest"), PictureSpec(64, "squash")):
        assert prepare(Image.new("RGB", size), spec).shape == (64, 64, 3)


def test_of_a_strip_the_middle_is_kept() -> None:
    strip = Image.new("RGB", (3000, 10), "white")
    strip.paste("red", (1495, 0, 1505, 10))
    assert (prepare(strip, PictureSpec(10)) == (255, 0, 0)).all()
