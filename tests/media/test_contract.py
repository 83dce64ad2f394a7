from __future__ import annotations

from pathlib import Path

import pytest

from bowerbird.media.registry import PICTURES, PLAIN_TEXT
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from tests.contracts.decoder import DecoderContract
from tests.media.make import photo, save


class TestPictures(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return PICTURES.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        return save(photo(), tmp_path / "photo.jpg")


class TestPlainText(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return PLAIN_TEXT.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        path = tmp_path / "note.txt"
        path.write_text("Bowerbirds gather blue things.\n")
        return path
