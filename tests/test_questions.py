"""The questions by themselves: what must hold of them before anything answers."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.eval_set import entries, queries
from benchmarks.eval_set.questions import KINDS, Asked, TrueMoment, blind, folded, practice, questions
from samples.make_media import PAPER

SAMPLES = Path(__file__).parents[1] / "samples"
QUESTIONS = questions()
ANSWERABLE = [each for each in QUESTIONS if each.answers]
UNANSWERABLE = [each for each in QUESTIONS if not each.answers]
BLIND = blind()


def written() -> dict[str, str]:
    """What stands in each document and note of the corpus, folded."""
    texts = {f"documents/{each['file']}": f"{each['title']} {each['text']}" for each in entries("document")}
    texts |= {f"samples/{each.name}": each.read_text(encoding="utf-8") for each in (SAMPLES / "notes").iterdir()}
    texts["samples/nest-counts.pdf"] = " ".join(line for page in PAPER for line in page)
    return {path: folded(text) for path, text in texts.items()}


def test_there_are_as_many_as_were_asked_for() -> None:
    assert (len(ANSWERABLE), len(UNANSWERABLE)) == (60, 20)
    assert len({each.id for each in QUESTIONS}) == len({folded(each.question) for each in QUESTIONS}) == 80
    counts = Counter(each.kind for each in QUESTIONS)
    assert set(counts) == {*KINDS, "none"}
    assert all((each.kind == "none") is (not each.answers) for each in QUESTIONS)


def test_a_third_is_held_out_by_hash() -> None:
    for among, held in ((ANSWERABLE, 20), (UNANSWERABLE, 7)):
        ranked = sorted(among, key=lambda each: hashlib.sha256(folded(each.question).encode()).digest())
        assert [each.held_out for each in ranked] == [True] * held + [False] * (len(ranked) - held)


def test_there_are_as_many_blind_ones_as_were_asked_for() -> None:
    assert Counter(bool(each.answers) for each in BLIND) == {True: 30, False: 15}
    assert len({each.id for each in BLIND}) == len({folded(each.question) for each in BLIND}) == len(BLIND)
    assert {each.kind for each in BLIND} == {*KINDS, "none"}
    assert all((each.kind == "none") is (not each.answers) for each in BLIND)
    assert all(each.held_out for each in BLIND)


@pytest.mark.parametrize("asked", [ANSWERABLE, BLIND], ids=["questions", "blind"])
def test_what_documents_say_stands_there_once(asked: list[Asked]) -> None:
    texts = written()
    said = [answer for each in asked if each.kind in {"document", "text"} for answer in each.answers]
    assert all(answer.says and texts[answer.path].count(folded(answer.says)) == 1 for answer in said)
    pages = [answer for answer in said if answer.page is not None and answer.path == "samples/nest-counts.pdf"]
    assert pages
    for answer in pages:
        assert answer.page is not None
        assert answer.says is not None
        assert folded(answer.says) in folded(" ".join(PAPER[answer.page - 1]))


@pytest.mark.parametrize("asked", [ANSWERABLE, BLIND], ids=["questions", "blind"])
def test_what_is_said_has_its_times(asked: list[Asked]) -> None:
    spoken = [answer for each in asked if each.kind == "speech" for answer in each.answers]
    assert all(answer.start_s is not None and answer.end_s is not None for answer in spoken)
    assert all(answer.start_s < answer.end_s for answer in spoken if answer.start_s is not None and answer.end_s)


@pytest.mark.parametrize("asked", [ANSWERABLE, BLIND], ids=["questions", "blind"])
def test_every_answer_lies_in_the_corpus(asked: list[Asked]) -> None:
    known = {path for query in queries() for path in query.relevant} | set(written())
    known |= {f"talks/{each['file']}" for each in entries("talk")} | {
        f"films/{each['file']}" for each in entries("film")
    }
    known |= {"talks/jfk.flac", "samples/meeting.ogg", "samples/beach.png"}
    assert {answer.path for each in asked for answer in each.answers} <= known


def test_practice_touches_nothing_that_is_asked_for_elsewhere() -> None:
    asked = {answer.path for each in ANSWERABLE for answer in each.answers}
    assert asked.isdisjoint(answer.path for each in practice() for answer in each.answers)
    assert {folded(each.question) for each in practice()}.isdisjoint(folded(each.question) for each in QUESTIONS)
    assert not any(each.held_out for each in practice())


def test_blind_asks_after_nothing_that_was_asked_before() -> None:
    before = [*QUESTIONS, *practice()]
    assert {folded(each.question) for each in BLIND}.isdisjoint(folded(each.question) for each in before)
    asked = [answer for each in before for answer in each.answers]
    assert not any(_same(new, old) for each in BLIND for new in each.answers for old in asked)


def _same(one: TrueMoment, other: TrueMoment) -> bool:
    """Whether both are told by the same words, or, where words do not tell, at the same time of the same file."""
    if one.says and other.says:
        return one.path == other.path and folded(one.says) == folded(other.says)
    return replace(other, says=None).holds(one.path, one.start_s, one.end_s, one.page, "")


def test_what_is_practised_on_stands_there() -> None:
    texts = written()
    said = [answer for each in practice() if each.kind in {"document", "text"} for answer in each.answers]
    assert said
    assert all(answer.says and texts[answer.path].count(folded(answer.says)) == 1 for answer in said)


@pytest.mark.parametrize(
    ("start_s", "end_s", "page", "text", "held"),
    [
        (1.0, 2.0, 3, "It says   YES twice", True),
        (1.9, 9.0, 3, "yes", True),
        (2.0, 3.0, 3, "yes", False),
        (None, None, 3, "yes", False),
        (1.0, 2.0, 4, "yes", False),
        (1.0, 2.0, 3, "no", False),
    ],
)
def test_all_that_is_known_of_a_moment_must_fit(
    start_s: float | None, end_s: float | None, page: int, text: str, held: bool
) -> None:
    truth = TrueMoment("a.pdf", start_s=1.5, end_s=2.0, page=3, says="Yes")
    assert truth.holds("a.pdf", start_s, end_s, page, text) is held
    assert not truth.holds("b.pdf", start_s, end_s, page, text)
