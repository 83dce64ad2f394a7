from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.models.captions.grounding import Phrase, florence_phrases, kosmos_phrases, plain
from bowerbird.types import Box

NUMBERS = st.integers(0, 1100).map(str) | st.sampled_from(["", "-1", "x", "٣", "0005", "99999999999"])
PIECES = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        [
            "cat",
            " ",
            "<",
            ">",
            "<phrase>",
            "</phrase>",
            "<object>",
            "</object>",
            "</delimiter_of_multi_objects/>",
            "<od>",
        ]
    ),
    NUMBERS.map(lambda number: f"<loc_{number}>"),
    NUMBERS.map(lambda number: f"<patch_index_{number}>"),
    st.lists(st.integers(0, 999), min_size=4, max_size=4).map(lambda four: "".join(f"<loc_{n}>" for n in four)),
    st.lists(st.integers(0, 1023), min_size=2, max_size=2).map(
        lambda two: "<phrase>dog</phrase><object>" + "".join(f"<patch_index_{n:04}>" for n in two) + "</object>"
    ),
)
BABBLE = st.lists(PIECES, max_size=30).map("".join)


@given(BABBLE)
def test_boxes_lie_in_the_picture_whatever_the_text(text: str) -> None:
    for phrase in [*florence_phrases(text), *kosmos_phrases(text)]:
        box = phrase.box
        assert box.width > 0
        assert box.height > 0
        assert min(box.x, box.y) >= 0
        assert max(box.x + box.width, box.y + box.height) <= 1 + 1e-9
        assert phrase.text == plain(phrase.text) != ""


@given(BABBLE)
def test_what_is_left_is_words_on_one_line(text: str) -> None:
    left = plain(text)
    assert "<loc_" not in left
    assert "<patch_index_" not in left
    assert left == " ".join(left.split())
    assert left.isprintable()


@given(st.lists(st.integers(0, 999), min_size=4, max_size=4))
def test_florence_is_read_as_transformers_reads_it(bins: list[int]) -> None:
    from transformers.models.florence2.processing_florence2 import Florence2PostProcessor

    text = "a cat" + "".join(f"<loc_{each}>" for each in bins)
    # As large as this, rounding to whole pixels changes nothing.
    found = Florence2PostProcessor.parse_phrase_grounding_from_text_and_spans(_Reader(), text, (1_000_000, 1_000_000))
    left, top, right, bottom = (edge / 1_000_000 for edge in found[0]["bbox"][0])
    phrases = florence_phrases(text)
    if left < right and top < bottom:
        box = phrases[0].box
        assert (box.x, box.y, box.x + box.width, box.y + box.height) == pytest.approx(
            (left, top, right, bottom), abs=1e-5
        )
    else:
        assert phrases == []


@given(st.integers(0, 1023), st.integers(0, 1023))
def test_kosmos_is_read_as_transformers_reads_it(first: int, last: int) -> None:
    from transformers.models.kosmos2.processing_kosmos2 import clean_text_and_extract_entities_with_bboxes

    text = f"By<phrase> a fire</phrase><object><patch_index_{first:04}><patch_index_{last:04}></object>."
    said, entities = clean_text_and_extract_entities_with_bboxes(text)
    left, top, right, bottom = entities[0][2][0]
    phrases = kosmos_phrases(text)
    assert plain(text) == said
    if left < right and top < bottom:
        box = phrases[0].box
        assert phrases[0].text == "a fire"
        assert (box.x, box.y, box.x + box.width, box.y + box.height) == pytest.approx((left, top, right, bottom))
    else:
        assert phrases == []


def test_several_phrases_and_several_boxes_of_one() -> None:
    text = (
        "</s><s>A cat<loc_0><loc_0><loc_499><loc_999> and two dogs"
        "<loc_1><loc_2><loc_3><loc_4><loc_5><loc_6><loc_7><loc_8>"
    )
    assert [phrase.text for phrase in florence_phrases(text)] == ["A cat", "and two dogs", "and two dogs"]
    assert florence_phrases(text)[0].box == Box(0.0005, 0.0005, pytest.approx(0.499), pytest.approx(0.999))


