"""Examples of how the owner puts it: their own captions by nearness, with pictures, and nobody else's words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from bowerbird.types import SegmentKind, Vectors
from bowerbird.wiring import Library, open_library
from indexer import Indexer, own_captions
from search.caption_examples import CaptionExamples
from tests.fakes import HashEncoder
from tests.media.make import photo, save


class Colours(HashEncoder):
    """Pictures lie where their colours do, so that likeness can be told beforehand."""

    def encode_images(self, pictures) -> Vectors:
        found = np.zeros((len(pictures), 32), np.float32)
        for row, picture in zip(found, pictures, strict=True):
            row[:3] = picture.reshape(-1, 3).mean(0) + 1e-3
        return found / np.linalg.norm(found, axis=1, keepdims=True)


COLOURS = {
    "red": (220, 10, 10),
    "rose": (220, 60, 60),
    "wine": (150, 20, 10),
    "green": (10, 220, 10),
    "blue": (10, 10, 220),
}


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Five pictures of one colour each; the blue one has a title in it."""
    media = tmp_path / "media"
    media.mkdir()
    for name, colour in COLOURS.items():
        picture = photo(40, 30)
        picture.paste(colour, (0, 0, 40, 30))
        facts = Image.Exif()
        if name == "blue":
            facts[ExifTags.Base.ImageDescription] = "The sea at Ancona"
        save(picture, media / f"{name}.png", exif=facts)
    with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: Colours()) as library:
        library.settings.index.ocr = False
        library.settings.index.regions = 0
        library.settings.index.transcriber = "none"
        library.settings.index.thumbnail_px = 16
        Indexer(library).index([media])
        yield library


def say(library: Library, **captions: str) -> None:
    for name, text in captions.items():
        with library.catalog.read() as tx:
            (asset,) = own_captions.assets_at(tx, [library.folder.parent / "media" / f"{name}.png"])
        own_captions.say(library, asset, text)


def vector(library: Library, name: str) -> Vectors:
    with library.catalog.read() as tx:
        (asset,) = own_captions.assets_at(tx, [library.folder.parent / "media" / f"{name}.png"])
        return tx.segments.first_pictures([asset], library.joint.id)[asset]


def texts(library: Library, name: str, most: int = 9) -> list[str]:
    return [each.text for each in CaptionExamples(library).nearest(vector(library, name), most)]


def test_what_stands_in_files_is_nobodys_example(library):
    with library.catalog.read() as tx:
        held = (library.folder.parent / "media" / "blue.png").read_bytes()
        found = tx.assets.by_hash(hashlib.sha256(held).hexdigest())
    assert found is not None
    assert found.info.title == "The sea at Ancona"
    assert all(texts(library, name) == [] for name in COLOURS)


def test_the_nearest_come_first(library):
    say(library, green="grass", rose="petals", wine="a glass")
    assert texts(library, "red") == ["a glass", "petals", "grass"]
    assert texts(library, "red", most=2) == ["a glass", "petals"]
    assert texts(library, "red", most=0) == []
    assert texts(library, "green") == ["petals", "a glass"]  # and not its own


def test_the_same_words_are_shown_once(library):
    say(library, rose="Ours", wine="ours", green="theirs")
    assert [each.casefold() for each in texts(library, "red")] == ["ours", "theirs"]


def test_pictures_come_with_them_where_there_are_thumbnails(library):
    say(library, rose="petals")
    examples = CaptionExamples(library, picture_px=12)
    (petals,) = examples.nearest(vector(library, "red"), 9)
    assert petals.picture is not None
    assert petals.picture.shape == (9, 12, 3)
    assert np.abs(petals.picture.reshape(-1, 3).mean(0) - COLOURS["rose"]).max() < 12
    library.thumbnails.forget([path.name.partition("-")[0] for path in library.folder.rglob("*.webp")])
    assert CaptionExamples(library, 12).nearest(vector(library, "red"), 1)[0].picture is None
    assert examples.nearest(vector(library, "red"), 1)[0].picture is petals.picture  # it is held in memory
    assert CaptionExamples(library).nearest(vector(library, "red"), 1)[0].picture is None


def test_captions_of_models_are_no_examples(library):
    from bowerbird.moments import Moment
    from bowerbird.store.catalog.segments import Derived

    with library.catalog.write() as tx:
        (asset,) = own_captions.assets_at(tx, [library.folder.parent / "media" / "rose.png"])
        made = [Moment(SegmentKind.CAPTION, text="a flower")]
        tx.captions.put([Derived(asset, "caption:blip", "k:image", made, {})], whole=[asset])
    assert texts(library, "red") == []


def test_what_has_left_the_library_is_no_example(library):
    say(library, rose="petals")
    (library.folder.parent / "media" / "rose.png").unlink()
    Indexer(library).index([library.folder.parent / "media"])
    assert texts(library, "red") == []
