from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bowerbird.media import registry
from bowerbird.media.registry import PICTURES, format_for, formats
from bowerbird.settings import DecodeSettings


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """The tables are made once in a process; a test may have made them of something else."""
    yield
    registry.formats.cache_clear()
    registry._by_suffix.cache_clear()


@pytest.mark.parametrize("name", formats())
def test_the_table_and_the_decoders_say_the_same(name: str) -> None:
    each = formats()[name]
    decoder = each.open(DecodeSettings())
    assert (decoder.name, decoder.version, decoder.kind) == (each.name, each.version, each.kind)
    assert decoder.suffixes == each.suffixes
    assert each.library


def test_no_suffix_has_two_readers() -> None:
    every = [suffix for each in formats().values() for suffix in each.suffixes]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.jpg", "pictures"),
        ("A.JPEG", "pictures"),
        ("b.Md", "outlines"),
        ("c.tar.txt", "plain_text"),
        ("d.GIF", "animations"),
        ("e.HEIC", "heif"),
        ("f.m2ts", "video"),
        ("g.tsx", "code"),
        ("h.pdf", "pdf"),
    ],
)
def test_files_are_told_by_suffix(name: str, found: str) -> None:
    assert format_for(Path("/x") / name) is formats()[found]


@pytest.mark.parametrize("name", ["a", ".jpg", "a.eps", "a.exe", "a.zip", "a.m3u8", "a.mpd", "a.jpg.part", "jpg"])
def test_other_files_have_no_reader(name: str) -> None:
    assert format_for(Path(name)) is None


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"G" + b"\0" * 187 + b"G" + b"\0" * 187 + b"G", "video"),
        (b"G" + b"\0" * 187 + b"G", "video"),
        (b"export const answer: number = 42;\n", "code"),
        (b"G" * 5 + b"lobal()" * 100, "code"),
        (b"", "code"),
    ],
)
def test_typescript_is_no_film(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "a.ts"
    path.write_bytes(content)
    assert format_for(path) is formats()[found]


def test_a_ts_that_is_not_there_is_taken_for_code() -> None:
    assert format_for(Path("/nowhere/a.ts")) is formats()["code"]


def test_a_format_of_another_package_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = replace(PICTURES, name="microscope", suffixes=frozenset({".czi", ".jpg"}), library="theirs")
    monkeypatch.setattr(sys.modules[__name__], "PLUGGED", ours, raising=False)
    plugs = [
        importlib.metadata.EntryPoint("microscope", f"{__name__}:PLUGGED", registry.ENTRY_POINTS),
        importlib.metadata.EntryPoint("broken", "no.such.module:X", registry.ENTRY_POINTS),
        importlib.metadata.EntryPoint("nonsense", f"{__name__}:pytest", registry.ENTRY_POINTS),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: plugs if group == registry.ENTRY_POINTS else [])
    registry.formats.cache_clear()
    registry._by_suffix.cache_clear()
    assert format_for(Path("a.czi")) is ours
    assert format_for(Path("a.jpg")) is PICTURES, "what was there first stays"
    assert "broken" not in formats()
    assert "nonsense" not in formats()


def test_asking_what_is_read_imports_no_picture_library() -> None:
    code = (
        "import sys, bowerbird.media.sandbox, bowerbird.media.registry as r; r.formats();"
        "print(sorted({'PIL', 'av', 'lxml', 'pypdfium2', 'rawpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
