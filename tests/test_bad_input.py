"""Whatever is wrong with the input: one clear line with the remedy, the rest of the work done, nothing lost.

The command line is the real one, with a fake encoder behind it; files, decoders and libraries are real.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image

from api.cli import main
from bowerbird import wiring
from bowerbird.wiring import open_library
from tests.fakes import HashEncoder
from tests.media.make import photo

ROOT = Path(__file__).parents[1]


def load(spec: str) -> HashEncoder:
    return HashEncoder(name=spec)


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        assert self.out.count("\n") == 1
        value = json.loads(self.out)
        assert value["version"] == 1
        return value  # type: ignore[no-any-return]

    @property
    def line(self) -> str:
        """The one line that was said."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


Cli = Callable[..., Done]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    """Runs `bowerbird` with these arguments in a library of the test's own."""
    monkeypatch.setattr(wiring, "_loader", lambda settings: load)
    monkeypatch.setenv("BOWERBIRD_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("BOWERBIRD_DECODE__WORKERS", "1")
    monkeypatch.setenv("BOWERBIRD_INDEX__REGIONS", "0")

    def call(*arguments: str | Path) -> Done:
        said = [*map(str, arguments)]
        if said[0] == "index" and "--encoder" not in said and not (tmp_path / "library").exists():
            said += ["--encoder", "hash"]
        monkeypatch.setattr(sys, "argv", ["bowerbird", *said])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        assert "a fault of ours" not in err
        return Done(int(ended.value.code or 0), out, err)

    return call


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Two good files, beside which bad ones are laid."""
    folder = tmp_path / "media"
    folder.mkdir()
    photo(24, 16, 1).save(folder / "good.png")
    (folder / "good.txt").write_text("The tide was out.")
    return folder


def costs_that_file_alone(cli: Cli, media: Path, name: str, stage: str, *words: str) -> None:
    """Indexing lists ``name`` with a reason in these words, and does the rest; again and again."""
    good = len([path for path in media.rglob("good*") if path.is_file()])
    first = cli("index", media, "--json")
    assert first.code == 1
    assert first.err == ""
    report = first.json
    assert report["seen"] == good + 1
    assert report["indexed"] + report["reused"] == good
    (failed,) = report["failed"]
    assert (failed["path"], failed["stage"]) == (str(media / name), stage)
    for word in words:
        assert word in failed["reason"]
    assert "\n" not in failed["reason"]
    second = cli("index", media)
    assert second.code == 1
    summary, told = second.err.splitlines()
    assert "1 failed" in summary
    assert failed["reason"] in told
    assert cli("search", "The tide was out.", "--json").json["hits"][0]["path"] == str(media / "good.txt")


# --- paths ---------------------------------------------------------------------------------------


def test_a_missing_path(cli, media):
    done = cli("index", media / "missing")
    assert done.code == 2
    assert str(media / "missing") in done.line
    assert "check the spelling" in done.line
    assert done.out == ""
    beside = cli("index", media / "missing", media, "--json")
    assert beside.code == 1
    assert beside.json["indexed"] == 2
    assert [(each["path"], each["stage"]) for each in beside.json["failed"]] == [(str(media / "missing"), "scan")]


def test_a_file_of_a_kind_that_is_not_read_and_was_asked_for_by_name(cli, media):
    (media / "song.xyz").write_bytes(b"la la")
    assert cli("index", media, "--json").json["failed"] == []
    done = cli("index", media / "song.xyz", media / "good.txt", "--json")
    assert done.code == 1
    assert "*.xyz" in done.json["failed"][0]["reason"]


def test_a_name_that_is_not_utf_8(cli, media):
    names = [b"good caf\xe9.png", b"good \xff\xfe\n.txt"]
    photo(24, 16, 2).save(media / os.fsdecode(names[0]))
    (media / os.fsdecode(names[1])).write_text("A note of another encoding.")
    (media / os.fsdecode(b"bad \xe9.png")).write_bytes(b"")
    done = cli("index", media, "--json")
    assert (done.code, done.json["indexed"]) == (1, 4)
    assert os.fsencode(done.json["failed"][0]["path"]) == os.fsencode(media) + b"/bad \xe9.png"
    assert r"bad \xe9.png" in cli("index", media).err
    hit = cli("search", "A note of another encoding.", "--json").json["hits"][0]
    assert os.fsencode(hit["path"]) == os.fsencode(media) + b"/" + names[1]
    assert r"good \xff\xfe\n.txt" in cli("search", "A note of another encoding.").out
    like = cli("search", "--like", os.fsdecode(os.fsencode(media) + b"/" + names[0]), "--json")
    assert (like.code, len(like.json["hits"])) == (0, 3)
    assert cli("index", os.fsdecode(os.fsencode(media) + b"/" + names[0]), "--json").json["reused"] == 1
    assert cli("forget", os.fsdecode(os.fsencode(media) + b"/" + names[0]), "--json").json["files"] == 1
    assert cli("doctor").code == 0


def test_loops_of_links(cli, media):
    (media / "up").symlink_to("..")
    (media / "self").symlink_to(".")
    (media / "loop.png").symlink_to("loop2.png")
    (media / "loop2.png").symlink_to("loop.png")
    done = cli("index", media, "--json")
    assert done.code == 1
    assert done.json["indexed"] == 2
    assert [Path(each["path"]).name for each in done.json["failed"]] == ["loop.png", "loop2.png"]
    assert {each["reason"] for each in done.json["failed"]} == {"is a link that leads in a circle; remove or mend it"}
    assert cli("index", media / "loop.png").code == 2


# --- files ---------------------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    """The beginning of a picture of this size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))


