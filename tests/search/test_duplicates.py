"""Near-duplicates: real photos in other sizes and qualities are one hit, and different photos never are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFont
from skimage import data

from bowerbird.queries import Hit
from bowerbird.types import AssetKind, SegmentKind
from search.duplicates import APART, NEAR, Look, apart, fold_duplicates

Picture = Image.Image
ALTERED: dict[str, Callable[[Picture], Picture]] = {
    "smaller": lambda picture: picture.resize((picture.width // 3, picture.height // 3)),
    "recompressed": lambda picture: Image.open(_jpeg(picture, 25)),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.2),
    "grey": lambda picture: picture.convert("L").convert("RGB"),
    "stretched": lambda picture: picture.resize((picture.width, picture.height * 9 // 10)),
}
PHOTOS = {
    name: Image.fromarray(getattr(data, name)()[..., :3]) for name in ("astronaut", "chelsea", "coffee", "rocket")
}


def _jpeg(picture: Picture, quality: int) -> BytesIO:
    file = BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file


def thumbnail(picture: Picture, path: Path) -> Path:
    small = picture.convert("RGB")
    small.thumbnail((256, 256))
    small.save(path, "WEBP", quality=75)
    return path


def hit(name: str, kind: AssetKind = AssetKind.IMAGE) -> Hit:
    place = (SegmentKind.IMAGE, None, None, None, None, None)
    return Hit(1, 0.5, name, f"{name}.jpg", kind, 1, *place, 0, ())


def look(vector: list[float], thumbnail: Path, duration_s: float | None = None) -> Look:
    unit = np.asarray(vector, np.float32)
    return Look(unit / np.linalg.norm(unit), thumbnail, duration_s)


@pytest.mark.parametrize("how", ALTERED)
@pytest.mark.parametrize("name", PHOTOS)
def test_the_same_photo_is_near_to_itself(name: str, how: str, tmp_path: Path) -> None:
    one = thumbnail(PHOTOS[name], tmp_path / "one.webp")
    other = thumbnail(ALTERED[how](PHOTOS[name]), tmp_path / "other.webp")
    differ = apart(one, other)
    assert differ is not None
    assert differ <= APART


def test_different_photos_are_far_apart(tmp_path: Path) -> None:
    made = [thumbnail(photo, tmp_path / f"{name}.webp") for name, photo in PHOTOS.items()]
    differ = [apart(one, other) for one in made for other in made if one != other]
    assert min(each for each in differ if each is not None) > 2 * APART


def slide(title: str, *lines: str) -> Picture:
    picture = Image.new("RGB", (960, 540), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 960, 80), fill=(20, 60, 140))
    draw.text((30, 20), title, fill="white", font=ImageFont.load_default(36))
    for number, line in enumerate(lines):
        draw.text((60, 120 + 45 * number), line, fill="black", font=ImageFont.load_default(24))
    return picture


def test_two_slides_of_one_design_are_two(tmp_path: Path) -> None:
    one = slide("Budget", "We spent more on travel", "The roof must wait", "Heating is cheaper")
    other = slide("Garden", "Tomatoes do well", "Slugs ate all of the lettuce this year", "Dig over the beds")
    first, second = thumbnail(one, tmp_path / "1.webp"), thumbnail(other, tmp_path / "2.webp")
    sent = thumbnail(Image.open(_jpeg(one.resize((640, 360)), 40)), tmp_path / "3.webp")
    assert (apart(first, second) or 0) > APART
    same = apart(first, sent)
    assert same is not None
    assert same < APART / 2


def test_empty_pictures_have_nothing_to_compare(tmp_path: Path) -> None:
    blank = [thumbnail(Image.new("RGB", (300, 200), colour), tmp_path / f"{colour}.webp") for colour in ("red", "blue")]
    assert apart(*blank) is None


def test_the_first_stands_for_the_others_wherever_they_stood(tmp_path: Path) -> None:
    same = [thumbnail(PHOTOS["coffee"], tmp_path / f"{n}.webp") for n in range(3)]
    other = thumbnail(PHOTOS["rocket"], tmp_path / "other.webp")
    looks = {
        "a": look([1, 0], same[0]),
        "b": look([0, 1], other),
        "c": look([1, 0.1], same[1]),
        "d": look([1, 0.2], same[2]),
    }
    folded = fold_duplicates([hit("a"), hit("b"), hit("c"), hit("text"), replace(hit("d"), stands_for=("raw",))], looks)
    assert [(each.rank, each.asset_id, each.folded) for each in folded] == [(1, "a", 3), (2, "b", 0), (3, "text", 0)]
    assert folded[0].stands_for == ("c", "d", "raw")


@pytest.mark.parametrize("vector", [[1, 0], [NEAR - 0.05, (1 - (NEAR - 0.05) ** 2) ** 0.5]], ids=["near", "far"])
def test_pictures_that_only_hash_alike_are_two(vector: list[float], tmp_path: Path) -> None:
    made = thumbnail(PHOTOS["coffee"], tmp_path / "one.webp")
    folded = fold_duplicates([hit("a"), hit("b")], {"a": look([1, 0], made), "b": look(vector, made)})
    assert len(folded) == (1 if vector == [1, 0] else 2)


def test_without_a_thumbnail_nothing_is_folded(tmp_path: Path) -> None:
    looks = {name: look([1, 0], tmp_path / "none.webp") for name in "ab"}
    assert len(fold_duplicates([hit("a"), hit("b")], looks)) == 2


@pytest.mark.parametrize(("seconds", "left"), [(12.2, 1), (15.0, 2)])
def test_films_are_the_same_only_if_they_last_as_long(seconds: float, left: int, tmp_path: Path) -> None:
    made = thumbnail(PHOTOS["rocket"], tmp_path / "one.webp")
    looks = {"a": look([1, 0], made, 12.0), "b": look([1, 0], made, seconds)}
    assert len(fold_duplicates([hit("a", AssetKind.VIDEO), hit("b", AssetKind.VIDEO)], looks)) == left
