from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bowerbird.moments import Heard
from indexer.listen import RATE, Listener, quiet_spot
from tests.fakes import ScriptedTranscriber


def tone(seconds: float) -> np.ndarray:
    return np.full(round(seconds * RATE), 0.5, np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def heard(listener: Listener, *stretches: tuple[float, np.ndarray]) -> list[tuple[float, float]]:
    moments = [moment for start, sound in stretches for moment in listener.take(Heard(start, sound))]
    moments += listener.finish()
    assert not list(listener.finish())
    return [(moment.start_s, moment.end_s) for moment in moments]


def test_times_are_the_recordings_whatever_the_blocks():
    sound = np.concatenate([part for second in range(12) for part in (tone(0.5), silence(0.5))])
    spoken = [(float(second), second + 0.5) for second in range(12)]
    for block_s in (2.5, 4, 100):
        pieces = [(at / RATE, sound[at : at + RATE // 3]) for at in range(0, len(sound), RATE // 3)]
        assert heard(Listener(ScriptedTranscriber(), block_s), *pieces) == spoken


def test_a_gap_is_silence_and_a_long_one_costs_nothing():
    found = heard(Listener(ScriptedTranscriber(), 10), (1.0, tone(1)), (4.0, tone(1)), (36_000.0, tone(2)))
    assert found == [(1.0, 2.0), (4.0, 5.0), (36_000.0, 36_002.0)]


def test_nothing_is_heard_where_there_is_nothing():
    assert heard(Listener(ScriptedTranscriber())) == []
    assert heard(Listener(ScriptedTranscriber()), (0.0, silence(3))) == []


def test_no_more_than_a_block_is_held():
    listener = Listener(ScriptedTranscriber(), 5)
    for second in range(60):
        list(listener.take(Heard(float(second), np.concatenate([tone(0.5), silence(0.5)]))))
        assert listener._size <= 6 * RATE


def test_cuts_fall_where_it_is_quiet():
    sound = np.concatenate([tone(2), silence(0.6), tone(30)])
    assert 2 * RATE <= quiet_spot(sound) <= 2.6 * RATE
    assert quiet_spot(tone(0.1)) == 0


@settings(max_examples=25)
@given(st.lists(st.floats(0.3, 3).map(lambda s: round(s, 1)), min_size=1, max_size=12), st.sampled_from([3, 7, 50]))
def test_every_word_is_heard_once(lengths, block_s):
    """Words a block long at most, parted by half a second."""
    parts, spoken, now = [], [], 0.0
    for length in lengths:
        parts += [tone(length), silence(0.5)]
        spoken.append((round(now, 2), round(now + length, 2)))
        now += length + 0.5
    assert heard(Listener(ScriptedTranscriber(), block_s + 3), (0.0, np.concatenate(parts))) == spoken
