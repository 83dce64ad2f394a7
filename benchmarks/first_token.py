"""How much later a model's first word arrives through Bowerbird than from the model's own endpoint.

    python -m benchmarks.first_token [LIBRARY] [--questions 50]

An endpoint that speaks the OpenAI protocol thinks for a while, then says word by word at what time it was asked and at
what time it sends its first word, by the clock of this machine. So what is measured is from its sending to the arrival,
with `search.answer` in the same process, and with `POST /v1/answer` of a `bowerbird serve` as its client sees it. Both
are held against reading the endpoint directly. What goes before the endpoint is asked, retrieval above all, is told
apart. LIBRARY is only read; without one a small one is made of the samples' notes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from benchmarks.http_clients import texts
from benchmarks.serving import serving
from bowerbird.answers import Question
from indexer import open_indexer
from search import open_search
from search.answer import answer
from search.citing.cite import Said

MOST_LATER_MS = 50
"""What the first word may come later by."""
THINKING_S, PAUSE_S = 0.1, 0.02
WORDS = ("is", "what", "stands", "there", "[1]", "and", "more", "of", "it", "in", "[2].")
WARMING = 5
NOTES = Path(__file__).parents[1] / "samples" / "notes"


@dataclass(frozen=True, slots=True)
class Timing:
    """Of one answer, in milliseconds."""

    before: float
    """From the question until the endpoint was asked."""
    later: float
    """From the endpoint's sending of its first word to its arrival."""


class _Speaker(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        asked = time.monotonic_ns()
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        time.sleep(THINKING_S)
        self._event({"role": "assistant", "content": f"{time.monotonic_ns()} {asked} "})
        for word in WORDS:
            time.sleep(PAUSE_S)
            self._event({"content": f"{word} "})
        self._event({}, "stop")
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, delta: dict[str, str], ended: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": ended}
        said = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "speaker", "choices": [choice]}
        self._chunk(b"data: " + json.dumps(said).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _speak(told: Connection) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Speaker) as server:
        told.send(server.server_port)
        server.serve_forever()


@contextmanager
def speaking() -> Iterator[str]:
    """The endpoint as a process of its own, and its base URL."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_speak, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.terminate()
        process.join()


def directly(url: str, question: str) -> Timing:
    """The endpoint itself."""
    body = {"model": "speaker", "stream": True, "messages": [{"role": "user", "content": question}]}
    return _streamed(urlsplit(url).netloc, "/v1/chat/completions", body, _delta)


def over_http(address: str, question: str) -> Timing:
    """`POST /v1/answer` of the server at ``address``."""
    return _streamed(address, "/v1/answer", {"question": question, "stream": True}, _text)


def _delta(event: str, data: str) -> str:
    return "" if data == "[DONE]" else str(json.loads(data)["choices"][0]["delta"].get("content", ""))


def _text(event: str, data: str) -> str:
    if event == "problem":
        raise SystemExit(data)
    return str(json.loads(data)["text"]) if event == "text" else ""


def _streamed(address: str, path: str, body: dict[str, object], text_of: Callable[[str, str], str]) -> Timing:
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
    with closing(HTTPConnection(address, timeout=60)) as connection:
        started = time.monotonic_ns()
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        if response.status != 200:
            raise SystemExit(f"{address}{path}: {response.status} {response.read().decode(errors='replace')[:500]}")

        def pieces() -> Iterator[str]:
            event = ""
            while line := response.readline():
                name, _, value = line.decode().strip().partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    yield text_of(event, value)

        return _timed(started, pieces())


def _timed(started: int, pieces: Iterator[str]) -> Timing:
    """Hears ``pieces`` out, as a client does."""
    arrived, said = 0, ""
    for piece in pieces:
        if piece and not arrived:
            arrived = time.monotonic_ns()
        said += piece
    found = re.match(r"\s*(\d+) (\d+) ", said)
    if not found:
        raise SystemExit(f"the times that the endpoint tells did not come through: {said[:200]!r}")
    sent, asked = map(int, found.groups())
    return Timing((asked - started) / 1e6, (arrived - sent) / 1e6)


def measure(library: Path, questions: int) -> None:
    """Print the table."""
    asked = texts(questions + WARMING, 1)
    with speaking() as url:
        os.environ["BOWERBIRD_ANSWER__ANSWERER"] = f"openai:speaker@{url}"  # for the server too
        runs = {"the endpoint, read directly": [directly(url, each) for each in asked]}
        with open_search(library) as search:
            answerer = search.library.answerer()

            def in_process(question: str) -> Timing:
                started = time.monotonic_ns()
                events = answer(search, Question(question), answerer)
                return _timed(started, (event.text for event in events if isinstance(event, Said)))

            runs["`search.answer`"] = [in_process(each) for each in asked]
        with serving(library) as (_, address):
            runs["`POST /v1/answer`"] = [over_http(address, each) for each in asked]
    print(f"\n{questions} questions each; the first word may come {MOST_LATER_MS} ms later than the endpoint's own\n")
    print("| | first word after it was sent, ms: median | p95 | most | later than directly, p95 | asked after, ms |")
    print("|-|-|-|-|-|-|")
    own = _percentile([each.later for each in next(iter(runs.values()))[WARMING:]], 50)
    for name, timings in runs.items():
        later = [each.later for each in timings[WARMING:]]
        before = _percentile([each.before for each in timings[WARMING:]], 50)
        p50, p95 = _percentile(later, 50), _percentile(later, 95)
        print(f"| {name} | {p50:.1f} | {p95:.1f} | {max(later):.1f} | {p95 - own:+.1f} | {before:.1f} |")


def _percentile(values: list[float], share: int) -> float:
    return float(np.percentile(values, share))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, nargs="?", help="the folder of a library that is there already")
    parser.add_argument("--questions", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = options.library or Path(folder) / "library"
        if options.library is None:
            with open_indexer(library, encoder="concepts") as indexer:
                indexer.index([NOTES])
        measure(library, options.questions)


if __name__ == "__main__":
    main()
