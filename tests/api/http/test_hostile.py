"""Hostile clients, pages and files before a real server: what they send in bytes, and what they never send."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Asked

from api import keys
from api.http import connections, gate, limits, server
from api.http.app import create_app
from api.http.connections import Connection
from api.http.pools import Pool
from api.http.routes.assets import _is_shown, _safe
from api.keys import Scope
from api.originals import Originals
from bowerbird.errors import UsageError
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from tests import waiting
from tests.api.http.conftest import Serving
from tests.api.http.test_gate import refused
from tests.fakes import HashEncoder
from tests.media.make import photo, save

Started = Callable[[ASGIApp], "Running"]
FORM = "multipart/form-data; boundary=x"
FOREIGN = "https://photos.example"
PATIENCE_S = 60
"""After which something that was to happen does not: no machine is that slow."""
LARGE = 64 << 20
"""More than two sockets hold."""


class Running:
    """An app behind our connections, in a thread."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._server = uvicorn.Server(server.configured(app))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([self._listening],))
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "it did not start"
            time.sleep(0.01)

    def dial(self, sent: str = "") -> socket.socket:
        """A connection on which ``sent`` has been sent, or as much as the server took before it hung up."""
        found = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        with suppress(ConnectionError):
            found.sendall(sent.encode("latin-1"))
        return found

    def ask(self, line: str, *headers: str, body: str = "") -> str:
        """The answer to one request, on a connection of its own."""
        host = f"Host: 127.0.0.1:{self.port}"
        with self.dial("\r\n".join([line, host, "Connection: close", *headers, "", body])) as connection:
            return rest(connection).decode("latin-1")

    def look(self, connections: int = 1) -> None:
        """Have it look after its connections, ``connections`` of them, as it else does at intervals."""
        there = self._server.server_state.connections
        waiting.until(lambda: len(there) == connections)
        done = threading.Event()

        def look() -> None:
            for each in list(there):
                each._look()
            done.set()

        next(iter(there)).loop.call_soon_threadsafe(look)
        assert done.wait(PATIENCE_S)

    def end(self) -> None:
        """As on SIGTERM."""
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)
        self._listening.close()
        assert not self._thread.is_alive(), "it did not end"


def rest(connection: socket.socket) -> bytes:
    """What comes until the server hangs up, in either way."""
    got = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(1 << 16):
            got += piece
    return got


def until(connection: socket.socket, end: bytes) -> bytes:
    """What comes up to ``end``, in however many pieces: the head and the body of an answer may come apart."""
    got = b""
    while end not in got and (piece := connection.recv(1 << 16)):
        got += piece
    return got


def head(connection: socket.socket) -> bytes:
    """The head of an answer, and what may have come with it."""
    return until(connection, b"\r\n\r\n")


