"""What every `Answerer` must do. A test class inherits this and gives an ``answerer`` fixture."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from bowerbird.answers import About, Exhibit, Question, Turn
from bowerbird.ports import Answerer
from bowerbird.types import AssetKind, Box, SegmentKind
from tests.contracts.encoder import TEXTS as HARD_TEXTS

QUESTION = Question("When does the last boat go back?")
SAID = "The last boat back is at 19:10, and it does not wait."


def exhibit(
    number: int,
    text: str | None,
    segment_kind: SegmentKind = SegmentKind.TEXT,
    *,
    own: str | None = None,
    **more: object,
) -> Exhibit:
    """One with all that an exhibit needs; ``more`` overrides it. ``own``: what of ``text`` is its own, if not all."""
    facts: dict[str, object] = {
        "segment_id": 100 + number,
        "asset_id": f"{number:064x}",
        "path": f"/library/file {number}.txt",
        "kind": AssetKind.DOCUMENT,
        "start_s": None,
        "end_s": None,
        "page": None,
        "box": None,
        "relevance": 0.9,
    }
    if own is not None:
        begins = (text or "").index(own)
        facts["span"] = begins, begins + len(own)
    return Exhibit(number=number, segment_kind=segment_kind, text=text, **(facts | more))  # type: ignore[arg-type]


EXHIBITS = [
    exhibit(1, f"Ferry times for the summer. {SAID}"),
    exhibit(2, "Dogs need a ticket.", SegmentKind.SPEECH, kind=AssetKind.AUDIO, start_s=1.0, end_s=3.5, relevance=0.3),
    exhibit(3, None, SegmentKind.IMAGE, kind=AssetKind.IMAGE, path="/library/coffee.png", relevance=0.2),
]


class AnswererContract:
    repeats = True
    """Whether the same question about the same exhibits is answered in the same words."""

    def test_it_describes_itself(self, answerer: Answerer) -> None:
        assert answerer.spec
        assert answerer.sends_to is None or answerer.sends_to.startswith("http")
        assert answerer.picture_px >= 0
        assert answerer.exhibits >= 1

    def test_an_answer_comes_in_pieces_of_text(self, answerer: Answerer) -> None:
        pieces = answerer.answer(QUESTION, EXHIBITS)
        assert isinstance(pieces, Iterator)
        listed = list(pieces)
        assert listed
        assert all(isinstance(piece, str) for piece in listed)
        assert "".join(listed).strip()

    def test_it_can_be_broken_off(self, answerer: Answerer) -> None:
        pieces = answerer.answer(QUESTION, EXHIBITS)
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        assert list(pieces) == []

    def test_nothing_is_done_before_it_is_asked_for(self, answerer: Answerer) -> None:
        answerer.answer(QUESTION, EXHIBITS).close()  # type: ignore[attr-defined]

    @pytest.mark.parametrize("text", HARD_TEXTS)
    def test_questions_and_exhibits_may_hold_any_text(self, answerer: Answerer, text: str) -> None:
        for kind in SegmentKind:
            "".join(answerer.answer(Question(text or "?"), [exhibit(1, text, kind), exhibit(2, None, kind)]))

    def test_a_question_may_be_about_one_moment_or_go_on_from_others(self, answerer: Answerer) -> None:
        about = Question(QUESTION.text, About(segment_id=101))
        going_on = Question("and dogs?", thread=(Turn(QUESTION.text, SAID), Turn("and bicycles?", "")))
        boxed = exhibit(1, "NO SWIMMING", SegmentKind.OCR, kind=AssetKind.IMAGE, box=Box(0.1, 0.2, 0.3, 0.4), page=1)
        for question in (about, going_on):
            for exhibits in (EXHIBITS, [boxed], EXHIBITS[2:]):
                assert isinstance("".join(answerer.answer(question, exhibits)), str)

    def test_it_says_the_same_again(self, answerer: Answerer) -> None:
        if not self.repeats:
            pytest.skip("this one finds other words each time")
        assert list(answerer.answer(QUESTION, EXHIBITS)) == list(answerer.answer(QUESTION, EXHIBITS))

    def test_threads_do_not_disturb_one_another(self, answerer: Answerer) -> None:
        def ask(number: int) -> str:
            return "".join(answerer.answer(QUESTION, EXHIBITS[: 1 + number % 3]))

        alone = [ask(number) for number in range(3)]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(ask, range(12)))
        assert all(together)
        if self.repeats:
            assert together == alone * 4
