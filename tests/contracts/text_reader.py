"""What every `TextReader` must do. A test class inherits this and gives a ``reader`` fixture, which reads `poster`."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from bowerbird.moments import Moment
from bowerbird.ports import TextReader
from bowerbird.types import Pixels, SegmentKind

POSTER = ("HARVEST FESTIVAL", "Saturday 14 June", "Entrance by the river")
"""The lines on `poster`, from the top."""


@cache
def poster() -> Pixels:
    """Three lines far apart, dark on light, 640 x 480."""
    picture = Image.new("RGB", (640, 480), (244, 236, 214))
    for place, line in enumerate(POSTER):
        draw = ImageDraw.Draw(picture)
        draw.text((60, 60 + 140 * place), line, fill=(35, 30, 60), font=ImageFont.load_default(44))
    return np.array(picture)


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


BARE: list[Pixels] = [
    np.zeros((16, 16, 3), np.uint8),
    np.full((1, 1, 3), 255, np.uint8),
    np.full((480, 640, 3), 127, np.uint8),
    np.full((3, 1600, 3), 200, np.uint8),
    np.full((2000, 20, 3), 40, np.uint8),
    noise(33, 65),
    noise(300, 400),
]
"""Pictures on which nothing is written, of awkward sizes too."""


def words(moments: list[Moment]) -> list[str]:
    return " ".join(moment.text or "" for moment in moments).lower().split()


class TextReaderContract:
    def test_its_stage_says_what_it_reads_with(self, reader: TextReader) -> None:
        assert reader.stage.name == "ocr"
        assert reader.stage.version >= 1
        assert reader.stage.options["weights"]
        assert json.loads(json.dumps(dict(reader.stage.options))) == dict(reader.stage.options)

    def test_it_reads_every_word_in_order(self, reader: TextReader) -> None:
        assert words(reader.read(poster())) == " ".join(POSTER).lower().split()

    def test_a_moment_is_text_with_its_place_and_confidence(self, reader: TextReader) -> None:
        for moment in reader.read(poster()):
            assert moment.kind is SegmentKind.OCR
            assert moment.text is not None
            assert moment.text.strip()
            assert moment.confidence is not None
            assert 0 < moment.confidence <= 1
            assert moment.box is not None
            assert moment.box.width > 0
            assert moment.box.height > 0
            assert min(moment.box.x, moment.box.y) >= 0
            assert max(moment.box.x + moment.box.width, moment.box.y + moment.box.height) <= 1 + 1e-6
            assert moment.pixels is None

    @pytest.mark.parametrize("number", range(len(BARE)))
    def test_where_nothing_is_written_it_reads_nothing(self, reader: TextReader, number: int) -> None:
        assert reader.read(BARE[number]) == []

    def test_it_leaves_the_picture_as_it_was(self, reader: TextReader) -> None:
        picture = poster().copy()
        picture.flags.writeable = False
        reader.read(picture)
        assert np.array_equal(picture, poster())

    def test_it_takes_a_picture_that_is_a_view_of_another(self, reader: TextReader) -> None:
        wide = np.concatenate([poster(), poster()], axis=1)
        assert words(reader.read(wide[:, :640])) == words(reader.read(poster()))

    def test_threads_do_not_disturb_one_another(self, reader: TextReader) -> None:
        pictures = [poster(), BARE[2], poster()[:200], BARE[6]] * 2
        alone = [reader.read(picture) for picture in pictures[:4]]
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(reader.read, pictures)) == alone * 2
