from __future__ import annotations

import pytest

from tests.contracts.answerer import AnswererContract
from tests.fakes import ScriptedAnswerer


class TestScriptedAnswerer(AnswererContract):
    @pytest.fixture
    def answerer(self) -> ScriptedAnswerer:
        return ScriptedAnswerer("At 19:10 [1].", " Dogs pay [2].")
