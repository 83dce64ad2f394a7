"""The command line, run as a person would, on real files with the built-in encoder: the contract scripts rely on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import skimage.data

from api.cli.search import KINDS
from bowerbird.types import SegmentKind

PHOTOS = Path(skimage.data.__file__).parent
NOTES = Path(__file__).parents[2] / "samples" / "notes"


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def bowerbird(*arguments: str | Path, cwd: Path | None = None) -> Done:
    call: Sequence[str | Path] = [Path(sys.executable).parent / "bowerbird", *arguments]
    done = subprocess.run(call, capture_output=True, text=True, cwd=cwd, timeout=240)
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "library"
    done = bowerbird("index", PHOTOS, NOTES, "--library", folder, "--encoder", "concepts", "--json")
    assert done.code == 1  # one of scikit-image's files is too odd
    report = done.json
    assert report["version"] == 1
    assert report["seen"] == report["indexed"] + len(report["failed"])
    assert set(report) == {
        *("version", "seen", "indexed", "reused", "moved", "removed", "failed", "segments", "seconds"),
    }
    assert [Path(failed["path"]).name for failed in report["failed"]] == ["multipage_rgb.tif"]
    assert set(report["failed"][0]) == {"path", "stage", "reason"}
    return folder


@pytest.mark.parametrize(
    ("query", "photo"),
    [
        ("a cat", "chelsea.png"),
        ("a cup of coffee", "coffee.png"),
        ("an astronaut", "astronaut.png"),
        ("a rocket launch", "rocket.jpg"),
    ],
)
def test_the_right_photo_comes_first(library, here, query, photo):
    for kind in ([], ["--kind", "image"]):
        hit = here("--library", library, "search", query, *kind, "--json").json["hits"][0]
        assert Path(hit["path"]).name == photo
        assert (hit["box"] is None) == (hit["segment_kind"] == "image"), "a part of it may be nearer than the whole"


def test_a_hit_has_what_the_contract_says(library):
    found = bowerbird("search", "how to repot a fern", "--library", library, "--json", "--limit", "2").json
    assert set(found) == {"version", "query", "took_ms", "matched", "next_cursor", "understood", "hits"}
    assert found["matched"] is True
    assert len(found["hits"]) == 2
    hit = found["hits"][0]
    assert set(hit) == {
        *("rank", "relevance", "asset_id", "path", "kind", "segment_id", "segment_kind", "start_s", "end_s", "page"),
        *("box", "text", "folded", "evidence", "taken_at", "place", "stands_for"),
    }
    assert hit["path"] == str(NOTES / "fern.md")
    assert (hit["kind"], hit["segment_kind"], hit["rank"]) == ("document", "text", 1)
    assert hit["evidence"][0]["source"] == "joint"
    assert hit["evidence"][0]["rank"] == 1


def test_a_picture_finds_itself_and_likeness_does_not(library, here):
    cat = PHOTOS / "chelsea.png"
    by_image = here("search", "--image", cat, "--library", library, "--json").json["hits"]
    assert by_image[0]["path"] == str(cat)
    by_likeness = here("search", "--like", cat, "--library", library, "--json").json["hits"]
    assert str(cat) not in [hit["path"] for hit in by_likeness]
    assert by_likeness[0]["path"] in [hit["path"] for hit in by_image[:3]]


def test_left_and_right_are_alike(library, here):
    found = here("search", "--like", PHOTOS / "motorcycle_left.png", "--library", library, "--json").json
    assert Path(found["hits"][0]["path"]).name == "motorcycle_right.png"


def test_not_takes_away(library, here):
    def rank(*arguments: str) -> int:
        hits = here("search", "a pet animal", *arguments, "--library", library, "--json", "--limit", "50").json["hits"]
        return [Path(hit["path"]).name for hit in hits].index("chelsea.png")

    assert rank() < rank("--not", "a cat")


def test_kinds_limit_and_relevance(library, here):
    texts = here("search", "bread", "--kind", "text", "--library", library, "--json").json["hits"]
    assert {hit["segment_kind"] for hit in texts} == {"text"}
    assert len(here("search", "bread", "--limit", "1", "--library", library, "--json").json["hits"]) == 1
    sure = here("search", "a cat", "--min-relevance", "0.5", "--library", library, "--json").json["hits"]
    assert sure
    assert all(hit["relevance"] >= 0.5 for hit in sure)


def test_nothing_matches_is_said(library):
    done = bowerbird("search", "the constitution of the Roman republic", "--library", library)
    assert done.code == 0
    assert "Nothing here stands out" in done.err


def test_what_is_piped_is_one_line_a_hit(library):
    lines = bowerbird("search", "how to repot a fern", "--library", library, "--limit", "3").out.splitlines()
    assert len(lines) == 3
    rank, relevance, kind, path, excerpt = lines[0].split("\t")
    assert (rank, kind, path) == ("1", "text", str(NOTES / "fern.md"))
    assert 0 <= float(relevance) <= 1
    assert excerpt.startswith("Repotting the fern")


def test_a_table_can_be_had_in_a_pipe(library, here):
    out = here("search", "a cat", "--library", library, "--limit", "2", "--table").out
    assert "relevance" in out.splitlines()[0]
    assert "chelsea.png" in out


@pytest.mark.parametrize("arguments", ["search bread --json", "doctor --dump", "status", "--help"])
def test_a_reader_that_has_had_enough_is_no_failure(library, arguments):
    program = Path(sys.executable).parent / "bowerbird"
    script = f"set -o pipefail; '{program}' --library '{library}' {arguments} | true"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_misspelt_path_makes_no_library(tmp_path):
    done = bowerbird("index", tmp_path / "nowhere", "--library", tmp_path / "library")
    assert done.code == 2
    assert "check the spelling" in done.err
    assert not (tmp_path / "library").exists()


def test_ctrl_c_says_that_nothing_is_lost(tmp_path):
    (tmp_path / "more").mkdir()  # so many that it is not done before it is told to end
    for number in range(1000):
        (tmp_path / ("more" if number >= 100 else "") / f"{number}.txt").write_text(f"note {number}")
    call = [Path(sys.executable).parent / "bowerbird", "index", tmp_path, "--encoder", "concepts"]
    slow = {**os.environ, "BOWERBIRD_LIBRARY": str(tmp_path / "library"), "BOWERBIRD_INDEX__COMMIT_EVERY_S": "0"}
    running = subprocess.Popen(call, stderr=subprocess.PIPE, text=True, env=slow)
    catalogue = tmp_path / "library" / "catalog.db"
    deadline = time.monotonic() + 60
    while not catalogue.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1]
    assert running.returncode == 130
    assert "run the same command to go on" in said
    assert "Traceback" not in said
    shutil.rmtree(tmp_path / "more")
    again = bowerbird("index", tmp_path, "--library", tmp_path / "library", "--json").json
    assert (again["seen"], again["failed"]) == (100, [])


def test_a_second_run_reuses_everything(library):
    again = bowerbird("index", PHOTOS, NOTES, "--library", library, "--json").json
    assert again["indexed"] == again["moved"] == again["segments"] == 0
    assert again["reused"] + len(again["failed"]) == again["seen"]


def test_status_and_roots(library):
    status = bowerbird("status", "--library", library, "--json").json
    assert status["version"] == 1
    assert status["spaces"][0]["encoder"] == "concepts"
    assert status["segments"]["text"] >= 5
    roots = bowerbird("roots", "--library", library).out
    assert str(PHOTOS) in roots
    assert str(NOTES) in roots


def test_doctor_is_content_and_its_dump_is_sorted_json(library, here):
    assert here("doctor", "--library", library, "--json").json["well"] is True
    lines = here("doctor", "--dump", "--library", library).out.splitlines()
    assert lines == sorted(lines)
    assert {json.loads(line)["table"] for line in lines} >= {"asset", "segment", "embedding", "location", "root"}


def test_a_moved_folder_is_recognised(library, tmp_path):
    before, after, own = tmp_path / "A", tmp_path / "B", tmp_path / "library"
    before.mkdir()
    for note in NOTES.iterdir():
        (before / note.name).write_bytes(note.read_bytes())
    assert bowerbird("index", before, "--library", own, "--encoder", "concepts").code == 0
    before.rename(after)
    report = bowerbird("index", after, "--library", own, "--json").json
    assert report["moved"] == report["seen"] == len(list(NOTES.iterdir()))
    assert report["indexed"] == report["segments"] == 0
    assert bowerbird("search", "fern", "--library", own, "--json").json["hits"][0]["path"] == str(after / "fern.md")


def test_the_kinds_of_help_are_the_kinds_there_are():
    assert tuple(SegmentKind) == KINDS


@pytest.mark.parametrize("verb", ["index", "search", "status", "roots", "forget", "doctor", "formats"])
def test_every_verb_has_help_with_an_example(here, verb):
    done = here(verb, "--help")
    assert done.code == 0
    assert f"Example: bowerbird {verb}" in " ".join(done.out.split())


def test_version():
    from bowerbird import __version__

    assert bowerbird("--version").out == f"bowerbird {__version__}\n"


def test_formats_are_listed_with_what_reads_them(here, tmp_path):
    from bowerbird.media.registry import formats

    found = here("formats", "--library", tmp_path, "--json").json["formats"]
    assert [each["name"] for each in found] == list(formats())
    assert next(each for each in found if each["name"] == "video")["suffixes"][:2] == [".3g2", ".3gp"]
    assert all(each["on"] for each in found)
    (tmp_path / "library.toml").write_text("[media]\nvideo = false\n")
    lines = here("formats", "--library", tmp_path).out.splitlines()
    assert [line.split("\t")[0] for line in lines if line.split("\t")[2] == "off"] == ["video"]
