from __future__ import annotations

import numpy as np
import pytest

from bowerbird.types import Sound
from tests.contracts.transcriber import RATE, TranscriberContract, silence
from tests.fakes import ScriptedTranscriber


class TestScriptedTranscriber(TranscriberContract):
    @pytest.fixture
    def transcriber(self) -> ScriptedTranscriber:
        return ScriptedTranscriber(["Good morning.", "The train leaves at nine."])

    @pytest.fixture
    def speech(self) -> Sound:
        tone = np.sin(np.arange(RATE, dtype=np.float32) / 10)
        return np.concatenate([silence(0.5), tone, silence(1), tone, silence(0.5), tone])

    def test_each_sound_between_silences_is_the_next_line(
        self, transcriber: ScriptedTranscriber, speech: Sound
    ) -> None:
        heard = [(moment.text, moment.start_s, moment.end_s) for moment in transcriber.transcribe(speech)]
        assert heard == [
            ("Good morning.", 0.5, 1.5),
            ("The train leaves at nine.", 2.5, 3.5),
            ("Good morning.", 4.0, 5.0),
        ]
