"""Steps beside decoding: what a library gains when they are switched on, and that it gains nothing else."""

from __future__ import annotations

import json
import os
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from bowerbird.media.sandbox import DecoderPool
from bowerbird.settings import DecodeSettings
from bowerbird.types import SegmentKind
from bowerbird.wiring import Library
from tests.fakes import ScriptedTranscriber
from tests.indexer.workshop import Workshop, everything_on
from tests.media.films import plain, write_film
from tests.media.papers import pdf


def segments(library: Library, stage: str = "") -> list[dict]:
    lines = map(json.loads, library.catalog.dump())
    return [line for line in lines if line["table"] == "segment" and line["stage"].startswith(stage)]


def vectors(library: Library, stage: str) -> list[str]:
    lines = map(json.loads, library.catalog.dump())
    return sorted(
        f"{line['hash']} {line['ordinal']} {line['vector']}"
        for line in lines
        if line["table"] == "embedding" and line["stage"].startswith(stage)
    )


def recording(path: Path, seconds: int = 3) -> Path:
    """A second of sound, a second of silence, and so on."""
    sound = np.concatenate([np.full(16_000, 9_000 * (1 - second % 2), "<i2") for second in range(seconds)])
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(sound.tobytes())
    return path


@pytest.fixture
def filled(workshop: Workshop) -> Workshop:
    """A library as version 0.1 left it."""
    workshop.picture("a.png", 1)
    workshop.picture("in/b.png", 2)
    workshop.text("note.txt", "The tide was out.")
    workshop.index()
    return workshop


def test_an_old_library_gains_what_is_new_and_only_that(filled: Workshop) -> None:
    before, decoded = segments(filled.library), vectors(filled.library, "decode:")
    everything_on(filled.library, regions=4, words={1: ["EXIT"]})
    report = filled.index()
    assert (report.seen, report.indexed, report.segments) == (3, 2, 9)  # two times four tiles, and the words
    assert vectors(filled.library, "decode:") == decoded
    after = segments(filled.library)
    assert [line for line in after if line["stage"].startswith("decode:")] == before
    assert sorted(line["kind"] for line in after if line not in before) == ["ocr", *["region"] * 8]
    assert [line["text"] for line in segments(filled.library, "ocr")] == ["EXIT"]
    assert filled.index().indexed == 0
    assert filled.decoded == []


def test_what_was_added_is_what_a_library_made_anew_has(filled: Workshop) -> None:
    everything_on(filled.library, regions=9, words={2: ["one", "two"]})
    filled.index()
    fresh = filled.fresh("fresh")
    everything_on(fresh, regions=9, words={2: ["one", "two"]})
    filled.index(library=fresh)
    assert list(filled.library.catalog.dump()) == list(fresh.catalog.dump())
    fresh.close()


def test_what_is_switched_off_again_goes(filled: Workshop) -> None:
    everything_on(filled.library, regions=9, words={1: ["EXIT"]})
    filled.index()
    everything_on(filled.library, regions=0, words=None)
    report = filled.index()
    assert report.indexed == 2
    assert segments(filled.library, "regions") == []
    assert segments(filled.library, "ocr") == []
    assert len(segments(filled.library, "decode:")) == 3


def test_tiles_lie_in_their_boxes(filled: Workshop) -> None:
    everything_on(filled.library, regions=4)
    filled.index()
    boxes = {(line["box_x"], line["box_y"], line["box_width"]) for line in segments(filled.library, "regions")}
    assert boxes == {(0, 0, 0.6), (0.4, 0, 0.6), (0, 0.4, 0.6), (0.4, 0.4, 0.6)}


