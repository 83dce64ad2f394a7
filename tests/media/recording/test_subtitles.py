from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.errors import DecodeFailed
from bowerbird.media.recording.cues import Cue, spoken
from bowerbird.media.recording.languages import language_code, language_of_name
from bowerbird.media.registry import SUBTITLES
from bowerbird.moments import NOTHING, Decoded
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind, SegmentKind
from tests.contracts.decoder import DecoderContract, moments

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>The bird gathers</i>

2
00:00:02,500 --> 00:00:04,000
- blue things.

3
00:00:04,500 --> 00:00:06,000
{\\an8}Nobody knows
why &amp; how.
"""
VTT = """WEBVTT
Kind: captions

STYLE
::cue { color: red }

NOTE a comment

intro
00:01.000 --> 00:02.500 align:start position:0%
<v Ann>The bird</v> <c.yellow>gathers</c>

00:02.500 --> 00:04.000
blue<00:00:03.000> things.

00:04.500 --> 00:06.000
Nobody knows why &amp; how.
"""
ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Comment: 0,0:00:00.00,0:00:09.00,Default,,0,0,0,,not shown
Dialogue: 0,0:00:04.50,0:00:06.00,Default,,0,0,0,,Nobody knows\\Nwhy & how.
Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\\b1}The bird{\\b0} gathers
Dialogue: 0,0:00:01.00,0:00:04.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 100 100{\\p0}
Dialogue: 1,0:00:02.50,0:00:04.00,Default,,0,0,0,,blue things.
Dialogue: 0,0:00:02.50,0:00:04.00,Default,,0,0,0,,blue things.
"""
SSA = """[Script Info]
ScriptType: v4.00

[V4 Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,20

[Events]
Format: Marked, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: Marked=0,0:00:01.00,0:00:02.50,Default,,0000,0000,0000,,The bird gathers
Dialogue: Marked=0,0:00:02.50,0:00:04.00,Default,,0000,0000,0000,,blue things.
Dialogue: Marked=0,0:00:04.50,0:00:06.00,Default,,0000,0000,0000,,Nobody knows why & how.
"""
SAID = [(1.0, 4.0, "The bird gathers blue things."), (4.5, 6.0, "Nobody knows why & how.")]


def decode(path: Path) -> Decoded:
    return SUBTITLES.open(DecodeSettings()).decode(path, NOTHING)


def said(cues: Sequence[tuple[float, float, str]]) -> list[tuple[float | None, float | None, str | None]]:
    found = spoken((Cue(*cue) for cue in cues), None)
    return [(moment.start_s, moment.end_s, moment.text) for moment in found]


class TestSubtitles(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return SUBTITLES.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        path = tmp_path / "film.en.srt"
        path.write_text(SRT)
        return path


@pytest.mark.parametrize(
    ("name", "text", "media_type"),
    [
        ("film.srt", SRT.replace("- blue", "blue"), "application/x-subrip"),
        ("film.vtt", VTT, "text/vtt"),
        ("film.ass", ASS, "text/x-ssa"),
        ("film.ssa", SSA, "text/x-ssa"),
        ("really.srt", VTT, "text/vtt"),
    ],
)
def test_subtitles_of_every_kind_are_read(tmp_path: Path, name: str, text: str, media_type: str) -> None:
    (tmp_path / name).write_text(text)
    decoded = decode(tmp_path / name)
    assert decoded.info.kind is AssetKind.DOCUMENT
    assert decoded.info.media_type == media_type
    found = moments(decoded)
    assert {moment.kind for moment in found} == {SegmentKind.SPEECH}
    assert [(moment.start_s, moment.end_s, moment.text) for moment in found] == SAID


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "film.srt"
    path.write_bytes("1\r\n00:00:01,000 --> 00:00:02,000\r\nÜber naïve Vögel.\r\n".encode(encoding))
    assert [moment.text for moment in moments(decode(path))] == ["Über naïve Vögel."]


def test_another_speaker_begins_anew() -> None:
    assert said([(1, 2, "- And then"), (2, 3, "- what?")]) == [(1, 2, "And then"), (2, 3, "what?")]


def test_a_pause_and_length_end_a_sentence() -> None:
    assert said([(1, 2, "one"), (5, 6, "two")]) == [(1, 2, "one"), (5, 6, "two")]
    long = said([(2 * n, 2 * n + 2, f"word{n}") for n in range(10)])
    assert [(start, end) for start, end, _ in long] == [(0, 12), (12, 20)]


def test_captions_that_roll_up_are_said_once() -> None:
    rolling = [
        (0, 2, "so the bird"),
        (2, 2.01, "so the bird"),
        (2.01, 4, "so the bird\nbuilds a bower"),
        (4, 4.01, "builds a bower"),
        (4.01, 6, "builds a bower\nof sticks."),
    ]
    assert [text for *_, text in said(rolling)] == ["so the bird builds a bower of sticks."]
    growing = [(0, 1, "so"), (1, 2, "so the"), (2, 3, "so the bird.")]
    assert [text for *_, text in said(growing)] == ["so the bird."]


def test_what_is_said_again_later_is_kept() -> None:
    assert len(said([(0, 1, "No."), (5, 6, "No.")])) == 2


def test_music_without_words_is_none() -> None:
    assert said([(0, 1, "♪ ♪"), (1, 2, "<i></i>"), (2, 3, "♪ La la. ♪")]) == [(2, 3, "♪ La la. ♪")]


@given(
    st.lists(
        st.tuples(st.floats(0, 1000), st.floats(0, 1000), st.text("ab .\n<>{}\\-♪", max_size=12)),
        max_size=20,
    )
)
def test_times_and_words_stay_those_of_the_cues(cues: list[tuple[float, float, str]]) -> None:
    found = said(sorted(cues))
    starts = {round(start, 3) for start, *_ in cues}
    for start, end, text in found:
        assert start in starts
        assert start <= end  # type: ignore[operator]
        assert text
        assert any(map(str.isalnum, text))


@pytest.mark.parametrize(
    ("stem", "language"),
    [
        ("film.en", "en"),
        ("film.eng", "en"),
        ("film.pt-BR", "pt"),
        ("film.de.forced", "de"),
        ("film.en.hi", "en"),
        ("film.hi", "hi"),
        ("film", None),
        ("en", None),
        ("film.2023", None),
        ("The.Film.de.sdh", "de"),
    ],
)
def test_the_name_tells_the_language(stem: str, language: str | None) -> None:
    assert language_of_name(stem) == language


def test_languages() -> None:
    assert [language_code(name) for name in ("ger", "deu", "DE", "de-AT", "und", "", None, "klingon")] == [
        *["de"] * 4,
        *[None] * 4,
    ]


@pytest.mark.parametrize("suffix", ["srt", "vtt", "ass", "ssa"])
@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\x02\x03" * 500, b"just a note", b"WEBVTT\n", b"[Script Info]\n[Events]\nFormat: \n"]
)
def test_what_is_no_subtitles_fails(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"film.{suffix}"
    path.write_bytes(content)
    with pytest.raises(DecodeFailed):
        decode(path)


def test_too_much_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "film.srt"
    path.write_text(SRT * 100)
    decoder = SUBTITLES.open(DecodeSettings(max_text_mb=0.01))
    with pytest.raises(DecodeFailed, match="max_text_mb"):
        decoder.decode(path, NOTHING)
