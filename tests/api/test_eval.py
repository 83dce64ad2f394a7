"""`bowerbird eval`, run as a person would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.api.test_cli import NOTES, bowerbird


@pytest.fixture(scope="module")
def library(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("eval") / "library"
    assert bowerbird("index", NOTES, "--library", folder, "--encoder", "concepts").code == 0
    return folder


@pytest.fixture(scope="module")
def queries(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("queries") / "queries.jsonl"
    lines = [
        {"text": "how to repot a fern", "relevant": ["fern.md"], "group": "garden"},
        {"text": "baking bread", "relevant": [str(NOTES / "sourdough.md"), "gone.md"], "group": "kitchen"},
        {"text": "the constitution of the Roman republic", "relevant": [], "group": "garden"},
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    return file


def test_the_object_that_scripts_rely_on(library, here, queries):
    done = here("eval", queries, "--library", library, "--json")
    assert done.code == 0
    assert "1 relevant file is not in" in done.err
    assert done.json["version"] == 1
    assert done.json["differences"] == []
    (run,) = done.json["runs"]
    assert set(run) == {
        *("name", "encoders", "depth", "threshold", "queries", "missing", "answerable", "unanswerable", "measures"),
        *("refused", "groups", "latency_ms", "outcomes"),
    }
    assert (run["queries"], run["answerable"], run["unanswerable"], run["missing"]) == (3, 2, 1, ["gone.md"])
    assert set(run["measures"]) == {"fused", "joint", "words"}
    assert run["measures"]["fused"]["recall@1"] == 1.0
    assert run["refused"] == {"answerable": 0.0, "unanswerable": 1.0}
    assert set(run["groups"]) == {"garden", "kitchen"}
    assert set(run["latency_ms"]) == {"p50", "p95", "p99", "cold"}
    assert run["outcomes"][0]["ranks"] == {"fused": [1], "joint": [1], "words": [1]}


def test_two_settings_side_by_side_in_a_report(library, here, queries, tmp_path):
    report = tmp_path / "report.html"
    done = here("eval", queries, "--library", library, "--set", "search.stands_out=0", "--report", report)
    assert done.code == 0
    lines = [line.split("\t") for line in done.out.splitlines()]
    assert ["source", "Recall@1", "Recall@5", "Recall@10", "MRR", "nDCG@10", "mAP"] in lines
    rightly = next(line for line in lines if line[0] == "refused rightly")
    assert rightly[1:] == ["1.000", "0.000", "-1.000", "–", "–", "within chance"]
    assert "search.stands_out=0" in report.read_text()
    assert report.read_text().startswith("<!doctype html>")


def test_two_spaces_of_one_library(library, here, queries):
    done = here("eval", queries, "--library", library, "--against-space", "concepts", "--json").json
    assert (done["runs"][1]["name"], done["runs"][1]["measures"]["fused"]["recall@1"]) == ("concepts", 1.0)
    assert {each["difference"] for each in done["differences"] if "latency" not in each["measure"]} == {0}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--set", "search.stands_out=2"], "--set search.stands_out=2: Input should be less than or equal to 1"),
        (["--set", "index.ocr=false"], "no such setting; write NAME=VALUE, with a NAME of search.min_relevance"),
        (["--set", "search.stands_out=1", "--against", "elsewhere"], "compare one thing at a time"),
        (["--against-space", "retired"], "has no spaces of 'retired'"),
        (["--report", "no/such/folder/report.html"], "name one in a folder that is there"),
    ],
)
def test_a_wrong_call_ends_with_2_and_one_line(library, here, queries, arguments, says):
    done = here("eval", queries, "--library", library, *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_a_bad_line_is_named(library, here, tmp_path):
    file = tmp_path / "queries.jsonl"
    file.write_text('{"text": "a cat", "relevant": []}\n{"text": "a cat"}\n')
    done = here("eval", file, "--library", library)
    assert done.code == 2
    assert done.err.startswith("bowerbird: queries.jsonl, line 2: has no")
    assert done.err.count("\n") == 1


def test_another_library_that_is_not_there_is_3(library, here, queries, tmp_path):
    done = here("eval", queries, "--library", library, "--against", tmp_path / "nowhere")
    assert (done.code, done.out) == (3, "")
