from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.errors import DecodeFailed
from bowerbird.media.document.plain_text import PlainTextDecoder, to_text
from bowerbird.moments import NOTHING, Moment
from bowerbird.settings import DecodeSettings
from bowerbird.types import SegmentKind
from tests.media.make import photo, save

DECODER = PlainTextDecoder(DecodeSettings())

TEXTS = {
    "cp1252": "Le garçon était déjà là, à côté de la forêt : “l’été” coûte 10 €.",
    "latin-1": "Über die Größe der Wälder läßt sich streiten. ¿Dónde está el niño? São úteis, då.",
    "cp1250": "Zażółć gęślą jaźń. Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.",
    "cp1251": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "koi8_r": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "cp1253": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "shift_jis": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "gb18030": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神互相对待。",
    "big5": "人人生而自由,在尊嚴和權利上一律平等。他們賦有理性和良心,並應以兄弟關係的精神相對待。",
    "euc_kr": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
}

WRITTEN = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("\n\t"))


@given(WRITTEN)
def test_utf_8_comes_back_as_it_was_written(text: str) -> None:
    assert to_text(text.encode()) == text.removeprefix("\ufeff")


@given(WRITTEN, st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]))
def test_so_does_whatever_bears_a_mark(text: str, encoding: str) -> None:
    assert to_text(text.encode(encoding)) == text


@given(WRITTEN)
def test_byte_orders(text: str) -> None:
    assert to_text(codecs.BOM_UTF16_BE + text.encode("utf-16-be")) == text
    assert to_text(codecs.BOM_UTF32_BE + text.encode("utf-32-be")) == text


@given(st.binary(max_size=2000))
def test_any_bytes_are_text_or_a_failure(data: bytes) -> None:
    try:
        text = to_text(data)
    except DecodeFailed as failure:
        assert failure.reason == "is not text"  # noqa: PT017 (either way is right)
    else:
        assert "\x00" not in text
        assert "\r" not in text


@pytest.mark.parametrize("encoding", TEXTS)
@pytest.mark.parametrize("times", [1, 5, 5000])
def test_other_encodings_are_told_by_the_text(encoding: str, times: int) -> None:
    text = (TEXTS[encoding] + "\n") * times
    assert to_text(text.encode(encoding)) == text


def test_a_stray_byte_does_not_change_the_encoding_of_the_rest() -> None:
    line = "déjà vu, naïve Größe\n".encode()
    assert to_text(line * 50 + b"\xff" + line) == (line * 50).decode() + "\ufffd" + line.decode()


def test_newlines_and_nuls() -> None:
    assert to_text(b"one\r\ntwo\rthree\nfo\x00ur" + b"." * 40) == "one\ntwo\nthree\nfour" + "." * 40


def test_a_terminals_log_is_text() -> None:
    text = "\x1b[31merror\x1b[0m\tat 12:00\x0c\n" * 20
    assert to_text(text.encode()) == text


@pytest.mark.parametrize("make", ["picture", "zeros", "noise", "program"])
def test_other_data_named_as_text(make: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    if make == "picture":
        save(photo(), tmp_path / "a.png").rename(path)
    elif make == "zeros":
        path.write_bytes(bytes(5000))
    elif make == "noise":
        path.write_bytes(bytes((i * i * 7919 >> 3) % 256 for i in range(5000)))
    else:
        path.write_bytes(
            Path("/proc/self/exe" if Path("/proc/self/exe").exists() else "/bin/ls").read_bytes()[:200_000]
        )
    with pytest.raises(DecodeFailed, match=r"^is not text$"):
        DECODER.decode(path, NOTHING)


@pytest.mark.parametrize("content", [b"", b" \n\t\n", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_an_empty_note_is_whole_and_says_nothing(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.rst"
    path.write_bytes(content)
    decoded = DECODER.decode(path, NOTHING)
    assert decoded.info.media_type == "text/x-rst"
    assert list(decoded.parts) == []


def test_a_note_is_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "A.TXT"
    path.write_text("one\n\ntwo\n")
    (moment,) = DECODER.decode(path, NOTHING).parts
    assert isinstance(moment, Moment)
    assert (moment.kind, moment.text) == (SegmentKind.TEXT, "one\n\ntwo\n")


def test_a_huge_file_is_refused_by_its_size_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    monkeypatch.setattr("bowerbird.media.document.plain_text.to_text", lambda data: pytest.fail("it was read"))
    with pytest.raises(DecodeFailed) as failure:
        DECODER.decode(path, NOTHING)
    assert failure.value.reason == (
        "1024.0 MB of text is over the limit of 16; raise decode.max_text_mb in library.toml"
    )
