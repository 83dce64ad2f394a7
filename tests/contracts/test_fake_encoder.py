from __future__ import annotations

import pytest

from tests.contracts.encoder import EncoderContract
from tests.fakes import HashEncoder


class TestHashEncoder(EncoderContract):
    @pytest.fixture
    def encoder(self) -> HashEncoder:
        return HashEncoder()
