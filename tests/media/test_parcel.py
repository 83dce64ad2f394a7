from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.media.parcel import pack_info, pack_part, unpack_info, unpack_part
from bowerbird.media.protocol import WireError, shared_memory
from bowerbird.moments import NOTHING, Heard, Moment, PictureSpec, Wanted
from bowerbird.types import AssetInfo, AssetKind, Box, Position, SegmentKind, Taken, TakenFrom

WANTED = Wanted(PictureSpec(8), detail_px=20, thumbnail_px=10, sound=True)
TIME = st.none() | st.floats(0, 1e6)
SIDE = st.floats(0, 1)
MEMORY = shared_memory()


@given(
    kind=st.sampled_from(SegmentKind),
    start_s=TIME,
    end_s=TIME,
    page=st.none() | st.integers(0, 10_000),
    box=st.none() | st.builds(Box, SIDE, SIDE, SIDE, SIDE),
    text=st.none() | st.text(),
    language=st.none() | st.sampled_from(["en", "pt-BR"]),
    confidence=st.none() | SIDE,
    thumbnail=st.none() | st.binary(max_size=20).map(lambda rest: b"RIFF0000WEBP" + rest),
    grey=st.none() | st.integers(0, 255),
    shape=st.none() | st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_a_moment_comes_through_whole(grey: int | None, shape: tuple[int, int] | None, **fields: Any) -> None:
    if fields["text"] is not None:
        fields["text"] = fields["text"].encode("utf-8", "replace").decode()
    pixels = None if grey is None else np.full((8, 8, 3), grey, np.uint8)
    detail = None if shape is None else np.arange(shape[0] * shape[1] * 3, dtype=np.uint8).reshape(*shape, 3)
    moment = Moment(**fields, pixels=pixels, detail=detail)
    again = unpack_part(json.loads(json.dumps(pack_part(moment, MEMORY))), MEMORY, WANTED, 1 << 20)
    assert isinstance(again, Moment)
    assert again == moment
    assert again.thumbnail == moment.thumbnail
    for left, right in ((again.pixels, pixels), (again.detail, detail)):
        assert (left is None) == (right is None)
        if left is not None and right is not None:
            np.testing.assert_array_equal(left, right)


def test_sound_comes_through_whole() -> None:
    sound = np.sin(np.arange(16_000, dtype=np.float32))
    again = unpack_part(json.loads(json.dumps(pack_part(Heard(2.5, sound), MEMORY))), MEMORY, WANTED, 0)
    assert isinstance(again, Heard)
    assert again.start_s == 2.5
    np.testing.assert_array_equal(again.sound, sound)


def test_an_info_comes_through_whole() -> None:
    info = AssetInfo(
        AssetKind.VIDEO,
        "video/mp4",
        640,
        480,
        12.5,
        taken=Taken(datetime(2021, 3, 4, 5, 6, 7), TakenFrom.EXIF),
        camera="Canon EOS 5D",
        position=Position(-38.7, 179.9),
        title="Ünder the sea",
        keywords=("sea", "fish"),
    )
    assert unpack_info(json.loads(json.dumps(pack_info(info)))) == info


@pytest.mark.parametrize(
    "changed",
    [
        {"kind": "nonsense"},
        {"start_s": -1},
        {"start_s": float("nan")},
        {"end_s": float("inf")},
        {"end_s": "soon"},
        {"page": 1.5},
        {"page": True},
        {"page": -1},
        {"box": [0, 0, 1]},
        {"box": [0, 0, 1, None]},
        {"box": [0, 0, 2, 1]},
        {"language": "x" * 100},
        {"text_bytes": -1},
        {"text_bytes": 1 << 25},
        {"text_bytes": 1 << 40},
        {"pixels": [9, 8, 3]},
        {"pixels": [8, 8]},
        {"pixels": [8, 8, 4]},
        {"detail": [21, 3, 3]},
        {"detail": [3, 3]},
        {"thumbnail_bytes": 1 << 21},
        {"thumbnail_bytes": 5},
        {"confidence": 1.5},
        {"heard": {"start_s": 0, "samples": 0}},
        {"heard": {"start_s": 0, "samples": 61 * 16_000}},
        {"heard": {"start_s": None, "samples": 1}},
        {"heard": []},
        {"pixels": "8x8"},
    ],
)
def test_a_moment_that_no_decoder_makes_is_refused(changed: dict[str, Any]) -> None:
    packed = pack_part(Moment(SegmentKind.FRAME, text="x", pixels=np.zeros((8, 8, 3), np.uint8)), MEMORY)
    packed = json.loads(json.dumps(packed))
    unpack_part(packed, MEMORY, WANTED, 1000)
    with pytest.raises(WireError):
        unpack_part({**packed, **changed}, MEMORY, WANTED, 1 << 24)


def test_a_larger_picture_may_take_more_room() -> None:
    picture = b"RIFF0000WEBP" + bytes(1_500_000)
    packed = pack_part(Moment(SegmentKind.PAGE, thumbnail=picture), MEMORY)
    again = unpack_part(packed, MEMORY, Wanted(thumbnail_px=1600), 0)
    assert isinstance(again, Moment)
    assert again.thumbnail == picture
    for wanted in (Wanted(thumbnail_px=1024), Wanted(thumbnail_px=1200)):
        with pytest.raises(WireError, match="a thumbnail that nobody asked for"):
            unpack_part(packed, MEMORY, wanted, 0)


def test_more_than_the_budget_or_the_memory_holds_is_refused() -> None:
    packed = pack_part(Moment(SegmentKind.TEXT, text="x" * 100), MEMORY)
    with pytest.raises(WireError, match="more text than was allowed"):
        unpack_part(packed, MEMORY, WANTED, 99)
    os.ftruncate(MEMORY, 50)
    with pytest.raises(WireError, match="payload cut short"):
        unpack_part(packed, MEMORY, WANTED, 100)


def test_what_was_not_wanted_is_refused() -> None:
    square = np.zeros((8, 8, 3), np.uint8)
    for part in (
        Moment(SegmentKind.FRAME, pixels=square),
        Moment(SegmentKind.FRAME, detail=square),
        Moment(SegmentKind.FRAME, thumbnail=b"RIFF0000WEBP"),
        Heard(0, np.zeros(10, np.float32)),
    ):
        packed = json.loads(json.dumps(pack_part(part, MEMORY)))
        unpack_part(packed, MEMORY, WANTED, 0)
        with pytest.raises(WireError, match=r"(no|any)body asked for"):
            unpack_part(packed, MEMORY, NOTHING, 0)


@pytest.mark.parametrize("info", [None, [], {"kind": "image"}])
def test_what_is_no_info_is_refused(info: Any) -> None:
    with pytest.raises(WireError):
        unpack_info(info)


@pytest.mark.parametrize(
    "changed",
    [
        {"media_type": "a\nb"},
        {"camera": 5},
        {"title": "x" * 501},
        {"taken": "2021-03-04"},
        {"taken": {"at": "yesterday", "source": "exif"}},
        {"taken": {"at": None, "source": "exif"}},
        {"taken": {"at": "2021-03-04T00:00:00", "source": "rumour"}},
        {"taken": {"at": "2021-03-04T00:00:00+00:00", "source": "exif"}},
        {"position": {"latitude": 91, "longitude": 0}},
        {"position": {"latitude": 0, "longitude": -181}},
        {"position": {"latitude": 0}},
        {"keywords": "sea"},
        {"keywords": ["sea"] * 51},
    ],
)
def test_an_info_that_no_decoder_makes_is_refused(changed: dict[str, Any]) -> None:
    packed = pack_info(AssetInfo(AssetKind.IMAGE, "image/jpeg"))
    unpack_info(packed)
    with pytest.raises(WireError):
        unpack_info({**packed, **changed})


def test_long_words_are_cut_before_they_are_sent() -> None:
    info = AssetInfo(AssetKind.IMAGE, "image/jpeg", title="x" * 10_000, keywords=("y" * 10_000,) * 500)
    again = unpack_info(pack_info(info))
    assert again.title == "x" * 500
    assert again.keywords == ("y" * 100,) * 50
