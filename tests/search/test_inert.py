"""Text of a model comes out as text that nothing brings to life, however it was cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.citing.inert import Inert, Printable, inert, printable

PARTS = [
    *["[", "]", "(", "!", "<", ">", "/", ":", "://", "www", ".", "@", "a", "Z", "7", " ", "\n", "\r", "\t", "\\"],
    *["\x1b", "\x1b[31m", "\x1b]8;;", "\x9b", "\x9d", "\x07", "\x9c", "\x00", "\u202e", "\u2066", "\u200b", "\ud800"],
    *["http://e.org/", "![x](https://e.org/?q=", "<script>", "<!--", "日本", "é", "\U000e0041", "\u2028"],
]
TEXTS = st.lists(st.sampled_from(PARTS) | st.characters()).map("".join)


@given(TEXTS, st.data())
def test_it_is_the_same_however_it_is_cut(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    passing, plain = Inert(), Printable()
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(map(passing.take, pieces)) + passing.finish() == inert(text)
    assert "".join(map(plain.take, pieces)) == printable(text)


@given(TEXTS)
def test_nothing_comes_through_that_acts(text: str) -> None:
    passed = inert(text)
    assert all(live not in passed.lower() for live in ("://", "](", "]:", "![", "www.", "<script", "<!--", "</a"))
    assert all(char.isprintable() or char in "\n\t" or char.isspace() or ord(char) > 0xFF for char in passed)
    assert not set(passed) & set("\x1b\x9b\x07\x00\r\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b")
    passed.encode("utf-8")


@given(TEXTS)
def test_what_is_inert_stays_as_it_is(text: str) -> None:
    assert inert(inert(text)) == inert(text)


@given(TEXTS.filter(lambda text: not set(text) & set(":<@[]")))
def test_only_what_could_act_is_broken(text: str) -> None:
    plain = printable(text)
    assert inert(plain) == plain.replace("www.", "www .")


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("see https://e.org/a?b=c", "see https: //e.org/a?b=c"),
        ("[the minutes](http://e.org)", "[the minutes] (http: //e.org)"),
        ("![](//e.org/x.png)", "! [] (//e.org/x.png)"),
        ("[1]: file:///etc/passwd", "[1] : file: ///etc/passwd"),
        ("WWW.e.org and anna@e.org", "WWW .e.org and anna @e.org"),
        ("<img src=x onerror=alert(1)> </p> <!-- x --> <?php", "‹img src=x onerror=alert(1)> ‹/p> ‹!-- x --> ‹?php"),
        ("3 < 4, a <- b, x << 2, <3", "3 < 4, a <- b, x << 2, <3"),
        ("10:30, note: this, C:\\files, a/b, @anna", "10:30, note: this, C:\\files, a/b, @anna"),
        ("\x1b[1;31mred\x1b[0m \x1b[2Jx\x1bc \x9b5mblink", "red x blink"),
        ("\x1b]8;;http://e.org\x1b\\here\x1b]8;;\x07 \x1b]0;title\x07ok", "here ok"),
        ("\x1bP1$r\x1b\\a\x1b(Bb\x1b_c\x9cd", "abd"),
        ("\x1b]0;never closed\nthe next line", "\nthe next line"),
        ("one\r\ntwo\rthree\u2028four\x0bfive", "one\ntwo\nthree\nfour\nfive"),
        ("txt.\u202egnp.exe \u2066a\u2069 pay\u200bpal \U000e0068\U000e0069", "txt.gnp.exe a paypal "),
        ("👩\u200d👧 می\u200cخواهم \ud83d", "👩\u200d👧 می\u200cخواهم \ufffd"),
    ],
)
def test_what_becomes_of(text: str, passed: str) -> None:
    assert inert(text) == passed


def test_ordinary_text_passes_at_once() -> None:
    passing = Inert()
    assert [passing.take(piece) for piece in ("They", " cut it at 10:3", "0 [2]", ".\n")] == [
        *("They", " cut it at 10:3", "0 [2]", ".\n")
    ]


def test_a_long_text_takes_time_in_proportion() -> None:
    for unit in ("<", ":", "[", "\x1b]", "\x1b[1", "!", "www"):
        assert len(inert(unit * 80_000)) <= 80_000 * (len(unit) + 1)
