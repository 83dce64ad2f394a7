"""The viewer in a real browser, before a real server and real files."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from bowerbird.wiring import Library
from tests.web.viewer_library import HOSTILE, SENTENCES, SIGN, served, viewer_library

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

Q = "feathers"
"""A word of the film, the recording, the paper and the long text."""
Ids = dict[str, str]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with viewer_library(tmp_path_factory.mktemp("viewer")) as library:
        yield library


@pytest.fixture(scope="module")
def server(opened: Library) -> Iterator[str]:
    """In the place of the server that the other tests of the page share."""
    with served(opened) as address:
        yield address


@pytest.fixture(scope="module")
def ids(opened: Library) -> Ids:
    """The ids of assets by the suffixes of their files."""
    media = opened.folder.parent / "media"
    return {path.suffix[1:]: hashlib.sha256(path.read_bytes()).hexdigest() for path in media.iterdir()}


def moment(page: Page, asset_id: str, text: str) -> int:
    """The id of the moment of an asset that bears ``text``."""
    listed = page.request.get(f"/v1/assets/{asset_id}/segments?limit=1000").json()["segments"]
    return int(next(each["segment_id"] for each in listed if text in (each["text"] or "")))


def until(page: Page, condition: str, argument: Any = None) -> None:
    """Wait for something to become true in the page."""
    page.wait_for_function(condition, arg=argument)


def open_hit(page: Page, asset_id: str, q: str = Q) -> Locator:
    """Search, and click on the hit."""
    page.goto(f"/?q={quote(q)}")
    page.locator(f'[data-hits] a[data-view][href*="{asset_id}"]').click()
    viewer = page.locator("#viewer [data-viewer]")
    viewer.wait_for()
    assert viewer.get_attribute("data-asset") == asset_id
    return viewer


def standing(page: Page) -> str:
    """The asset that the viewer shows."""
    return str(page.locator("#viewer [data-viewer]").get_attribute("data-asset"))


# --- films and recordings --------------------------------------------------------------------------------------------

PLAYER = "() => document.querySelector('[data-media]')"
STANDS = f"""() => {{
  window.plays = 0;
  ({PLAYER})().play = async () => {{ window.plays += 1; }};
}}"""
"""What is told to play stays at its time, for as long as it takes to look."""


def test_a_film_starts_at_its_moment_and_plays(page: Page, ids: Ids) -> None:
    segment = moment(page, ids["mp4"], "Rent is due")
    page.goto(f"/view/{ids['mp4']}?segment={segment}&q=rent")
    until(page, "() => { const p = document.querySelector('video'); return p.readyState >= 2 && !p.seeking; }")
    assert page.evaluate(f"({PLAYER})().currentTime") == pytest.approx(6, abs=0.2)
    page.evaluate(f"({PLAYER})().play()")
    until(page, "() => document.querySelector('video').currentTime > 6.3")


def test_it_plays_by_itself_where_motion_is_welcome(new_page: Callable[..., Page], ids: Ids) -> None:
    page = new_page(reduced_motion="no-preference")
    page.goto(f"/view/{ids['mp4']}")
    until(page, "() => document.querySelector('video').currentTime > 0.3")
    assert page.evaluate(f"({PLAYER})().muted")


def test_the_transcript_follows(page: Page, ids: Ids) -> None:
    page.goto(f"/view/{ids['mp4']}")
    until(page, "() => document.querySelector('video').readyState >= 2")
    for at, _, text in SENTENCES[1::2]:
        page.evaluate(f"at => ({PLAYER})().currentTime = at", at + 0.5)
        until(page, "text => document.querySelector('[data-lines] [aria-current] span')?.textContent === text", text)
    assert page.locator("[data-lines] [aria-current]").count() == 1
    assert page.locator(".viewer-scenes [aria-current]").count() == 1


@pytest.mark.parametrize("suffix", ["mp4", "wav"])
def test_a_click_on_a_sentence_seeks(page: Page, ids: Ids, suffix: str) -> None:
    page.goto(f"/view/{ids[suffix]}")
    until(page, f"() => ({PLAYER})().readyState >= 1")
    page.evaluate(STANDS)
    page.get_by_text("A rival steals").click()
    said = "A rival steals the feathers at night."
    until(page, "said => document.querySelector('[data-lines] [aria-current] span')?.textContent === said", said)
    assert page.evaluate(f"({PLAYER})().currentTime") == pytest.approx(8, abs=0.1)
    assert page.evaluate("window.plays") == 1
    assert page.url.endswith(f"/view/{ids[suffix]}"), "it stays where it is"


def test_a_click_on_a_scene_seeks(page: Page, ids: Ids) -> None:
    page.goto(f"/view/{ids['mp4']}")
    until(page, f"() => ({PLAYER})().readyState >= 1")
    last = page.locator(".viewer-scenes a").last
    until(page, "() => [...document.querySelectorAll('.viewer-scenes img')].every(each => each.naturalWidth > 0)")
    page.evaluate(STANDS)
    last.click()
    until(page, f"at => Math.abs(({PLAYER})().currentTime - at) < 1", float(str(last.get_attribute("data-at"))))
    assert page.evaluate("window.plays") == 1


def test_who_scrolls_the_transcript_is_left_alone(new_page: Callable[..., Page], ids: Ids) -> None:
    page = new_page(viewport={"width": 1280, "height": 420})
    page.goto(f"/view/{ids['mp4']}")
    until(page, f"() => ({PLAYER})().readyState >= 1")
    lines = page.locator("[data-lines]")
    lines.hover()
    page.mouse.wheel(0, 10)
    page.locator("[data-follow]").wait_for()
    until(page, "() => document.querySelector('[data-lines]').scrollTop >= 10")  # the wheel has come to rest
    lines.evaluate("each => each.scrollTop = 0")
    page.evaluate(f"({PLAYER})().currentTime = 11")
    until(page, "() => document.querySelector('[data-lines] li:last-child [aria-current]')")
    assert lines.evaluate("each => each.scrollTop") == 0
    page.locator("[data-follow]").click()
    assert lines.evaluate("each => each === document.activeElement"), "the button is not there any more"
    until(
        page,
        """() => {
          const list = document.querySelector('[data-lines]');
          const line = list.querySelector('[aria-current]').getBoundingClientRect();
          return line.bottom <= list.getBoundingClientRect().bottom + 1;
        }""",
    )


def test_a_film_has_room_in_a_low_window(new_page: Callable[..., Page], ids: Ids) -> None:
    """As at 200 % in a small one: what leads to its scenes makes way for it."""
    page = new_page(viewport={"width": 600, "height": 400})
    page.goto(f"/view/{ids['mp4']}")
    box = page.locator("video").bounding_box()
    assert box
    assert box["height"] > 140


def test_a_film_that_no_browser_plays(page: Page, ids: Ids) -> None:
    page.goto(f"/view/{ids['avi']}")
    notice = page.locator("[data-unplayable]")
    notice.wait_for()
    assert "This browser cannot play video/x-msvideo" in notice.inner_text()
    assert notice.get_by_role("link", name="Download it").is_visible()
    until(page, "() => document.querySelector('[data-still]').naturalWidth > 0")
    page.locator(".viewer-scenes a").last.click()
    at = page.locator(".viewer-scenes a").last.get_attribute("data-at")
    until(page, "at => document.querySelector('[data-still]').src.endsWith(`at=${Number(at)}`)", at)


# --- pictures and papers ---------------------------------------------------------------------------------------------


def fractions(page: Page, inner: str, outer: str) -> list[float]:
    """Where one element lies on another: left, top, width and height as fractions."""
    found = page.evaluate(
        """([inner, outer]) => {
          const [a, b] = [inner, outer].map(each => document.querySelector(each).getBoundingClientRect());
          return [(a.x - b.x) / b.width, (a.y - b.y) / b.height, a.width / b.width, a.height / b.height];
        }""",
        [inner, outer],
    )
    return [float(each) for each in found]


PICTURE = "[data-zoomable]"
DRAWN = """() => {
  const [picture, marks] = ['[data-zoomable]', '[data-marks]'].map(each => document.querySelector(each));
  const shaped = picture.closest('[data-sheet]').style.getPropertyValue('--ratio');
  return shaped && [picture, marks ?? picture].every(each => each.complete && each.naturalWidth > 0);
}"""
"""The picture is there and has its shape, and what is marked on it too."""
PAINTED = "() => Promise.all([...document.querySelectorAll('[data-sheet] img')].map(each => each.decode()))"
"""What is drawn is ready to be seen: browsers may leave it out of what they paint until then."""


@pytest.mark.parametrize("viewport", [(1280, 800), (390, 844)])
def test_boxes_lie_on_what_they_surround(new_page: Callable[..., Page], ids: Ids, viewport: tuple[int, int]) -> None:
    page = new_page(viewport={"width": viewport[0], "height": viewport[1]})
    page.goto(f"/view/{ids['png']}?segment={moment(page, ids['png'], 'swimming')}&q=swimming")
    until(page, DRAWN)
    assert fractions(page, ".viewer-box-hit", PICTURE) == pytest.approx(
        [SIGN.x, SIGN.y, SIGN.width, SIGN.height], abs=0.01
    )
    within = fractions(page, PICTURE, "[data-stage]")
    assert min(within[:2]) > -0.01
    assert max(within[0] + within[2], within[1] + within[3]) < 1.01
    assert max(within[2:]) > 0.95, "as large as fits"
    # The ground under the middle of the box is the red of the sign, as it is drawn.
    page.evaluate(PAINTED)
    shot = Image.open(io.BytesIO(page.locator(".viewer-box-hit").screenshot())).convert("RGB")
    red, green, blue = np.asarray(shot)[shot.height // 2, shot.width // 2]
    assert red > 200
    assert max(green, blue) < 60


def test_zooming_keeps_the_boxes(page: Page, ids: Ids) -> None:
    page.goto(f"/view/{ids['png']}?segment={moment(page, ids['png'], 'swimming')}")
    until(page, DRAWN)
    before = page.locator(PICTURE).bounding_box()
    page.keyboard.press("+")
    page.keyboard.press("+")
    after = page.locator(PICTURE).bounding_box()
    assert before
    assert after
    assert after["width"] == pytest.approx(2.25 * before["width"], rel=0.01)
    assert fractions(page, ".viewer-box-hit", PICTURE) == pytest.approx(
        [SIGN.x, SIGN.y, SIGN.width, SIGN.height], abs=0.01
    )
    page.keyboard.press("0")
    assert page.locator(PICTURE).bounding_box() == before
    x, y = before["x"] + before["width"] / 4, before["y"] + before["height"] / 4
    page.mouse.click(x, y)
    assert page.locator("[data-stage][data-zoomed]").count() == 1


def test_arrows_move_over_a_picture_that_is_drawn_nearer(page: Page, ids: Ids) -> None:
    open_hit(page, ids["png"], "swimming")
    until(page, DRAWN)
    for _ in range(3):
        page.keyboard.press("+")
    stage = page.locator("[data-stage]")
    stage.focus()
    before = stage.evaluate("each => each.scrollLeft")
    page.keyboard.press("ArrowRight")
    until(page, "before => document.querySelector('[data-stage]')?.scrollLeft > before", before)
    assert standing(page) == ids["png"]


def test_words_show_on_the_picture_and_can_be_hidden(page: Page, ids: Ids) -> None:
    page.goto(f"/view/{ids['png']}")
    until(page, DRAWN)
    words, parts = page.locator(".viewer-box-ocr"), page.locator(".viewer-box-region")
    assert words.is_visible()
    assert not parts.first.is_visible()
    words.focus()
    shown = words.evaluate("each => getComputedStyle(each, '::after').content")
    assert "no swimming" in shown
    page.get_by_label("Parts").check()
    assert parts.count() == 4
    assert parts.first.is_visible()
    page.get_by_label("Words", exact=True).uncheck()
    assert not words.is_visible()


def test_words_of_a_page_are_marked_where_they_stand(page: Page, ids: Ids) -> None:
    """What is yellow on the screen is where ink is: the ink of the page's own picture, without marks."""
    page.goto(f"/view/{ids['pdf']}?page=2&q=counted")
    until(page, DRAWN)
    page.evaluate(PAINTED)
    plain = page.request.get(f"/v1/assets/{ids['pdf']}/picture?page=2&px=1600").body()
    ink = np.asarray(Image.open(io.BytesIO(plain)).convert("L")) < 128
    sheet = np.asarray(Image.open(io.BytesIO(page.locator("[data-sheet]").screenshot())).convert("RGB")).astype(int)
    yellow = (sheet[..., 2] < 170) & (sheet[..., 0] > 220) & (sheet[..., 1] > 180)
    assert yellow.any()
    (top, bottom), (left, right) = ((each.min(), each.max() + 1) for each in np.nonzero(yellow))
    y, x = ink.shape[0] / sheet.shape[0], ink.shape[1] / sheet.shape[1]
    second_line = ink[round(top * y) : round(bottom * y)]
    here = second_line[:, round(left * x) : round(right * x)]
    assert here.any(), "the mark lies on ink"
    words = page.request.get(f"/v1/assets/{ids['pdf']}/words?page=2").json()["words"]
    box = next(each["box"] for each in words if each["text"] == "counted")
    drawn = [left / sheet.shape[1], top / sheet.shape[0], (right - left) / sheet.shape[1]]
    assert drawn == pytest.approx(box[:3], abs=0.01)
    # And nothing of the word stands out of it: there is a blank on either side.
    gap = round(0.006 * ink.shape[1])
    edges = round(left * x), round(right * x)
    assert not second_line[:, edges[0] - gap : edges[0]].any()
    assert not second_line[:, edges[1] : edges[1] + gap].any()