@pytest.fixture
def run() -> Iterator[Started]:
    """Starts an app; it is ended with the test."""
    with ExitStack() as stack:

        def start(app: ASGIApp) -> Running:
            started = Running(app)
            stack.callback(started.end)
            return started

        yield start


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is logged at levels that somebody sees. (Uvicorn throws away handlers that it did not make.)"""
    lines: list[str] = []
    call = logging.Logger.callHandlers

    def heard(logger: logging.Logger, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            lines.append(record.getMessage())
        call(logger, record)

    monkeypatch.setattr(logging.Logger, "callHandlers", heard)
    return lines


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Library, str, Path]]:
    """A library of one picture with a long tail of nothing; its id, and where it lies."""
    folder = tmp_path_factory.mktemp("large")
    (folder / "media").mkdir()
    path = save(photo(64, 64, 1), folder / "media" / "a.png")
    os.truncate(path, LARGE)
    with open_library(folder / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        library.settings.index.regions, library.settings.index.ocr = 0, False
        library.settings.serve.searchers = 0
        report = Indexer(library).index([folder / "media"])
        assert report.indexed == 1, report
        yield library, hashlib.sha256(path.read_bytes()).hexdigest(), path


def _app(answer: ASGIApp) -> ASGIApp:
    """An app that answers so."""

    async def app(scope: Asked, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await answer(scope, receive, send)
            return
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})

    return app


@_app
async def _hello(scope, receive, send):
    await asyncio.sleep(0.05)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@_app
async def _endless(scope, receive, send):
    """Until whoever listens has gone."""
    gone = asyncio.create_task(receive())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while not (gone.done() and gone.result()["type"] == "http.disconnect"):
        if gone.done():
            gone = asyncio.create_task(receive())
        await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
        await asyncio.sleep(0.02)


async def _flood(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(1000):
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


class TestConnections:
    """What a connection may cost, whoever opened it."""

    def test_a_head_that_does_not_come_is_not_waited_for(self, run, monkeypatch):
        monkeypatch.setattr(connections, "HEAD_S", 0.2)
        running = run(_hello)
        with running.dial() as silent, running.dial("GET / HTTP/1.1\r\nX-Slow: ") as slow:
            assert rest(silent) == rest(slow) == b""

    def test_nor_is_the_rest_of_a_body_that_was_answered(self, run, monkeypatch):
        monkeypatch.setattr(connections, "HEAD_S", 3600)
        running = run(_hello)
        with running.dial("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n") as connection:
            assert until(connection, b"hello").startswith(b"HTTP/1.1 200")
            for _ in range(2):  # the first look finds that something was asked since it came
                connection.sendall(b"x")
                running.look()
            assert rest(connection) == b""

    def test_one_that_asks_now_and_then_is_kept(self, run, monkeypatch):
        monkeypatch.setattr(connections, "HEAD_S", 3600)
        running = run(_hello)
        with running.dial() as connection:
            for _ in range(5):
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert until(connection, b"hello").startswith(b"HTTP/1.1 200")
                running.look()

    def test_there_are_only_so_many(self, run, monkeypatch):
        monkeypatch.setattr(Connection, "most", 2)
        running = run(_hello)
        first, second = running.dial(), running.dial()
        with second:
            assert running.ask("GET / HTTP/1.1") == ""
            first.close()
            waiting.until(lambda: running.ask("GET / HTTP/1.1").endswith("hello"))  # once the close was seen

    def test_an_answer_that_nobody_reads_is_given_up(self, run, monkeypatch, said):
        monkeypatch.setattr(connections, "STALLED_S", 0.2)
        ended = threading.Event()

        @_app
        async def app(scope, receive, send):
            try:
                await _flood(scope, receive, send)
            finally:
                ended.set()

        with run(app).dial("GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
            assert ended.wait(PATIENCE_S)
        assert not said

    @pytest.mark.parametrize(
        "sent",
        [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n\0\0\0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nZZ\r\n",
            "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "GET /" + "a" * 100_000,
        ],
    )
    @pytest.mark.parametrize("app", [_hello, _endless])
    def test_what_is_no_http_fills_no_log(self, run, said, sent, app):
        running = run(app)
        with running.dial(sent) as connection, suppress(ConnectionError):
            connection.recv(100)
            time.sleep(0.1)  # so that it comes by itself, most of the time
            connection.sendall(b"ZZ\r\n\r\n")
            connection.recv(100)
        with running.dial("GET / HTTP/1.1\r\nHost: a\r\n\r\n") as connection:
            assert head(connection).startswith(b"HTTP/1.1 200")
        assert not said

    def test_a_server_that_ends_breaks_off_what_goes_on(self, run, monkeypatch, said):
        monkeypatch.setattr(connections, "LEAVE_S", 0.2)
        monkeypatch.setattr(server, "_ENDS_S", PATIENCE_S)  # after which uvicorn would break them off, and say so
        running = run(_endless)
        dialled = [running.dial("GET / HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(5)]
        assert all(head(each) for each in dialled)
        running.end()
        assert all(not rest(each).endswith(b"0\r\n\r\n") for each in dialled)
        assert not said

    def test_as_many_are_let_in_as_files_may_be_open(self):
        assert 16 <= connections.room() <= 8192


class TestSecondThoughts:
    """Somebody who was let in, and is no more."""

    @pytest.fixture
    def key(self, large) -> str:
        token, _ = keys.create(large[0], "a thief", [Scope.SEARCH])
        return token

    def test_a_download_ends_with_its_key(self, run, large, key, monkeypatch, said):
        monkeypatch.setattr(gate, "_LOOK_AGAIN_S", -1)  # at every piece
        library, asset_id, _ = large
        running = run(create_app(library, keyless=False))
        asked = f"GET /v1/assets/{asset_id}/original HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n"
        with running.dial(asked) as connection:
            assert b"200 OK" in head(connection)
            keys.revoke(library, "a thief")
            assert len(rest(connection)) < LARGE // 2, "more than sockets hold came after that"
        assert not said
        waiting.until(
            lambda: running.app.state.bowerbird.pools.files.busy == 0
        )  # a read that was under way comes to its end
        assert "401" in running.ask("GET /v1/status HTTP/1.1", f"Authorization: Bearer {key}")

    def test_a_stream_ends_with_its_key(self, run, large, key, monkeypatch, said):
        monkeypatch.setattr(gate, "_LOOK_AGAIN_S", 0.05)
        library = large[0]
        quick = Pool("quick", 1, 8)
        running = run(gate.Gate(_endless, library, lambda: quick, keyless=False))
        with running.dial(f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n") as connection:
            assert b"200 OK" in head(connection)
            keys.revoke(library, "a thief")
            assert not rest(connection).endswith(b"0\r\n\r\n")
        assert not said
        quick.close()

    def test_a_busy_server_breaks_nothing_off(self, run, large, key, monkeypatch):
        monkeypatch.setattr(gate, "_LOOK_AGAIN_S", 0.05)
        library, quick = large[0], Pool("quick", 1, 8)
        looks: list[int] = []  # how busy the server was at each

        def pool() -> Pool:
            looks.append(quick.busy)
            return quick

        running = run(gate.Gate(_endless, library, pool, keyless=False))
        with running.dial(f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n") as connection:
            assert b"200 OK" in head(connection)
            quick.busy += 100
            while sum(busy >= 100 for busy in looks) < 5:
                assert connection.recv(1 << 16)
        keys.revoke(library, "a thief")
        quick.close()


def test_a_file_that_is_cut_short_is_seen_to_be(run, large, said):
    library, asset_id, path = large
    running = run(create_app(library))
    before = path.stat()
    with running.dial(f"GET /v1/assets/{asset_id}/original HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") as connection:
        assert b"200 OK" in head(connection)
        os.truncate(path, 1 << 20)
        assert len(rest(connection)) < LARGE
    os.truncate(path, LARGE)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not said


def test_whoever_hangs_up_within_a_body_is_not_logged(run, library, said):
    running = run(create_app(library))
    accept = "Accept: application/json, text/event-stream"
    for path, media_type in (("/v1/search", "application/json"), ("/v1/search", FORM), ("/mcp", "application/json")):
        lines = (
            f"POST {path} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Content-Type: {media_type}",
            "Content-Length: 9999",
            accept,
        )
        with running.dial("\r\n".join([*lines, "", "--x\r\n"])):
            time.sleep(0.1)
    assert running.ask("GET /healthz HTTP/1.1").startswith("HTTP/1.1 200")
    assert not said


class TestProxies:
    """A server that trusts this machine, and something on it that passes on what others send."""

    @pytest.mark.parametrize(
        "header",
        ["Via", "X-Forwarded-Proto", "X-Forwarded-Server", "X-Original-Host", "CF-Connecting-IP", "X-Client-IP"],
    )
    def test_whoever_comes_through_one_needs_a_key(self, client, header):
        refused(client.get("/v1/status", headers={header: "1"}), 401)

    def test_so_does_the_old_http_that_nginx_speaks(self, run, library):
        running = run(create_app(library))
        assert running.ask("GET /v1/status HTTP/1.0").startswith("HTTP/1.1 401")
        assert running.ask("GET /healthz HTTP/1.0").startswith("HTTP/1.1 200")
        assert running.ask("GET /v1/status HTTP/1.1").startswith("HTTP/1.1 200")

    def test_a_name_is_what_it_stands_for(self, library, monkeypatch):
        everywhere = socket.getaddrinfo("0.0.0.0", 0, type=socket.SOCK_STREAM)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: everywhere)
        with pytest.raises(UsageError, match="everybody needs a key"):
            server.serve(library, host="localhost", port=0)


class TestSessions:
    """The page's cookie, and who else may have it sent along."""

    @pytest.fixture
    def cookie(self, library: Library) -> Iterator[str]:
        token, _ = keys.create(library, "a tablet", [Scope.ADMIN])
        yield f"bowerbird_session={keys.sign_in(library, token)}"
        keys.revoke(library, "a tablet")

    def test_a_page_that_may_use_the_api_is_not_lent_it(self, serving: Serving, library, cookie, monkeypatch):
        monkeypatch.setattr(library.settings.serve, "cors_origins", (FOREIGN,))
        public = serving(keyless=False)
        for method, path in (("POST", "/v1/index"), ("GET", "/v1/status")):
            refused(public.request(method, path, headers={"cookie": cookie, "origin": FOREIGN}), 401)
        own = {"cookie": cookie, "origin": "http://127.0.0.1:8765"}
        assert public.get("/v1/status", headers=own).status_code == 200

    @pytest.mark.parametrize("other", ['a={"b": "c"}', "a b=c", "=", "a;b", 'x="', "bowerbird_sessio=x"])
    def test_cookies_of_other_servers_of_this_host_are_passed_over(self, serving: Serving, cookie, other):
        public = serving(keyless=False)
        assert public.get("/v1/status", headers={"cookie": f"{other}; {cookie}"}).status_code == 200

    def test_a_key_for_searching_opens_nothing_else(self, serving: Serving, library):
        public = serving(keyless=False)
        token, _ = keys.create(library, "a reader", [Scope.SEARCH])
        headers = {"authorization": f"Bearer {token}"}
        beyond = [
            ("POST", "/v1/index"), ("GET", "/v1/jobs"), ("GET", "/v1/jobs/1"), ("DELETE", "/v1/jobs/1"),
            ("GET", "/v1/jobs/1/events"), ("PUT", "/v1/saved/x"), ("DELETE", "/v1/saved/x"), ("POST", "/v1/eval"),
            ("GET", "/v1/reencode"), ("POST", "/v1/reencode"), ("POST", "/v1/reencode/activate"),
            ("POST", "/v1/reencode/rollback"), ("POST", "/v1/reencode/retire"), ("GET", "/metrics"),
        ]  # fmt: skip
        try:
            for method, path in beyond:
                refused(public.request(method, path, json={"queries": []}, headers=headers), 403)
            called = public.post(
                "/mcp",
                json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "index", "arguments": {}}},
                headers={**headers, "accept": "application/json, text/event-stream"},
            )
            assert "may not index" in called.text
        finally:
            keys.revoke(library, "a reader")

    def test_an_address_with_a_zone_is_no_name(self, client):
        refused(client.get("/healthz", headers={"host": "[fe80::1%evil.example]"}), 421)


