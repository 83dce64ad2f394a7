"""An answer cites nothing but what was retrieved, marks what cites nothing, and quotes what stands there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.answers import Answer, Exhibit
from bowerbird.types import AssetKind, Box, SegmentKind
from search.citing.cite import Cited, Citing, Said
from search.citing.inert import inert, printable

BUDGET = "They cut the budget\nby ten percent. Anna said “it hurts” at 10.30. Dr. Weiss pays."


def exhibit(
    number: int,
    text: str | None = None,
    kind: AssetKind = AssetKind.DOCUMENT,
    segment_kind: SegmentKind = SegmentKind.TEXT,
    box: Box | None = None,
    own: str | None = None,
) -> Exhibit:
    at = 60.0 * number if kind in (AssetKind.AUDIO, AssetKind.VIDEO) else None
    moment = (100 + number, f"hash {number}", f"/files/{number}", kind, segment_kind)
    span = None if own is None else ((text or "").index(own), (text or "").index(own) + len(own))
    return Exhibit(number, *moment, at, at, None, box, text, 0.5, span=span)


EXHIBITS = [
    exhibit(1, BUDGET),
    exhibit(2, "The\x1b[31m garden \u202ehas roses.", AssetKind.AUDIO, SegmentKind.SPEECH),
    exhibit(3, None, AssetKind.IMAGE, SegmentKind.REGION, Box(0.5, 0.5, 0.5, 0.5)),
    exhibit(4, "MENU", AssetKind.IMAGE, SegmentKind.OCR, Box(0.1, 0.1, 0.2, 0.2)),
    exhibit(5, None, AssetKind.VIDEO, SegmentKind.FRAME),
    exhibit(6, "屋根は赤い。庭は緑だ。"),
]


def cite(pieces: Iterable[str], exhibits: Sequence[Exhibit] = EXHIBITS) -> tuple[list[Said | Cited], Answer]:
    citing, events = Citing(exhibits), []
    for piece in pieces:
        events += citing.take(piece)
    events += citing.finish()
    return events, citing.answer("scripted", complete=True, took_ms=1.0)


def said(text: str) -> str:
    return cite([text])[1].text


def joined(events: Iterable[Said | Cited]) -> list[str | Cited]:
    """The events, text that comes in several made one."""
    found: list[str | Cited] = []
    for event in events:
        if isinstance(event, Cited):
            found.append(event)
        elif found and isinstance(found[-1], str):
            found[-1] += event.text
        else:
            found.append(event.text)
    return found


PARTS = [
    *[
        "[1]",
        "[2]",
        " [1, 6]",
        "[99]",
        "[3 @0,0,0.5,0.5]",
        "[5 @0.2,0.2,2,2]",
        "[",
        "]",
        "1",
        ",",
        "@",
        "[unsupported]",
    ],
    *["[unsup", "ported]", "They cut it", " by 3.5", "Dr", "e.g", ".", ". ", "! ", "?", "…", "。", " ", "\n", "\n- "],
    *["“", "”", '"', "「", "」", "„", "They cut the budget by ten percent.", "http://e.org", "![x](", "<b>", "\x1b[1m"],
    *["The moon is cheese. ", "\u202e", "the", "(", ")", "**", "1. ", "\u200b", "１", "[１]", "\ud800"],
]
TEXTS = st.lists(st.sampled_from(PARTS) | st.characters()).map("".join)
MARK = re.compile(r"\[(\d+)\]")


@given(TEXTS, st.data())
def test_it_is_the_same_however_it_is_cut(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    events, answer = cite(pieces)
    whole, expected = cite([text])
    assert joined(events) == joined(whole)
    assert answer == expected
    assert joined(cite(text)[0]) == joined(whole)


@pytest.mark.parametrize(
    "text", [": it rains", "It is.Now it rains. [1].DrWho", "a [99]  b [99] \n c", "[1", "A. “B. C”.D"]
)
def test_letter_by_letter_it_is_the_same(text: str) -> None:
    assert joined(cite(text)[0]) == joined(cite([text])[0])


@given(TEXTS)
def test_it_cannot_lie(text: str) -> None:
    events, answer = cite([text])
    assert answer.text == "".join(event.text for event in events if isinstance(event, Said))
    shown = {each.segment_id: each for each in EXHIBITS}
    for number, event in enumerate((each for each in events if isinstance(each, Cited)), start=1):
        assert (event.number, event.citation) == (number, answer.citations[number - 1])
    for citation in answer.citations:
        retrieved = shown[citation.segment_id]
        assert (citation.asset_id, citation.path) == (retrieved.asset_id, retrieved.path)
        assert citation.quote is None or citation.quote in printable(retrieved.text or "")
    assert {int(number) for number in MARK.findall(answer.text)} == set(range(1, len(answer.citations) + 1))
    assert answer.text.count("[unsupported]") == sum(not claim.citations for claim in answer.claims)
    assert answer.supported == bool(answer.claims and "[unsupported]" not in answer.text)
    assert inert(answer.text) == answer.text
    assert all(inert(claim.text) == claim.text for claim in answer.claims)


@given(TEXTS)
def test_a_citation_comes_before_its_marker(text: str) -> None:
    known = 0
    for event in cite(text)[0]:
        if isinstance(event, Cited):
            known = event.number
        else:
            assert all(int(number) <= known for number in MARK.findall(event.text))


WORDS = st.lists(st.sampled_from(["roof", "rain", "Anna", "cut", "the", "budget"]), min_size=1, max_size=5).map(
    " ".join
)


@given(st.lists(st.tuples(WORDS, st.sampled_from([". ", "! ", "? ", "… ", ".\n", "\n", "。"]), st.integers(0, 9))))
def test_every_claim_without_citation_is_marked(claims: list[tuple[str, str, int]]) -> None:
    text = "".join(f"{words}{f' [{number}]' if number else ''}{stop}" for words, stop, number in claims)
    answer = cite([text])[1]
    assert [bool(claim.citations) for claim in answer.claims] == [1 <= number <= 6 for _, _, number in claims]
    assert [claim.text.rstrip(".!?…。") for claim in answer.claims] == [words for words, _, _ in claims]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("They cut it [1].", "They cut it [1]."),
        ("They cut it. [1] Anna pays. [2]", "They cut it. [1] Anna pays. [2]"),
        ("They cut it.[2] Anna pays[1].", "They cut it.[1] Anna pays[2]."),
        ("They cut it [2][1].", "They cut it [1][2]."),
        ("They cut it [2, 1].", "They cut it [1][2]."),
        ("They cut it [ 2;1 ].", "They cut it [1][2]."),
        ("They cut it [99].", "They cut it. [unsupported]"),
        ("They cut it [99, 1].", "They cut it [1]."),
        ("It rains. They cut it [1].", "It rains. [unsupported] They cut it [1]."),
        ("It rains.They cut it [1].", "It rains. [unsupported] They cut it [1]."),
        ("It rains! they cut it [1].", "It rains! [unsupported] they cut it [1]."),
        ("It rains\nThey cut it [1]", "It rains [unsupported]\nThey cut it [1]"),
        ("[1] They cut it.\n[2] It rains.", "[1] They cut it.\n[2] It rains."),
        ("- Rain [1]\n- Snow\n3. Sun [1]", "- Rain [1]\n- Snow [unsupported]\n3. Sun [1]"),
        ("**They cut it.** [1]", "**They cut it.** [1]"),
        ("屋根は赤い。[6]庭は緑だ。", "屋根は赤い。[1]庭は緑だ。 [unsupported]"),
        ("At 10.30 Dr. J. R. Weiss, e.g. in minutes.txt v1.2, paid 3.5 etc. for Fig. 3 [1].", None),
        ("It opens at 5 p.m. They cut it [1].", "It opens at 5 p.m. [unsupported] They cut it [1]."),
        ("It was no. They cut it [1].", "It was no. [unsupported] They cut it [1]."),
        ("It is so [unsupported]. It is not [1] [Unsupported ]", "It is so. [unsupported] It is not [1]"),
        ("I do not know.", "I do not know. [unsupported]"),
        ("They cut it [1", "They cut it [unsupported]"),
        ("They cut it [unsup", "They cut it [unsupported]"),
        ("[[99]1] [[1]] [unsup[99]ported]", "(1] ([1]] (unsupported]"),
        ("[applause] a[i] [1st] [1]", "[applause] a[i] [1st] [1]"),
        ("Claim [" + "0" * 200 + "1].", "Claim (" + "0" * 200 + "1]. [unsupported]"),
        ("See [1](http://e.org), ![1](//e.org)", "See [1] (http: //e.org), ! [1] (//e.org)"),
        ("[\u200b9\x1b[0m9] They cut it [\u202e1].", "They cut it [1]."),
        ("---\n[1]\n***", "---\n[1]\n***"),
        (" \n[99] \n", ""),
        ("They cut it" + "\n" * 500 + "Anna [1]", "They cut it [unsupported]" + "\n" * 64 + "Anna [1]"),
    ],
)
def test_what_is_shown_of(text: str, shown: str | None) -> None:
    assert said(text) == (text if shown is None else shown)


@pytest.mark.parametrize(
    ("text", "supported"),
    [
        ("“They cut the budget by ten percent. Anna said “it hurts” at 10.30.” [1]", True),
        ('"They cut the budget by ten percent. Anna said "it hurts" at 10.30." [1]', True),
        ('Anna: “They cut the budget by  ten percent. Anna said "it hurts" at 10.30.” [1]', True),
        ("“The moon is cheese. They cut it.” [1]", False),
        ("“The moon is cheese. They cut it [1].", False),
        ("“The moon is cheese.” they say, and they cut it [1].", False),
        ("“They cut the budget by ten percent.” is what they say [1].", True),
        ("According to [1], “They cut it. The moon is cheese.”", False),
        ("「屋根は赤い。庭は緑だ。」[6]", True),
        ("「屋根は赤い。庭は青だ。」[6]", False),
        ("“They cut it” [1]", True),
    ],
)
def test_a_quotation_of_several_sentences_has_to_stand_there(text: str, supported: bool) -> None:
    answer = cite([text])[1]
    assert answer.supported is supported
    assert answer.text.endswith("[unsupported]") is not supported


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("“They cut the budget by ten percent.” [1]", "They cut the budget\nby ten percent."),
        ('They "cut  the budget," she said [1].', "cut the budget"),
        ("'Tis so: she said “it hurts” [1].", "it hurts"),
        ("The budget was cut by ten percent [1].", "They cut the budget\nby ten percent."),
        ("The doctor, Weiss, pays “for everything” [1].", "Dr. Weiss pays."),
        ("Roses grow there [2].", "The garden has roses."),
        ("It is red [3].", None),
        ("庭の色は緑 [6]", "庭は緑だ。"),
    ],
)
def test_the_quote_is_of_the_exhibit(text: str, quote: str | None) -> None:
    assert cite([text])[1].citations[0].quote == quote


def test_of_equals_the_moments_own_sentence_is_quoted() -> None:
    around = "It rains. It rains hard. It rains on."
    (citation,) = cite(["It rains [1]."], [exhibit(1, around, own="It rains on.")])[1].citations
    assert citation.quote == "It rains on."


def test_a_citation_opens_where_its_quote_is_said_and_not_around_it() -> None:
    talk = "What is the budget? It is four hundred. Any questions?"
    asked = exhibit(1, talk, AssetKind.AUDIO, SegmentKind.SPEECH, own="What is the budget?")
    replied = replace(
        exhibit(2, talk, AssetKind.AUDIO, SegmentKind.SPEECH, own="It is four hundred."), asset_id="hash 1"
    )
    _, answer = cite(["It is four hundred [1]. They asked what the budget is [1]."], [asked, replied])
    assert [(each.segment_id, each.quote) for each in answer.citations] == [
        (102, "It is four hundred."),
        (101, "What is the budget?"),
    ]
    assert [claim.citations for claim in answer.claims] == [(1,), (2,)]


def test_where_no_moment_bears_what_stands_around_its_own_words_are_quoted() -> None:
    talk = "What is the budget? It is four hundred."
    asked = exhibit(1, talk, AssetKind.AUDIO, SegmentKind.SPEECH, own="What is the budget?")
    elsewhere = exhibit(2, talk, AssetKind.AUDIO, SegmentKind.SPEECH, own="It is four hundred.")
    (citation,) = cite(["It is four hundred [1]."], [asked, elsewhere])[1].citations
    assert (citation.segment_id, citation.quote) == (101, "What is the budget?")


def test_what_a_model_said_of_a_picture_is_no_quote() -> None:
    shown = replace(exhibit(3, None, AssetKind.IMAGE, SegmentKind.IMAGE), caption="A thief runs.")
    (citation,) = cite(["A thief runs [3]."], [shown])[1].citations
    assert citation.quote is None


def test_a_sentence_without_end_is_not_quoted_whole() -> None:
    (citation,) = cite(["Rain [1]."], [exhibit(1, "rain " * 10_000)])[1].citations
    assert citation.quote is not None
    assert len(citation.quote) <= 500


@pytest.mark.parametrize(
    ("marker", "box"),
    [
        ("[5 @0.1,0.2,0.3,0.4]", Box(0.1, 0.2, 0.3, 0.4)),
        ("[5@ .1 , 0.2,0.3,0.4 ]", Box(0.1, 0.2, 0.3, 0.4)),
        ("[5 @0.1,0.2,0.3,0.9]", None),
        ("[5 @0.1,0.2,0,0.4]", None),
        ("[5 @-0.1,0.2,0.1,0.4]", None),
        ("[5 @0.1,0.2]", None),
        ("[1 @0,0,1,1]", None),
        ("[2 @0,0,1,1]", None),
        ("[3 @0,0.5,0.5,0.5]", Box(0.5, 0.75, 0.25, 0.25)),
        ("[3]", Box(0.5, 0.5, 0.5, 0.5)),
        ("[4 @0,0,0.5,0.5]", Box(0, 0, 0.5, 0.5)),
        ("[4]", Box(0.1, 0.1, 0.2, 0.2)),
    ],
)
def test_a_marker_may_point_at_a_part_of_a_picture(marker: str, box: Box | None) -> None:
    answer = cite([f"It is there {marker}."])[1]
    assert (answer.text, answer.citations[0].box) == ("It is there [1].", box)


def test_the_same_is_cited_once() -> None:
    answer = cite(["A [5]. B [5 @0,0,1,1]. C [5][5 @0,0,1,1]. D [1]."])[1]
    assert answer.text == "A [1]. B [2]. C [1][2]. D [3]."
    assert [claim.citations for claim in answer.claims] == [(1,), (2,), (1, 2), (3,)]
    assert [citation.segment_id for citation in answer.citations] == [105, 105, 101]


def test_an_answer_points_at_so_many_parts_and_no_more() -> None:
    answer = cite([f"At [5 @0.{n:03},0,0.1,0.1]." for n in range(1, 500)])[1]
    assert len(answer.citations) == 17


def test_text_passes_at_once() -> None:
    citing = Citing(EXHIBITS)
    passed = [list(citing.take(piece)) for piece in ("They", " cut", " it.", " ", "[", "1", "]", " An")]
    assert [[e.text if isinstance(e, Said) else e.number for e in events] for events in passed] == [
        *(["They"], [" cut"], [" it."], [], [], [], [1, " [1]"], [" An"])
    ]


def test_it_has_begun_once_something_is_shown() -> None:
    citing = Citing(EXHIBITS)
    assert list(citing.take(" \n[99] [unsupported]")) == []
    assert not citing.began
    assert list(citing.take("x")) == [Said("x")]
    assert citing.began


def test_nothing_said_is_no_answer() -> None:
    answer = cite([])[1]
    assert (answer.text, answer.supported, answer.claims, answer.citations) == ("", False, (), ())


def test_a_long_text_takes_time_in_proportion() -> None:
    for unit in ("a. ", "[", "“a. ", "[1] ", "[5 @0.1,0,0.1,0.1]", " ", "a", "\n", "“a”", "[1,", "A.B."):
        assert cite([unit * 8_000])[1].answerer == "scripted"