def test_a_page_that_is_drawn_nearer_is_drawn_finer(page: Page, ids: Ids) -> None:
    page.goto(f"/view/{ids['pdf']}?page=2&q=counted")
    until(page, DRAWN)
    before = fractions(page, "[data-marks]", PICTURE)
    page.keyboard.press("+")
    until(page, "() => document.querySelector('[data-zoomable]').naturalHeight > 3000")
    assert fractions(page, "[data-marks]", PICTURE) == pytest.approx(before, abs=0.002)


def test_pages_are_turned_in_place(page: Page, ids: Ids) -> None:
    viewer = open_hit(page, ids["pdf"])
    assert "Page 2 of 2" in viewer.inner_text()
    viewer.get_by_role("link", name="Previous page").click()
    page.get_by_text("Page 1 of 2").wait_for()
    assert page.locator("#viewer[open]").count() == 1
    page.keyboard.press("Escape")
    until(page, "() => location.pathname === '/'")
    focused = page.evaluate("document.activeElement.href")
    assert ids["pdf"] in focused


def test_a_text_is_scrolled_to_what_was_found(page: Page, ids: Ids) -> None:
    viewer = open_hit(page, ids["txt"])
    found = viewer.locator(".viewer-prose .found")
    assert found.locator("mark").inner_text() == "feathers"
    box = found.bounding_box()
    assert box
    assert box["y"] < 800
    assert box["y"] + box["height"] > 0


