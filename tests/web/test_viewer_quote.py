"""Where the words that an answer quotes stand in what the viewer shows."""

from __future__ import annotations

import pytest

from api.web.viewer_quote import Quoted


@pytest.mark.parametrize(
    ("quote", "text", "marked"),
    [
        ("He pays in berries.", "At dawn he pays, in berries. He pays twice.", ["he pays, in berries"]),
        ("He pays in berries.", "He pays the rent.", []),
        ("one two three four five", "four five", []),
        ("one two three four five", "and three\nfour  five", ["three\nfour  five"]),
        ("Coffee", "a coffee, and coffee", ["coffee"]),
        ("…", "a coffee …", []),
    ],
)
def test_a_quotation_is_marked_as_one(quote: str, text: str, marked: list[str]) -> None:
    pieces = list(Quoted(quote).pieces(text))
    assert "".join(each.text for each in pieces) == text
    assert [each.text for each in pieces if each.marked] == marked


def test_a_quotation_without_end_is_cut() -> None:
    """Whoever writes the address of a page cannot have it think for minutes."""
    assert Quoted("word " * 2000)._words == Quoted(("word " * 2000)[:600])._words
