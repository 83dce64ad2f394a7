from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from bowerbird.errors import EncoderUnavailable
from bowerbird.models import text_networks
from bowerbird.models.ocr import PictureReader, load_text_reader, stage
from bowerbird.models.text_blocks import MAX_WORDS, in_blocks
from bowerbird.models.text_glance import PLACES, TILE, Glance, busiest
from bowerbird.models.text_lines import Line, level, spelled
from bowerbird.models.text_outlines import clockwise, outlines, smallest_rectangle
from bowerbird.types import Pixels
from tests.contracts.text_reader import TextReaderContract, noise, poster, words


@pytest.fixture(scope="session")
def text_reader(cache: Path) -> PictureReader:
    return load_text_reader(cache=cache)


class TestPictureReader(TextReaderContract):
    @pytest.fixture
    def reader(self, text_reader: PictureReader) -> PictureReader:
        return text_reader


def written(
    text: str,
    size: tuple[int, int] = (640, 480),
    *,
    height: float = 32,
    ink: object = "black",
    ground: object = "white",
) -> Image.Image:
    picture = Image.new("RGB", size, ground)  # type: ignore[arg-type]
    ImageDraw.Draw(picture).multiline_text((40, 40), text, fill=ink, font=ImageFont.load_default(height))  # type: ignore[arg-type]
    return picture


@pytest.mark.parametrize("angle", [-10, -4, 4, 10])
def test_it_reads_words_that_are_tilted(text_reader: PictureReader, angle: float) -> None:
    tilted = written("Mind the gap").rotate(angle, Image.Resampling.BICUBIC, fillcolor="white")
    assert words(text_reader.read(np.array(tilted))) == ["mind", "the", "gap"]


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180])
def test_it_reads_words_that_are_turned(text_reader: PictureReader, turn: Image.Transpose) -> None:
    assert "departures" in words(text_reader.read(np.array(written("Departures", height=48).transpose(turn))))


@pytest.mark.parametrize("height", [16, 60, 240, 400])
def test_it_reads_small_letters_and_large(text_reader: PictureReader, height: int) -> None:
    size = max(640, 3 * height), max(480, 2 * height)
    assert words(text_reader.read(np.array(written("EXIT", size, height=height)))) == ["exit"]


def test_it_reads_white_on_dark(text_reader: PictureReader) -> None:
    picture = written("The end of the line", ink=(240, 240, 240), ground=(15, 15, 25))
    assert words(text_reader.read(np.array(picture))) == ["the", "end", "of", "the", "line"]


def test_it_reads_a_small_sign_in_a_large_picture(text_reader: PictureReader) -> None:
    picture = Image.effect_noise((1600, 1200), 12).convert("RGB")
    picture.paste(written("BAKERY", (180, 60), height=26).crop((30, 30, 180, 80)), (1130, 840))
    (found,) = text_reader.read(np.array(picture))
    assert found.text == "BAKERY"
    assert found.box is not None
    assert 1130 <= 1600 * found.box.x < 1160
    assert 835 <= 1200 * found.box.y < 870


def test_a_picture_of_any_size_is_read(text_reader: PictureReader) -> None:
    larger = np.array(Image.fromarray(poster()).resize((3200, 2400), Image.Resampling.BICUBIC))
    assert words(text_reader.read(larger))[:5] == words(text_reader.read(poster()))[:5]


def test_a_paragraph_is_one_block_and_columns_are_two(text_reader: PictureReader) -> None:
    picture = Image.new("RGB", (1000, 500), "white")
    font = ImageFont.load_default(26)
    left, right = (
        "The tide was out and\nthe boats lay on\ntheir sides",
        "Gulls walked about\nas if they had\nbought the place",
    )
    ImageDraw.Draw(picture).multiline_text((50, 60), left, fill="black", font=font)
    ImageDraw.Draw(picture).multiline_text((600, 60), right, fill="black", font=font)
    assert [moment.text for moment in text_reader.read(np.array(picture))] == [left, right]


@pytest.fixture(scope="session")
def glance(cache: Path) -> Glance:
    return Glance(cache)