# --- the dialog over the hits ----------------------------------------------------------------------------------------


def test_through_the_hits_by_keys_and_back(page: Page, ids: Ids) -> None:
    page.goto(f"/?q={Q}")
    links = page.locator("[data-hits] a[data-view]")
    listed = [str(links.nth(each).get_attribute("href")).split("/view/")[1][:64] for each in range(links.count())]
    assert len(listed) >= 4
    links.first.focus()
    page.keyboard.press("Enter")
    page.locator("#viewer [data-viewer]").wait_for()
    for key, expected in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        page.evaluate("document.activeElement.closest('video, audio')?.blur()")
        page.keyboard.press(key)
        until(page, "id => document.querySelector('#viewer [data-viewer]').dataset.asset === id", listed[expected])
    assert f"2 of {len(listed)}" in page.locator("[data-which]").inner_text()
    assert listed[1] in page.url, "the address leads here"
    page.keyboard.press("Escape")
    until(page, "() => location.pathname === '/' && !document.querySelector('dialog[open]')")
    assert listed[1] in page.evaluate("document.activeElement.href"), "the focus is on what was shown last"
    assert page.evaluate("history.state?.viewer ?? null") is None


def test_it_can_be_closed_before_it_is_there(page: Page) -> None:
    page.goto(f"/?q={Q}")
    page.route("**/view/**", lambda route: None)  # never answered
    link = page.locator("[data-hits] a[data-view]").first
    link.click()
    page.locator("#viewer").get_by_role("heading", name=str(link.get_attribute("data-name"))).wait_for()
    page.locator("#viewer").get_by_label("Close").click()
    until(page, "() => !document.querySelector('dialog[open]') && location.pathname === '/'")
    assert link.evaluate("each => each === document.activeElement")
    page.unroute_all(behavior="ignoreErrors")


