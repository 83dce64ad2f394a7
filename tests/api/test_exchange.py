"""What leaves a library comes into another, and the next index run finds nothing to do."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from api.cli.main import app
from bowerbird.errors import EncoderMismatch, LibraryBusy, LibraryTooNew, UsageError
from bowerbird.queries import Filters
from bowerbird.store.lease import held
from bowerbird.types import AssetKind, SegmentKind
from bowerbird.wiring import Library, open_library
from indexer.doctor import examine
from indexer.exchange.arriving import Imported, import_from
from indexer.exchange.files import format_of, opened
from indexer.exchange.jsonl import shortest
from indexer.exchange.leaving import Exported, export
from tests.fakes import HashEncoder
from tests.indexer.conftest import pool, template  # noqa: F401 (fixtures)
from tests.indexer.workshop import Workshop
from tests.store.conftest import postgres, postgres_url  # noqa: F401 (fixtures)

BOTH = pytest.mark.parametrize("name", ["e.jsonl", "e.parquet"])


@pytest.fixture
def workshop(tmp_path, template, pool) -> Iterator[Workshop]:  # noqa: F811
    """Pictures, a copy of one, a long text, an empty one, odd names, and a file that cannot be read."""
    workshop = Workshop(tmp_path / "one", template, pool)
    for seed in range(4):
        workshop.picture(f"trip 2021-03-0{seed + 1}/{seed}.png", seed)
    workshop.picture("copy.png", 0)
    workshop.text("notes/long.txt", "\n\n".join(f"Paragraph {n} of Würste. " * 40 for n in range(9)))
    workshop.text("notes/empty.txt", "")
    workshop.text(os.fsdecode(b"notes/odd \xff\\xff.txt"), "An odd name.")
    workshop.broken("broken.jpg")
    assert len(workshop.index().failed) == 1
    yield workshop
    workshop.library.close()


def exported(library: Library, file: Path, filters: Filters = Filters(), **options: bool) -> Exported:  # noqa: B008
    with file.open("wb") as stream:
        return export(library, filters, stream, format_of(file), **options)


def imported(library: Library, file: Path) -> Imported:
    with opened(file) as source:
        return import_from(library, source)


def dumped(library: Library) -> list[str]:
    """What it says, but for what could not be read, which an export does not tell of."""
    return [line for line in library.catalog.dump() if '"table": "failure"' not in line]


def records(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]


# --- there and back -----------------------------------------------------------------------------


@BOTH
def test_what_was_imported_is_what_was_exported(workshop, tmp_path, name):
    said = exported(workshop.library, tmp_path / name)
    with closing(workshop.fresh("two")) as other:
        done = imported(other, tmp_path / name)
        assert (done.assets, done.segments) == (said.assets, said.segments)
        assert said.vectors == said.segments
        assert (done.known, done.displaced) == (0, 0)
        assert dumped(other) == dumped(workshop.library)
        found = examine(other)
        assert (found.faults, found.stale, found.repaired) == ([], [], [])
        # The same again changes nothing.
        assert imported(other, tmp_path / name) == Imported(known=said.assets)
        assert dumped(other) == dumped(workshop.library)
        report = workshop.index(library=other)
        assert (report.indexed, report.moved, report.removed) == (0, 0, 0)
        assert workshop.encoded == 0
        assert workshop.decoded == ["broken.jpg"], "it is not known that this cannot be read"
        assert list(other.catalog.dump()) == list(workshop.library.catalog.dump())


@BOTH
def test_on_another_machine_the_files_are_known_by_their_content(workshop, tmp_path, name):
    exported(workshop.library, tmp_path / name)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(workshop.media, elsewhere)
    away = workshop.media.rename(tmp_path / "unplugged")
    with closing(workshop.fresh("two")) as other:
        imported(other, tmp_path / name)
        with other.catalog.read() as tx:
            assert [root.device for root in tx.roots.all()] == [-1]
        report = workshop.index(elsewhere, library=other)
        assert (report.indexed, len(report.failed)) == (0, 1)
        assert workshop.encoded == 0
        assert set(workshop.found(other)) >= {str(path) for path in elsewhere.rglob("*.png")}
    away.rename(workshop.media)


@BOTH
def test_into_postgresql_and_back(workshop, tmp_path, name, postgres_url):  # noqa: F811
    exported(workshop.library, tmp_path / name)
    folder = tmp_path / "pg"
    folder.mkdir()
    toml = (workshop.library.folder / "library.toml").read_text()
    url = postgres_url.render_as_string(hide_password=False)
    (folder / "library.toml").write_text(f'database = "{url}"\n{toml}')
    with open_library(folder, create=True, encoder="hash", load=lambda _: HashEncoder()) as other:
        imported(other, tmp_path / name)
        assert dumped(other) == dumped(workshop.library)
        again = tmp_path / f"again-{name}"
        exported(other, again)
        with closing(workshop.fresh("three")) as third:
            imported(third, again)
            assert dumped(third) == dumped(workshop.library)


def test_roots_that_are_known_take_in_what_lies_in_them(workshop, tmp_path):
    exported(workshop.library, tmp_path / "e.jsonl")
    with closing(workshop.fresh("two")) as other:
        with other.catalog.write() as tx:
            tx.roots.add(str(workshop.media / "notes"), workshop.media.stat().st_dev)
            tx.roots.add(str(workshop.media.parent), workshop.media.stat().st_dev)
        imported(other, tmp_path / "e.jsonl")
        with other.catalog.read() as tx:
            counts = {root.path: tx.roots.counts().get(root.id) for root in tx.roots.all()}
        assert counts == {str(workshop.media / "notes"): 3, str(workshop.media.parent): 5}
        assert workshop.found(other) == workshop.found()


def test_what_the_library_has_is_left_as_it_is(workshop, tmp_path):
    exported(workshop.library, tmp_path / "e.jsonl")
    with closing(workshop.fresh("two")) as other:
        workshop.picture("trip 2021-03-01/0.png", 9)  # other content at a path that the export names too
        workshop.index(workshop.media / "trip 2021-03-01", workshop.media / "trip 2021-03-02", library=other)
        before = set(dumped(other))
        done = imported(other, tmp_path / "e.jsonl")
        assert (done.known, done.displaced) == (1, 0), "the displaced one lies elsewhere too"
        assert before <= set(dumped(other))
        (workshop.media / "copy.png").unlink()
    with closing(workshop.fresh("three")) as third:
        workshop.picture("copy.png", 8)
        workshop.index(workshop.media, library=third)
        done = imported(third, tmp_path / "e.jsonl")
        assert done.displaced == 1
        assert examine(third).well


# --- what a row says ----------------------------------------------------------------------------


def test_rows_as_others_read_them(workshop, tmp_path):
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    exported(workshop.library, tmp_path / "e.jsonl")
    exported(workshop.library, tmp_path / "e.parquet")
    header, *rows = records(tmp_path / "e.jsonl")
    assert header["bowerbird_export"] == 1
    joint = workshop.library.joint
    assert header["spaces"] == {"joint": {"spec": "hash", "fingerprint": joint.fingerprint, "dimension": 32}}
    table = parquet.read_table(tmp_path / "e.parquet")
    assert json.loads(table.schema.metadata[b"bowerbird_export"]) == header
    assert str(table.schema.field("vector_joint").type) == "fixed_size_list<element: float>[32]"
    assert table.num_rows == len(rows)
    for row, other in zip(rows, table.to_pylist(), strict=True):
        same = set(row) - {"vectors", "asset", "taken_at", "path", "paths"}
        assert {name: row[name] for name in same} == {name: other[name] for name in same}
        assert (row["vectors"].get("joint") is None) == (other["vector_joint"] is None)
        if other["vector_joint"]:
            assert np.float16(row["vectors"]["joint"]).tolist() == np.float16(other["vector_joint"]).tolist()
    picture = next(row for row in rows if row["path"].endswith("copy.png"))
    assert picture["segment_kind"] == "image"
    assert [Path(path).name for path in picture["paths"]] == ["copy.png", "0.png"]
    by_asset = [row["asset_id"] for row in rows if row.get("asset")]
    assert len(by_asset) == len(set(by_asset)) == len({row["asset_id"] for row in rows})
    empty = next(row for row in rows if row["path"].endswith("empty.txt"))
    assert empty["segment_kind"] is None


def test_filters_leave_whole_assets_or_parts_of_them(workshop, tmp_path):
    library = workshop.library
    said = exported(library, tmp_path / "e.jsonl", Filters(types=(AssetKind.DOCUMENT,)))
    assert {row["kind"] for row in records(tmp_path / "e.jsonl")[1:]} == {"document"}
    assert said.assets == 3
    exported(library, tmp_path / "e.jsonl", Filters(path="trip 2021-03-0?/?.png"))
    assert sorted(Path(row["path"]).name for row in records(tmp_path / "e.jsonl")[1:]) == [
        "1.png",
        "2.png",
        "3.png",
        "copy.png",
    ]
    assert exported(library, tmp_path / "e.jsonl", Filters(path="trip", after=date(2099, 1, 1))).assets == 0
    # Where a part of a file is left out, nobody is told that all of it has been derived.
    exported(library, tmp_path / "e.jsonl", Filters(kinds=(SegmentKind.TEXT,), phrases=("paragraph 3",)))
    header, *rows = records(tmp_path / "e.jsonl")
    assert (header["whole"], len({row["asset_id"] for row in rows})) == (False, 1)
    with closing(workshop.fresh("two")) as other:
        done = imported(other, tmp_path / "e.jsonl")
        assert (done.assets, done.segments) == (1, len(rows))
        assert examine(other).well
        workshop.index(library=other)
        assert list(other.catalog.dump()) == list(library.catalog.dump())


def test_without_vectors_the_next_run_encodes(workshop, tmp_path):
    said = exported(workshop.library, tmp_path / "e.jsonl", vectors=False)
    assert said.vectors == 0
    assert all(row["vectors"] == {} for row in records(tmp_path / "e.jsonl")[1:])
    with closing(workshop.fresh("two")) as other:
        imported(other, tmp_path / "e.jsonl")
        workshop.index(library=other)
        assert workshop.encoded > 0
        assert list(other.catalog.dump()) == list(workshop.library.catalog.dump())


@given(arrays.arrays(np.float16, 8, elements=st.floats(-1, 1, width=16)))
def test_numbers_written_short_are_the_same(vector):
    assert np.asarray(json.loads(json.dumps(shortest(vector))), np.float16).tobytes() == vector.tobytes()
    assert len(json.dumps(shortest(vector))) <= len(json.dumps(vector.tolist()))


def test_an_export_is_of_one_moment(workshop, tmp_path):
    """While it is being read another thread indexes; what comes out is what was there when it began."""
    before = exported(workshop.library, tmp_path / "before.jsonl")
    for seed in range(20, 30):
        workshop.picture(f"more/{seed}.png", seed)
    begun, indexed = threading.Event(), threading.Event()

    class Waiting(io.BytesIO):
        def write(self, data) -> int:
            begun.set()
            assert indexed.wait(60)
            return super().write(data)

    out = Waiting()
    reading = threading.Thread(target=lambda: export(workshop.library, Filters(), out))
    reading.start()
    assert begun.wait(60)
    workshop.index()
    indexed.set()
    reading.join()
    assert out.getvalue() == (tmp_path / "before.jsonl").read_bytes()
    assert exported(workshop.library, tmp_path / "after.jsonl").assets == before.assets + 10


# --- what is refused ----------------------------------------------------------------------------


def spoiled(file: Path, line: int, change) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    said = json.loads(lines[line - 1])
    said = change(said) or said
    lines[line - 1] = said if isinstance(said, bytes) else json.dumps(said).encode() + b"\n"
    file.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda row: b"{not json\n", "line 3: is not JSON"),
        (lambda row: b"[" * 100_000 + b"\n", "line 3: is not JSON"),
        (lambda row: b"7\n", "line 3: "),
        (lambda row: row.update(asset_id="../x"), "line 3: asset_id"),
        (lambda row: row.update(kind="smell"), "line 3: kind"),
        (lambda row: row.update(start_s=float("nan")), "line 3: start_s"),
        (lambda row: row.update(page=1 << 40), "line 3: page"),
        (lambda row: row.update(box=[1, 2]), "line 3: box"),
        (lambda row: row.update(stage=None), "line 3: a segment has a `stage`"),
        (lambda row: row.update(stage="dreaming"), "line 3: `derivations` say nothing of the stage 'dreaming'"),
        (lambda row: row.update(ordinal=5), "line 3: of the file that begins here, segments of .* are missing"),
        (lambda row: row.pop("asset") and None, "line 3: rows of a file follow one another"),
        (lambda row: row["vectors"].update(joint=[1.0, 2.0]), "line 3: the vector in joint does not have 32 numbers"),
        (lambda row: row["vectors"].update(joint=["a"]), "line 3: the vector in joint is no list of numbers"),
        (lambda row: row["vectors"].update(joint=[0.0] * 32), "line 3: the vector in joint is not of length 1"),
        (lambda row: row["vectors"].update(joint=[float("nan")] * 32), "line 3: the vector in joint is not of length"),
        (lambda row: row["asset"]["copies"][0].update(path="../../etc/passwd"), "line 3: .*is no path below a root"),
        (lambda row: row["asset"]["copies"][0].update(path="/etc/passwd"), "line 3: .*is no path below a root"),
        (lambda row: row["asset"]["copies"][0].update(path="a\0b"), "line 3: .*is no path"),
        (lambda row: row["asset"]["copies"][0].update(root="photos"), "line 3: .*is no absolute path"),
        (lambda row: row["asset"]["copies"][0].update(root="/a/../b"), "line 3: .*is no absolute path"),
        (lambda row: row["asset"]["copies"][0].update(size=1 << 70), "line 3: .*size"),
    ],
)
def test_a_row_that_is_not_as_it_should_be(workshop, tmp_path, change, match):
    """Its number is told, and nothing of its file comes in."""
    file = tmp_path / "e.jsonl"
    exported(workshop.library, file, Filters(types=(AssetKind.IMAGE,)))
    spoiled(file, 3, change)
    with closing(workshop.fresh("two")) as other:
        with pytest.raises(UsageError, match=match) as refused:
            imported(other, file)
        assert "\n" not in str(refused.value)
        assert examine(other).well
        with other.catalog.read() as tx:
            assert sum(tx.assets.counts().values()) <= 1


def test_other_files_are_refused(workshop, tmp_path):
    with closing(workshop.fresh("two")) as other:
        for name, content, match in (
            ("a.jsonl", b"", "does not begin as an export does"),
            ("b.jsonl", b'{"text": "mine"}\n', "does not begin as an export does"),
            ("c.jsonl", b"\xff\xfe\n", "line 1: is not JSON"),
            ("d.jsonl", b'{"bowerbird_export": 1}\n', "is damaged where it begins"),
            ("e.parquet", b"PAR1 no", "is no Parquet, or damaged"),
            ("f.csv", b"a,b\n", r"neither \*.jsonl nor \*.parquet"),
        ):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(UsageError, match=match) as refused:
                imported(other, tmp_path / name)
            assert "\n" not in str(refused.value)
        (tmp_path / "g.jsonl").write_text('{"bowerbird_export": 2}\n')
        with pytest.raises(LibraryTooNew, match="newer Bowerbird"):
            imported(other, tmp_path / "g.jsonl")
        with pytest.raises(UsageError, match="cannot be read: no such file"):
            imported(other, tmp_path / "none.jsonl")


def test_a_damaged_parquet_is_refused_or_read_as_it_was(workshop, tmp_path):
    file = tmp_path / "e.parquet"
    exported(workshop.library, file)
    content = file.read_bytes()
    numbers = np.random.default_rng(0)
    for at in numbers.integers(0, len(content), 25).tolist():
        spoilt = bytearray(content)
        spoilt[at] ^= 0x5A
        file.write_bytes(spoilt)
        with suppress(UsageError, LibraryTooNew), opened(file) as source:  # and nothing else
            for _ in source.reader.rows():
                pass
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(UsageError, match="is no Parquet, or damaged"), opened(file):
        pass


def test_vectors_of_another_encoder_are_not_taken(workshop, tmp_path):
    exported(workshop.library, tmp_path / "e.jsonl")

    class Other(HashEncoder):
        def __init__(self) -> None:
            super().__init__(16)
            self.description = replace(self.description, spec="other")

    with open_library(tmp_path / "two", create=True, encoder="other", load=lambda _: Other()) as other:
        with pytest.raises(EncoderMismatch, match=r"made by hash, those of .* by other.*new library with --library"):
            imported(other, tmp_path / "e.jsonl")
        assert dumped(other) == [line for line in dumped(other) if '"space"' in line]


def test_one_at_a_time(workshop, tmp_path):
    exported(workshop.library, tmp_path / "e.jsonl")
    with closing(workshop.fresh("two")) as other:
        with held(other.catalog, "index", "indexing"), pytest.raises(LibraryBusy):
            imported(other, tmp_path / "e.jsonl")
        assert imported(other, tmp_path / "e.jsonl").assets > 0


# --- the program --------------------------------------------------------------------------------


def bowerbird(*arguments: str | Path) -> None:
    """In this process: starting the program takes most of a second."""
    assert app([str(each) for each in arguments], standalone_mode=False) in (None, 0)


def test_the_verbs(workshop, tmp_path, capfd):
    library = workshop.library.folder
    out = tmp_path / "e.jsonl"
    bowerbird("export", out, "--library", library, "--json")
    said = json.loads(capfd.readouterr().out)
    assert (said["file"], said["assets"], said["bytes"]) == (str(out), 7, out.stat().st_size)
    for call, match in (
        ((out,), "is there already; name another file, or write over it with --force"),
        ((tmp_path / "e.csv",), "neither"),
        (("-", "--json"), "leave it out"),
        (("-", "a dog"), "takes filters alone"),
        (("-", "type:image", "--limit", "3"), "takes filters alone"),
        ((tmp_path / "none" / "e.jsonl",), "cannot be written: no such file"),
    ):
        with pytest.raises(UsageError, match=match):
            bowerbird("export", *call, "--library", library)
    bowerbird("export", out, "--force", "--library", library)
    assert "exported 7 files" in capfd.readouterr().err
    with closing(workshop.fresh("two")) as other:
        bowerbird("import", out, "--library", other.folder, "--json")
        done = json.loads(capfd.readouterr().out)
        assert done == {"version": 1, "assets": 7, "segments": said["segments"], "known": 0, "displaced": 0}
        bowerbird("import", out, "--library", other.folder)
        assert "known before: 7" in capfd.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["e.jsonl"]


def test_rows_go_down_a_pipe(workshop):
    call = [Path(sys.executable).parent / "bowerbird", "export", "-", "--no-vectors", "type:document", "after:2001"]
    done = subprocess.run([*call, "--library", workshop.library.folder], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert len({json.loads(line)["asset_id"] for line in done.stdout.splitlines()[1:]}) == 3
    assert done.stderr.startswith("exported 3 files")
