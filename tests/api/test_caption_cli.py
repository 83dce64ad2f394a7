"""`bowerbird caption` as a person would run it, in this process, with a captioner that says what it is told to."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.cli.main import main
from bowerbird import wiring
from bowerbird.errors import EndpointFailed
from bowerbird.models.destinations import destination
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from tests.fakes import HashEncoder, ScriptedCaptioner
from tests.media.make import photo, save


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


Run = Callable[..., Done]


@dataclass
class Used:
    prompt: int = 0
    completion: int = 0


class Endpoint(ScriptedCaptioner):
    """Sends pictures away, and counts what that costs."""

    def __init__(self) -> None:
        super().__init__()
        self.spec, self.sends_to, self.used = "openai:tiny@http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1", Used(5, 5)

    def caption(self, sights):
        self.used = Used(self.used.prompt + 100 * len(sights), self.used.completion + 10 * len(sights))
        return super().caption(sights)


class Deaf(ScriptedCaptioner):
    def caption(self, sights):
        raise EndpointFailed("http://127.0.0.1:1/v1 does not answer; start it, and run this again")


CAPTIONERS = {None: ScriptedCaptioner, "named": ScriptedCaptioner, "endpoint": Endpoint, "deaf": Deaf}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos, and the library beside them."""
    folder = tmp_path_factory.mktemp("caption")
    (folder / "media").mkdir()
    for seed in range(3):
        save(photo(40, 30, seed), folder / "media" / f"{seed}.png")
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        library.settings.index.ocr = False
        library.settings.index.transcriber = "none"
        library.settings.index.regions = 0
        Indexer(library).index([folder / "media"])
    return folder


