"""What every `Transcriber` must do. A test class inherits this and gives ``transcriber`` and ``speech`` fixtures."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bowerbird.moments import Moment
from bowerbird.ports import Transcriber
from bowerbird.types import SegmentKind, Sound

RATE = 16_000


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE), np.float32)


class TranscriberContract:
    """``speech`` is a recording of a few seconds in which something is said."""

    @pytest.fixture
    def heard(self, transcriber: Transcriber, speech: Sound) -> list[Moment]:
        return transcriber.transcribe(speech)

    def test_its_stage_is_frozen_data_that_names_its_weights(self, transcriber: Transcriber) -> None:
        assert transcriber.stage.name == "transcribe"
        assert transcriber.stage.version >= 1
        assert transcriber.stage.options["weights"]
        assert json.loads(json.dumps(dict(transcriber.stage.options))) == transcriber.stage.options

    def test_what_is_said_becomes_moments_of_speech(self, heard: list[Moment], speech: Sound) -> None:
        assert heard
        for moment in heard:
            assert moment.kind is SegmentKind.SPEECH
            assert moment.text
            assert moment.text == moment.text.strip()
            assert moment.language
            assert moment.confidence is not None
            assert 0 <= moment.confidence <= 1
            assert moment.start_s is not None
            assert moment.end_s is not None
            assert 0 <= moment.start_s <= moment.end_s <= len(speech) / RATE + 0.01
            assert (moment.page, moment.box, moment.pixels) == (None, None, None)

    def test_moments_are_in_order(self, heard: list[Moment]) -> None:
        starts = [moment.start_s or 0.0 for moment in heard]
        assert starts == sorted(starts)

    @pytest.mark.parametrize("seconds", [0, 1 / RATE, 0.01, 0.3, 5])
    def test_silence_of_any_length_says_nothing(self, transcriber: Transcriber, seconds: float) -> None:
        assert transcriber.transcribe(silence(seconds)) == []

    def test_what_is_not_finite_is_silence(self, transcriber: Transcriber) -> None:
        for value in (np.nan, np.inf, -np.inf):
            assert transcriber.transcribe(np.full(RATE, value, np.float32)) == []

    def test_the_sound_is_left_as_it_was(self, transcriber: Transcriber, speech: Sound) -> None:
        copy = speech.copy()
        copy[:100] = np.nan
        kept = copy.copy()
        transcriber.transcribe(copy)
        np.testing.assert_array_equal(copy, kept)

    def test_the_same_sound_is_heard_alike_by_every_thread(
        self, transcriber: Transcriber, speech: Sound, heard: list[Moment]
    ) -> None:
        with ThreadPoolExecutor(3) as pool:
            together = list(pool.map(transcriber.transcribe, [speech, silence(1), speech]))
        assert together == [heard, [], heard]