def test_a_glance_at_pictures_without_text_sees_none(glance: Glance) -> None:
    leaves = np.array(Image.fromarray(noise(60, 80)).resize((640, 480), Image.Resampling.BICUBIC))
    for picture in (noise(480, 640), leaves, np.full((600, 800, 3), 90, np.uint8), np.zeros((1, 1, 3), np.uint8)):
        assert glance(picture) == []


@pytest.mark.parametrize(("height", "side"), [(30, 200), (300, 1100)])
def test_a_glance_names_the_place_of_the_text(glance: Glance, height: int, side: int) -> None:
    picture = np.full((1200, 1600, 3), 230, np.uint8)
    picture[1200 - side // 2 :, 1600 - side :] = np.asarray(written("BAKERY", (side, side // 2), height=height))
    windows = glance(picture)
    assert windows
    for window in windows:
        assert 0 <= window.left < window.right <= 1600
        assert 0 <= window.top < window.bottom <= 1200
        assert window.right > 1600 - side
        assert window.bottom > 1200 - side // 2


@given(st.integers(1, 900), st.integers(1, 900), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_the_busiest_places_are_few_and_lie_in_the_picture(height: int, width: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    places = busiest(picture, PLACES)
    assert len(places) <= PLACES
    for place in places:
        assert 0 <= place.left < place.right <= width
        assert 0 <= place.top < place.bottom <= height
        assert max(place.seen_in(picture).shape[:2]) <= TILE + 1


def test_strokes_are_busier_than_one_edge() -> None:
    picture = np.full((480, 640, 3), 255, np.uint8)
    picture[:, 500:] = 0
    assert busiest(picture, PLACES) == []
    picture[200:230, 100:160:6] = 0
    picture[200:230, 101:160:6] = 0
    (place, *_) = busiest(picture, PLACES)
    assert place.left < 160
    assert place.right > 100


def test_a_picture_without_text_never_loads_a_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("a network was loaded")

    monkeypatch.setattr("bowerbird.models.text_glance.load_network", fail)
    reader = load_text_reader(cache=cache)
    assert reader.read(np.full((480, 640, 3), 90, np.uint8)) == []
    with pytest.raises(AssertionError):
        reader.read(poster())


def test_only_where_the_glance_sees_text_lines_are_sought(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the line reader was loaded")

    monkeypatch.setattr("bowerbird.models.ocr.LineReader", fail)
    reader = load_text_reader(cache=cache)
    assert reader.read(noise(480, 640)) == []
    with pytest.raises(AssertionError):
        reader.read(poster())


def test_altered_weights_are_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    altered = replace(text_networks.DETECTOR, sha256="0" * 64)
    monkeypatch.setattr("bowerbird.models.text_glance.DETECTOR", altered)
    with pytest.raises(EncoderUnavailable, match="pip install"):
        load_text_reader(cache=cache).read(poster())


def test_it_says_nothing_and_writes_only_to_the_cache(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    handlers = logging.getLogger().handlers[:]
    assert load_text_reader(cache=tmp_path / "cache", threads=1).read(poster())
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger().handlers == handlers
    assert list((tmp_path / "work").iterdir()) == []


def loaded_by(code: str) -> set[str]:
    """What a fresh process that runs ``code`` has imported."""
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_its_stage_is_known_without_loading_anything() -> None:
    code = (
        "from bowerbird.models.ocr import load_text_reader; from pathlib import Path;"
        "assert load_text_reader(cache=Path('none')).stage.options['weights']"
    )
    assert not {"openvino", "torch", "scipy", "rapidocr_onnxruntime"} & loaded_by(code)
    assert stage() == load_text_reader(cache=Path("none")).stage


def test_it_reads_without_opencv_and_without_the_package_that_brings_the_weights(tmp_path: Path) -> None:
    np.save(tmp_path / "poster.npy", poster())
    code = (
        "import numpy as np; from bowerbird.models.ocr import load_text_reader; from pathlib import Path;"
        f"assert load_text_reader(cache=Path({str(tmp_path)!r})).read(np.load({str(tmp_path / 'poster.npy')!r}))"
    )
    modules = loaded_by(code)
    assert {"openvino", "scipy"} <= modules
    assert not {"cv2", "rapidocr_onnxruntime", "onnxruntime", "shapely", "pyclipper", "torch"} & modules


Rectangle = tuple[float, float, float, float, float]


def corners(middle_x: float, middle_y: float, width: float, height: float, degrees: float) -> np.ndarray[Any, Any]:
    turn = np.radians(degrees)
    along, across = np.array([np.cos(turn), np.sin(turn)]) / 2, np.array([-np.sin(turn), np.cos(turn)]) / 2
    return np.array(
        [
            (middle_x, middle_y) + a * width * along + b * height * across
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
    )


def marked(*rectangles: Rectangle, size: tuple[int, int] = (300, 400)) -> np.ndarray[Any, Any]:
    """Odds of 0.9 in the rectangles, each (middle x, middle y, width, height, degrees), and of 0.05 elsewhere."""
    odds = np.full(size, 0.05, np.float32)
    for x, y, width, height, degrees in rectangles:
        along, turn = np.indices(size)[::-1].T + 0.5 - (x, y), np.radians(degrees)
        inside = abs(along @ (np.cos(turn), np.sin(turn))) <= width / 2
        inside &= abs(along @ (-np.sin(turn), np.cos(turn))) <= height / 2
        odds[inside.T] = 0.9
    return odds


@given(st.floats(-40, 40), st.floats(60, 150), st.floats(10, 30))
@settings(max_examples=30, deadline=None)
def test_a_patch_gets_its_rectangle_grown(degrees: float, width: float, height: float) -> None:
    (found,) = outlines(marked((200, 150, width, height, degrees)))
    grown = 2 * 1.6 * width * height / (2 * (width + height))
    assert found == pytest.approx(clockwise(corners(200, 150, width + grown, height + grown, degrees)), abs=3)


def test_patches_are_told_apart_and_faint_small_and_thin_ones_left() -> None:
    odds = marked((100, 50, 80, 12, 0), (100, 90, 80, 12, 0), (300, 200, 2, 2, 0), (300, 100, 60, 1, 0))
    odds[250:270, 20:120] = 0.4
    found = outlines(odds)
    assert sorted(outline[:, 1].mean() for outline in found) == pytest.approx([50, 90], abs=1)
    assert all(outline[:, 0].mean() == pytest.approx(100, abs=1) for outline in found)


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_any_odds_have_outlines_of_four_corners(height: int, width: int, seed: int) -> None:
    odds = np.random.default_rng(seed).random((height, width), np.float32)
    for outline in outlines(odds):
        assert outline.shape == (4, 2)
        assert np.isfinite(outline).all()


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=30))
def test_the_smallest_rectangle_holds_every_point_and_is_no_larger_than_the_upright_one(
    places: list[tuple[int, int]],
) -> None:
    points = np.array([(x + dx, y + dy) for x, y in places for dx in (0, 1) for dy in (0, 1)], np.float64)
    middle, axis, size = smallest_rectangle(points)
    away = points - middle
    assert (abs(away @ axis) <= size[0] / 2 + 1e-6).all()
    assert (abs(away @ np.array([-axis[1], axis[0]])) <= size[1] / 2 + 1e-6).all()
    assert size.prod() <= np.ptp(points, axis=0).prod() + 1e-6


@pytest.mark.parametrize("degrees", [-30, -5, 0, 20])
def test_a_line_is_laid_level(degrees: float) -> None:
    sheet = Image.new("RGB", (400, 300), "white")
    frame = corners(200, 150, 160, 30, degrees)
    ImageDraw.Draw(sheet).polygon([tuple(corner) for corner in frame], fill="black")
    x, y = (frame.mean(axis=0) + frame[[0, 3]].mean(axis=0)) / 2  # a quarter of the way along
    ImageDraw.Draw(sheet).ellipse([x - 5, y - 5, x + 5, y + 5], fill="red")
    strip = level(np.array(sheet), clockwise(frame))
    assert strip.shape == pytest.approx((30, 160, 3), abs=1)
    inside = strip[3:-3, 3:-3]
    red = np.argwhere(inside[:, :, 0] > 200)
    assert (inside[:, :, 1] < 80).all()
    assert red.mean(axis=0) + 3 == pytest.approx((15, 40), abs=2)


def test_a_line_at_the_edge_goes_on_as_it_ends_there() -> None:
    picture = np.full((40, 100, 3), 200, np.uint8)
    strip = level(picture, np.array([[0, 0], [100, 0], [100, 40], [0, 40]], np.float32))
    assert (strip == 200).all()


ALPHABET = ["", "a", "b", "c", " "]


def odds(*steps: tuple[float, float, float, float, float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(steps, np.float32)


A, B, BLANK, SHY = (0, 0.9, 0.1, 0, 0), (0, 0.1, 0.8, 0.1, 0), (1.0, 0, 0, 0, 0), (0.9, 0, 0, 0, 0.1)
GAP = (0.1, 0, 0, 0, 0.9)


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ((A, A, B), "ab"),
        ((A, BLANK, A), "aa"),
        ((A, SHY, B), "a b"),
        ((A, GAP, B), "a b"),
        ((A, GAP, SHY, B), "a b"),
        ((SHY, A, B, SHY), "ab"),
        ((GAP, A, GAP), "a"),
        ((BLANK, BLANK), ""),
        ((SHY, SHY), ""),
    ],
)
def test_odds_are_spelled(steps: tuple[tuple[float, float, float, float, float], ...], text: str) -> None:
    assert spelled(odds(*steps), ALPHABET)[0] == text


def test_confidence_is_the_mean_odds_of_the_letters() -> None:
    assert spelled(odds(A, B), ALPHABET)[1] == pytest.approx(0.85)
    assert spelled(odds(BLANK), ALPHABET) == ("", 0.0)


def line(left: float, top: float, width: float, height: float, text: str) -> Line:
    corners = [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]
    return Line(np.array(corners, np.float32), text, 0.9)


LINES = st.builds(
    line,
    st.floats(0, 1000),
    st.floats(0, 1000),
    st.floats(1, 600),
    st.floats(1, 60),
    st.text("abc ", min_size=1, max_size=30).filter(str.strip),
)


@given(st.lists(LINES, max_size=25))
def test_every_line_is_in_one_block_and_within_its_bounds(lines: list[Line]) -> None:
    blocks = in_blocks(lines)
    parts = sorted(word for block in blocks for word in block.text.split())
    assert parts == sorted(word for each in lines for word in each.text.split())
    for block in blocks:
        assert block.confidence == pytest.approx(0.9)
        assert block.left <= block.right
        assert block.top <= block.bottom
    if lines:
        assert min(block.left for block in blocks) == min(float(each.corners[:, 0].min()) for each in lines)
        assert max(block.bottom for block in blocks) == max(float(each.corners[:, 1].max()) for each in lines)


def test_a_long_text_is_cut_between_lines() -> None:
    lines = [line(0, 30 * number, 500, 20, "one two three four five six seven eight nine ten") for number in range(40)]
    blocks = in_blocks(lines)
    assert len(blocks) == 400 // MAX_WORDS + (400 % MAX_WORDS > 0)
    assert all(len(block.text.split()) <= MAX_WORDS for block in blocks)
    assert [block.top for block in blocks] == sorted(block.top for block in blocks)


def test_words_side_by_side_are_one_row_and_headings_stand_alone() -> None:
    blocks = in_blocks(
        [line(220, 103, 100, 20, "world"), line(100, 100, 100, 20, "hello"), line(100, 20, 600, 60, "TITLE")]
    )
    assert [block.text for block in blocks] == ["TITLE", "hello world"]


def bare(*shape: int) -> Pixels:
    return np.full(shape, 255, np.uint8)


@pytest.mark.parametrize("shape", [(1600, 16, 3), (16, 1600, 3), (16, 16, 3), (17, 31, 3), (5000, 40, 3)])
def test_odd_shapes_are_read_without_harm(text_reader: PictureReader, shape: tuple[int, int, int]) -> None:
    picture = bare(*shape)
    picture[::3] = 0
    picture[:, ::5] = 128
    assert isinstance(text_reader.read(picture), list)
