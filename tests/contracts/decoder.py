"""What holds for every `Decoder`. A subclass gives the decoder and a file that it reads; ``test_*`` run on each."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from bowerbird.errors import DecodeFailed
from bowerbird.ports import Decoder
from bowerbird.types import AssetKind, PictureSpec

SPEC = PictureSpec(32)


class DecoderContract:
    """Subclass with fixtures ``decoder`` and ``good`` (a readable file)."""

    def test_it_describes_itself(self, decoder: Decoder) -> None:
        assert re.fullmatch("[a-z_]+", decoder.name)
        assert decoder.version >= 1
        assert isinstance(decoder.kind, AssetKind)
        assert decoder.suffixes
        assert all(re.fullmatch(r"\.[a-z0-9]+", suffix) for suffix in decoder.suffixes)

    def test_a_good_file_has_a_kind_a_media_type_and_moments(self, decoder: Decoder, good: Path) -> None:
        decoded = decoder.decode(good, SPEC)
        assert decoded.info.kind == decoder.kind
        assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", decoded.info.media_type)
        assert list(decoded.moments)

    def test_pixels_are_made_to_the_spec(self, decoder: Decoder, good: Path) -> None:
        for moment in decoder.decode(good, SPEC).moments:
            assert moment.pixels is not None or moment.text is not None
            if moment.pixels is not None:
                assert moment.pixels.shape == (32, 32, 3)
                assert moment.pixels.dtype == np.uint8

    def test_without_a_spec_there_are_no_pixels(self, decoder: Decoder, good: Path) -> None:
        assert all(moment.pixels is None for moment in decoder.decode(good, None).moments)

    def test_the_same_file_decodes_to_the_same(self, decoder: Decoder, good: Path) -> None:
        first, second = (list(decoder.decode(good, SPEC).moments) for _ in range(2))
        assert first == second
        for one, other in zip(first, second, strict=True):
            assert (one.pixels is None) == (other.pixels is None)
            if one.pixels is not None and other.pixels is not None:
                np.testing.assert_array_equal(one.pixels, other.pixels)

    def test_the_file_is_left_alone(self, decoder: Decoder, good: Path) -> None:
        before = good.read_bytes()
        decoder.decode(good, SPEC)
        assert good.read_bytes() == before

    def test_no_descriptor_stays_open(self, decoder: Decoder, good: Path, tmp_path: Path) -> None:
        folder = Path("/dev/fd")
        decoder.decode(good, SPEC)
        before = len(list(folder.iterdir()))
        for _ in range(3):
            decoder.decode(good, SPEC)
            with pytest.raises(DecodeFailed):
                decoder.decode(tmp_path / f"absent{good.suffix}", SPEC)
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
                decoder.decode(path, SPEC)
            assert failure.value.stage == "decode"
            assert failure.value.reason
            assert "\n" not in failure.value.reason