def test_thumbnails_are_kept_by_content_and_go_with_it(filled: Workshop) -> None:
    from indexer.forget import forget

    everything_on(filled.library, thumbnail_px=16)
    filled.index()
    (hash_,) = [line["hash"] for line in map(json.loads, filled.library.catalog.dump()) if line.get("path") == "a.png"]
    kept = filled.library.thumbnails.path(hash_)
    assert kept.read_bytes()[8:12] == b"WEBP"
    (filled.media / "a.png").rename(filled.media / "c.png")
    assert filled.index().moved == 1
    assert kept.exists()
    forget(filled.library, str(filled.media / "c.png"))
    assert not kept.exists()
    assert len(list((filled.library.folder / "thumbs").rglob("*.webp"))) == 1


def test_speech_is_heard_once_and_subtitles_take_its_place(workshop: Workshop) -> None:
    talk = workshop.tick(recording(workshop.media / "talk.wav", 4))
    hearing = ScriptedTranscriber(["What is heard."])
    everything_on(workshop.library, transcriber=hearing)
    workshop.index()
    heard = segments(workshop.library, "transcribe")
    assert [(line["text"], line["start_s"], line["end_s"]) for line in heard] == [
        ("What is heard.", 0.0, 1.0),
        ("What is heard.", 2.0, 3.0),
    ]
    assert {line["language"] for line in heard} == {"en"}
    assert {line["confidence"] for line in heard} == {1.0}

    workshop.text("talk.en.srt", "1\n00:00:00,500 --> 00:00:02,000\nWhat was said.\n")
    report = workshop.index()
    assert (report.seen, report.indexed, report.failed) == (1, 1, ())
    said = segments(workshop.library, "transcribe")
    assert [(line["text"], line["start_s"], line["end_s"]) for line in said] == [("What was said.", 0.5, 2.0)]
    assert workshop.names() == ["talk.wav"], "the subtitles are part of it"
    assert workshop.index().indexed == 0

    workshop.text("talk.en.srt", "1\n00:00:00,500 --> 00:00:02,000\nCorrected.\n")
    workshop.index()
    assert [line["text"] for line in segments(workshop.library, "transcribe")] == ["Corrected."]

    shutil.copyfile(talk, workshop.media / "copy.wav")
    assert workshop.index().indexed == 0, "two copies take no turns"


def test_subtitles_that_cannot_be_read_cost_no_film(workshop: Workshop) -> None:
    recording(workshop.media / "talk.wav")
    (workshop.media / "talk.srt").write_bytes(b"\x00\x01\x02\x03" * 500)
    everything_on(workshop.library, transcriber=ScriptedTranscriber())
    report = workshop.index()
    assert [Path(each.path).name for each in report.failed] == ["talk.srt"]
    assert workshop.names() == ["talk.wav"]


def test_subtitles_by_themselves_are_something_to_read(workshop: Workshop) -> None:
    workshop.text("lost.srt", "1\n00:00:01,000 --> 00:00:02,000\nWhere did the film go?\n")
    workshop.index()
    (line,) = segments(workshop.library)
    assert (line["kind"], line["text"], line["start_s"]) == (SegmentKind.SPEECH, "Where did the film go?", 1.0)


def test_a_format_that_was_read_otherwise_leaves_nothing_behind(workshop: Workshop, monkeypatch) -> None:
    """As when pictures that move were still read as pictures that do not."""
    from bowerbird.media.formats import Format
    from bowerbird.media.registry import ANIMATIONS, PICTURES, formats

    path = workshop.picture("moving.webp", 1)
    library = workshop.library
    monkeypatch.setattr(Library, "format_for", lambda self, path: formats()["pictures"])
    workshop.index()
    assert {line["stage"] for line in segments(library)} == {"decode:pictures"}
    monkeypatch.undo()
    assert isinstance(ANIMATIONS, Format)
    assert workshop.index().indexed == 1
    assert {line["stage"] for line in segments(library)} == {"decode:animations"}
    assert PICTURES.name not in ANIMATIONS.name
    assert path.exists()


def test_a_format_that_is_switched_off_is_passed_by(workshop: Workshop) -> None:
    workshop.picture("a.png", 1)
    workshop.text("note.txt", "Hello.")
    workshop.library.settings.media["pictures"] = False
    assert workshop.index().seen == 1
    assert workshop.names() == ["note.txt"]
    del workshop.library.settings.media["pictures"]
    assert workshop.index().indexed == 1


