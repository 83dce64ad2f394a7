from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.answers import About, Exhibit, Question, Turn
from bowerbird.models.answerers import load_answerer
from bowerbird.models.answers.asking_words import Sort, adds, bears, borne, sort_asked, telling, words
from bowerbird.models.answers.extractive import MOST_QUOTES, ExtractiveAnswerer
from bowerbird.models.answers.sentences import LONGEST, sentences
from bowerbird.ports import Encoder
from bowerbird.types import AssetKind, SegmentKind
from tests.contracts.answerer import EXHIBITS, SAID, AnswererContract, exhibit
from tests.fakes import HashEncoder

LINE = re.compile(r"“(.+)” \[(\d+)\]")
MINUTES = """Present: eleven members, and the treasurer by telephone.

The treasurer reported a balance of 412 pounds. The budget for next year sets aside 150 pounds for the new water tank
and 60 for the hedge. It was decided, with one vote against, to raise the rent of a plot from 30 to 34 pounds."""
FERRY = f"Ferry times for the summer. Bicycles go free, dogs need a ticket. {SAID}"
SHELF = [exhibit(1, MINUTES), exhibit(2, FERRY), exhibit(3, "Fold the dough every thirty minutes.", relevance=0.1)]


@pytest.fixture(scope="session")
def answerer(minilm: Encoder) -> ExtractiveAnswerer:
    return ExtractiveAnswerer(lambda: minilm)


def quotes(
    answerer: ExtractiveAnswerer, question: Question | str, exhibits: Sequence[Exhibit]
) -> list[tuple[str, int]]:
    asked = Question(question) if isinstance(question, str) else question
    lines = "".join(answerer.answer(asked, exhibits)).splitlines()
    found = [LINE.fullmatch(line) for line in lines]
    assert all(found), lines
    return [(each[1], int(each[2])) for each in found if each]


class TestExtractiveAnswerer(AnswererContract):
    @pytest.fixture
    def answerer(self, minilm: Encoder) -> ExtractiveAnswerer:
        return ExtractiveAnswerer(lambda: minilm)


