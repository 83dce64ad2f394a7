"""What is found on disk: links, loops, odd names, folders that cannot be read."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bowerbird.types import Root
from indexer import scan as module
from indexer.scan import ScannedFile, Target, Unreadable, scan


def make(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def root_at(path: Path) -> Root:
    return Root(1, str(path), path.stat().st_dev, datetime.now(UTC))


def found(path: Path, folder: str = "", **options) -> tuple[list[str], dict[str, str]]:
    """Paths of files, and reasons of what could not be looked at by its path."""
    options = {"reads": lambda file: file.suffix == ".txt", "hidden": False, **options}
    entries = list(scan(Target(root_at(path), folder), **options))
    files = [each.path for each in entries if isinstance(each, ScannedFile)]
    return files, {each.path: each.reason for each in entries if isinstance(each, Unreadable)}


def test_files_come_in_a_fixed_order_with_their_stat(tmp_path):
    for name in ("b/z.txt", "b/a.txt", "a.txt", "c.txt", "a/a.txt", "c.jpg"):
        make(tmp_path / name)
    assert found(tmp_path) == (["a.txt", "c.txt", "a/a.txt", "b/a.txt", "b/z.txt"], {})
    file = next(scan(Target(root_at(tmp_path)), reads=lambda _: True, hidden=False))
    stat = file.absolute.stat()
    assert (file.stat.size, file.stat.mtime_ns, file.stat.inode) == (1, stat.st_mtime_ns, stat.st_ino)


def test_a_part_of_a_root(tmp_path):
    for name in ("a.txt", "in/b.txt", "in/deep/c.txt", "out/d.txt"):
        make(tmp_path / name)
    assert found(tmp_path, "in") == (["in/b.txt", "in/deep/c.txt"], {})
    assert found(tmp_path, "in/b.txt") == (["in/b.txt"], {})


def test_rules_of_the_folders_above_hold_for_a_part(tmp_path):
    for name in ("in/a.txt", "in/b.txt", "in/deep/b.txt"):
        make(tmp_path / name)
    make(tmp_path / ".bowerbirdignore", b"b.txt")
    make(tmp_path / "in" / ".bowerbirdignore", b"/deep/*\n!/deep/b.txt")
    assert found(tmp_path, "in") == (["in/a.txt", "in/deep/b.txt"], {})


def test_loops_of_links_end(tmp_path):
    make(tmp_path / "folder" / "a.txt")
    (tmp_path / "folder" / "up").symlink_to("..")
    (tmp_path / "folder" / "here").symlink_to(".")
    (tmp_path / "again").symlink_to("folder")
    (tmp_path / "x.txt").symlink_to("y.txt")
    (tmp_path / "y.txt").symlink_to("x.txt")
    (tmp_path / "self.txt").symlink_to("self.txt")
    files, unreadable = found(tmp_path)
    assert files == ["again/a.txt"]  # once, whatever its names
    assert set(unreadable) == {"x.txt", "y.txt", "self.txt"}
    assert set(unreadable.values()) == {"is a link that leads in a circle; remove or mend it"}


def test_links_are_followed_and_broken_ones_told(tmp_path):
    make(tmp_path / "elsewhere" / "deep" / "b.txt")
    real = make(tmp_path / "elsewhere" / "a.txt")
    root = tmp_path / "root"
    root.mkdir()
    (root / "file.txt").symlink_to(real)
    (root / "folder").symlink_to(tmp_path / "elsewhere" / "deep")
    (root / "broken.txt").symlink_to("nothing.txt")
    (root / "broken.jpg").symlink_to("nothing.jpg")  # no decoder would take it
    (root / "gone").symlink_to("nowhere")
    files, unreadable = found(root)
    assert files == ["file.txt", "folder/b.txt"]
    assert list(unreadable) == ["broken.txt"]
    assert "remove or mend it" in unreadable["broken.txt"]


def test_what_is_no_regular_file_is_passed_by(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.txt")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.txt")
        (tmp_path / "folder.txt").mkdir()
        (tmp_path / "null.txt").symlink_to("/dev/null")
        assert found(tmp_path) == ([], {})
    files, unreadable = found(tmp_path, "pipe.txt")
    assert (files, "no regular file" in unreadable["pipe.txt"]) == ([], True)


def test_a_folder_that_cannot_be_read_is_told_and_the_rest_is_found(tmp_path, monkeypatch):
    for name in ("a.txt", "secret/b.txt", "shut/c.txt", "z.txt"):
        make(tmp_path / name)
    real = os.scandir

    def denied(path):
        if Path(path).name == "secret":
            raise PermissionError(13, "Permission denied")
        if Path(path).name == "shut":
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(module.os, "scandir", denied)
    files, unreadable = found(tmp_path)
    assert files == ["a.txt", "z.txt"]
    assert unreadable == {
        "secret": "permission denied; make it readable, or name it in .bowerbirdignore",
        "shut": "Input/output error; look at the drive it lies on",
    }


def test_names_that_are_not_utf_8_and_other_odd_ones(tmp_path):
    names = [
        b"\xff\xfe.txt",
        b"caf\xe9.txt",
        b"new\nline.txt",
        b"back\\slash.txt",
        b" .txt",
        b"-rf.txt",
        "雪.txt".encode(),
    ]
    for name in names:
        make(tmp_path / os.fsdecode(name))
    files, unreadable = found(tmp_path)
    assert sorted(map(os.fsencode, files)) == sorted(names)
    assert unreadable == {}


def test_roots_within_and_libraries_are_passed_by(tmp_path):
    for name in ("a.txt", "inner/b.txt", "inner/deep/c.txt", "library/d.txt", "single.txt"):
        make(tmp_path / name)
    options = {
        "skip": lambda folder: folder.name == "library",
        "apart": {tmp_path, tmp_path / "inner", tmp_path / "single.txt"},
    }
    assert found(tmp_path, **options) == (["a.txt"], {})
    assert found(tmp_path / "inner", **options) == (["b.txt", "deep/c.txt"], {})
    assert found(tmp_path / "single.txt", **options) == ([""], {})


@pytest.mark.parametrize(
    ("folder", "reason"),
    [("missing", "is gone, or a link"), ("picture.jpg", "*.jpg are not read"), ("noname", "*noname are not read")],
)
def test_what_was_asked_for_by_name_is_never_passed_over_in_silence(tmp_path, folder, reason):
    make(tmp_path / "picture.jpg")
    make(tmp_path / "noname")
    files, unreadable = found(tmp_path, folder)
    assert files == []
    assert reason in unreadable[folder]


def test_a_very_deep_tree(tmp_path):
    folder = tmp_path
    for _ in range(150):
        folder = folder / "down"
    make(folder / "a.txt")
    files, unreadable = found(tmp_path)
    assert (len(files), unreadable) == (1, {})
