"""A real server on a loopback port, and sockets to it that can be torn."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn

from api.http.app import create_app
from api.http.state import State
from bowerbird.wiring import Library


class Live:
    """Serves a library from a thread. A context manager; ``client`` speaks HTTP to it."""

    def __init__(self, library: Library, *, keyless: bool = True) -> None:
        self.app = create_app(library, keyless=keyless)
        config = uvicorn.Config(
            self.app, log_level="critical", access_log=False, ws="none", timeout_graceful_shutdown=5
        )
        self._server = uvicorn.Server(config)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = self._listening.getsockname()[:2]
        self._thread = threading.Thread(target=self._server.run, args=([self._listening],), name="live")

    @property
    def state(self) -> State:
        """What is behind its routes."""
        found: State = self.app.state.bowerbird
        return found

    @property
    def lives(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()

    def open(self, line: str, *headers: str, body: bytes = b"") -> Stream:
        """Send the beginning of a request: ``GET /healthz``."""
        head = "\r\n".join([f"{line} HTTP/1.1", f"Host: 127.0.0.1:{self.address[1]}", *headers, "", ""])
        return Stream(self.address, head.encode("latin-1") + body)

    def have_all_threads(self) -> None:
        """Have every pool make the threads that it may have, so that there come no more of them."""
        for pool in self.state.pools.all:
            threads = pool._executor._max_workers
            together = threading.Barrier(threads)
            for waiting in [pool._executor.submit(together.wait, 60) for _ in range(threads)]:
                waiting.result()

    def metric(self, name: str, **labels: str) -> float:
        """A number that it counts, as its own process knows it."""
        for line in self.state.metrics.text().decode().splitlines():
            head, _, value = line.rpartition(" ")
            named, _, rest = head.partition("{")
            if named == name and all(f'{key}="{said}"' in rest for key, said in labels.items()):
                return float(value)
        return 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self._server.started:
            assert time.monotonic() < deadline, "it did not start"
            assert self._thread.is_alive(), "it ended at once"
            time.sleep(0.01)
        self.client = httpx.Client(base_url="http://{}:{}".format(*self.address), timeout=60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join(60)
        self._listening.close()
        assert not self._thread.is_alive(), "it did not end"


class Stream:
    """One connection, in bytes."""

    def __init__(self, address: tuple[str, int], sent: bytes) -> None:
        self._socket = socket.create_connection(address, timeout=60)
        with suppress(ConnectionError):  # it hung up before it had taken all, and what it answered can be read
            self._socket.sendall(sent)

    def until(self, wanted: bytes) -> bytes:
        """What comes, up to and with ``wanted``."""
        got = b""
        while wanted not in got:
            piece = self._socket.recv(1 << 16)
            assert piece, f"it ended with {got[-300:]!r}"
            got += piece
        return got

    def rest(self) -> bytes:
        """What comes until the server closes, in either way, or the answer is complete."""
        got = b""
        with suppress(ConnectionResetError):
            while not got.endswith(b"0\r\n\r\n") and (piece := self._socket.recv(1 << 16)):
                got += piece
        return got

    def close(self) -> None:
        """Hang up, with what was on its way thrown away."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Names and data of server-sent events."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)