class TestAnswers:
    def test_the_sentence_that_answers_is_quoted_whole_with_its_exhibit(self, answerer: ExtractiveAnswerer) -> None:
        assert quotes(answerer, "When does the last boat go back?", SHELF)[0] == (SAID, 2)
        assert quotes(answerer, "What was decided about the rent?", SHELF)[0] == (
            "It was decided, with one vote against, to raise the rent of a plot from 30 to 34 pounds.",
            1,
        )

    def test_a_sentence_over_two_lines_is_quoted_on_one(self, answerer: ExtractiveAnswerer) -> None:
        said, number = quotes(answerer, "How much does the budget set aside for the water tank?", SHELF)[0]
        assert number == 1
        assert said.endswith("for the new water tank and 60 for the hedge.")

    @pytest.mark.parametrize("asked", ["Who composed the opera?", "What is the melting point of iron?"])
    def test_what_nothing_answers_is_declined(self, answerer: ExtractiveAnswerer, asked: str) -> None:
        far = [replace(each, relevance=0.05) for each in SHELF]
        assert quotes(answerer, asked, far) == []

    def test_without_exhibits_or_text_nothing_is_said(self, answerer: ExtractiveAnswerer) -> None:
        assert quotes(answerer, "what is this?", []) == []
        assert quotes(answerer, "what is this?", EXHIBITS[2:]) == []

    def test_a_sentence_is_cited_where_it_stands_itself(self, answerer: ExtractiveAnswerer) -> None:
        around = f"The boat leaves at nine. {SAID} Thank you for listening."
        first = exhibit(1, around, SegmentKind.SPEECH, own="The boat leaves at nine.", start_s=0.0, end_s=2.0)
        second = exhibit(2, around, SegmentKind.SPEECH, own=SAID, start_s=2.0, end_s=5.0, relevance=0.1)
        assert (SAID, 2) in quotes(answerer, "When is the last boat back?", [first, second])

    def test_what_only_stands_around_a_moment_is_not_cited_for_it(self, answerer: ExtractiveAnswerer) -> None:
        alone = exhibit(1, f"Good morning. {SAID}", own="Good morning.")
        assert all(said == "Good morning." for said, _ in quotes(answerer, "When is the last boat back?", [alone]))

    def test_a_heading_that_says_the_question_again_is_no_answer(self, answerer: ExtractiveAnswerer) -> None:
        text = "The last boat back\n\nIt leaves the island at 19:10."
        assert quotes(answerer, "When does the last boat back leave?", [exhibit(1, text)])[0] == (
            "It leaves the island at 19:10.",
            1,
        )

    def test_marks_that_look_like_citations_are_not_quoted(self, answerer: ExtractiveAnswerer) -> None:
        text = "The last boat back is at 19:10 [2] and does not wait [1, 3]."
        said = "The last boat back is at 19:10 and does not wait."
        assert quotes(answerer, "When is the last boat back?", [exhibit(1, text)]) == [(said, 1)]

    def test_what_goes_on_from_a_question_is_understood(self, answerer: ExtractiveAnswerer) -> None:
        behind = (Turn("When does the ferry leave for the island?", "“…” [1]"),)
        going_on = Question("and then?", thread=(Turn("When does the last boat go back?", ""),))
        assert (SAID, 2) in quotes(answerer, going_on, SHELF)
        assert (SAID, 2) not in quotes(answerer, replace(going_on, thread=()), SHELF)
        other = Question("What was decided about the rent?", thread=behind)
        assert quotes(answerer, other, SHELF)[0][1] == 1

    def test_of_one_moment_what_it_says_is_quoted(self, answerer: ExtractiveAnswerer) -> None:
        sign = [exhibit(1, "NO SWIMMING\n\nstrong currents", SegmentKind.IMAGE, relevance=1.0)]
        here = About(segment_id=1)
        assert quotes(answerer, Question("what does it say?", here), sign)[0] == ("NO SWIMMING", 1)
        assert quotes(answerer, Question("is swimming allowed?", here), sign)[0] == ("NO SWIMMING", 1)
        assert quotes(answerer, Question("who is the president of France?", here), sign) == []

    def test_likenesses_of_a_picture_are_named_by_what_they_bear_or_else_by_their_files(
        self, answerer: ExtractiveAnswerer
    ) -> None:
        cup = exhibit(1, None, SegmentKind.IMAGE, kind=AssetKind.IMAGE, path="/library/coffee.png")
        again = replace(cup, number=2, segment_kind=SegmentKind.REGION)
        sign = exhibit(3, "a cup of tea on a table\n\nTEA", SegmentKind.IMAGE, kind=AssetKind.IMAGE, relevance=0.6)
        unlike = exhibit(4, None, SegmentKind.IMAGE, path="/library/cat.png", relevance=0.2)
        shown = Question("what is this, and where do I have more of it?", image=b"a picture")
        assert quotes(answerer, shown, [cup, again, sign, unlike]) == [
            ("coffee.png", 1),
            ("a cup of tea on a table", 3),
        ]
        assert quotes(answerer, replace(shown, image=None), [cup, again, unlike]) == []
        told = replace(cup, caption="A white cup (90 %).")
        assert quotes(answerer, shown, [told, again]) == [("A white cup (90 %).", 1)]

    def test_a_picture_that_comes_late_in_a_conversation_changes_the_subject(
        self, answerer: ExtractiveAnswerer
    ) -> None:
        cup = exhibit(4, None, SegmentKind.IMAGE, kind=AssetKind.IMAGE, path="/library/coffee.png")
        before = (Turn("When does the last boat go back?", SAID),)
        asked = Question("What is this, and where do I have more of it?", image=b"a picture", thread=before)
        assert quotes(answerer, asked, [*SHELF, cup])[-1] == ("coffee.png", 4)
        assert all(said != SAID for said, _ in quotes(answerer, asked, [*SHELF, cup]))

    def test_it_works_in_other_languages(self, answerer: ExtractiveAnswerer) -> None:
        german = "Fahrzeiten im Sommer. Das letzte Boot zurück fährt um 19:10 Uhr. Hunde brauchen eine Fahrkarte."
        asked = "Wann fährt das letzte Boot zurück?"
        assert quotes(answerer, asked, [exhibit(1, german)])[0] == ("Das letzte Boot zurück fährt um 19:10 Uhr.", 1)

    def test_it_is_what_the_registry_names(self, minilm: Encoder) -> None:
        loaded = load_answerer("extractive", lambda: minilm, 1.0)
        assert (loaded.spec, loaded.sends_to, loaded.picture_px) == ("extractive", None, 0)


class TestPropertiesOfQuotes:
    texts = st.lists(st.text(alphabet="abcdé. !?\n\t[]12,本。", max_size=80), max_size=5)

    @given(texts, st.text(alphabet="abcdé ?", min_size=1, max_size=20), st.floats(0, 1))
    def test_every_word_stands_in_the_exhibit_that_is_cited(
        self, texts: list[str], asked: str, relevance: float
    ) -> None:
        exhibits = [exhibit(at, text, relevance=relevance) for at, text in enumerate(texts, 1)]
        answerer = ExtractiveAnswerer(lambda: HashEncoder())
        for about in (None, About(segment_id=1)):
            said = quotes(answerer, Question(asked, about), exhibits)
            assert len(said) <= MOST_QUOTES
            for quote, number in said:
                text = texts[number - 1]  # markers are left out of sentences, and a bracket may span two of them
                there = [re.sub(r"\s*\[\s*\d[^\]]*\]", "", text[start:end]) for start, end in sentences(text)]
                assert " ".join(quote.split()) in " ".join(" ".join(there).split())


