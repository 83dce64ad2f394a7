"""How soon the page shows its first picture, against what that takes by itself; and what the page weighs.

    python -m benchmarks.page [--files 10000] [--rounds 20] [--keep FOLDER]

The server is warm and the texts are new each time. By itself: one call of the API for as many hits as the page shows,
and then one thumbnail, over a connection that is open. The page: from when a browser that is open is sent
to the address until its first picture is decoded and drawn, nothing of it cached but what the browser keeps of styles
and scripts. Needs Chromium.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.http_clients import texts
from benchmarks.serving import filled, serving

DRAWN = """
const look = () => {
  const picture = document.querySelector("[data-hits] img");
  const there = picture && picture.complete && picture.naturalWidth;
  requestAnimationFrame(there ? () => { window.drawn = performance.now(); } : look);
};
requestAnimationFrame(look);
"""


def by_itself(connection: http.client.HTTPConnection, text: str, hits: int) -> float:
    """Milliseconds of the call and one thumbnail."""
    started = time.perf_counter()
    connection.request("GET", f"/v1/search?q={quote(text)}&limit={hits}&min_relevance=0")
    hit = json.loads(connection.getresponse().read())["hits"][0]
    connection.request("GET", f"/v1/assets/{hit['asset_id']}/thumbnail?segment={hit['segment_id']}")
    assert connection.getresponse().read()
    return 1000 * (time.perf_counter() - started)


def in_a_browser(page: Page, address: str, text: str) -> tuple[float, float]:
    """Milliseconds until the first picture is drawn, and until the page itself had come."""
    page.goto(f"http://{address}/?q={quote(text)}", wait_until="commit")
    while (drawn := page.evaluate("window.drawn")) is None:  # a function to wait for would be against the page's policy
        time.sleep(0.01)
    came: float = page.evaluate("performance.getEntriesByType('navigation')[0].responseEnd")
    return drawn, came


def weight(page: Page, address: str, text: str) -> dict[str, int]:
    """Bytes of everything but pictures that a first visit fetches, by sort."""
    found: dict[str, int] = {}

    def fetched(response) -> None:  # type: ignore[no-untyped-def]
        sort = response.request.resource_type
        if sort not in {"image", "media"}:
            found[sort] = found.get(sort, 0) + len(response.body())

    page.on("response", fetched)
    page.goto(f"http://{address}/?q={quote(text)}", wait_until="networkidle")
    return found


def measure(library: Path, rounds: int) -> None:
    """Print the table."""
    browser_at = shutil.which("chromium")
    if browser_at is None:
        sys.exit("there is no chromium here: install it, and run this again")
    queries = texts(2 * rounds + 20, 3)
    with serving(library) as (_, address), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_at, args=["--no-sandbox"])
        weighed = weight(browser.new_page(), address, queries.pop())
        page = browser.new_page()
        page.add_init_script(DRAWN)
        page.goto(f"http://{address}/?q={quote(queries.pop())}", wait_until="networkidle")
        hits = page.locator("[data-hits] a[data-view]").count()
        connection = http.client.HTTPConnection(address)
        for _ in range(5):
            by_itself(connection, queries.pop(), hits)
            in_a_browser(page, address, queries.pop())
        alone, shown, came = [], [], []
        for _ in range(rounds - 5):
            alone.append(by_itself(connection, queries.pop(), hits))
            drawn, arrived = in_a_browser(page, address, queries.pop())
            shown.append(drawn)
            came.append(arrived)
        browser.close()
    print(f"{hits} hits a page\\n\\n| | p50 ms | p90 ms |\\n|-|-|-|".replace("\\n", "\n"))
    for name, took in (
        ("the API's call and a thumbnail", alone),
        ("until the page's HTML has come", came),
        ("until its first picture is drawn", shown),
    ):
        print(f"| {name} | {np.percentile(took, 50):.0f} | {np.percentile(took, 90):.0f} |")
    print(f"\npage / by itself, p50: {np.median(shown) / np.median(alone):.2f} (asked: at most 1.5)")
    told = ", ".join(f"{sort} {size / 1000:.1f}" for sort, size in sorted(weighed.items()))
    print(f"weight without pictures: {sum(weighed.values()) / 1000:.1f} KB ({told}; asked: under 200)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--keep", type=Path, help="Make the library here, and leave it for another run.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(filled(options.keep or Path(folder), options.files), options.rounds)


if __name__ == "__main__":
    main()
