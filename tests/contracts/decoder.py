"""What holds for every `Decoder`. A subclass gives the decoder and a file that it reads; ``test_*`` run on each."""

from __future__ import annotations

import gc
import os
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.moments import NOTHING, Decoded, Heard, Moment, PictureSpec, Wanted
from bowerbird.ports import Decoder
from bowerbird.types import AssetKind, SegmentKind

ALL = Wanted(PictureSpec(32), regions=4, detail_px=640, thumbnail_px=64, sound=True)
"""Whatever a decoder can give."""


class DecoderContract:
    """Subclass with fixtures ``decoder`` and ``good`` (a readable file)."""

    def test_it_describes_itself(self, decoder: Decoder) -> None:
        assert re.fullmatch("[a-z_]+", decoder.name)
        assert decoder.version >= 1
        assert isinstance(decoder.kind, AssetKind)
        assert decoder.suffixes
        assert all(re.fullmatch(r"\.[a-z0-9+_-]+", suffix) for suffix in decoder.suffixes)

    def test_a_good_file_has_a_kind_a_media_type_and_parts(self, decoder: Decoder, good: Path) -> None:
        decoded = decoder.decode(good, ALL)
        assert isinstance(decoded.info.kind, AssetKind)
        assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", decoded.info.media_type)
        assert list(decoded.parts)

    def test_pictures_are_as_wanted(self, decoder: Decoder, good: Path) -> None:
        for moment in moments(decoder.decode(good, ALL)):
            assert moment.pixels is not None or moment.text is not None
            if moment.pixels is not None:
                assert moment.pixels.shape == (32, 32, 3)
                assert moment.pixels.dtype == np.uint8
            if moment.detail is not None:
                assert moment.detail.ndim == 3
                assert moment.detail.shape[2] == 3
                assert moment.detail.dtype == np.uint8
                assert max(moment.detail.shape) <= 640
            if moment.thumbnail is not None:
                with Image.open(BytesIO(moment.thumbnail), formats=["WEBP"]) as thumbnail:
                    assert max(thumbnail.size) <= 64

    def test_where_moments_lie_makes_sense(self, decoder: Decoder, good: Path) -> None:
        decoded = decoder.decode(good, ALL)
        for moment in moments(decoded):
            assert (moment.start_s is None) == (moment.end_s is None)
            if moment.start_s is not None and moment.end_s is not None:
                assert 0 <= moment.start_s <= moment.end_s
            assert moment.page is None or moment.page >= 1
            assert (moment.kind is SegmentKind.REGION) == (moment.box is not None)

    def test_sound_follows_on(self, decoder: Decoder, good: Path) -> None:
        now = 0.0
        for part in decoder.decode(good, ALL).parts:
            if isinstance(part, Heard):
                assert part.start_s >= now - 0.001
                assert part.sound.dtype == np.float32
                assert part.sound.ndim == 1
                assert 0 < len(part.sound) <= 60 * 16_000
                now = part.start_s + len(part.sound) / 16_000

    def test_where_nothing_is_wanted_only_text_comes(self, decoder: Decoder, good: Path) -> None:
        parts = list(decoder.decode(good, NOTHING).parts)
        assert not any(isinstance(part, Heard) for part in parts)
        for moment in parts:
            assert isinstance(moment, Moment)
            assert moment.pixels is None
            assert moment.detail is None
            assert moment.thumbnail is None
            assert moment.kind is not SegmentKind.REGION

    def test_the_same_file_decodes_to_the_same(self, decoder: Decoder, good: Path) -> None:
        first, second = (moments(decoder.decode(good, ALL)) for _ in range(2))
        assert first == second
        for one, other in zip(first, second, strict=True):
            assert one.thumbnail == other.thumbnail
            for left, right in ((one.pixels, other.pixels), (one.detail, other.detail)):
                assert (left is None) == (right is None)
                if left is not None and right is not None:
                    np.testing.assert_array_equal(left, right)

    def test_what_is_wanted_besides_moves_no_moment(self, decoder: Decoder, good: Path) -> None:
        """So that thumbnails, or words on pictures, can be made up for later."""
        whole = [moment for moment in moments(decoder.decode(good, ALL)) if moment.kind is not SegmentKind.REGION]
        for wanted in (Wanted(PictureSpec(32)), Wanted(thumbnail_px=64), Wanted(detail_px=640)):
            assert moments(decoder.decode(good, wanted)) == whole

    def test_the_file_is_left_alone(self, decoder: Decoder, good: Path) -> None:
        before = good.read_bytes()
        list(decoder.decode(good, ALL).parts)
        assert good.read_bytes() == before

    def test_no_descriptor_stays_open(self, decoder: Decoder, good: Path, tmp_path: Path) -> None:
        folder = Path("/dev/fd")
        list(decoder.decode(good, ALL).parts)
        gc.collect()  # or what earlier tests left may go in between
        before = len(list(folder.iterdir()))
        for _ in range(3):
            list(decoder.decode(good, ALL).parts)
            with pytest.raises(DecodeFailed):
                list(decoder.decode(tmp_path / f"absent{good.suffix}", ALL).parts)
        assert len(list(folder.iterdir())) == before

    def test_what_cannot_be_opened_fails_in_one_line(self, decoder: Decoder, good: Path, tmp_path: Path) -> None:
        folder = tmp_path / f"folder{good.suffix}"
        folder.mkdir()
        pipe = tmp_path / f"pipe{good.suffix}"
        os.mkfifo(pipe)
        device = tmp_path / f"device{good.suffix}"
        device.symlink_to("/dev/zero")
        for path in (tmp_path / f"absent{good.suffix}", folder, pipe, device):
            with pytest.raises(DecodeFailed) as failure:
                list(decoder.decode(path, ALL).parts)
            assert failure.value.stage == "decode"
            assert failure.value.reason
            assert "\n" not in failure.value.reason


def moments(decoded: Decoded) -> list[Moment]:
    """What lies in the file, but for its sound."""
    return [part for part in decoded.parts if isinstance(part, Moment)]
