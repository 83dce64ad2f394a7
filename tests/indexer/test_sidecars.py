from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from indexer.sidecars import Sidecars


def sounds(file: Path) -> bool:
    return file.suffix.lower() in (".mp4", ".mp3")


def sidecars(names: list[str]) -> Sidecars:
    return Sidecars(map(Path, names), sounds)


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
    found = sidecars(names)
    assert found.of("film.mp4") == ["Film.srt", "film.en.srt", "film.pt-BR.ass"]
    assert found.of("talk.mp3") == ()
    assert found.owned() == {"Film.srt", "film.en.srt", "film.pt-BR.ass"}


def test_a_dot_in_a_name_is_no_language():
    found = sidecars(["part.1.mp4", "part.2.mp4", "part.1.srt", "part.2.en.vtt"])
    assert found.of("part.1.mp4") == ["part.1.srt"]
    assert found.of("part.2.mp4") == ["part.2.en.vtt"]


def test_one_text_may_serve_a_film_and_its_sound():
    found = sidecars(["a.mp4", "a.mp3", "a.srt"])
    assert found.of("a.mp4") == found.of("a.mp3") == ["a.srt"]


@given(st.lists(st.from_regex(r"[ab](\.(en|b))?\.(mp4|srt|vtt|txt)", fullmatch=True), unique=True))
def test_every_subtitle_that_is_owned_is_somebodys(names):
    found = sidecars(names)
    assert found.owned() == {each for name in names for each in found.of(name)}
    assert all(not sounds(Path(name)) for name in found.owned())
    assert all(sounds(Path(name)) for name in names if found.of(name))


def test_several_words_may_stand_behind_the_name():
    found = sidecars(["film.mp4", "film.en.sdh.srt", "film.eng.forced.srt", "film.director.srt"])
    assert found.of("film.mp4") == ["film.en.sdh.srt"], "forced ones tell too little, and others who knows what"
