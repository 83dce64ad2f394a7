from __future__ import annotations

import errno
from pathlib import Path

import pytest

from bowerbird.errors import StorageFull
from bowerbird.store.thumbnails import Thumbnails

ONE, TWO = "ab" + "1" * 62, "ab" + "2" * 62


def test_what_is_put_is_there_under_its_asset_and_ordinal(tmp_path: Path) -> None:
    thumbs = Thumbnails(tmp_path / "thumbs")
    assert not thumbs.path(ONE).exists()
    thumbs.put(ONE, 0, b"first")
    thumbs.put(ONE, 12, b"thirteenth")
    thumbs.put(ONE, 0, b"again")
    assert thumbs.path(ONE).read_bytes() == b"again"
    assert thumbs.path(ONE, 12).read_bytes() == b"thirteenth"
    assert sorted(path.name for path in (tmp_path / "thumbs" / "ab").iterdir()) == [f"{ONE}-0.webp", f"{ONE}-12.webp"]


def test_forgetting_takes_all_of_an_asset_and_nothing_of_another(tmp_path: Path) -> None:
    thumbs = Thumbnails(tmp_path)
    for ordinal in range(3):
        thumbs.put(ONE, ordinal, b"x")
        thumbs.put(TWO, ordinal, b"x")
    thumbs.forget([ONE, "cd" + "0" * 62])
    assert {path.name.partition("-")[0] for path in (tmp_path / "ab").iterdir()} == {TWO}


def test_what_a_killed_process_left_goes_too(tmp_path: Path) -> None:
    thumbs = Thumbnails(tmp_path)
    thumbs.put(ONE, 0, b"x")
    (tmp_path / "ab" / f".{ONE}-1.webp.4711").write_bytes(b"half")
    thumbs.forget([ONE])
    assert list((tmp_path / "ab").iterdir()) == []


def test_a_full_disk_is_said_in_a_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thumbs = Thumbnails(tmp_path)

    def full(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageFull, match="free some"):
        thumbs.put(ONE, 0, b"x")
    assert list((tmp_path / "ab").iterdir()) == []
