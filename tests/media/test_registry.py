from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bowerbird.media.registry import FORMATS, decoder_for, format_for, formats, stage_of
from bowerbird.types import PictureSpec


def test_the_table_and_the_decoders_say_the_same() -> None:
    for each in formats():
        for suffix in each.suffixes:
            decoder = decoder_for(Path(f"a{suffix}"))
            assert decoder is not None
            assert (decoder.name, decoder.version, decoder.kind) == (each.name, each.version, each.kind)
            assert decoder.suffixes == each.suffixes


def test_no_suffix_has_two_readers() -> None:
    assert sum(len(each.suffixes) for each in formats()) == len(frozenset().union(*(f.suffixes for f in formats())))


@pytest.mark.parametrize(
    ("name", "found"),
    [("a.jpg", "pictures"), ("A.JPEG", "pictures"), ("b.Md", "plain_text"), ("c.tar.txt", "plain_text")],
)
def test_files_are_told_by_suffix(name: str, found: str) -> None:
    assert format_for(Path("/x") / name) is FORMATS[found]


@pytest.mark.parametrize("name", ["a", ".jpg", "a.eps", "a.psd", "a.pdf", "a.jpg.part", "jpg"])
def test_other_files_have_no_reader(name: str) -> None:
    assert format_for(Path(name)) is None
    assert decoder_for(Path(name)) is None


def test_a_stage_changes_with_what_comes_out_and_with_nothing_else() -> None:
    small, large = PictureSpec(224), PictureSpec(336)
    assert stage_of("pictures", small) == stage_of(Path("x.PNG"), small)
    assert stage_of("pictures", small).name == "decode:pictures"
    assert stage_of("pictures", small) != stage_of("pictures", large)
    assert stage_of("plain_text", small) == stage_of("plain_text", large) == stage_of(Path("a.md"), None)
    with pytest.raises(ValueError, match="no decoder"):
        stage_of(Path("a.xyz"), small)


def test_asking_what_is_read_imports_no_picture_library() -> None:
    code = (
        "import sys, bowerbird.media.sandbox, bowerbird.media.registry as r; r.formats(); print('PIL' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
