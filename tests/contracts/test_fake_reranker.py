from __future__ import annotations

import pytest

from tests.contracts.reranker import RerankerContract
from tests.fakes import ScriptedReranker


class TestScriptedReranker(RerankerContract):
    @pytest.fixture
    def reranker(self) -> ScriptedReranker:
        return ScriptedReranker({"a cat": 0.9})