def test_back_closes_and_forward_opens(page: Page, ids: Ids) -> None:
    open_hit(page, ids["txt"])
    page.go_back()
    until(page, "() => !document.querySelector('dialog[open]') && location.pathname === '/'")
    assert page.locator("[data-hits] a[data-view]").count() >= 4
    page.go_forward()
    page.locator("#viewer [data-viewer]").wait_for()
    assert standing(page) == ids["txt"]


def test_a_reload_leads_to_the_same_and_back_to_the_hits(page: Page, ids: Ids) -> None:
    open_hit(page, ids["txt"])
    page.reload()
    assert page.locator("main > [data-viewer]").get_attribute("data-asset") == ids["txt"]
    page.go_back()
    page.locator("[data-hits] a[data-view]").first.wait_for()


def test_buttons_step_and_close(page: Page, ids: Ids) -> None:
    page.goto(f"/?q={Q}")
    page.locator("[data-hits] a[data-view]").first.click()
    page.get_by_role("button", name="Next hit").click()
    page.get_by_text("2 of ").wait_for()
    page.get_by_role("button", name="Previous hit").click()
    page.get_by_text("1 of ").wait_for()
    assert page.get_by_role("button", name="Previous hit").is_disabled()
    page.locator("#viewer").get_by_label("Close").click()
    until(page, "() => !document.querySelector('dialog[open]')")