@pytest.fixture
def bowerbird(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The program, whose encoder and captioners are fakes; the library has no captions when it begins."""
    real = open_library

    def opened(path: Path | None = None, **options: Any) -> Library:
        library = real(path, load=lambda _: HashEncoder(), **options)
        library.captioner = lambda spec=None: CAPTIONERS[spec]()  # type: ignore[assignment, method-assign]
        return library

    monkeypatch.setattr(wiring, "open_library", opened)
    monkeypatch.setattr("search.open_library", opened)  # it has its own by now

    def run(*arguments: object) -> Done:
        monkeypatch.setattr("sys.argv", ["bowerbird", "--library", str(folder / "library"), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Done(int(ended.value.code or 0), said.out, said.err)

    run("caption", "--forget", folder / "media")
    return run


def test_it_fills_in_what_is_missing_and_says_what_it_cost(bowerbird, folder):
    done = bowerbird("caption", "--limit", 2, "--json")
    assert done.code == 0
    assert done.json.pop("seconds") >= 0
    assert {**done.json, "seconds": 0} == {
        "version": 1,
        "captioner": "scripted",
        "sends_to": None,
        "captioned": 2,
        "pictures": 2,
        "skipped": 0,
        "failed": [],
        "seconds": 0,
        "tokens": None,
    }
    done = bowerbird("caption")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("1 picture captioned by scripted in ")
    assert bowerbird("caption").err == "Nothing is left for scripted to caption; --again captions anew.\n"
    assert bowerbird("caption", "--again", "--json", folder / "media" / "0.png").json["pictures"] == 1


def test_whoever_sends_pictures_away_says_so_and_counts_tokens(bowerbird):
    done = bowerbird("caption", "--captioner", "endpoint", "--limit", 1)
    assert done.err.splitlines()[0] == "pictures are sent to http://127.0.0.1:1/v1"
    assert done.err.splitlines()[-1].endswith(" 110 tokens were used.")
    found = bowerbird("caption", "--captioner", "endpoint", "--json").json
    assert (found["pictures"], found["tokens"]) == (2, {"prompt": 200, "completion": 20})


def test_captions_that_cost_something_are_not_replaced_by_who_was_not_named(bowerbird, folder):
    bowerbird("caption", "--captioner", "endpoint", "--limit", 1)
    done = bowerbird("caption")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "1 file has captions by openai:tiny@http://127.0.0.1:1/v1, which those by scripted would replace" in done.err
    assert bowerbird("status", "--json").json["captions"] == {"openai:tiny@http://127.0.0.1:1/v1": 1}
    assert bowerbird("caption", "--captioner", "endpoint").code == 0
    assert bowerbird("caption", "--captioner", "named").code == 0
    assert bowerbird("status", "--json").json["captions"] == {"scripted": 3}


def test_an_endpoint_that_fails_is_told_of_in_one_line(bowerbird):
    done = bowerbird("caption", "--captioner", "deaf")
    assert (done.code, done.out) == (3, "")
    assert done.err == "bowerbird: http://127.0.0.1:1/v1 does not answer; start it, and run this again\n"


def test_a_picture_that_cannot_be_had_is_listed(bowerbird, folder):
    picture = folder / "media" / "2.png"
    held, stat = picture.read_bytes(), picture.stat()
    (thumbnail,) = [each for each in folder.rglob("*.webp") if each.stem.startswith(_hash(folder, "2.png"))]
    small = thumbnail.read_bytes()
    try:
        picture.unlink()
        thumbnail.unlink()
        done = bowerbird("caption")
        assert done.code == 1
        assert done.err.splitlines()[-1] == f"  {picture}: is gone: run `bowerbird index` [decode]"
    finally:
        picture.write_bytes(held)
        thumbnail.write_bytes(small)
        os.utime(picture, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def _hash(folder: Path, name: str) -> str:
    return hashlib.sha256((folder / "media" / name).read_bytes()).hexdigest()


def test_the_owners_words_are_kept_found_and_taken_out(bowerbird, folder):
    picture = folder / "media" / "1.png"
    assert bowerbird("caption", picture, "--say", "  Grandma's garden ").err == f"{picture}: Grandma's garden\n"
    bowerbird("caption")
    (hit,) = bowerbird("search", "garden kind:caption", "--json", "--limit", 1).json["hits"]
    assert (hit["path"], hit["segment_kind"], hit["text"]) == (str(picture), "caption", "Grandma's garden")
    assert bowerbird("status", "--json").json["captions"] == {"owner": 1, "scripted": 3}
    assert bowerbird("caption", picture, "--forget", "--captioner", "owner", "--json").json == {
        "version": 1,
        "forgotten": 1,
    }
    assert bowerbird("status", "--json").json["captions"] == {"scripted": 3}
    assert bowerbird("caption", folder / "media", "--forget").err == "captions of 3 files are gone\n"
    bowerbird("caption", picture, "--say", "Grandma")
    assert bowerbird("caption", picture, "--forget").err == "captions of 1 file are gone\n"
    gone = bowerbird("caption", picture, "--forget", "--captioner", "owner")
    assert (gone.code, gone.err) == (0, "there were no captions by owner to take out\n")


def test_status_says_who_captions_and_where_pictures_go(bowerbird, monkeypatch):
    said = bowerbird("status")
    assert "pictures and questions stay on this machine" in said.out
    assert bowerbird("status", "--json").json["captioner"] == {"spec": "concepts", "sends_to": None}
    monkeypatch.setenv("BOWERBIRD_CAPTION__CAPTIONER", "openai:llava@http://127.0.0.1:11434/v1")
    assert "pictures are sent to http://127.0.0.1:11434/v1 for captions" in bowerbird("status").out
    found = bowerbird("status", "--json").json
    assert found["captioner"]["sends_to"] == "http://127.0.0.1:11434/v1"
    assert found["answerer"] == {"spec": "extractive", "sends_to": None}
    monkeypatch.setenv("BOWERBIRD_ANSWER__ANSWERER", "openai:llava@http://127.0.0.1:11434/v1")
    assert "pictures and questions are sent to http://127.0.0.1:11434/v1" in bowerbird("status").out


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("concepts", {"spec": "concepts", "sends_to": None}),
        ("transformers:/models/blip", {"spec": "transformers:/models/blip", "sends_to": None}),
        ("openai:m@http://user:secret@127.0.0.1/v1", {"spec": "openai:m", "sends_to": None}),
        ("openai:", {"spec": "openai:", "sends_to": None}),
        ("opnai:m@http://user:se@cret@h/v1", {"spec": "opnai:m@http://…@h/v1", "sends_to": None}),
    ],
)
def test_destinations(spec, told):
    assert destination(spec) == told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "speech"], "there are no captions of 'speech': choose image, frame, page."),
        (["--limit", "0"], "Invalid value for '--limit'"),
        (["--say", "words"], "--say is about one file: name it."),
        (["--say", "words", "--again", "a.png"], "--say keeps your own words and goes with nothing else."),
        (["--forget"], "--forget needs to know of what: name PATHs."),
        (["--forget", "--limit", "2", "a.png"], "--forget goes with PATHs and --captioner only."),
        (["/nowhere"], "nothing of /nowhere is in this library"),
        (["/nowhere", "--say", "words"], "nothing of /nowhere is in this library"),
        (["/nowhere", "--forget"], "nothing of /nowhere is in this library"),
        (["/a\x1b[2J\nb"], r"nothing of /a\x1b[2J\nb is in this library"),
    ],
)
def test_bad_calls_are_told_in_one_line(bowerbird, arguments, said):
    done = bowerbird("caption", *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_a_folder_has_no_caption_and_neither_has_silence(bowerbird, folder):
    assert "holds 3 files; --say is about one of them" in bowerbird("caption", folder / "media", "--say", "words").err
    done = bowerbird("caption", folder / "media" / "0.png", "--say", " \x00 ")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "an empty caption says nothing" in done.err
