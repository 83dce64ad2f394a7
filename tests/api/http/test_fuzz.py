"""Whatever anybody sends: no fault of ours, no answer that the OpenAPI document does not tell of, and the server lives.

``BOWERBIRD_FUZZ=10000`` sends as many generated requests; unset, as few as a test may take.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import psutil
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bowerbird.wiring import Library, open_library
from indexer import Indexer
from tests.api.http.live import Live
from tests.api.http.test_assets_route import id_of
from tests.fakes import HashEncoder
from tests.waiting import until

LONG = int(os.environ.get("BOWERBIRD_FUZZ") or 0)
GENERATED = LONG or 210
RAW = max(LONG, 2000)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
RANDOM = random.Random(0 if os.environ.get("CI") else None)


@pytest.fixture(scope="module")
def own(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A copy of the shared library, since some of what is sent will be obeyed; and a large picture."""
    folder = tmp_path_factory.mktemp("fuzzed")
    shutil.copytree(library.folder, folder / "library")
    with open_library(folder / "library", load=lambda _: HashEncoder()) as opened:
        opened.settings = library.settings.model_copy(deep=True)
        noise = np.random.default_rng(0).integers(0, 256, (1800, 1800, 3), np.uint8)
        (folder / "large").mkdir()
        Image.fromarray(noise).save(folder / "large" / "noise.bmp")
        Indexer(opened).index([folder / "large"])
        yield opened


@pytest.fixture(scope="module")
def large(own: Library) -> str:
    with own.catalog.read() as tx:
        return id_of(next(Path(root.path, "noise.bmp") for root in tx.roots.all() if root.path.endswith("large")))


@pytest.fixture(scope="module")
def live(own: Library) -> Iterator[Live]:
    with Live(own) as live:
        until(lambda: live.client.get("/readyz").status_code == 200)
        yield live
        assert live.lives
        assert live.client.get("/healthz").status_code == 200


def test_requests_made_from_the_document(live, media):
    document = live.client.get("/openapi.json").json()
    for operation in (each for item in document["paths"].values() for each in item.values()):
        operation.pop("security", None)  # or most requests would bring a key that is none, and be turned away
    schema = schemathesis.openapi.from_dict(document)
    operations = [found.ok() for found in schema.get_all_operations()]
    there = [id_of(media / name) for name in ("photo 1.png", "film.mp4", "paper.pdf", "rent.txt")]
    where = "http://{}:{}".format(*live.address)
    statuses: dict[int, int] = {}
    with requests.Session() as session:
        for operation in operations:
            modes = [operation.as_strategy(generation_mode=GenerationMode.POSITIVE)]
            if operation.body or operation.query or operation.path_parameters:
                modes.append(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))

            @settings(
                max_examples=max(1, GENERATED // len(operations)),
                suppress_health_check=list(HealthCheck),
                phases=[Phase.explicit, Phase.generate],
            )
            @given(st.one_of(modes), st.sampled_from([None, *there]))
            def sent(case: Case, id_: str | None) -> None:
                if id_ is not None and "asset_id" in case.path_parameters:
                    case.path_parameters["asset_id"] = id_
                if id_ is not None and "job_id" in case.path_parameters:
                    case.path_parameters["job_id"] = "1"  # the run that filled the library
                try:
                    response = case.call(base_url=where, session=session)
                except requests.RequestException:  # the server's HTTP hung up on what is none: a line of 64 KB, say
                    statuses[0] = statuses.get(0, 0) + 1
                    return
                statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
                if response.content == b"Invalid HTTP request received.":  # the same
                    return
                case.validate_response(response, checks=CHECKS)

            sent()
    assert statuses.get(0, 0) < 5 + sum(statuses.values()) / 50, f"it hung up too often: {statuses}"
    assert statuses[200] > sum(statuses.values()) / 20, f"hardly any was good enough to be answered: {statuses}"
    if LONG:
        print(f"\n{sum(statuses.values()):,} generated requests: {statuses}")


METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "get", "", "A B"]
TYPES = ["application/json", "multipart/form-data; boundary=x", "multipart/form-data", "text/plain", "a/b+json", "\xff"]
BODIES = [
    *(b"", b"{}", b"[]", b"null", b"{", b'{"text":"a"}', b'{"text":"\\ud800"}', b'{"limit":' + b"9" * 5000 + b"}"),
    *(b"[" * 50_000, b'{"a":' * 50_000, b"NaN", b'{"text":1e999}', b"\xff\xfe\x00", b'"' + b"a" * 70_000),
    b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\n{"text":"a"}\r\n--x--\r\n',
    b'--x\r\nContent-Disposition: form-data; name="image"; filename="\xff\x00"\r\n\r\n\x89PNG\r\n--x--\r\n',
    b"--x\r\nContent-Disposition: form-data; name*=utf-8''%ff\r\n\r\n\r\n--x",
]
HEADERS = [
    *("Range", "If-Range", "If-None-Match", "Cookie", "Authorization", "Accept", "Origin", "Sec-Fetch-Site", "Expect"),
    *("Transfer-Encoding", "Content-Length", "Content-Encoding", "Content-Type", "X-Forwarded-For", "Upgrade", "Host"),
    *("Last-Event-ID", "Connection", "Access-Control-Request-Method", "Accept-Encoding"),
]


def noise(most: int) -> bytes:
    return RANDOM.randbytes(RANDOM.randrange(most))


