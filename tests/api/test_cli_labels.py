"""`label`, `saved` and `facets` as a person calls them, on real files, with an encoder that knows its colours."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from api.cli import main
from bowerbird import wiring
from bowerbird.wiring import open_library
from indexer import Indexer
from tests.fakes import HashEncoder

COLOURS = ("red", "blue")
ENCODER = HashEncoder(aliases={each: np.asarray(Image.new("RGB", (16, 16), each)) for each in COLOURS})


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Bowerbird = Callable[..., Done]


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 60), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "media").mkdir()
    for name, colour in (("2019-07-04 one", "red"), ("2019-08-05 two", "blue"), ("2020-01-01 three", "white")):
        (folder / "media" / f"{name}.png").write_bytes(png(colour))
    (folder / "media" / "2020-02-02 note.txt").write_text("The harbour office opens at nine.")
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: ENCODER) as library:
        library.settings.index.ocr = False
        library.settings.index.regions = 0
        Indexer(library).index([folder / "media"])
    return folder


@pytest.fixture
def bowerbird(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bowerbird:
    """The program in this process, with the library of `folder`."""
    monkeypatch.setattr(wiring, "_loader", lambda settings: lambda spec: ENCODER)
    monkeypatch.setenv("BOWERBIRD_LIBRARY", str(folder / "library"))

    def run(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["bowerbird", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "a fault of ours" not in err
        return Done(int(end.value.code or 0), out, err)

    return run


class TestLabel:
    def test_a_line_for_each_file(self, bowerbird: Bowerbird, folder: Path) -> None:
        done = bowerbird("label", "blue", "red", folder / "media")
        lines = [line.split("\t") for line in done.out.splitlines()]
        assert [(label, Path(path).name) for label, _, path in lines] == [
            ("red", "2019-07-04 one.png"),
            ("blue", "2019-08-05 two.png"),
            ("-", "2020-01-01 three.png"),
            ("-", "2020-02-02 note.txt"),
        ]
        assert all(0 <= float(relevance) <= 1 for _, relevance, _ in lines)

    def test_json_has_what_scripts_rely_on(self, bowerbird: Bowerbird, folder: Path) -> None:
        told = bowerbird("label", "blue", " red ", folder / "media" / "2019-07-04 one.png", "--json").json
        assert set(told) == {"version", "labels", "threshold", "files"}
        assert (told["version"], told["labels"]) == (1, ["blue", "red"])
        (file,) = told["files"]
        assert set(file) == {"path", "asset_id", "label", "relevance", "scores", "shares"}
        assert file["label"] == "red"
        assert file["relevance"] == file["scores"]["red"] > file["scores"]["blue"]

    def test_as_many_labels_as_are_asked_for(self, bowerbird: Bowerbird, folder: Path) -> None:
        picture = folder / "media" / "2019-07-04 one.png"
        assert len(bowerbird("label", "blue", "red", picture, "--threshold", "0", "--top", "2").out.splitlines()) == 2
        assert len(bowerbird("label", "blue", "red", picture, "--top", "2").out.splitlines()) == 1

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["label"], "LABEL"),
            (["label", "cat"], "LABEL"),
            (["label", " ", "."], "a label is empty"),
            (["label", "cat", "nowhere"], "no such file"),
            (["label", "cat", "/"], None),
            (["label", "cat", "--threshold", "2", "."], "between 0 and 1"),
        ],
    )
    def test_a_wrong_call_is_told_in_one_line(self, bowerbird: Bowerbird, arguments: list[str], says: str) -> None:
        done = bowerbird(*arguments)
        if says is None:  # the root of all folders holds what is indexed
            assert done.code == 0
            return
        assert done.code == 2
        assert says in done.err
        assert len(done.err.splitlines()) == 1


class TestSaved:
    @pytest.fixture(autouse=True)
    def _nothing_saved(self, folder: Path) -> None:
        with open_library(folder / "library", load=lambda _: ENCODER) as library, library.catalog.write() as tx:
            for each in tx.saved.all():
                tx.saved.remove(each.name)

    def test_add_list_run_remove(self, bowerbird: Bowerbird) -> None:
        assert "no saved searches yet" in bowerbird("saved").err
        done = bowerbird("saved", "add", "reds", "red", "type:image", "--limit", "1", "--not", "blue")
        assert done.code == 0
        assert "bowerbird saved run 'reds'" in done.err
        assert bowerbird("saved").out == "reds\tred type:image [not blue] [limit 1]\n"
        told = bowerbird("saved", "--json").json
        (kept,) = told["saved"]
        assert kept["query"] == {"text": "red type:image", "not": ["blue"], "limit": 1}
        found = bowerbird("saved", "run", "reds", "--json").json
        assert found["query"] == {"saved": "reds", **kept["query"]}
        assert [Path(hit["path"]).name for hit in found["hits"]] == ["2019-07-04 one.png"]
        assert len(bowerbird("saved", "run", "reds", "--limit", "2", "--min-relevance", "0").out.splitlines()) == 2
        assert bowerbird("saved", "remove", "reds").code == 0
        assert bowerbird("saved", "--json").json["saved"] == []

    def test_all_that_search_takes_is_kept(self, bowerbird: Bowerbird, folder: Path) -> None:
        picture = folder / "media" / "2019-07-04 one.png"
        copy = folder / "copy.png"
        copy.write_bytes(picture.read_bytes())
        options = {
            "--and": "blue",
            "--image": copy,
            "--crop": "0,0,1,0.5",
            "--like": picture,
            "--unlike": folder / "media" / "2020-02-02 note.txt",
            "--kind": "image",
            "--type": "image",
            "--after": "2019",
            "--before": "2020",
            "--path": "media/",
            "--min-relevance": "0",
        }
        assert bowerbird("saved", "add", "all", *[part for pair in options.items() for part in pair]).code == 0
        copy.unlink()
        (kept,) = bowerbird("saved", "--json").json["saved"]
        query = kept["query"]
        assert set(query) == {
            *("also", "image_bytes", "crop", "like", "unlike", "kinds", "filters", "min_relevance"),
        }
        assert query["image_bytes"] == len(png("red"))
        assert query["filters"] == {
            **{"types": ["image"], "after": "2019-01-01", "before": "2020-01-01", "path": "media/"},
        }
        (hit,) = bowerbird("saved", "run", "all", "--json").json["hits"]
        assert Path(hit["path"]).name == "2019-08-05 two.png"

    def test_the_library_may_be_named_anywhere(self, bowerbird: Bowerbird, folder: Path, monkeypatch) -> None:
        monkeypatch.setenv("BOWERBIRD_LIBRARY", str(folder / "nowhere"))
        here = ["--library", str(folder / "library")]
        assert bowerbird("saved").code == 3
        assert bowerbird("saved", "add", "x", "red", *here).code == 0
        assert bowerbird("saved", *here, "run", "x").code == 0
        assert bowerbird(*here, "saved", "run", "x").code == 0
        assert bowerbird(*here, "saved").out.startswith("x\t")
        assert bowerbird("saved", "remove", "x", *here).code == 0

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["add"], "NAME"),
            (["add", "--limit", "3", "x", "red"], "the name comes before"),
            (["add", "x"], "the query is empty"),
            (["add", "x", "red", "--limit", "many"], "--limit"),
            (["add", "x", "red", "--colour", "blue"], "--colour"),
            (["add", "x", "--kind", "movie"], "no kind 'movie'"),
            (["add", "x", "--like", "nowhere.png"], "not in this library"),
            (["add", "x", "--image", "nowhere.png"], "no such file"),
            (["add", "x", "colour:red"], "colour"),
            (["run", "x"], "no search is saved as 'x'"),
            (["remove", "x"], "no search is saved as 'x'"),
            (["forget", "x"], "forget"),
        ],
    )
    def test_a_wrong_call_is_told_in_one_line(self, bowerbird: Bowerbird, arguments: list[str], says: str) -> None:
        done = bowerbird("saved", *arguments)
        assert done.code == 2
        assert says in done.err
        assert len(done.err.splitlines()) == 1
        assert bowerbird("saved").out == ""


class TestFacets:
    def test_everything_is_counted(self, bowerbird: Bowerbird) -> None:
        assert bowerbird("facets").out.splitlines() == [
            *("type\t3\timage", "type\t1\tdocument", "year\t2\t2019", "year\t2\t2020"),
        ]

    def test_json_has_what_scripts_rely_on(self, bowerbird: Bowerbird) -> None:
        told = bowerbird("facets", "--json", "--type", "image", "before:2020").json
        assert (told["version"], told["total"]) == (1, 2)
        assert list(told["facets"]) == ["types", "years", "months", "countries", "places", "cameras"]
        assert told["facets"]["types"] == {"values": [{"value": "image", "count": 2}], "others": 0, "none": 0}
        assert [each["value"] for each in told["facets"]["months"]["values"]] == ["2019-07", "2019-08"]
        assert told["facets"]["cameras"]["none"] == 2

    def test_a_text_counts_what_it_finds(self, bowerbird: Bowerbird) -> None:
        assert bowerbird("facets", "harbour", "office", "--json").json["total"] == 1
        assert bowerbird("facets", "harbour", "office", "type:image", "--json").json["total"] == 0

    def test_a_wrong_call_is_told_in_one_line(self, bowerbird: Bowerbird) -> None:
        for arguments in (["--kind", "movie"], ["--colour"], ["--not", "cats"], ["after:soonish"]):
            done = bowerbird("facets", *arguments)
            assert done.code == 2
            assert len(done.err.splitlines()) == 1
