"""The chat in a real browser, before a real server: what is said, what bears it out, and where that opens."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api.keys import Scope, create, revoke
from api.web.chat import sources
from bowerbird.answers import Citation, Exhibit, Question
from bowerbird.errors import EndpointFailed
from bowerbird.types import AssetKind, SegmentKind
from bowerbird.wiring import Library
from search.answer_json import citation_to_json
from tests.web.test_page import CONTRASTS
from tests.web.viewer_library import SENTENCES, SIGN, served, viewer_library

if TYPE_CHECKING:
    from playwright.sync_api import Page

RENT = "When is the rent due?"
START, _, SAID = SENTENCES[3]
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
LIVE = "<img src=x onerror=alert(1)> ![x](https://evil.example/?q=1) [go](javascript:alert(1))"


class Answers:
    """An `Answerer` that answers by what the question asks for, and remembers what it was asked."""

    spec = "scripted"
    sends_to: str | None = None
    picture_px = 0
    exhibits = 8

    def __init__(self) -> None:
        self.asked: list[tuple[Question, Sequence[Exhibit]]] = []

    def answer(self, question: Question, exhibits: Sequence[Exhibit]) -> Iterator[str]:
        self.asked.append((question, exhibits))
        rent = next((each for each in exhibits if "Rent" in (each.text or "")), None)
        match question.text:
            case "What does the sign say?":
                sign = next(each for each in exhibits if each.segment_kind is SegmentKind.OCR)
                yield f"Swimming is not allowed [{sign.number}]."
            case "Where is the sign?":
                yield f"It stands there [{exhibits[0].number} @0.1,0.2,0.3,0.4]."
            case "Do something bad":
                yield f"{LIVE} It is due soon [99]."
            case "Fail":
                raise EndpointFailed("the endpoint does not answer: start it")
            case "Nothing":
                return
            case _ if rent is not None:
                yield "It is due when "
                yield f"the rain begins [{rent.number}]. The moon is made of cheese."


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with viewer_library(tmp_path_factory.mktemp("chat")) as library:
        yield library


@pytest.fixture
def answers(opened: Library, monkeypatch: pytest.MonkeyPatch) -> Answers:
    made = Answers()
    monkeypatch.setattr(opened, "answerer", lambda spec=None: made)
    return made


@pytest.fixture(scope="module")
def server(opened: Library) -> Iterator[str]:
    """In the place of the server that the other tests of the page share."""
    with served(opened) as address:
        yield address


def put(page: Page, question: str) -> None:
    page.locator("#question").fill(question)
    page.keyboard.press("Enter")
    page.locator(".turn:last-child:not([aria-busy])").wait_for()


def test_an_answer_cites_what_bears_it_out_and_opens_there(page: Page, answers: Answers) -> None:
    page.goto("/ask")
    put(page, RENT)
    said = page.locator(".said")
    assert said.inner_text().replace("\n", " ").startswith("It is due when the rain begins")
    assert said.locator(".unsupported").count() == 1
    assert re.search(r"cheese\.?\s*unsupported", said.inner_text())
    source = page.locator(".source")
    assert source.count() == 1
    assert SAID in source.locator("q").inner_text()
    assert f"0:{START:02.0f}" in source.inner_text()
    said.locator(".cite").click()
    viewer = page.locator("#viewer [data-viewer]")
    viewer.wait_for()
    assert viewer.get_attribute("data-start") == str(START)
    page.keyboard.press("Escape")
    page.wait_for_url("**/ask")


def test_the_conversation_is_kept(page: Page, answers: Answers) -> None:
    page.goto("/ask")
    put(page, RENT)
    put(page, "And who pays the rent?")
    assert [turn.question for turn in answers.asked[-1][0].thread] == [RENT]
    page.reload()
    assert page.locator(".asked").all_inner_texts() == [RENT, "And who pays the rent?"]
    page.locator("#anew").click()
    assert page.locator(".turn").count() == 0
    page.reload()
    page.get_by_role("heading", name="What do you want to know?").wait_for()


def test_the_conversation_is_kept_for_whoever_is_signed_in(new_page, opened: Library, answers: Answers) -> None:
    tokens = [create(opened, name, (Scope.SEARCH,))[0] for name in ("one", "another")]
    with served(opened, keyless=False) as url:
        page = new_page(base_url=url)

        def sign_in(token: str) -> None:
            page.goto("/sign-in")
            page.get_by_label("Key").fill(token)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"{url}/")
            page.goto("/ask")

        def remembered() -> tuple[list[str], str, str]:
            stored = page.evaluate("Object.values(sessionStorage).join()")
            return page.locator(".asked").all_inner_texts(), page.locator("#question").input_value(), stored

        sign_in(tokens[0])
        for place in ("/ask", "/"):
            put(page, RENT)
            page.locator("#question").fill("And who")
            page.reload()
            assert remembered()[:2] == ([RENT], "And who")
            page.goto(place)
            page.wait_for_load_state("networkidle")
            page.get_by_role("button", name="Sign out").click()
            page.wait_for_url("**/sign-in")
            assert page.evaluate("sessionStorage.length") == 0
            sign_in(tokens[0])
            assert remembered() == ([], "", "")
        put(page, RENT)
        page.locator("#question").fill("And who")
        page.context.clear_cookies()  # the session ends, and nobody signs out
        sign_in(tokens[0])
        assert remembered()[:2] == ([RENT], "And who")
        page.context.clear_cookies()
        sign_in(tokens[1])
        assert remembered() == ([], "", "")
    for name in ("one", "another"):
        revoke(opened, name)


def test_nothing_that_a_model_says_comes_to_life(page: Page, answers: Answers) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("dialog", lambda dialog: page.faults.append("dialog"))  # type: ignore[attr-defined]
    page.goto("/ask")
    put(page, "Do something bad")
    said = page.locator(".said")
    assert said.locator("img, a, script, .cite").count() == 0
    assert said.locator(".unsupported").count() >= 1
    assert page.locator(".source").count() == 0
    assert not [url for url in requests if "evil" in url]


def test_a_decline_and_a_failure_say_so(page: Page, answers: Answers) -> None:
    page.goto("/ask")
    put(page, "Nothing")
    assert page.locator(".declined").inner_text().startswith("Nothing here answers that.")
    page.locator("#question").fill("Fail")
    page.keyboard.press("Enter")
    page.get_by_role("alert").filter(has_text="the endpoint does not answer").wait_for()
    assert page.locator("#question").input_value() == "Fail"
    assert page.locator(".turn").count() == 1


def test_a_question_about_one_moment(page: Page, answers: Answers, opened: Library) -> None:
    sign = next(path for path in (opened.folder.parent / "media").iterdir() if path.name.startswith("sign"))
    page.goto("/?q=swimming")
    page.locator('[data-hits] a[data-view][data-name^="sign"]').first.click()
    page.locator("#viewer").get_by_role("link", name="Ask about this").click()
    page.wait_for_url("**/ask?*")  # and its script, without which Enter begins a line
    assert page.locator("#subject a").inner_text().startswith("sign")
    put(page, "What does the sign say?")
    question, exhibits = answers.asked[-1]
    assert question.about is not None
    assert {Path(each.path) for each in exhibits} == {sign}
    page.locator(".source").click()
    found = page.locator("#viewer .viewer-box-hit")
    found.wait_for()
    assert f"left: {100 * SIGN.x:.3f}%" in (found.get_attribute("style") or "").replace("left:", "left: ").replace(
        "  ", " "
    )


def test_an_answer_points_at_a_part_of_a_picture(page: Page, answers: Answers) -> None:
    page.goto("/?q=swimming")
    page.locator('[data-hits] a[data-view][data-name^="sign"]').first.click()
    page.locator("#viewer").get_by_role("link", name="Ask about this").click()
    page.wait_for_url("**/ask?*")  # and its script, without which Enter begins a line
    put(page, "Where is the sign?")
    page.locator(".source").click()
    page.get_by_role("img", name="What the answer points at").wait_for()


def test_a_picture_is_brought(page: Page, answers: Answers, opened: Library) -> None:
    photo = next(path for path in (opened.folder.parent / "media").iterdir() if path.suffix == ".jpg")
    page.goto("/ask")
    page.locator("#file").set_input_files(photo)
    page.locator("#brought img").wait_for()
    assert photo.name in page.locator("#brought").inner_text()
    put(page, "")
    question, _ = answers.asked[-1]
    assert question.text == "What is this, and where do I have more of it?"
    assert question.image is not None
    assert question.image.startswith(b"\xff\xd8")
    assert page.locator(".asked img").count() == 1
    assert not page.locator("#brought").is_visible()


def test_a_picture_comes_back_with_what_was_wrong(page: Page, answers: Answers, opened: Library) -> None:
    photo = next(path for path in (opened.folder.parent / "media").iterdir() if path.suffix == ".jpg")
    page.goto("/ask")
    page.locator("#file").set_input_files(photo)
    page.locator("#brought img").wait_for()
    page.locator("#question").fill("Fail")
    page.keyboard.press("Enter")
    page.locator(".turn").wait_for(state="detached")
    page.locator("#brought img").wait_for()
    assert "the endpoint does not answer" in page.get_by_role("alert").inner_text()
    assert page.locator("#question").input_value() == "Fail"


def test_it_answers_without_a_script(new_page, answers: Answers) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"/ask?q={RENT}")
    page.locator(".said").wait_for()
    assert "when the rain begins" in page.locator(".said").inner_text()
    assert page.locator(".unsupported").count() == 1
    page.locator(".source").click()
    page.wait_for_url(f"**/view/*segment={answers.asked[-1][1][0].segment_id}*")


def test_a_phone_has_room_for_it(new_page, answers: Answers) -> None:
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto("/ask")
    put(page, RENT)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    put(page, "Nothing")
    small = """() => [...document.querySelectorAll('button, a')].filter(each => each.checkVisibility()
      && !each.matches('.cite, .skip') && each.getBoundingClientRect().height < 44).map(each => each.outerHTML)"""
    assert page.evaluate(small) == []


def test_the_words_that_are_cited_are_marked(page: Page, answers: Answers) -> None:
    page.goto("/ask")
    put(page, RENT)
    page.locator(".source").click()
    found = page.locator("#viewer [data-transcript] .found")
    found.wait_for()
    assert found.locator("mark").all_inner_texts() == [SAID.removesuffix(".")]
    assert page.locator("#viewer mark").count() == 1


def test_by_keys_alone(page: Page, answers: Answers) -> None:
    page.goto("/ask")
    put(page, RENT)
    assert page.evaluate("document.activeElement.id") == "question"
    status = page.locator("#status").inner_text()
    assert status.startswith("It is due when")
    assert status.endswith("(unsupported) Answered from 1 source.")
    page.locator("#anew").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Source 1: ")
    page.keyboard.press("Enter")
    page.locator("#viewer [data-viewer]").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_url("**/ask")
    assert page.evaluate("document.activeElement.className") == "source"


def test_what_is_cited_twice_opens_where_it_was_clicked(page: Page, answers: Answers) -> None:
    page.goto("/ask")
    put(page, RENT)
    put(page, RENT)
    first, second = (page.locator(".source").nth(each) for each in (0, 1))
    assert first.get_attribute("href") == second.get_attribute("href")
    second.click()
    page.get_by_text("2 of 2").wait_for()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("1 of 2").wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_text("2 of 2").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_url("**/ask")
    assert second.evaluate("each => each === document.activeElement")


def test_a_caption_is_told_as_one(page: Page, answers: Answers) -> None:
    """Since a model may have made it: on the card, and to whoever hears the mark in the text."""
    bird = Citation(
        *(7, "0" * 64, "/media/bird.jpg", AssetKind.IMAGE, SegmentKind.CAPTION),
        *(None, None, None, None, "a blue bird"),
    )
    paper = replace(bird, kind=AssetKind.DOCUMENT, page=2)
    assert [each.spot for each in sources([bird, paper])] == ["caption", "page 2, caption"]
    said = [citation_to_json(each, number) for number, each in enumerate((bird, paper), 1)]
    told = [("citation", each) for each in said] + [("text", {"text": "A bird [1]. Another one [2]."})]
    body = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in told)
    page.route("**/v1/answer", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    page.route("**/thumbnail*", lambda route: route.fulfill(content_type="image/svg+xml", body=PICTURE))
    page.goto("/ask")
    put(page, "What is blue?")
    assert page.locator(".source small").all_inner_texts() == ["caption", "page 2, caption"]
    page.get_by_role("button", name="Source 2: bird.jpg page 2, caption").wait_for()


def test_enter_of_a_composition_asks_nothing(page: Page, answers: Answers) -> None:
    page.goto("/ask")
    page.locator("#question").fill("家賃は")
    page.locator("#question").dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    page.keyboard.press("Shift+Enter")
    assert page.locator("#question").input_value().startswith("家賃は")
    assert page.locator(".turn").count() == 0


def test_stop_gives_the_question_back(page: Page, answers: Answers) -> None:
    page.goto("/ask")
    page.route("**/v1/answer", lambda route: None)  # which answers never
    page.locator("#question").fill(RENT)
    page.get_by_role("button", name="Ask", exact=True).click()
    stop = page.get_by_role("button", name="Stop")
    stop.wait_for()
    assert stop.evaluate("each => each === document.activeElement")
    page.keyboard.press("Escape")
    page.locator(".turn").wait_for(state="detached")
    assert page.locator("#question").input_value() == RENT
    assert not page.locator("#fault").is_visible()
    assert page.evaluate("document.activeElement.id") == "question"


def test_a_server_that_goes(page: Page, answers: Answers) -> None:
    page.goto("/ask")
    half = 'event: text\ndata: {"text": "It is due "}\n\n'
    ends = [
        lambda route: route.fulfill(content_type="text/event-stream", body=half),
        lambda route: route.abort(),
    ]
    page.route("**/v1/answer", lambda route: ends.pop()(route))
    page.locator("#question").fill(RENT)
    page.keyboard.press("Enter")
    page.get_by_role("alert").filter(has_text="The server does not answer.").wait_for()
    assert page.locator("#question").input_value() == RENT
    page.locator("#question").press("Enter")
    page.locator(".cut").filter(has_text="in the middle of its answer").wait_for()
    assert page.locator(".said").inner_text().strip() == "It is due"
    page.faults.clear()  # type: ignore[attr-defined]


def test_what_was_written_outlives_the_session(page: Page, answers: Answers) -> None:
    page.goto("/ask")
    page.route("**/v1/answer", lambda route: route.fulfill(status=401, json={"detail": "sign in"}))
    page.locator("#question").fill(RENT)
    with page.expect_request("**/sign-in?next=%2Fask"):  # which leads back at once, since this server wants no key
        page.keyboard.press("Enter")
    page.wait_for_function("said => document.getElementById('question')?.value === said", arg=RENT)
    page.faults.clear()  # type: ignore[attr-defined]


def test_from_a_search_to_an_answer_and_back(page: Page, answers: Answers) -> None:
    page.goto("/?q=Who+pays+the+rent%3F")
    page.get_by_role("link", name="Ask it as a question instead").click()
    page.locator(".turn:not([aria-busy]) .cite").wait_for()
    assert page.url.endswith("/ask")
    put(page, "Nothing")
    page.get_by_role("link", name="Search for it instead").click()
    page.wait_for_url("**/?q=Nothing")


def test_an_answer_points_at_a_part_of_a_film(page: Page, opened: Library) -> None:
    film = opened.folder.parent / "media" / "film.mp4"
    page.goto(f"/view/{hashlib.sha256(film.read_bytes()).hexdigest()}?box=0.25,0.5,0.5,0.25")
    pointed = page.get_by_role("img", name="What the answer points at")
    pointed.wait_for()
    _, _, width, height = (float(each) for each in (pointed.get_attribute("viewBox") or "").split())
    rectangle = [float(pointed.locator("rect").get_attribute(name) or "") for name in ("x", "y", "width", "height")]
    assert rectangle == [0.25 * width, 0.5 * height, 0.5 * width, 0.25 * height]
    page.locator("video").evaluate("film => film.currentTime = 6")
    pointed.wait_for(state="hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(new_page, answers: Answers, scheme: str) -> None:
    page = new_page(color_scheme=scheme)
    page.goto("/ask")
    put(page, RENT)
    put(page, "Nothing")
    assert page.evaluate(CONTRASTS) == []