def test_a_swipe_steps_on_a_phone(new_page: Callable[..., Page], ids: Ids) -> None:
    page = new_page(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    open_hit(page, ids["txt"])
    first = standing(page)
    at = page.locator("[data-which]").inner_text()
    way = -1 if at.startswith("1 ") else 1
    page.evaluate(
        """way => {
          const stage = document.querySelector('.viewer-prose');
          const touch = x => new Touch({identifier: 1, target: stage, clientX: x, clientY: 300});
          const fire = (kind, x) => stage.dispatchEvent(new TouchEvent(kind, {bubbles: true, changedTouches: [touch(x)],
            touches: kind === 'touchend' ? [] : [touch(x)]}));
          fire('touchstart', 200);
          fire('touchend', 200 + 120 * way);
        }""",
        way,
    )
    until(page, "id => document.querySelector('#viewer [data-viewer]').dataset.asset !== id", first)
    actions = page.locator(".viewer-actions").bounding_box()
    assert actions
    assert actions["y"] + actions["height"] == pytest.approx(844, abs=2), "at the thumb"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_more_like_this_is_told_to_the_page(page: Page, ids: Ids) -> None:
    viewer = open_hit(page, ids["txt"])
    segment = int(str(viewer.get_attribute("data-segment")))
    page.evaluate(
        """() => document.addEventListener('bowerbird:unlike', event => {
          window.told = {...event.detail, open: !!document.querySelector('dialog[open]'), at: location.pathname};
          event.preventDefault();
          event.stopImmediatePropagation();
        }, {capture: true})"""
    )
    viewer.get_by_role("link", name="Less like this").click()
    until(page, "() => window.told")
    told = page.evaluate("window.told")
    assert (told["asset_id"], told["name"], told["open"], told["at"]) == (ids["txt"], "long.txt", False, "/")
    assert told["segment_id"] == segment


def test_why_and_details(page: Page, ids: Ids) -> None:
    viewer = open_hit(page, ids["txt"])
    viewer.get_by_text("Why this hit").click()
    assert "the word “feathers” stands here" in viewer.locator(".viewer-why").inner_text()
    page.keyboard.press("i")
    assert not viewer.locator(".viewer-path").first.is_visible()
    page.keyboard.press("i")
    assert viewer.locator(".viewer-path").first.inner_text().endswith("long.txt")


def test_what_files_hold_stays_text(page: Page, ids: Ids) -> None:
    """Names, transcripts and words off pictures that are markup: nothing of it runs or becomes an element."""
    page.goto(f"/view/{ids['avi']}")
    page.get_by_text("He pays").wait_for()
    assert HOSTILE in page.locator("[data-lines]").inner_text()
    open_hit(page, ids["png"], "swimming")
    until(page, DRAWN)
    assert HOSTILE.replace("/", "") in page.locator("#viewer h2").inner_text()
    assert page.locator("img[src='x']").count() == 0
    assert page.evaluate("document.querySelectorAll('#viewer [onerror]').length") == 0


def test_without_a_script(new_page: Callable[..., Page], ids: Ids) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"/?q={Q}")
    page.locator(
        f'[data-hits] a[data-view][href*="{ids["mp4"]}"], [data-hits] a[data-view][href*="{ids["wav"]}"]'
    ).first.click()
    page.wait_for_url("**/view/**")
    assert page.locator("main > [data-viewer] mark").first.is_visible()
    page.get_by_text("We came to the bower").click()
    found = page.locator(".viewer-transcript .found", has_text="We came to the bower")
    found.wait_for()
    assert "segment=" in page.url
    assert found.inner_text().endswith("We came to the bower at dawn.")
    page.get_by_label("Close").click()
    page.wait_for_url(lambda url: "/view/" not in url)
    assert page.locator("[data-hits]").count() == 1


