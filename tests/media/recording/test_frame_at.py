"""One frame of a film, by its time."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.media.recording import container, frame_at
from bowerbird.media.registry import AUDIO, VIDEO
from bowerbird.moments import Moment, PictureSpec, Wanted
from bowerbird.settings import DecodeSettings
from bowerbird.types import Pixels, SegmentKind
from tests.contracts.decoder import moments
from tests.media.films import BLUE, FILMS, GREEN, RED, plain, tone, write_film, write_recording

COLOURS = (RED, GREEN, BLUE)


def three_colours() -> list[Pixels]:
    return [plain(colour) for colour in COLOURS for _ in range(20)]


def counted(frames: int) -> list[Pixels]:
    """Pictures that tell their number by their grey, from 0 to 19 and again."""
    return [np.full((144, 176, 3), 30 + 10 * (number % 20), np.uint8) for number in range(frames)]


def shown(path: Path, at_s: float) -> Moment:
    wanted = Wanted(PictureSpec(16, "squash"), thumbnail_px=100, sound=True, at_s=at_s)
    [moment] = VIDEO.open(DecodeSettings()).decode(path, wanted).parts  # no sound, and no other frames
    assert isinstance(moment, Moment)
    return moment


def colour(moment: Moment) -> list[int]:
    assert moment.thumbnail is not None
    with Image.open(BytesIO(moment.thumbnail)) as image:
        return [round(value) for value in np.asarray(image)[:20].reshape(-1, 3).mean(0)]


def number(moment: Moment) -> int:
    return round((colour(moment)[1] - 30) / 10)


@pytest.mark.parametrize("suffix", FILMS)
def test_the_frame_is_the_one_shown_then(tmp_path: Path, suffix: str) -> None:
    path = write_film(tmp_path / f"film.{suffix}", three_colours(), sound=tone(6))
    for at_s, expected in ((0, RED), (1.5, RED), (2.5, GREEN), (3.7, GREEN), (4.5, BLUE), (5.8, BLUE), (1e9, BLUE)):
        moment = shown(path, at_s)
        assert colour(moment) == pytest.approx(expected, abs=14), at_s
        assert moment.kind is SegmentKind.FRAME
        assert moment.start_s is not None
        assert min(at_s, 5.9) - 0.11 <= moment.start_s <= max(at_s, 0.1) + 0.001  # behind the sound


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_to_the_very_frame(tmp_path: Path, suffix: str) -> None:
    path = write_film(tmp_path / f"film.{suffix}", counted(100), rate=30, start=0 if suffix == "avi" else 45)
    for frame in (0, 1, 7, 30, 49, 50, 77, 98, 99):
        assert number(shown(path, round(frame / 30, 3))) == frame % 20  # as its moment gives the time, rounded
        assert number(shown(path, frame / 30 + 0.025)) == frame % 20


def test_a_scene_shows_itself_at_its_own_start(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", three_colours(), rate=23)
    for scene in moments(VIDEO.open(DecodeSettings()).decode(path, Wanted(PictureSpec(16, "squash")))):
        assert scene.start_s is not None
        moment = shown(path, scene.start_s)
        assert moment.pixels is not None
        assert scene.pixels is not None
        assert np.abs(moment.pixels.astype(int) - scene.pixels).max() < 12


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_of_a_long_film_only_what_leads_there_is_read(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 96, 128, 3), dtype=np.uint8)
    path = write_film(tmp_path / f"film.{suffix}", (noise[at % 8] for at in range(1200)))
    read = decoded = 0
    nameless, decode = container._Nameless, frame_at.decoded

    class Counting(nameless):  # type: ignore[misc, valid-type]
        def __init__(self, file: Any) -> None:
            super().__init__(file)

            def counting(size: int) -> bytes:
                nonlocal read
                data: bytes = file.read(size)
                read += len(data)
                return data

            self.read = counting

    def counting(*given: Any) -> list[Any]:
        nonlocal decoded
        frames = decode(*given)
        decoded += len(frames)
        return frames

    monkeypatch.setattr(container, "_Nameless", Counting)
    monkeypatch.setattr(frame_at, "decoded", counting)
    assert path.stat().st_size > 5e6
    moment = shown(path, 80.0)
    assert moment.start_s == 80
    assert decoded < 200
    assert read < path.stat().st_size / 2


def test_where_seeking_misses_it_is_found_from_further_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_film(tmp_path / "film.avi", counted(300))
    seek, asked = frame_at._seek, []

    def misses(opened: Any, film: Any, at_s: float) -> bool:
        asked.append(at_s)
        return seek(opened, film, at_s + 5)

    monkeypatch.setattr(frame_at, "_seek", misses)
    assert number(shown(path, 21.0)) == 10
    assert len(asked) > 1
    monkeypatch.setattr(frame_at, "_seek", lambda opened, film, at_s: seek(opened, film, 25.0))
    assert number(shown(path, 21.0)) == 10


@pytest.mark.parametrize(("turn", "corner"), [(90, (-1, 0)), (180, (-1, -1))])
def test_it_is_upright(tmp_path: Path, turn: int, corner: tuple[int, int]) -> None:
    picture = np.full((80, 160, 3), 40, np.uint8)
    picture[:30, :60] = RED
    path = write_film(tmp_path / "film.mp4", [picture] * 300, turn=turn)
    pixels = shown(path, 27.0).pixels
    assert pixels is not None
    lit = {at: int(pixels[at[0], at[1], 0]) for at in ((0, 0), (0, -1), (-1, 0), (-1, -1))}
    assert max(lit, key=lambda at: lit[at]) == corner


def test_of_a_damaged_film_what_can_be_read_is_shown(tmp_path: Path) -> None:
    data = write_film(tmp_path / "whole.mkv", three_colours()).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: len(data) * 2 // 3])
    assert colour(shown(cut, 0.5)) == pytest.approx(RED, abs=14)
    assert shown(cut, 5.5).start_s is not None
    cut.write_bytes(data[: len(data) // 3] + bytes(len(data) // 3) + data[len(data) * 2 // 3 :])
    assert shown(cut, 5.5).start_s is not None
    cut.write_bytes(data[:600] + bytes(len(data)))
    with pytest.raises(DecodeFailed):
        shown(cut, 1.0)


def test_a_recording_shows_nothing_at_any_time(tmp_path: Path) -> None:
    cover = BytesIO()
    Image.new("RGB", (40, 40), "red").save(cover, "JPEG")
    path = write_recording(tmp_path / "song.mp3", tone(1), cover=cover.getvalue())
    with pytest.raises(DecodeFailed, match=r"^holds no film"):
        AUDIO.open(DecodeSettings()).decode(path, Wanted(thumbnail_px=64, at_s=0.5))


def test_who_goes_through_a_film_leaves_no_frames_behind(tmp_path: Path) -> None:
    """They lie in cycles, and are too large to wait for the collector's own time."""
    import gc

    from av.video.frame import VideoFrame

    path = write_film(tmp_path / "film.mp4", counted(50))
    gc.collect()
    gc.disable()
    try:
        for at in range(40):
            shown(path, at / 10)
        left = sum(type(each) is VideoFrame for each in gc.get_objects())
    finally:
        gc.enable()
    assert left < 10
