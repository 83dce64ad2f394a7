from __future__ import annotations

from pathlib import Path

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
