from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from indexer.sidecars import Sidecars


def sounds(name: str) -> bool:
    return name.lower().endswith((".mp4", ".mp3"))


def test_subtitles_belong_to_the_recording_of_the_same_name():
    names = [
        "film.mp4",
        "Film.srt",
        "film.en.srt",
        "film.pt-BR.ass",
        "film.two.en.srt",
        "other.srt",
        "talk.mp3",
        "film.txt",
    ]
    found = Sidecars(names, sounds)
    assert found.of("film.mp4") == ["Film.srt", "film.en.srt", "film.pt-BR.ass"]
    assert found.of("talk.mp3") == ()
    assert found.owned() == {"Film.srt", "film.en.srt", "film.pt-BR.ass"}


def test_a_dot_in_a_name_is_no_language():
    found = Sidecars(["part.1.mp4", "part.2.mp4", "part.1.srt", "part.2.en.vtt"], sounds)
    assert found.of("part.1.mp4") == ["part.1.srt"]
    assert found.of("part.2.mp4") == ["part.2.en.vtt"]


def test_one_text_may_serve_a_film_and_its_sound():
    found = Sidecars(["a.mp4", "a.mp3", "a.srt"], sounds)
    assert found.of("a.mp4") == found.of("a.mp3") == ["a.srt"]


@given(st.lists(st.from_regex(r"[ab](\.[ab])?\.(mp4|srt|vtt|txt)", fullmatch=True), unique=True))
def test_every_subtitle_that_is_owned_is_somebodys(names):
    found = Sidecars(names, sounds)
    assert found.owned() == {each for name in names for each in found.of(name)}
    assert all(not sounds(name) for name in found.owned())
    assert all(sounds(name) for name in names if found.of(name))
