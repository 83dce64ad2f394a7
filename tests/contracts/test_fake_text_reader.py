from __future__ import annotations

import pytest

from tests.contracts.text_reader import POSTER, TextReaderContract, poster
from tests.fakes import ScriptedReader


class TestScriptedReader(TextReaderContract):
    @pytest.fixture
    def reader(self) -> ScriptedReader:
        return ScriptedReader((poster(), POSTER))