def written(lines: list[str], port: int) -> bytes:
    """A request that somebody means ill with, or is no request at all."""
    if RANDOM.random() < 0.1:
        return noise(300) + b"\r\n\r\n"
    method, path = RANDOM.choice(lines).encode().split(b" ")
    if RANDOM.random() < 0.2:
        method = RANDOM.choice(METHODS).encode()
    while RANDOM.random() < 0.2:
        at = RANDOM.randrange(1, len(path) + 1)
        piece = RANDOM.choice(
            [b"%00", b"%ff", b"..", b"%2e%2e%2f", b"//", b"?", b"&", b"=%zz", b"#", b"\xc3", b"9" * 30]
        )
        path = path[:at] + piece + path[at:]
    body = RANDOM.choice([*BODIES, noise(2000)])
    head = [
        b"%s %s HTTP/1.1" % (method, path),
        b"Host: 127.0.0.1:%d" % port,
        b"Content-Length: %d" % (len(body) if RANDOM.random() < 0.98 else RANDOM.choice([0, 1 << 40, len(body) // 2])),
        b"Content-Type: " + RANDOM.choice([*TYPES[:2], *TYPES]).encode("latin-1"),
        b"Connection: close",
    ]
    while RANDOM.random() < 0.4:
        value = RANDOM.choice([b"bytes=0-0", b"bytes=-1", b"*", b"bb_1_" + b"x" * 43, b"chunked", b"gzip", noise(60)])
        head.append(RANDOM.choice(HEADERS).encode() + b": " + value.translate(None, b"\r\n"))
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def answered(address: tuple[str, int], sent: bytes) -> bytes:
    with socket.create_connection(address, timeout=60) as connection:
        connection.settimeout(2)
        got = b""
        try:
            connection.sendall(sent)
            while (piece := connection.recv(1 << 16)) and len(got) < 1 << 16:
                got += piece
        except OSError:  # it hung up on us, or waits for the rest until we hang up
            pass
        return got


def test_bytes_of_any_sort(live, media, large):
    document = live.client.get("/openapi.json").json()
    ids = [large, id_of(media / "film.mp4"), id_of(media / "paper.pdf"), "0" * 64, "x"]
    lines = [
        f"{method.upper()} {path.format(asset_id=id_, job_id='1', name='a%2Fb')}"
        for path, item in document["paths"].items()
        for method in item
        for id_ in ids[: 5 if "asset_id" in path else 1]
    ]
    more = ("/", "/?q=a", "/hits?q=a", "/static/page.css", "/sign-in", "/mcp", "/openapi.json", "*", "/v1/search?q=a")
    lines += [*(f"GET {path}" for path in more), "POST /mcp", "POST /sign-in", "POST /sign-out"]
    statuses: dict[bytes, int] = {}
    for _ in range(RAW):
        request = written(lines, live.address[1])
        got = answered(live.address, request)
        status = got[9:12] if got.startswith(b"HTTP/1.1 ") else b"none"
        statuses[status] = statuses.get(status, 0) + 1
        assert not status.startswith(b"5"), f"{request[:600]!r} was answered with {got[:600]!r}"
        assert b"Traceback" not in got
    assert live.client.get("/healthz").status_code == 200
    assert live.client.get("/v1/search?q=a").status_code == 200
    assert {b"200", b"404", b"422", b"400"} <= set(statuses), statuses
    if LONG:
        print(f"\n{RAW:,} requests of any sort: {statuses}")


def hang_up_everywhere(live: Live, large: str) -> None:
    """In the middle of a head, of a body, of a form, of a download, and before the answer."""
    form = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + b"x" * 100_000
    length = "Content-Length: 9000000"
    beginnings: Mapping[str, tuple[tuple[str, ...], bytes]] = {
        "POST /v1/search": ((length, "Content-Type: application/json"), b'{"text": "a'),
        "PUT /v1/saved/x": ((length, "Content-Type: multipart/form-data; boundary=x"), form),
        "POST /v1/embeddings": ((length,), b'{"input": ["'),
        "GET /v1/search?q=a": ((), b""),
        "GET /v1/status": ((), b""),
        f"GET /v1/assets/{large}/picture?px=1000": ((), b""),
    }
    for line, (headers, body) in beginnings.items():
        live.open(line, *headers, body=body).close()
        pausing = live.open(line, *headers, body=body)
        time.sleep(0.01)
        pausing.close()
    for _ in range(3):
        download = live.open(f"GET /v1/assets/{large}/original")
        download.until(b"\r\n\r\n")
        download.close()


def test_who_hangs_up_leaves_nothing_behind(live, large):
    process = psutil.Process()
    pools = live.state.pools

    def quiet() -> bool:
        return live.metric("bowerbird_requests_in_flight") == 0 and not any(pool.busy for pool in pools.all)

    live.have_all_threads()
    for _ in range(4):  # until it has all the connections that it keeps
        hang_up_everywhere(live, large)
    until(quiet)
    threads, files = threading.active_count(), process.num_fds()
    for _ in range(10):
        hang_up_everywhere(live, large)
    until(quiet)
    until(lambda: process.num_fds() <= files + 4)  # sockets are closed a moment later
    until(lambda: threading.active_count() <= threads + 4)
    assert live.client.get(f"/v1/assets/{large}/original").content[:2] == b"BM"
