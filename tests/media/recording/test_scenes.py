from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bowerbird.media.recording.scenes import LONGEST_S, LOOK_EVERY_S, MOST, WINDOW_S, Scene, SceneSampler

Glance = NDArray[np.uint8]
RATE = 25


def noise(seed: int, low: int = 0, high: int = 256) -> Glance:
    """A picture with large shapes."""
    blocks = np.random.default_rng(seed).integers(low, high, (9, 16), dtype=np.uint8)
    return blocks.repeat(16, 0).repeat(16, 1)


def page(lines: int) -> Glance:
    """White, with so many lines of dark text: half of each is ink."""
    glance = np.full((144, 256), 250, np.uint8)
    for line in range(lines):
        glance[16 + 12 * line : 22 + 12 * line, 20:180:2] = 30
    return glance


def run(glances: Iterable[Glance], rate: float = RATE) -> tuple[list[Scene[float]], float]:
    """The scenes of a film whose frames look like this, each shown as the time of its frame; and how long it is."""
    sampler: SceneSampler[float] = SceneSampler()
    scenes, at_s = [], 0.0
    for number, glance in enumerate(glances):
        at_s = number / rate
        if sampler.is_due(at_s):
            scenes += sampler.look(at_s, glance, lambda at_s=at_s: at_s)  # type: ignore[misc]
    end_s = at_s + 1 / rate
    return scenes + sampler.end(end_s), end_s


def shots(pictures: Iterable[Glance], seconds: float) -> Iterable[Glance]:
    return itertools.chain.from_iterable(itertools.repeat(picture, round(seconds * RATE)) for picture in pictures)


def tiles(scenes: list[Scene[float]], end_s: float) -> None:
    assert scenes[0].start_s == 0
    assert scenes[-1].end_s == pytest.approx(end_s)
    for one, other in itertools.pairwise(scenes):
        assert one.end_s == other.start_s
    assert all(scene.start_s <= scene.shown <= max(scene.end_s, scene.start_s) for scene in scenes)


def test_every_shot_once_with_its_stretch() -> None:
    scenes, end_s = run(shots([noise(seed) for seed in range(5)], 4))
    tiles(scenes, end_s)
    assert [scene.start_s for scene in scenes] == pytest.approx([0, 4, 8, 12, 16], abs=LOOK_EVERY_S + 0.02)
    assert all(scene.shown - scene.start_s < 0.5 for scene in scenes)


def test_every_slide_once_where_each_has_one_line_more() -> None:
    scenes, end_s = run(shots([page(lines) for lines in range(1, 8)], 6))
    tiles(scenes, end_s)
    assert len(scenes) == 7


def test_a_picture_that_never_changes_gets_its_floor() -> None:
    scenes, end_s = run(itertools.repeat(noise(0), 60 * RATE))
    tiles(scenes, end_s)
    assert len(scenes) == 60 / LONGEST_S


def test_little_unrest_is_no_change() -> None:
    random = np.random.default_rng(0)
    base = noise(1, 40, 200).astype(int)
    grain = ((base + random.integers(-15, 16, base.shape)).clip(0, 255).astype(np.uint8) for _ in range(30 * RATE))
    assert len(run(grain)[0]) == 30 / LONGEST_S


def test_somebody_who_moves_before_a_still_wall_makes_few_scenes() -> None:
    def lecture() -> Iterable[Glance]:
        wall = noise(3)
        for number in range(60 * RATE):
            glance = wall.copy()
            left = 100 + round(8 * np.sin(number / 9))
            glance[40:144, left : left + 50] = noise(4)[40:144, 0:50]
            yield glance

    assert len(run(lecture())[0]) <= 8


def test_an_action_film_is_capped_and_spread() -> None:
    scenes, end_s = run(shots([noise(seed) for seed in range(100)], 0.6))
    tiles(scenes, end_s)
    assert len(scenes) == 60 / WINDOW_S * MOST
    assert max(scene.end_s - scene.start_s for scene in scenes) <= 6


