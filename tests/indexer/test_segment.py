"""Cutting text: nothing is lost, nothing is too long, and hostile text costs no more than prose of its length."""

from __future__ import annotations

import re
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.moments import Moment
from bowerbird.types import SegmentKind
from indexer import segment
from indexer.segment import CAPACITY, OVERLAP, passages

PROSE = " ".join(
    f"In the year {year} the harbour froze, and the boats lay still until spring. Who would have thought it?"
    for year in range(1700, 1760)
)

words = st.text(alphabet=st.sampled_from("aé日я🌊.!?。\"')」\n\t "), max_size=400)
texts = st.one_of(
    words, st.text(max_size=300), st.lists(st.sampled_from(PROSE.split(". ")), max_size=40).map(". ".join)
)


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def uncovered(text: str, pieces: list[str]) -> str | None:
    """None where the pieces, each found at or after the one before, leave out nothing but white space."""
    rest, covered, start = bare(text), 0, 0
    for piece in map(bare, pieces):
        # Overlaps make the piece begin before the end of the last: at the last place that leaves no gap.
        start = max((at for at in range(start, covered + 1) if rest.startswith(piece, at)), default=-1)
        if start < 0:
            return piece
        covered = max(covered, start + len(piece))
    return rest[covered:] or None


@given(texts, st.sampled_from([(8.0, 2.0), (20.0, 0.0), (20.0, 5.0), (CAPACITY, OVERLAP)]))
def test_every_character_is_in_a_passage_in_order_and_none_is_too_long_or_empty(text, limits):
    pieces = list(passages(text, *limits))
    assert uncovered(text, pieces) is None
    for piece in pieces:
        assert piece == piece.strip() != ""
        assert segment._weight(piece) <= limits[0]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60))
def test_neighbours_share_whole_sentences_and_each_passage_brings_something_new(lengths):
    sentences = [f"S{number:03}{'x' * length}." for number, length in enumerate(lengths)]
    pieces = [piece.split() for piece in passages(" ".join(sentences), 24.0, 8.0)]
    assert list(dict.fromkeys(sentence for piece in pieces for sentence in piece)) == sentences
    for before, after in pairwise(pieces):
        shared = [sentence for sentence in after if sentence in before]
        assert after[: len(shared)] == before[len(before) - len(shared) :]
        assert len(shared) < len(after)
        assert sum(segment._weight(each + " ") for each in shared) <= 8.0
        # As much is shared as the limit and the next sentence leave room for.
        if len(shared) < len(before):
            more = before[len(before) - len(shared) - 1 :]
            weight = sum(segment._weight(each + " ") for each in more)
            assert weight > 8.0 or weight + segment._weight(after[len(shared)] + " ") > 24.0 - 0.5


def test_prose_is_cut_at_the_ends_of_sentences():
    pieces = list(passages(PROSE))
    assert len(pieces) > 5
    for piece in pieces:
        assert piece.startswith(("In the year", "Who would"))
        assert piece.endswith(("spring.", "thought it?"))
        assert segment._weight(piece) > CAPACITY / 2
    for before, after in pairwise(pieces):
        assert re.split(r"(?<=[.?]) ", after)[0] in before


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("他来了。“你好吗？”她问。", ["他来了。", "“你好吗？”", "她问。"]),
        ("「寒い。」と彼は言った。雪が降る！", ["「寒い。」", "と彼は言った。", "雪が降る！"]),
        ("Снег выпал. Зима пришла! Правда?", ["Снег выпал.", "Зима пришла!", "Правда?"]),
        ("Waves 🌊 rose. Boats 🚤 sank!", ["Waves 🌊 rose.", "Boats 🚤 sank!"]),
        ('He said "no." She said (yes!) Then… silence.', ['He said "no."', "She said (yes!)", "Then…", "silence."]),
        ("A title\n\nA paragraph", ["A title", "A paragraph"]),
        ("Version 3.11 of x.y costs 1.50", ["Version 3.11 of x.y costs 1.50"]),
    ],
)
def test_sentences_of_many_scripts(text, sentences):
    assert [unit.strip() for unit in segment._units(text, 1000)] == sentences


def test_scripts_that_take_more_tokens_get_shorter_passages():
    latin, chinese = "mountains and rivers. " * 200, "山和水都在那里。" * 400
    assert max(map(len, passages(chinese))) <= CAPACITY
    assert max(map(len, passages(latin))) > 3 * CAPACITY


def test_a_word_over_the_capacity_is_cut_where_it_must_be():
    pieces = list(passages("x" * 10_000, 20.0, 0.0))
    assert "".join(pieces) == "x" * 10_000
    assert {len(piece) for piece in pieces[:-1]} == {80}


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", "\u00a0\u2003"])
def test_white_space_is_no_passage(text):
    assert list(passages(text)) == []


HOSTILE = {
    "spaces": " " * 100_000 + "x" + " " * 100_000,
    "no space": "x" * 1_000_000,
    "full stops": "." * 300_000,
    "spaced full stops": ". " * 150_000,
    "closing brackets": ("." + ")" * 1000) * 200,
    "one bracket run": "." + ")" * 300_000,
    "newlines": "\n" * 300_000,
    "newline and spaces": ("\n" + " " * 1000) * 300,
    "tabs after newline": "\n" + "\t" * 300_000 + "x",
    "chinese full stops": "。" * 300_000,
    "chinese brackets": "。" + "」" * 300_000,
    "ideographs": "山" * 300_000,
    "wide spaces": "a\u3000" * 150_000,
    "combining marks": "e\u0301" * 150_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_cut_in_steps_that_grow_with_its_length(name):
    """Counted are the lines of this module that run: time would depend on the machine."""
    text = HOSTILE[name]

    def steps(text: str) -> int:
        count = 0

        def trace(frame, event, arg):
            nonlocal count
            if frame.f_code.co_filename != segment.__file__:
                return None
            count += event == "line"
            return trace

        sys.settrace(trace)
        try:
            list(passages(text))
        finally:
            sys.settrace(None)
        return count

    tenth, fifth = text[: len(text) // 10], text[: len(text) // 5]
    assert steps(fifth) <= 2.5 * steps(tenth) + 1000
    pieces = list(passages(text))  # and the regular expressions, which no tracer sees, come to an end
    assert bare("".join(pieces)) or not bare(text)


def test_only_texts_are_cut():
    picture = Moment(SegmentKind.IMAGE, text=PROSE)
    page = Moment(SegmentKind.TEXT, page=4, text=PROSE, language="en")
    found = segment.segment([picture, page])
    assert found[0] is picture
    assert len(found) > 3
    assert {(each.kind, each.page, each.language) for each in found[1:]} == {(SegmentKind.TEXT, 4, "en")}
