from __future__ import annotations

import gc
import os
import socket
from pathlib import Path

import pytest

from bowerbird.errors import DecodeFailed
from bowerbird.media.regular_file import open_regular


def reason(path: Path) -> str:
    with pytest.raises(DecodeFailed) as failure:
        open_regular(path)
    return failure.value.reason


def test_a_file_and_a_link_to_one_are_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").symlink_to("a")
    for name in ("a", "b"):
        with open_regular(tmp_path / name) as file:
            assert file.read() == b"x"


def test_nothing_else_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for path in (tmp_path / "pipe", tmp_path / "socket", tmp_path, Path("/dev/zero")):
            assert reason(path) == "is not a regular file"


def test_what_is_gone_or_forbidden_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reason(tmp_path / "gone") == "is no longer there"
    (tmp_path / "loop").symlink_to("loop")
    assert reason(tmp_path / "loop").startswith("cannot be opened: too many levels of symbolic links")
    (tmp_path / "a").write_bytes(b"x")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # permissions themselves do not hold a superuser
    assert reason(tmp_path / "a") == "permission denied"


def test_a_file_swapped_for_a_pipe_in_between_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    as_file = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda self: as_file)
    gc.collect()  # or what earlier tests left may go in between
    before = len(list(Path("/dev/fd").iterdir()))
    assert reason(path) == "is not a regular file"
    assert len(list(Path("/dev/fd").iterdir())) == before