def test_of_many_cuts_in_little_time_the_calm_after_is_kept_too() -> None:
    scenes, _ = run([*shots([noise(seed) for seed in range(10)], 0.4), *shots([noise(50)], 5)])
    assert any(scene.start_s == pytest.approx(4, abs=0.15) for scene in scenes)


def test_black_is_passed_over() -> None:
    black = np.full((144, 256), 16, np.uint8)
    scenes, end_s = run([*shots([black], 2), *shots([noise(1)], 4), *shots([black], 1), *shots([noise(2)], 4)])
    tiles(scenes, end_s)
    assert [2 < scene.shown < 6 or scene.shown >= 7 for scene in scenes] == [True, True]


def test_a_film_that_is_all_black_has_a_frame_all_the_same() -> None:
    scenes, end_s = run(itertools.repeat(np.zeros((144, 256), np.uint8), 5 * RATE))
    tiles(scenes, end_s)
    assert len(scenes) == 1


def test_a_dissolve_shows_neither_picture_half() -> None:
    one, other = noise(1).astype(float), noise(2).astype(float)
    blend = [(one + (other - one) * step / 25).astype(np.uint8) for step in range(25)]
    scenes, _ = run([*shots([noise(1)], 5), *blend, *shots([noise(2)], 4)])
    assert len(scenes) == 2
    assert scenes[1].start_s < 6
    assert scenes[1].shown >= 5.9


def test_a_fade_to_black_and_back_is_no_scene() -> None:
    picture = noise(1).astype(float)
    fade = [(picture * step / 25).astype(np.uint8) for step in range(25)]
    scenes, _ = run([*shots([noise(1)], 3), *reversed(fade), *fade, *shots([noise(1)], 3)])
    assert len(scenes) == 1


def test_a_flash_is_no_scene() -> None:
    scenes, _ = run([*shots([noise(1)], 3), *shots([np.full((144, 256), 255, np.uint8)], 0.12), *shots([noise(1)], 3)])
    assert [round(scene.start_s) for scene in scenes] == [0]


def test_the_sharper_frame_stands_for_a_scene() -> None:
    sharp = noise(2)
    blurred = (sharp.astype(float) * 0.96 + np.roll(sharp, 8, 1) * 0.04).astype(np.uint8)
    scenes, _ = run([*shots([noise(1)], 3), *shots([blurred], 0.2), *shots([sharp], 3)])
    assert len(scenes) == 2
    assert scenes[1].shown >= 3.2


def test_slides_of_a_second_each_in_a_film_of_one_frame_a_second() -> None:
    scenes, end_s = run([page(lines) for lines in (1, 4, 7)] + [page(7)] * 7, rate=1)
    tiles(scenes, end_s)
    assert [scene.start_s for scene in scenes] == [0, 1, 2]


def test_no_look_no_scene() -> None:
    assert SceneSampler[float]().end(3.0) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.floats(0.04, 20)), min_size=1, max_size=40))
def test_whatever_is_shown_scenes_tile_the_film_and_keep_to_the_cap(film: list[tuple[int, float]]) -> None:
    sampler: SceneSampler[float] = SceneSampler()
    scenes, at_s, shown = [], 0.0, 0

    def show() -> float:
        nonlocal shown
        shown += 1
        return at_s

    for seed, seconds in film:
        scenes += sampler.look(at_s, noise(seed, 0, 1 + 20 * seed), show)
        at_s += seconds
    scenes += sampler.end(at_s)
    assert scenes[0].start_s == 0
    assert scenes[-1].end_s == at_s
    assert all(one.end_s == other.start_s for one, other in itertools.pairwise(scenes))
    assert shown >= len(scenes)
    starts = [int(scene.start_s // WINDOW_S) for scene in scenes]
    assert max(map(starts.count, starts)) <= MOST
