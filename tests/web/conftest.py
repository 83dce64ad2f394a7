"""A real library, a real server before it, and a real browser, shared by the tests of the page and of the viewer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

import pytest
import skimage.data

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

PHOTOS = Path(skimage.data.__file__).parent
SAMPLES = Path(__file__).parents[2] / "samples"
BOWERBIRD = Path(sys.executable).parent / "bowerbird"
SHOWN = (
    *("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "camera.png"),
    *("ihc.png", "grass.png", "brick.png", "hubble_deep_field.jpg"),
)
LATER = ("coins.png", "moon.png", "page.png")
"""What lies in a root that has not been indexed yet."""
BROKEN = "broken.jpg"
MEETING = """1
00:00:05,000 --> 00:00:09,000
The blue feathers were stolen again, this time by the young male in the north.

2
00:00:09,000 --> 00:00:12,000
The budget for new cameras is $400.

3
00:00:12,000 --> 00:00:14,000
Thank you for listening.
"""
"""What is said in the recording, for want of something that hears it."""
PLANTS = (
    *("aster", "basil", "chard", "dill", "endive", "fennel", "garlic", "hyssop", "iris", "juniper", "kale", "leek"),
    *("mint", "nettle", "onion", "parsley"),
)
"""A note on each, the oldest there are: with them the hits fill more than one page."""
_LONG_AGO = 1_300_000_000
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_LESS = {"BOWERBIRD_INDEX__TRANSCRIBER": "none", "BOWERBIRD_INDEX__OCR": "false", "BOWERBIRD_INDEX__REGIONS": "0"}
_QUICK = {**os.environ, **({} if os.environ.get("SCREENSHOTS") else _LESS)}
"""What is said, read and seen in parts takes most of an index run. Screenshots show it; the viewer's tests make it."""
_WIDE = {"width": 1280, "height": 800}
PATIENCE_MS = 60_000
"""After which something that was to happen on a page does not: no machine is that slow."""


def bowerbird(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    done = subprocess.run([BOWERBIRD, *arguments], capture_output=True, text=True, timeout=240, env=_QUICK)
    assert done.returncode in {0, 1}, done.stderr
    return done


@contextmanager
def serving(library: Path, *arguments: str | Path) -> Iterator[str]:
    """`bowerbird serve` on a free port, once it is ready; gives its address, without a slash at the end."""
    call = [BOWERBIRD, "serve", "--library", library, "--port", "0", *arguments]
    with tempfile.TemporaryFile("w+") as said, subprocess.Popen(call, stderr=said, env=_QUICK) as process:
        try:
            url = _address(process, said)
            _wait_until_ready(url)
            yield url
        finally:
            process.terminate()
            process.wait(60)
            said.seek(0)
            sys.stderr.write(said.read())  # which is shown where a test fails


def _address(process: subprocess.Popen[bytes], said: TextIO) -> str:
    """Where it says that it serves."""
    while process.poll() is None:
        said.seek(0)
        if found := re.search(r"^serving .* at http://[^ ]*:(\d+)/", said.read(), re.MULTILINE):
            return f"http://127.0.0.1:{found[1]}"
        time.sleep(0.1)
    pytest.fail("the server did not start")


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=60):
                return
        except OSError:
            time.sleep(0.25)
    pytest.fail("the server did not become ready")


@pytest.fixture(scope="package")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``shown`` (photos, a film, a recording, a paper, many notes) and ``later`` (photos, one broken)."""
    sys.path.insert(0, str(SAMPLES))
    try:
        from make_media import make_media
    finally:
        sys.path.remove(str(SAMPLES))
    folder = tmp_path_factory.mktemp("web") / "media"
    for name, photos in (("shown", SHOWN), ("later", LATER)):
        (folder / name).mkdir(parents=True)
        for photo in photos:
            shutil.copy(PHOTOS / photo, folder / name / photo)
    (folder / "later" / BROKEN).write_bytes(b"\xff\xd8\xff\xe0 and no picture")
    make_media(folder / "shown" / "made")
    shutil.copytree(SAMPLES / "notes", folder / "shown" / "notes")
    shutil.copytree(SAMPLES / "media", folder / "shown" / "spoken")
    if not os.environ.get("SCREENSHOTS"):
        (folder / "shown" / "spoken" / "meeting.srt").write_text(MEETING, encoding="utf-8")
    (folder / "shown" / "log").mkdir()
    for number, plant in enumerate(PLANTS):
        note = folder / "shown" / "log" / f"{plant}.txt"
        note.write_text(f"Bed {number}: {plant}, sown in rows and watered in the evening.\n", encoding="utf-8")
        os.utime(note, (_LONG_AGO, _LONG_AGO))
    return folder


@pytest.fixture(scope="package")
def library(media: Path) -> Path:
    """The folder of a library that holds ``media/shown``, by the built-in encoder."""
    folder = media.parent / "library"
    bowerbird("index", media / "shown", "--library", folder, "--encoder", "concepts")
    return folder


@pytest.fixture(scope="package")
def server(library: Path, media: Path) -> Iterator[str]:
    """The address of a server on this machine that wants no key, with ``media/later`` as a further root."""
    with serving(library, "--root", media / "later") as url:
        yield url


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Headless Chromium, the one that is installed. Tests skip where there is none."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here: install the package `chromium` to drive the page")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(
            executable_path=CHROMIUM,
            headless=True,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
            timeout=2 * PATIENCE_MS,
        )
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def contexts(browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """Contexts by their options, shared by tests: one that has fetched styles and scripts need not do so again."""
    made: dict[str, BrowserContext] = {}
    yield made
    for context in made.values():
        context.close()


NewPage = Callable[..., "Page"]


@pytest.fixture
def new_page(browser: Browser, contexts: dict[str, BrowserContext], server: str) -> Iterator[NewPage]:
    """Makes pages: ``new_page(viewport=…, color_scheme=…)`` takes the options of Playwright's `new_context`.

    Whatever a page writes to its console as an error, throws, or asks of another host, fails the test at its end.
    ``page.faults`` (a list) is what has been found so far; a test that provokes one on purpose clears it.
    """
    pages: list[Page] = []

    def make(**options: object) -> Page:
        settings = {"viewport": _WIDE, "base_url": server, "reduced_motion": "reduce", **options}
        if repr(settings) not in contexts:
            contexts[repr(settings)] = browser.new_context(**settings)  # type: ignore[arg-type]
            contexts[repr(settings)].set_default_timeout(PATIENCE_MS)
        page = contexts[repr(settings)].new_page()
        faults: list[str] = []
        page.faults = faults  # type: ignore[attr-defined]
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        own = urlsplit(str(settings["base_url"])).netloc

        def look(request: object) -> None:
            url = urlsplit(request.url)  # type: ignore[attr-defined]
            if url.scheme in {"http", "https", "ws", "wss"} and url.netloc != own:
                faults.append(f"a request to another host: {url.geturl()}")

        page.on("request", look)
        pages.append(page)
        return page

    yield make
    found = [fault for page in pages for fault in page.faults]  # type: ignore[attr-defined]
    for page in pages:
        page.close()
    assert found == []


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page of 1280 x 800 whose addresses may be relative: ``page.goto("/?q=a+cat")``. See `new_page`."""
    return new_page()
