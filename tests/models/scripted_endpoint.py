"""A server of the OpenAI chat-completions protocol that follows a script: what it says, and how it fails.

>>> with ScriptedEndpoint(status(429, retry_after=0), says("Forty", 0.1, " two.")) as endpoint:  # doctest: +SKIP
...     Endpoint("any", endpoint.address, 10)

Each request takes the next script; the last one serves all further requests. It listens on 127.0.0.1 at a free port.
"""

from __future__ import annotations

import contextlib
import json
import select
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bowerbird.models.endpoint import endpoint

EVENTS = "text/event-stream; charset=utf-8"
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.body["messages"]

    @property
    def text(self) -> str:
        """All text of it, pictures left out."""
        return "\n".join(text for each in self.messages for text in texts_of(each))

    @property
    def pictures(self) -> list[str]:
        """The data URIs in it."""
        parts = [part for each in self.messages if isinstance(each["content"], list) for part in each["content"]]
        return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def texts_of(message: dict[str, Any]) -> list[str]:
    content = message["content"]
    return [content] if isinstance(content, str) else [part["text"] for part in content if part["type"] == "text"]


class Line(BaseHTTPRequestHandler):
    """One connection, as a script sees it."""

    protocol_version = "HTTP/1.1"
    server: Server
    asked: Asked

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked = Asked(self.path, headers, json.loads(body))
        script = self.server.owner.next(self.asked)
        try:
            script(self)
        except OSError:
            self.server.owner.left.set()
            self.close_connection = True

    def do_GET(self) -> None:
        """Where a redirect that was followed would end up."""
        self.server.owner.asked.append(Asked(self.path, dict(self.headers.items()), {}))
        self.whole(404, "{}", "application/json")

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def whole(self, code: int, body: str, kind: str, **headers: object) -> None:
        """A response at once; ``retry_after=1`` is sent as ``retry-after: 1``."""
        data = body.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(data)

    def begin(self, kind: str = EVENTS, **headers: str) -> None:
        """A response that goes on for as long as it likes."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def raw(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, data: object) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        self.raw(f"data: {text}\n\n".encode())

    def say(self, text: str) -> None:
        self.server.owner.said_at.append(time.perf_counter())
        self.event(chunk({"content": text}))

    def end(self, finish: str = "stop", usage: dict[str, int] | None = USAGE) -> None:
        self.event(chunk({}, finish))
        if usage is not None:
            self.event({**chunk({}), "choices": [], "usage": usage})
        self.event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def wait(self, seconds: float) -> None:
        """Raises OSError as soon as whoever asked is gone, or the server is to stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.05))
            if readable and not self.connection.recv(1):
                raise ConnectionResetError("whoever asked is gone")
            if self.server.owner.stopping.is_set():
                raise ConnectionAbortedError("the server stops")


def run_out_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the clock by which endpoints' deadlines are kept forward by a day, now, and for as long as the test lasts."""
    loop = endpoint._loop()
    monkeypatch.setattr(loop, "time", lambda: time.monotonic() + 86_400, raising=True)
    loop.call_soon_threadsafe(lambda: None)  # it may sleep until a deadline of the old clock


Script = Callable[[Line], None]
FOR_EVER = 3600.0


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "any", "choices": [choice]}


def says(*pieces: str | float, finish: str = "stop", usage: dict[str, int] | None = USAGE) -> Script:
    """Say it all; a number is a pause in seconds."""
    return obeys(lambda asked: pieces, finish=finish, usage=usage)


def obeys(
    reply: Callable[[Asked], Iterable[str | float]], *, finish: str = "stop", usage: dict[str, int] | None = USAGE
) -> Script:
    """Say what ``reply`` makes of the request."""

    def script(line: Line) -> None:
        pieces = reply(line.asked)
        line.begin()
        line.event(chunk({"role": "assistant", "content": ""}))
        for piece in pieces:
            line.wait(piece) if isinstance(piece, int | float) else line.say(piece)
        line.end(finish, usage)

    return script


def status(
    code: int, message: str = "no", *, body: str | None = None, kind: str = "application/json", **headers: object
) -> Script:
    """Answer with an error, as OpenAI words it unless a ``body`` is given."""
    text = json.dumps({"error": {"message": message, "type": "error"}}) if body is None else body
    return lambda line: line.whole(code, text, kind, **headers)


def redirects(to: str, code: int = 307) -> Script:
    return lambda line: line.whole(code, "", "text/plain", location=to)


def whole_json(text: str) -> Script:
    """Answer as if no stream had been asked for."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return lambda line: line.whole(200, json.dumps({"id": "1", "choices": [choice]}), "application/json")


def html_page(code: int = 200) -> Script:
    return lambda line: line.whole(code, "<!doctype html><title>Welcome</title><p>It works!", "text/html")


def cut(*pieces: str) -> Script:
    """Say that much, and break the connection in the middle of the response."""

    def script(line: Line) -> None:
        line.begin()
        for piece in pieces:
            line.say(piece)
        line.close_connection = True

    return script


def stops(*pieces: str) -> Script:
    """Say that much, and end the response properly, but not the answer."""

    def script(line: Line) -> None:
        line.begin()
        for piece in pieces:
            line.say(piece)
        line.event("[DONE]")
        line.wfile.write(b"0\r\n\r\n")

    return script


def events(*data: object, kind: str = EVENTS, **headers: str) -> Script:
    """Send these, whatever they are, and end the response: text as it stands, all else as JSON."""

    def script(line: Line) -> None:
        line.begin(kind, **headers)
        for each in data:
            line.raw(each) if isinstance(each, bytes) else line.event(each)
        line.wfile.write(b"0\r\n\r\n")

    return script


def refuses(reason: str) -> Script:
    """Decline as OpenAI's models do."""
    return events(chunk({"refusal": reason}), chunk({}, "stop"), "[DONE]")


def silent() -> Script:
    """Take the request and never answer."""
    return lambda line: line.wait(FOR_EVER)


def hangs(*pieces: str) -> Script:
    """Say that much and then nothing more, with the connection open."""
    return says(*pieces, FOR_EVER)


def trickles(every_s: float = 1.0, *, from_the_first: bool = False) -> Script:
    """One byte at a time, of one line that never ends; ``from_the_first``: of the response's header already."""

    def script(line: Line) -> None:
        if from_the_first:
            line.wfile.write(b"HTTP/1.1 200 OK\r\nX-Padding: ")
        else:
            line.begin()
        while True:
            line.wait(every_s)
            line.wfile.write(b"x") if from_the_first else line.raw(b"x")

    return script


def never_ends(piece: bytes) -> Script:
    """``piece`` again and again, as fast as it is read."""

    def script(line: Line) -> None:
        line.begin()
        while not line.server.owner.stopping.is_set():
            line.raw(piece)

    return script


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    owner: ScriptedEndpoint

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that is dropped between two requests is none."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class ScriptedEndpoint:
    """The server. ``asked`` holds every request in order, ``said_at`` when each piece was sent (`time.perf_counter`),
    ``left`` is set once someone has gone before the script had ended.
    """

    def __init__(self, *scripts: Script) -> None:
        self.asked: list[Asked] = []
        self.said_at: list[float] = []
        self.left = threading.Event()
        self.stopping = threading.Event()
        self._scripts = list(scripts)
        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", 0), Line)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def next(self, asked: Asked) -> Script:
        with self._lock:
            self.asked.append(asked)
            return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]

    def __enter__(self) -> ScriptedEndpoint:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        with contextlib.suppress(OSError):
            self._server.server_close()
        self._thread.join()