def truncated(suffix: str) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        photo(200, 200, 3).save(path)
        os.truncate(path, path.stat().st_size // 2)

    return make


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("bad.png", lambda path: path.write_bytes(b""), ["is empty"]),
        ("bad.jpg", lambda path: path.write_bytes(b""), ["is empty"]),
        ("bad.png", truncated(".png"), ["cut short"]),
        ("bad.jpg", truncated(".jpg"), ["cut short"]),
        ("bad.jpg", lambda path: path.write_bytes(random.Random(0).randbytes(5000)), ["is not a picture"]),
        ("bad.txt", lambda path: path.write_bytes(bytes(range(256)) * 20), ["is not text"]),
        ("bad.png", lambda path: path.write_bytes(png(30_000, 30_000)), ["900 megapixels", "raise decode."]),
        ("bad.txt", lambda path: (path.touch(), os.truncate(path, 1 << 30)), ["1024.0 MB", "raise decode.max_text_mb"]),
    ],
    ids=["empty png", "empty jpg", "cut png", "cut jpg", "noise", "no text", "30,000 x 30,000", "1 GB of text"],
)  # fmt: skip
def test_a_file_that_cannot_be_decoded(cli, media, name, make, words):
    make(media / name)
    costs_that_file_alone(cli, media, name, "decode", *words)


def test_an_empty_note_is_no_fault(cli, media):
    (media / "empty.txt").touch()
    assert cli("index", media).code == 0


def test_the_remedy_helps(cli, media, tmp_path):
    """What the message says to do is all that has to be done."""
    (media / "long.txt").write_text("A line of some length.\n" * 100_000)
    cli("index", media / "good.txt")
    toml = tmp_path / "library" / "library.toml"
    toml.write_text("[decode]\nmax_text_mb = 1")
    done = cli("index", media)
    assert done.code == 1
    assert "raise decode.max_text_mb in library.toml" in done.err
    toml.write_text("[decode]\nmax_text_mb = 10")
    assert cli("index", media).code == 0


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[Cli]:
    """The command line in a process for which permissions count, even where root runs the tests."""
    script = (
        "import bowerbird.wiring as wiring; from tests.test_bad_input import load; "
        "wiring._loader = lambda settings: load; from api.cli import main; main()"
    )

    def drop() -> None:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP

    def call(*arguments: str | Path) -> Done:
        done = subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "BOWERBIRD_LIBRARY": str(tmp_path / "library"), "BOWERBIRD_DECODE__WORKERS": "1"},
            capture_output=True,
            text=True,
            preexec_fn=drop if os.geteuid() == 0 else None,
        )
        assert "Traceback" not in done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    if sys.platform != "linux" and os.geteuid() == 0:
        pytest.skip("root reads everything")
    yield call
    for path in [tmp_path, *tmp_path.rglob("*")]:
        if path.is_dir() or path.suffix == ".png":
            path.chmod(0o700)