class TestCost:
    """What one client may take from the others."""

    def test_a_picture_that_takes_long_holds_up_no_words(self, client, monkeypatch):
        search = client.app.state.bowerbird.search
        go_on, begun, prepare = threading.Event(), threading.Event(), search.prepare

        def slow(queries):
            if any(query.image is not None for query in queries):
                begun.set()
                go_on.wait(PATIENCE_S)
            prepare(queries)

        monkeypatch.setattr(search, "prepare", slow)
        sent = threading.Thread(target=client.post, args=("/v1/search",), kwargs={"files": {"image": b"a picture"}})
        sent.start()
        try:
            assert begun.wait(PATIENCE_S)
            done: list[int] = []
            words = threading.Thread(target=lambda: done.append(client.get("/v1/search?q=quick").status_code))
            words.start()
            words.join(PATIENCE_S / 2)
            assert done == [200]
        finally:
            go_on.set()
            sent.join()

    def test_bodies_are_held_up_to_a_sum(self, run, library, monkeypatch):
        monkeypatch.setattr(limits, "_BODIES", 0)
        app = create_app(library)
        running = run(app)
        with httpx.Client(base_url=f"http://127.0.0.1:{running.port}", timeout=PATIENCE_S) as client:
            answer = client.post("/v1/search", json={"text": "x"})
            refused(answer, 503)
            assert answer.headers["retry-after"] == "1"

    def test_and_given_back(self, serving, library, monkeypatch):
        monkeypatch.setattr(limits, "_BODIES", 1 / (32 << 20) * 1000)  # a thousand bytes
        client = serving()
        for _ in range(30):
            assert client.post("/v1/search", content=json.dumps({"text": "x" * 100}).encode()).status_code == 200
            refused(client.post("/v1/search", content=b"[" * 1001), 503)

    def test_a_touched_file_is_read_through_once_for_all(self, large, monkeypatch):
        library, asset_id, path = large
        before = path.stat()
        os.utime(path, ns=(1, 1))
        originals, read = Originals(library), []
        digest = hashlib.file_digest
        monkeypatch.setattr(hashlib, "file_digest", lambda *said: read.append(1) or digest(*said))
        threads = [threading.Thread(target=lambda: originals.open(asset_id).file.close()) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert read == [1]


@pytest.mark.parametrize(
    "media_type",
    ["text/html", "TEXT/HTML", "image/svg+xml", "image/SVG+xml", "image/x+xml", "application/xml", "text/xml",
     "text/xml-external-parsed-entity", "application/rss+xml", "application/mathml+xml", "text/javascript",
     "application/javascript", "application/x-javascript", "text/ecmascript", "text/css", "text/xsl",
     "multipart/related", "multipart/x-mixed-replace", "message/rfc822", "image/png\r\nX: y", "image/png; a=b",
     "image/", "image/png\0", ""],
)  # fmt: skip
def test_what_a_browser_would_run_is_given_as_bytes_to_keep(media_type):
    assert _safe(media_type) == "application/octet-stream"
    assert not _is_shown(media_type)


@pytest.mark.parametrize("media_type", ["image/jpeg", "video/mp4", "audio/mpeg", "application/pdf"])
def test_what_it_shows_is_shown(media_type):
    assert _safe(media_type) == media_type
    assert _is_shown(media_type)


def test_documents_keep_their_type():
    for media_type in (
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/epub+zip",
    ):
        assert _safe(media_type) == media_type
        assert not _is_shown(media_type)
