"""A library that was indexed, backed up and restored: it is well, finds the same, and has nothing left to index."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from api.cli.main import app
from bowerbird.errors import UsageError
from bowerbird.store.backup import backup
from bowerbird.store.restore import restore
from bowerbird.wiring import Library, open_library
from indexer import Progress
from indexer.doctor import examine
from search.service import Search
from tests.fakes import HashEncoder
from tests.indexer.conftest import pool, template  # noqa: F401 (fixtures)
from tests.indexer.workshop import Workshop, everything_on
from tests.store.conftest import postgres, postgres_url  # noqa: F401 (fixtures)


@pytest.fixture
def workshop(tmp_path, template, pool) -> Iterator[Workshop]:  # noqa: F811
    workshop = Workshop(tmp_path / "one", template, pool)
    everything_on(workshop.library, thumbnail_px=64)
    for seed in range(4):
        workshop.picture(f"trip/{seed}.png", seed)
    workshop.text("notes/long.txt", "\n\n".join(f"Paragraph {n} of Würste. " * 40 for n in range(9)))
    workshop.broken("broken.jpg")
    workshop.index()
    yield workshop
    workshop.library.close()


def opened(folder: Path) -> Library:
    library = open_library(folder, load=lambda _: HashEncoder())
    everything_on(library, thumbnail_px=64)
    return library


def hits(library: Library) -> list[object]:
    """What is found by words, by meaning, by likeness and by filters."""
    search = Search(library)
    asked = [search.search("wurste"), search.search("trip"), search.search(like=1), search.search("type:image")]
    return [[(hit.asset_id, hit.path, hit.segment_id, round(hit.relevance, 6)) for hit in one.hits] for one in asked]


def bowerbird(*arguments: str | Path) -> None:
    """In this process: starting the program takes most of a second."""
    assert app([str(each) for each in arguments], standalone_mode=False) in (None, 0)


def test_the_verbs(workshop, tmp_path, capfd):
    library, file, again = workshop.library.folder, tmp_path / "library.bowerbird", tmp_path / "again"
    bowerbird("backup", file, "--library", library, "--json")
    said = json.loads(capfd.readouterr().out)
    assert (said["file"], said["bytes"]) == (str(file), file.stat().st_size)
    assert said["counts"] == {"assets": 5, "segments": 4 + 9, "files": 5, "thumbnails": 4} | {
        "segments": said["counts"]["segments"]
    }
    assert [space["spec"] for space in said["encoders"]] == ["hash"]
    with pytest.raises(UsageError, match="is there already"):
        bowerbird("backup", file, "--library", library)
    bowerbird("backup", file, "--force", "--library", library)
    assert "5 assets" in capfd.readouterr().err
    with pytest.raises(UsageError, match="there is a library"):
        bowerbird("restore", file, "--library", library)
    bowerbird("restore", file, "--library", again, "--json")
    made = json.loads(capfd.readouterr().out)
    assert made["library"] == str(again)
    assert made["counts"] == said["counts"]
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
    with closing(opened(again)) as restored:
        assert hits(restored) == hits(workshop.library)
        assert any(hits(restored))
        found = examine(restored)
        assert (found.faults, found.repaired, found.stale) == ([], [], [])
        assert found.files == 5
        for number in range(4):
            digest = workshop.found()[str(workshop.media / f"trip/{number}.png")]
            assert list((again / "thumbs").rglob(f"{digest}*.webp")), "its thumbnail is there"
        report = workshop.index(library=restored)
        assert (report.indexed, report.moved, report.removed, report.reused) == (0, 0, 0, 5)
        assert (workshop.encoded, workshop.decoded) == (0, [])
        assert list(restored.catalog.dump()) == list(workshop.library.catalog.dump())


def test_from_one_database_into_the_other_and_back(workshop, tmp_path, postgres_url, capfd):  # noqa: F811
    bowerbird("backup", tmp_path / "a", "--library", workshop.library.folder)
    folder = tmp_path / "pg"
    folder.mkdir()
    url = postgres_url.render_as_string(hide_password=False)
    toml = (workshop.library.folder / "library.toml").read_text()
    (folder / "library.toml").write_text(f'database = "{url}"\n{toml}')
    bowerbird("restore", tmp_path / "a", "--library", folder)
    assert not (folder / "catalog.db").exists()
    bowerbird("backup", tmp_path / "b", "--library", folder)
    bowerbird("restore", tmp_path / "b", "--library", tmp_path / "again")
    assert url not in (tmp_path / "again" / "library.toml").read_text()
    for restored in (folder, tmp_path / "again"):
        with closing(opened(restored)) as library:
            assert hits(library) == hits(workshop.library)
            assert examine(library).well
            assert workshop.index(library=library).reused == 5
            assert (workshop.encoded, workshop.decoded) == (0, [])


def test_backups_while_the_indexer_writes(workshop, tmp_path):
    """Each of them is a library that is whole, and that an index run brings to where the first has come."""
    workshop.library.settings.index.commit_every_s = 0
    for seed in range(10, 60):
        workshop.picture(f"more/{seed}.png", seed)
    midway, copied = threading.Event(), threading.Event()

    def told(progress: Progress) -> None:
        if progress.done >= 20:
            midway.set()
            assert copied.wait(60), "no backup was made"

    indexing = threading.Thread(target=workshop.index, kwargs={"on_progress": told})
    indexing.start()
    assert midway.wait(60)
    counts = []
    while indexing.is_alive() or not counts:
        file = tmp_path / f"{len(counts)}"
        folder = workshop.library.folder
        with closing(open_library(folder, load=lambda _: HashEncoder())) as library:
            counts.append(backup(library.catalog, folder, file, made_by="1").counts)
        copied.set()
    indexing.join()
    assert 5 < counts[0]["assets"] < 55
    whole = list(workshop.library.catalog.dump())
    for number in {len(counts) // 2, len(counts) - 1}:
        restore(tmp_path / f"{number}", tmp_path / f"again{number}")
        with closing(opened(tmp_path / f"again{number}")) as library:
            found = examine(library)
            assert (found.faults, found.repaired, found.stale) == ([], [], [])
            thumbnails = {path.name[:64] for path in library.folder.rglob("*.webp")}
            lines = [json.loads(line) for line in library.catalog.dump()]
            pictures = {line["hash"] for line in lines if line["table"] == "asset" and line["kind"] == "image"}
            assert thumbnails == pictures
            workshop.index(library=library)
            assert list(library.catalog.dump()) == whole


def test_a_damaged_backup_is_said_in_one_line(workshop, tmp_path):
    file = tmp_path / "b"
    backup(workshop.library.catalog, workshop.library.folder, file, made_by="1")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    call = [Path(sys.executable).parent / "bowerbird", "restore", file, "--library", tmp_path / "again"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"bowerbird: the backup {file} is damaged (its sha256 differs); use another copy of it\n"
    assert not (tmp_path / "again").exists()