def test_a_pipe_named_like_subtitles_holds_nobody_up(workshop: Workshop) -> None:
    recording(workshop.media / "talk.wav")
    os.mkfifo(workshop.media / "talk.srt")
    everything_on(workshop.library, transcriber=ScriptedTranscriber(["Heard."]))
    report = workshop.index()
    assert (report.seen, report.indexed, report.failed) == (1, 1, ())
    assert {line["text"] for line in segments(workshop.library, "transcribe")} == {"Heard."}


def test_subtitles_without_a_word_leave_the_hearing_to_us(workshop: Workshop) -> None:
    recording(workshop.media / "talk.wav")
    bad = workshop.text("talk.srt", "")
    everything_on(workshop.library, transcriber=ScriptedTranscriber(["Heard."]))
    assert [Path(each.path).name for each in workshop.index().failed] == ["talk.srt"]
    assert {line["text"] for line in segments(workshop.library, "transcribe")} == {"Heard."}
    again = workshop.index()
    assert (again.indexed, again.reused) == (0, 1), "and once is enough"
    bad.unlink()
    workshop.text("talk.srt", "1\n00:00:00,500 --> 00:00:02,000\nMended.\n")
    workshop.index()
    assert {line["text"] for line in segments(workshop.library, "transcribe")} == {"Mended."}


def test_subtitles_that_are_to_be_ignored_are(workshop: Workshop) -> None:
    recording(workshop.media / "talk.wav")
    workshop.text("talk.srt", "1\n00:00:00,500 --> 00:00:02,000\nSecret.\n")
    workshop.text(".bowerbirdignore", "*.srt\n")
    everything_on(workshop.library, transcriber=ScriptedTranscriber(["Heard."]))
    for path in (workshop.media, workshop.media / "talk.wav"):
        workshop.index(path)
        assert {line["text"] for line in segments(workshop.library, "transcribe")} == {"Heard."}


def test_a_film_with_the_suffix_of_typescript_has_its_subtitles(workshop: Workshop) -> None:
    write_film(workshop.media / "film.ts", [plain((200, 30, 30))] * 10)
    workshop.text("film.srt", "1\n00:00:00,100 --> 00:00:00,900\nSaid.\n")
    everything_on(workshop.library)
    assert workshop.index().seen == 1
    assert [line["text"] for line in segments(workshop.library, "transcribe")] == ["Said."]


def test_the_same_bytes_under_two_formats_are_read_by_the_newer(workshop: Workshop) -> None:
    still = workshop.picture("a.webp", 1)
    workshop.index()
    shutil.copyfile(still, workshop.media / "b.jpg")
    assert workshop.index().indexed == 0
    assert {line["stage"] for line in segments(workshop.library)} == {"decode:animations"}


def test_a_file_that_fails_halfway_leaves_no_thumbnail(workshop: Workshop) -> None:
    pages = ["\n".join([f"page {number}", *["words and more words"] * 15]) for number in range(12)]
    (workshop.media / "paper.pdf").write_bytes(pdf(pages))
    everything_on(workshop.library, thumbnail_px=32)
    with DecoderPool(DecodeSettings(workers=1, max_text_mb=0.001)) as pool:
        workshop._pool = pool
        report = workshop.index()
    assert len(report.failed) == 1
    assert not list((workshop.library.folder / "thumbs").rglob("*.webp"))


def test_forget_sweeps_what_a_killed_run_has_left(filled: Workshop) -> None:
    from indexer.forget import forget

    everything_on(filled.library, thumbnail_px=16)
    filled.index()
    stray = "ab" + "0" * 62
    filled.library.thumbnails.put(stray, 3, b"left")
    forget(filled.library, str(filled.media / "a.png"))
    assert not filled.library.thumbnails.path(stray, 3).exists()
    assert len(list((filled.library.folder / "thumbs").rglob("*.webp"))) == 1