def test_files_and_folders_that_may_not_be_read(unprivileged, media, tmp_path):
    (media / "shut").mkdir()
    photo(24, 16, 5).save(media / "shut" / "inside.png")
    photo(24, 16, 6).save(media / "shut.png")
    assert unprivileged("index", media, "--encoder", "hash", "--json").json["indexed"] == 4
    photo(24, 16, 7).save(media / "new.png")
    (media / "new.png").chmod(0)
    (media / "shut.png").chmod(0)  # known already, and unchanged
    (media / "shut").chmod(0)
    done = unprivileged("index", media, "--json")
    assert done.code == 1
    assert done.json["reused"] == 3
    assert done.json["removed"] == 0
    assert {Path(each["path"]).name: (each["stage"], each["reason"]) for each in done.json["failed"]} == {
        "new.png": ("read", "permission denied; make it readable"),
        "shut": ("scan", "permission denied; make it readable, or name it in .bowerbirdignore"),
    }
    for path in (media / "new.png", media / "shut.png", media / "shut"):
        path.chmod(0o700)
    again = unprivileged("index", media, "--json")
    assert (again.code, again.json["indexed"], again.json["reused"]) == (0, 1, 4)


def test_a_library_that_may_not_be_written_to(unprivileged, media, tmp_path):
    (tmp_path / "shut").mkdir(mode=0o500)
    done = unprivileged("index", media, "--encoder", "hash", "--library", tmp_path / "shut" / "library")
    assert done.code == 3
    assert "choose another --library" in done.line


# --- the world outside ---------------------------------------------------------------------------


def dump(folder: Path) -> list[str]:
    with open_library(folder, load=load) as library:
        return list(library.catalog.dump())


@pytest.fixture(params=["a small volume", "a limit of pages"])
def full_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """A disk on which the library has little room; called, it makes more."""
    library = tmp_path / "library"
    if request.param == "a small volume":
        library.mkdir()
        if subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", library], capture_output=True
        ).returncode:
            pytest.skip("file systems can only be mounted by root")
        try:
            yield lambda: subprocess.run(["mount", "-o", "remount,size=30m", library], check=True) and None
        finally:
            subprocess.run(["umount", library], check=True)
        return
    pages = 120

    def limit(sql: Any, *_: object) -> None:
        sql.execute(f"PRAGMA max_page_count={pages}")

    def more() -> None:
        nonlocal pages
        pages = 1 << 20

    sa.event.listen(sa.pool.Pool, "checkout", limit)
    yield more
    sa.event.remove(sa.pool.Pool, "checkout", limit)


def test_a_full_disk(cli, media, tmp_path, full_disk, monkeypatch):
    monkeypatch.setenv("BOWERBIRD_INDEX__COMMIT_EVERY_S", "0")
    assert cli("index", media, "--encoder", "hash").code == 0
    before = dump(tmp_path / "library")
    for number in range(120):
        (media / f"good {number}.txt").write_text(f"Note {number}, with many words in it. " * 100)
    done = cli("index", media, "--json")
    assert done.code == 3
    assert done.out == ""
    assert "no space left" in done.line
    assert "free some and run the same command again" in done.line
    assert set(before) <= set(dump(tmp_path / "library"))
    assert cli("search", "The tide was out.", "--json").json["hits"][0]["path"] == str(media / "good.txt")

    full_disk()
    again = cli("index", media, "--json")
    assert again.code == 0
    assert again.json["indexed"] + again.json["reused"] == 122
    assert cli("index", media, "--library", tmp_path / "quiet", "--encoder", "hash").code == 0
    assert dump(tmp_path / "library") == dump(tmp_path / "quiet")
    assert cli("doctor").code == 0


def test_an_unplugged_drive(cli, media, tmp_path):
    drive = tmp_path / "drive"
    shutil.copytree(media, drive)
    photo(24, 16, 9).save(drive / "only there.png")
    cli("index", media, drive)
    shutil.rmtree(drive)
    drive.mkdir()  # where it was mounted; and as it was a volume of its own, the catalogue knew another device
    with open_library(tmp_path / "library", load=load) as library, library.catalog.write() as tx:
        tx.roots.add(str(drive), drive.stat().st_dev + 1)
    done = cli("index", drive)
    assert done.code == 2
    assert done.line == (
        f"bowerbird: {drive}: is offline: plug its drive in and index again, or remove it with `bowerbird forget`"
    )
    beside = cli("index", drive, media, "--json")
    assert (beside.code, beside.json["reused"], beside.json["removed"]) == (1, 2, 0)
    assert [each["path"] for each in beside.json["failed"]] == [str(drive)]
    roots = {root["path"]: root for root in cli("roots", "--json").json["roots"]}
    assert roots[str(drive)] == {"path": str(drive), "files": 3, "online": False}
    assert "offline" in cli("roots").out
    hits = cli("search", "x", "--json").json["hits"]
    assert str(drive / "only there.png") in {hit["path"] for hit in hits}
    assert cli("doctor").code == 0