def test_decoders_that_put_spaces_between_tokens() -> None:
    spaced = "cat <loc_52> <loc_334> <loc_932> <loc_774> dog <loc_1> <loc_2> <loc_3> <loc_4>"
    assert florence_phrases(spaced) == florence_phrases(spaced.replace(" ", ""))
    spaced = "<phrase> cat </phrase> <object> <patch_index_0005> <patch_index_0911> </object>"
    assert kosmos_phrases(spaced) == kosmos_phrases(spaced.replace(" ", "")) != []


@pytest.mark.parametrize(
    "text",
    [
        "cat<loc_1><loc_2><loc_3>",  # cut off
        "cat<loc_1><loc_2><loc_3><loc_4",
        "cat<loc_1><loc_2><loc_1000><loc_4>",
        "cat<loc_1><loc_2><loc_><loc_4>",
        "cat<loc_9><loc_9><loc_1><loc_99>",  # its right is left of its left
        "cat<loc_9><loc_9><loc_9><loc_9>",  # no area
        "<loc_1><loc_2><loc_3><loc_4>",  # of nothing
        "The image<loc_0><loc_0><loc_999><loc_999>",
    ],
)
def test_florence_places_that_are_none(text: str) -> None:
    assert florence_phrases(text) == []


def test_a_wrong_token_shifts_no_other_box() -> None:
    rest = "<loc_10><loc_20><loc_30><loc_40>"
    assert florence_phrases(f"cat<loc_1><loc_x><loc_3><loc_4>{rest}") == florence_phrases(f"cat{rest}") != []


@pytest.mark.parametrize(
    "text",
    [
        "<phrase>cat</phrase><object><patch_index_0005></object>",
        "<phrase>cat</phrase><object><patch_index_0005><patch_index_1024></object>",
        "<phrase>cat</phrase><object><patch_index_0911><patch_index_0005></object>",
        "<phrase>cat</phrase><object><patch_index_0005><patch_index_0911>",  # cut off
        "<object><patch_index_0005><patch_index_0911></object>",  # of nothing
        "<phrase>cat</phrase> sat",
    ],
)
def test_kosmos_places_that_are_none(text: str) -> None:
    assert kosmos_phrases(text) == []


def test_one_bad_box_of_several_is_dropped() -> None:
    text = (
        "<phrase>cats</phrase><object><patch_index_0000><patch_index_0031></delimiter_of_multi_objects/>"
        "<patch_index_0009></delimiter_of_multi_objects/><patch_index_0992><patch_index_1023></object>"
    )
    assert kosmos_phrases(text) == [
        Phrase("cats", Box(0.0, 0.0, 1.0, 1 / 32)),
        Phrase("cats", Box(0.0, 31 / 32, 1.0, 1 / 32)),
    ]


def test_what_is_said_again_and_again_counts_once() -> None:
    assert len(florence_phrases("cat<loc_1><loc_2><loc_3><loc_4>" * 50)) == 1


def test_plain_keeps_what_people_write() -> None:
    assert (
        plain("I <3 my cat,\n 2 < 3 & Grüße 你好 <end_of_utterance>\x1b[0m\u202e")
        == "I <3 my cat, 2 < 3 & Grüße 你好 [0m"
    )


class _Reader:
    """As much of transformers' reader as it needs, which is else made with a tokenizer."""

    banned_grounding_tokens: frozenset[str] = frozenset()
    quantize_bins = (1000, 1000)

    def dequantize(self, locations, size):  # type: ignore[no-untyped-def]
        from transformers.models.florence2.processing_florence2 import Florence2PostProcessor

        return Florence2PostProcessor.dequantize(self, locations, size)
