"""A question is answered event by event, each claim held to what was retrieved, and trouble is told as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bowerbird.answers import About, Exhibit, Question, Turn
from bowerbird.errors import EndpointFailed, QueryError
from bowerbird.media.sandbox import DecoderPool
from search import Search
from search.answer import MOST_TURNS, Ended, Event, Retrieved, answer, ask
from search.citing.cite import Cited, Said
from tests.fakes import ScriptedAnswerer
from tests.indexer.conftest import pool, template  # noqa: F401
from tests.indexer.workshop import Workshop

ROSES = "The roses in the garden are red."
BUDGET = "They cut the budget by ten percent."


@pytest.fixture(scope="module")
def search(
    tmp_path_factory: pytest.TempPathFactory,
    template: Path,  # noqa: F811
    pool: DecoderPool,  # noqa: F811
) -> Iterator[Search]:
    workshop = Workshop(tmp_path_factory.mktemp("answers"), template, pool)
    workshop.text("roses.txt", ROSES)
    workshop.text("budget.txt", BUDGET)
    workshop.index()
    with Search(workshop.library) as search:
        yield search


@pytest.fixture
def nothing(tmp_path: Path, template: Path, pool: DecoderPool) -> Iterator[Search]:  # noqa: F811
    with Search(Workshop(tmp_path, template, pool).library) as search:
        yield search


class Failing(ScriptedAnswerer):
    """Says its pieces, then fails."""

    closed = False

    def answer(self, question: Question, exhibits: Sequence[Exhibit]) -> Iterator[str]:
        try:
            yield from super().answer(question, exhibits)
            raise EndpointFailed("the endpoint fell silent; try again")
        finally:
            self.closed = True


def events_of(search: Search, question: Question | str, answerer: ScriptedAnswerer) -> list[Event]:
    return list(answer(search, Question(question) if isinstance(question, str) else question, answerer))


def test_what_was_retrieved_comes_first_and_the_whole_last(search: Search) -> None:
    answerer = ScriptedAnswerer("They cut", " it [", "1]. It", " rains.")
    retrieved, *between, ended = events_of(search, "  what of the budget? ", answerer)
    assert isinstance(retrieved, Retrieved)
    assert (retrieved.exhibits[0].text, retrieved.exhibits[0].number) == (BUDGET, 1)
    assert isinstance(ended, Ended)
    whole = ended.answer
    assert "".join(each.text for each in between if isinstance(each, Said)) == whole.text
    assert [each.citation for each in between if isinstance(each, Cited)] == list(whole.citations)
    assert between[0] == Said("They cut")
    assert whole.text == "They cut it [1]. It rains. [unsupported]"
    assert [(Path(each.path).name, each.quote) for each in whole.citations] == [("budget.txt", BUDGET)]
    assert (whole.supported, whole.complete, ended.trouble, whole.answerer) == (False, True, None, "scripted")
    assert whole.took_ms > 0
    ((asked, shown),) = answerer.asked
    assert asked.text == "what of the budget?"
    assert tuple(shown) == retrieved.exhibits


def test_all_that_is_borne_out_is_supported(search: Search) -> None:
    assert ask(search, "what of the budget?", ScriptedAnswerer(f"“{BUDGET}” [1]")).supported


def test_an_answerer_that_says_nothing_declines(search: Search) -> None:
    whole = ask(search, "what of the budget?", ScriptedAnswerer())
    assert (whole.text, whole.supported, whole.complete, whole.citations) == ("", False, True, ())


def test_nothing_is_asked_where_nothing_was_retrieved(nothing: Search) -> None:
    answerer = ScriptedAnswerer("I know it anyway [1].")
    events = events_of(nothing, "what of the budget?", answerer)
    assert [type(event) for event in events] == [Retrieved, Ended]
    assert answerer.asked == []


def test_the_one_moment_that_is_asked_about_is_all_there_is(search: Search) -> None:
    exhibits = events_of(search, "budget?", ScriptedAnswerer())[0].exhibits  # type: ignore[union-attr]
    roses = next(each for each in exhibits if each.text == ROSES)
    answerer = ScriptedAnswerer("Red [1]. Cut [2].")
    whole = ask(search, Question("what of the budget?", about=About(segment_id=roses.segment_id)), answerer)
    assert whole.text == "Red [1]. Cut. [unsupported]"
    assert [each.text for each in answerer.asked[0][1]] == [ROSES]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        (Question(" \n"), "there is no question"),
        (Question("why " * 10_000), "ask a shorter one"),
        (Question("what?", about=About(segment_id=999_999)), "library"),
    ],
)
def test_what_cannot_be_answered_is_refused_before_anyone_is_asked(
    search: Search, question: Question, told: str
) -> None:
    answerer = ScriptedAnswerer("x")
    with pytest.raises(QueryError, match=told) as caught:
        ask(search, question, answerer)
    assert "\n" not in str(caught.value)
    assert answerer.asked == []


def test_an_endpoint_that_gave_nothing_is_an_error(search: Search) -> None:
    answerer = Failing(" \n", "[99]")  # nothing that could be shown
    with pytest.raises(EndpointFailed, match="fell silent"):
        ask(search, "what of the budget?", answerer)


def test_what_was_said_before_it_fell_silent_stays(search: Search) -> None:
    *_, ended = events_of(search, "what of the budget?", Failing("They cut it [1]. And th"))
    assert isinstance(ended, Ended)
    assert ended.trouble == "the endpoint fell silent; try again"
    assert (ended.answer.text, ended.answer.complete) == ("They cut it [1]. And th [unsupported]", False)


def test_who_stops_listening_ends_the_work(search: Search) -> None:
    answerer = Failing(*["It rains. "] * 1000)
    events = answer(search, Question("what of the budget?"), answerer)
    for event in events:
        if isinstance(event, Said):
            break
    assert not answerer.closed
    events.close()  # type: ignore[attr-defined]
    assert answerer.closed


def test_of_a_long_conversation_the_newest_turns_count(search: Search) -> None:
    turns = tuple(Turn(f"question {n}", f"answer {n}") for n in range(MOST_TURNS + 5))
    answerer = ScriptedAnswerer()
    ask(search, Question("and who pays?", thread=turns), answerer)
    assert answerer.asked[0][0].thread == turns[5:]