class TestSentences:
    @staticmethod
    def cut(text: str) -> list[str]:
        return [text[start:end] for start, end in sentences(text)]

    def test_marks_end_them_and_abbreviations_do_not(self) -> None:
        assert self.cut("Dr. Smith met J. F. Kennedy. It cost 3.50! “Really?” he said.") == [
            "Dr. Smith met J. F. Kennedy.",
            "It cost 3.50!",
            "“Really?” he said.",
        ]
        assert self.cut("Am 3. Mai kam z. B. Herr Meier. Er blieb.") == ["Am 3. Mai kam z. B. Herr Meier.", "Er blieb."]

    def test_other_scripts(self) -> None:
        assert self.cut("これはペンです。あれは本です。") == ["これはペンです。", "あれは本です。"]
        assert self.cut("यह एक वाक्य है। यह दूसरा है।") == ["यह एक वाक्य है।", "यह दूसरा है।"]

    def test_only_line_breaks_that_were_meant_count(self) -> None:
        wrapped = "The boat leaves the pier at nine in the morning and\nreturns at Noon. Dogs\nneed a ticket."
        assert len(self.cut(wrapped)) == 2
        assert self.cut("Results\nBlue caps were the commonest ornament.") == [
            "Results",
            "Blue caps were the commonest ornament.",
        ]
        assert self.cut("a title\n\nand a text") == ["a title", "and a text"]

    @given(st.text(alphabet="ab A.?\n\t。“”", max_size=300), st.integers(0, 3))
    def test_they_hold_everything_but_space_in_order(self, text: str, times: int) -> None:
        text *= 1 + 3 * times
        spans = sentences(text)
        assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())
        assert spans == sorted(spans)
        assert all(0 < end - start <= LONGEST for start, end in spans)


class TestAskingWords:
    def test_words_that_only_ask_say_nothing(self) -> None:
        assert telling("What did they decide about the budget?") == ["decide", "budget"]
        assert telling("Wie viel kostet das?") == ["kostet"]
        assert telling("what is this?") == []

    def test_forms_of_a_word_count(self) -> None:
        assert borne(["decide", "budget", "cat"], words("It was decided: no budgets.")) == [True, True, False]
        assert borne(["category"], ["catalogue"]) == [False]

    def test_where_no_spaces_are_put_pairs_of_letters_do(self) -> None:
        assert words("日本語 text") == ["text", "日本", "本語"] or words("日本語 text") == ["日本", "本語", "text"]

    @pytest.mark.parametrize(
        ("asked", "sort"),
        [
            ("How many are there?", Sort.NUMBER),
            ("Combien ça coûte ?", Sort.SUM),
            ("Combien de livres ?", Sort.NUMBER),
            ("How long did it take?", Sort.DURATION),
            ("How far is it?", Sort.LENGTH),
            ("How heavy is it?", Sort.WEIGHT),
            ("When do we leave?", Sort.TIME),
            ("Who pays?", Sort.NAME),
            ("Why?", Sort.REASON),
            ("What is this?", None),
        ],
    )
    def test_what_sort_is_asked_for(self, asked: str, sort: Sort | None) -> None:
        assert sort_asked(asked) is sort

    def test_what_a_sentence_holds(self) -> None:
        assert bears("There are twelve.", Sort.NUMBER, ())
        assert not bears("There are some.", Sort.NUMBER, ())
        assert bears("See you on Monday.", Sort.TIME, ())
        assert bears("It went to Harriet.", Sort.NAME, ())
        assert not bears("It went to Harriet.", Sort.NAME, ("harriet",))
        assert not bears("Everything went.", Sort.NAME, ())
        assert bears("We paid 23,400 euros.", Sort.SUM, ())
        assert not bears("We paid in the end.", Sort.SUM, ())
        assert bears("It took two weeks.", Sort.DURATION, ())
        assert not bears("It took 12 people.", Sort.DURATION, ())
        assert bears("It is 5km away.", Sort.LENGTH, ())
        assert bears("We stayed because it rained.", Sort.REASON, ())

    def test_a_sentence_adds_what_was_not_asked_or_denies_it(self) -> None:
        asked = words("Is swimming allowed here?")
        assert not adds("Swimming allowed", asked)
        assert adds("No swimming", asked)
        assert adds("Swimming from June", asked)
