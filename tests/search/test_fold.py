"""Pairs that are one thing to a person."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.queries import Hit
from bowerbird.types import AssetKind, SegmentKind
from search.fold import RAW_SUFFIXES, fold


def hit(path: str, relevance: float = 0.5, *, folded: int = 0) -> Hit:
    films = {".mov", ".mp4", ".avi"}
    kind = AssetKind.VIDEO if PurePath(path).suffix.lower() in films else AssetKind.IMAGE
    nothing = (None, None, None, None, None)
    return Hit(1, relevance, path, path, kind, 1, SegmentKind.IMAGE, *nothing, folded, ())


def shown(*hits: Hit, seconds: float | None = 3.0) -> list[tuple[int, str, int]]:
    return [(each.rank, each.path, each.folded) for each in fold(hits, {each.path: seconds for each in hits})]


@pytest.mark.parametrize("partner", ["a/1.CR2", "a/1.dng", "a/1.nef", "a/1.MOV", "a/1.mp4"])
def test_the_photo_stays_and_the_other_is_counted(partner: str) -> None:
    assert shown(hit("a/1.jpg", folded=2), hit("b.png"), hit(partner)) == [(1, "a/1.jpg", 3), (2, "b.png", 0)]


def test_it_stands_where_the_better_of_the_two_stood() -> None:
    folded = fold([hit("a/1.CR2", 0.9), hit("b.png", 0.8), hit("a/1.HEIC", 0.4)], {})
    assert [(each.path, each.relevance, each.rank) for each in folded] == [("a/1.HEIC", 0.9, 1), ("b.png", 0.8, 2)]


def test_all_three_of_a_live_photo_with_a_raw_file_are_one() -> None:
    assert shown(hit("1.dng"), hit("1.mov"), hit("1.heic")) == [(1, "1.heic", 2)]


@pytest.mark.parametrize(
    ("one", "other", "seconds"),
    [
        ("a/1.jpg", "b/1.cr2", 3.0),
        ("a/1.jpg", "a/2.cr2", 3.0),
        ("a/1.jpg", "a/1.png", 3.0),
        ("a/1.jpg", "a/1.mov", 4.1),
        ("a/1.jpg", "a/1.mov", None),
        ("a/1.jpg", "a/1.avi", 3.0),
        ("a/1.cr2", "a/1.mov", 3.0),
        ("a/1.cr2", "a/1.dng", 3.0),
    ],
)
def test_these_are_two_things(one: str, other: str, seconds: float | None) -> None:
    assert shown(hit(one), hit(other), seconds=seconds) == [(1, one, 0), (2, other, 0)]


NAMES = st.builds(
    lambda folder, stem, suffix: f"{folder}/{stem}{suffix}",
    st.sampled_from("ab"),
    st.sampled_from("12"),
    st.sampled_from([".jpg", ".JPG", ".png", ".mov", ".mp4", *sorted(RAW_SUFFIXES)[:3]]),
)


@given(st.lists(NAMES, unique=True, max_size=12))
def test_nothing_is_lost_and_folding_twice_changes_nothing(names: list[str]) -> None:
    hits = [hit(name, 1 - at / 20) for at, name in enumerate(names)]
    durations = dict.fromkeys(names, 2.0)
    once = fold(hits, durations)
    assert sum(1 + each.folded for each in once) == len(names)
    assert [each.rank for each in once] == list(range(1, len(once) + 1))
    assert [each.relevance for each in once] == sorted((each.relevance for each in once), reverse=True)
    assert fold(once, durations) == once