# --- the library ---------------------------------------------------------------------------------


@pytest.fixture
def indexed(cli: Cli, media: Path, tmp_path: Path) -> Path:
    assert cli("index", media).code == 0
    return tmp_path / "library"


def test_no_library(cli, media):
    for verb in (["search", "x"], ["status"], ["roots"], ["doctor"], ["forget", media]):
        done = cli(*verb)
        assert done.code == 3
        assert "make one with `bowerbird index FOLDER`" in done.line
        assert done.out == ""


def test_another_encoder(cli, media, indexed):
    done = cli("index", media, "--encoder", "other")
    assert done.code == 3
    assert "leave out --encoder" in done.line
    assert cli("index", media, "--encoder", "hash").code == 0


def test_another_version_of_the_encoder(cli, media, indexed, monkeypatch):
    monkeypatch.setattr(wiring, "_loader", lambda settings: lambda spec: HashEncoder(name=spec, size=20))
    for call in (["index", media], ["search", "x"]):
        done = cli(*call)
        assert done.code == 3
        assert "another version" in done.line
    assert cli("status").code == 0


def test_a_folder_that_holds_something_else(cli, media):
    before = sorted(media.iterdir())
    done = cli("index", media, "--library", media, "--encoder", "hash")
    assert done.code == 2
    assert "name an empty or new folder with --library" in done.line
    assert sorted(media.iterdir()) == before


def test_a_newer_schema(cli, media, indexed):
    with open_library(indexed, load=load) as library, library.catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for call in (["index", media], ["search", "x"], ["status"], ["doctor"]):
        done = cli(*call)
        assert done.code == 3
        assert "pip install -U bowerbird" in done.line


def test_a_damaged_catalogue(cli, media, indexed):
    (indexed / "catalog.db").write_bytes(b"no database at all" * 1000)
    for suffix in ("-wal", "-shm"):
        (indexed / f"catalog.db{suffix}").unlink(missing_ok=True)
    for call in (["index", media], ["search", "x"]):
        done = cli(*call)
        assert done.code == 3
        assert "restore it from a backup" in done.line