def test_a_file_that_has_gone(page: Page, ids: Ids) -> None:
    """The link of a hit that was forgotten since: said in words, in the dialog."""
    page.goto(f"/?q={Q}")
    page.locator("[data-hits] a[data-view]").first.evaluate("link => link.href = `/view/${'0'.repeat(64)}`")
    page.locator("[data-hits] a[data-view]").first.click()
    page.get_by_text("this file is not in the library any more").wait_for()
    page.faults[:] = [each for each in page.faults if "404" not in each]  # type: ignore[attr-defined]


def test_an_address_that_leads_to_nothing(page: Page) -> None:
    """It is said on a page that one can go on searching with, and come back to."""
    page.goto(f"/view/{'0' * 64}?q={Q}")
    gone = page.get_by_role("alert").filter(has_text="this file is not in the library any more")
    gone.wait_for()
    page.locator("#q").press("Enter")
    page.locator("[data-hits] a[data-view]").first.wait_for()
    assert not gone.is_visible()
    page.go_back()
    gone.wait_for()
    page.faults[:] = [each for each in page.faults if "404" not in each]  # type: ignore[attr-defined]


def test_the_scripts_are_small() -> None:
    folder = Path(__file__).parents[2] / "api" / "web" / "static"
    assert sum(path.stat().st_size for path in folder.glob("viewer*")) < 40_000
