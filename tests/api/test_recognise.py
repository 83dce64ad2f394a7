"""A picture that is asked with finds itself, in another size and format, and is told so for certain."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from search import Search, open_search


@pytest.fixture(scope="module")
def search(real_library: Path) -> Iterator[Search]:
    with open_search(real_library) as opened:
        yield opened


def jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=70)
    return file.getvalue()


def photos(real_media: Path) -> list[Path]:
    return [each for each in sorted(real_media.rglob("*")) if each.suffix in {".png", ".jpg"}]


def test_a_smaller_copy_finds_the_photo(search: Search, real_media: Path) -> None:
    assert photos(real_media)
    for path in photos(real_media):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail((320, 320))
        first = search.search(image=jpeg(picture)).hits[0]
        assert (Path(first.path).name, first.relevance) == (path.name, 1.0)


def test_another_picture_of_the_same_is_not_certain(search: Search, real_media: Path) -> None:
    with Image.open(photos(real_media)[0]) as opened:
        mirrored = ImageOps.mirror(opened.convert("RGB"))
    assert all(hit.relevance < 1 for hit in search.search(image=jpeg(mirrored)).hits)


def test_words_beside_it_are_asked_as_ever(search: Search, real_media: Path) -> None:
    data = photos(real_media)[0].read_bytes()
    assert search.search(image=data).hits[0].relevance == 1
    assert all(hit.relevance < 1 for hit in search.search("a rocket in the night", image=data).hits)