@pytest.mark.parametrize("how", ["torn", "altered", "gone"])
def test_a_damaged_view(cli, media, indexed, how):
    with open_library(indexed, load=load) as library:
        library.save_views(force=True)
    files = list((indexed / "views").rglob("*.faiss"))
    assert len(files) == 2
    for file in files:
        if how == "gone":
            file.unlink()
            continue
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0xFF
        file.write_bytes(content[: len(content) // 2] if how == "torn" else content)
    found = cli("search", "The tide was out.", "--json")
    assert found.code == 0
    assert found.json["hits"][0]["path"] == str(media / "good.txt")
    assert all("rebuilt from SQL" in line for line in found.err.splitlines())
    mended = cli("doctor", "--json")
    assert (mended.code, len(mended.json["repaired"]), mended.json["faults"]) == (0, 2, [])
    well = cli("doctor", "--json")
    assert (well.code, well.json["repaired"]) == (0, [])


def test_a_library_of_a_user_whom_nobody_knows(cli):
    done = cli("search", "x", "--library", "~no such user/library")
    assert done.code == 3
    assert "~no such user/library; make one with" in done.line


def test_settings_that_do_not_fit(cli, media, indexed):
    (indexed / "library.toml").write_text("[decode]\ntimeout_s = 'soon'")
    done = cli("index", media)
    assert done.code == 3
    assert "'decode.timeout_s'" in done.line
    assert "library.toml" in done.line


def test_a_setting_that_names_no_format(cli, indexed, tmp_path):
    (tmp_path / "library" / "library.toml").write_text("[media]\nvideos = false\n")
    done = cli("status")
    assert done.code == 3
    assert "'media.videos'" in done.line
    assert "video" in done.line.partition("Formats:")[2]


@pytest.mark.parametrize("spec", ["whisper", "whisper:nonsense", "dragon:base"])
def test_a_setting_that_names_no_transcriber(cli, media, monkeypatch, spec):
    monkeypatch.setenv("BOWERBIRD_INDEX__TRANSCRIBER", spec)
    done = cli("index", media)
    assert done.code in {2, 3}
    assert spec.rpartition(":")[2] in done.line


# --- the call ------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [[], [""], ["  \n "], ["--not", "a dog"]])
def test_an_empty_query(cli, indexed, call):
    done = cli("search", *call, "--json")
    assert done.code == 2
    assert "TEXT, --image FILE" in done.line
    assert done.out == ""


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (["serch", "x"], "search"),
        (["search", "x", "--limt", "3"], "--limit"),
        (["search", "x", "--kind", "picture"], "image"),
        (["search", "x", "--limit", "0"], "1 to 1,000"),
        (["search", "x", "--limit", "many"], "valid integer"),
        (["search", "x", "--min-relevance", "7"], "between 0 and 1"),
        (["search", "x", "--limit", "10000000"], "1 to 1,000"),
        (["search", "x" * 100_000], "shorten it"),
        (["search", "x", "--and", "y" * 100_000], "shorten it"),
        (["search", "--", "-people", "-dogs"], "finds nothing alone"),
        (["search", "--unlike", "1"], "finds nothing alone"),
        (["search", "beach colour:red"], "column 7"),
        (["search", "beach type:vidoe"], "Did you mean video"),
        (["search", "after:gestern"], "column 7"),
        (["search", "type:video", "--type", "image"], "given twice"),
        (["search", "x", "--crop", "0,0,1,1"], "--image FILE"),
        (["search", "x", "--cursor", "abc"], "damaged"),
        (["search", "x", "--rerank", "magic"], "magic"),
        (["search", "--like", "123456789"], "segment id 123456789"),
        (["search", "--like", "9" * 300], "in this library"),
        (["search", "--like", "9" * 5000], "in this library"),
        (["search", "x", "--path", ""], "says nothing"),
        (["search", "--like", "9" * 19], "segment id 9999999999999999999: search again"),
        (["search", "x", "--unlike", "9" * 19], "segment id 9999999999999999999: search again"),
        (["search", "--image", "nowhere.png"], "nowhere.png"),
        (["search", "--like", "nowhere.png"], "nowhere.png"),
        (["search", "--image", "~no such user/x.png"], "~no such user/x.png: no such file"),
        (["search", "--like", "~no such user/x.png"], "'~no such user/x.png' is not in this library"),
        (["label", "cat", "~no such user/x.png"], "~no such user/x.png: no such file"),
        (["forget", "nowhere"], "bowerbird roots"),
        (["forget", "0" * 64], "no asset"),
        (["index"], "PATH"),
        (["index", ".", "--regions", "5"], "0, 4 or 9"),
        (["search", "--after", "soon"], "2019-07"),
        (["search", "--type", "film"], "video"),
    ],
)
def test_a_call_that_is_wrong(cli, indexed, call, words):
    done = cli(*call)
    assert done.code == 2
    assert words in done.line
    assert done.out == ""


@pytest.mark.parametrize("crop", ["0.5,0.5,1,1", "-1,0,1,1", "0,0,0,0", "10,10,100,100", "nan,0,1,1", "left", "1,2"])
def test_a_crop_outside_the_picture(cli, indexed, media, crop):
    picture = next(media.rglob("*.png"))
    done = cli("search", "--image", picture, f"--crop={crop}")
    assert done.code == 2
    assert "as fractions" in done.line
    assert done.out == ""


def test_a_cursor_from_another_query(cli, indexed):
    page = cli("search", "a picture", "--limit", "1", "--min-relevance", "0", "--json")
    assert page.code == 0
    again = cli("search", "a thing", "--cursor", page.json["next_cursor"], "--min-relevance", "0")
    assert again.code == 2
    assert "another query" in again.line


def test_a_query_picture_that_is_none(cli, indexed, media, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("no picture")
    Image.new("1", (30_000, 30_000)).save(tmp_path / "huge.png")  # 900 megapixels in 110 kB
    (tmp_path / "cut.png").write_bytes((media / "good.png").read_bytes()[:-60])
    for path in (tmp_path / "bad.png", tmp_path / "text.png", tmp_path / "huge.png", tmp_path / "cut.png", media):
        done = cli("search", "--image", path)
        assert done.code == 2
        assert done.out == ""
        assert "picture" in done.line
