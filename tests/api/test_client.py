"""The typed HTTP client: what it sends, what it makes of answers, and how it tells of failures."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest

from api.client import BowerbirdClient, NotAllowed, NotThere, ServerFailed, ServerUnreachable
from bowerbird.errors import BowerbirdError, LibraryBusy, LibraryError, QueryError, StorageFull, UsageError
from bowerbird.queries import Evidence, Hit, SearchResult
from bowerbird.types import AssetKind, Box, Position, SegmentKind, Source
from bowerbird.wiring import open_library
from search.query_json import result_to_json
from search.service import Search
from tests.api.conftest import on_loopback

ASSET = hashlib.sha256(b"the file").hexdigest()
HIT = Hit(
    rank=1,
    relevance=0.75,
    asset_id=ASSET,
    path="/photos/cat.jpg",
    kind=AssetKind.IMAGE,
    segment_id=7,
    segment_kind=SegmentKind.REGION,
    start_s=None,
    end_s=None,
    page=None,
    box=Box(0.0, 0.25, 0.5, 0.5),
    text=None,
    folded=2,
    evidence=(Evidence(Source.JOINT, 1, 0.31),),
    taken_at="2019-07-04T12:00:00",
    place="Lisbon, Portugal",
    stands_for=("0" * 64,),
)
ODD = "/photos/caf\udce9 ?.jpg"
JOB = {
    "id": "j1",
    "kind": "index",
    "state": "running",
    "started_at": "2026-01-02T03:04:05+00:00",
    "finished_at": None,
    "paths": ["/photos"],
    "progress": {"done": 1, "total": 3, "failed": 0, "eta_s": None},
    "report": None,
    "error": None,
}

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer, **options: str) -> BowerbirdClient:
    return BowerbirdClient("http://127.0.0.1:1", transport=httpx.MockTransport(answer), **options)


def answering(said: object, seen: list[httpx.Request] | None = None) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            request.read()
            seen.append(request)
        return httpx.Response(200, json=said)

    return answer


def as_json(result: SearchResult) -> dict[str, object]:
    """What the server makes of a result."""
    return json.loads(json.dumps({"version": 1, **result_to_json(result, {})}))


def problem(status: int, type_: str, detail: str = "said so; do better") -> Answer:
    said = {"type": f"urn:bowerbird:problem:{type_}", "title": "…", "status": status, "detail": detail}
    return lambda _: httpx.Response(status, json=said, headers={"Content-Type": "application/problem+json"})


def test_a_result_comes_back_as_it_was():
    result = SearchResult((HIT,), True, 12.5, "next", ("last summer: from 2026-06-01 to 2026-08-31",))
    assert client(answering(as_json(result))).search("a cat") == result


def test_what_a_newer_server_adds_is_passed_over():
    said = as_json(SearchResult((HIT,), True, 12.5))
    said["hits"][0]["mood"] = "content"  # type: ignore[index]
    assert client(answering({**said, "more": 1})).search("a cat").hits == (HIT,)


def test_a_query_is_sent_as_the_contract_has_it():
    seen: list[httpx.Request] = []
    asked = client(answering(as_json(SearchResult((), False, 1.0)), seen), key="bb_1_secret")
    asked.search(
        "a cat", like=7, negatives=["dogs"], kinds=[SegmentKind.IMAGE], types=["image"], limit=3,
        after=date(2019, 7, 4), before=datetime(2020, 1, 1, 12), place="Lisbon",
    )  # fmt: skip
    assert json.loads(seen[0].content) == {
        "text": "a cat",
        "like": [7],
        "not": ["dogs"],
        "kinds": ["image"],
        "filters": {"types": ["image"], "after": "2019-07-04", "before": "2020-01-01", "place": "Lisbon"},
        "limit": 3,
    }
    assert seen[0].headers["Authorization"] == "Bearer bb_1_secret"
    assert (seen[0].method, seen[0].url.path) == ("POST", "/v1/search")


def test_a_picture_goes_in_a_part_of_its_own(tmp_path):
    seen: list[httpx.Request] = []
    picture = tmp_path / "cat.png"
    picture.write_bytes(b"\x89PNG raw bytes")
    client(answering(as_json(SearchResult((), False, 1.0)), seen)).search(image=picture, crop=Box(0, 0, 0.5, 0.5))
    assert seen[0].headers["Content-Type"].startswith("multipart/form-data")
    assert b"\x89PNG raw bytes" in seen[0].content
    assert b'"crop": [0, 0, 0.5, 0.5]' in seen[0].content


def test_pages_go_on_to_the_last():
    def answer(request: httpx.Request) -> httpx.Response:
        at = int(json.loads(request.content).get("cursor", "0"))
        return httpx.Response(200, json=as_json(SearchResult((HIT,), True, 1.0, str(at + 1) if at < 2 else None)))

    assert [page.next_cursor for page in client(answer).pages("a cat", limit=1)] == ["1", "2", None]


@pytest.mark.parametrize(
    ("status", "type_", "error"),
    [
        (422, "query-error", QueryError),
        (400, "malformed-request", QueryError),
        (401, "unauthorized", NotAllowed),
        (403, "forbidden", NotAllowed),
        (403, "outside-roots", NotAllowed),
        (404, "not-there", NotThere),
        (409, "library-busy", LibraryBusy),
        (409, "out-of-reach", LibraryError),
        (413, "request-entity-too-large", UsageError),
        (507, "storage-full", StorageFull),
        (504, "gateway-timeout", ServerFailed),
        (500, "internal-server-error", ServerFailed),
    ],
)
def test_problems_are_the_errors_that_the_call_would_raise(status, type_, error):
    with pytest.raises(error, match=r"^said so; do better$") as raised:
        client(problem(status, type_)).search("a cat")
    assert type(raised.value) is error


def test_another_server_is_told_from_ours():
    with pytest.raises(ServerFailed, match="does not understand") as raised:
        client(lambda _: httpx.Response(200, text="<html>hello</html>")).status()
    with pytest.raises(NotThere, match="did not say why"):
        client(lambda _: httpx.Response(404, text="<html>nothing here</html>")).asset(ASSET)
    assert "\n" not in str(raised.value)


def test_nobody_there_is_one_line_with_a_remedy():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens at it, and nobody else will
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with BowerbirdClient(url) as asked, pytest.raises(ServerUnreachable, match="bowerbird serve") as raised:
            asked.search("a cat")
    assert url in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_server_that_takes_too_long():
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    with pytest.raises(ServerUnreachable, match="in time"):
        client(answer).status()


@pytest.mark.parametrize("url", ["127.0.0.1:8765", "ftp://x", "", "http://", "http://[::1"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(UsageError, match=r"http://127\.0\.0\.1:8765"):
        BowerbirdClient(url)


def test_a_key_that_would_break_a_header_is_refused():
    with pytest.raises(UsageError, match="bowerbird keys create"):
        BowerbirdClient(key="bb_1_x\r\nX-Evil: 1")


@pytest.mark.parametrize(
    "call",
    [
        lambda asked: asked.index([ODD]),
        lambda asked: asked.labels(["a cat"], path=ODD),
        lambda asked: asked.search(ODD),
        lambda asked: asked.search("a cat", path=ODD),
        lambda asked: asked.answer(ODD),
        lambda asked: asked.facets(ODD),
        lambda asked: asked.save("odd", {"filters": {"path": ODD}}),
        lambda asked: asked.say(ASSET, ODD),
    ],
)
def test_names_that_are_not_utf8_are_said_as_they_are(call):
    seen: list[httpx.Request] = []
    with suppress(ServerFailed, ServerUnreachable):  # of an answer that is none
        call(client(answering({}, seen)))
    assert seen[0].headers["Content-Type"] == "application/json"
    assert json.dumps(ODD).encode("ascii") in seen[0].content


@pytest.mark.parametrize(
    "call",
    [
        lambda asked: asked.asset(ODD),
        lambda asked: asked.picture(ODD),
        lambda asked: asked.remove_saved(ODD),
        lambda asked: asked.save(ODD, {"text": "a cat"}),
        lambda asked: asked.job(ODD),
        lambda asked: asked.take_back(ODD),
    ],
)
def test_a_name_that_no_path_can_hold_is_refused_and_no_other_is_meant(call):
    seen: list[httpx.Request] = []
    with pytest.raises(UsageError, match=r"^'/photos/caf\\udce9 \?\.jpg' is not UTF-8") as raised:
        call(client(answering({}, seen)))
    assert str(raised.value).isascii()
    assert seen == []


def test_a_parameter_that_is_not_utf8_is_the_servers_to_refuse():
    seen: list[httpx.Request] = []
    with pytest.raises(ServerFailed):
        list(client(answering({}, seen)).segments(ASSET, ["page", ODD]))
    assert seen[0].url.params.get_list("kind") == ["page", "/photos/caf? ?.jpg"]


def test_ids_cannot_lead_to_other_routes():
    seen: list[httpx.Request] = []
    with pytest.raises(ServerFailed):
        client(answering({}, seen)).asset("../status?x=1#")
    assert seen[0].url.raw_path == b"/v1/assets/..%2Fstatus%3Fx%3D1%23"


def test_an_asset_and_its_moments():
    said = {
        "version": 1, "asset_id": ASSET, "kind": "video", "media_type": "video/mp4", "size": 8, "name": "a.mp4",
        "path": "/v/a.mp4", "paths": ["/v/a.mp4"], "width": 640, "height": 480, "duration_s": 9.5, "taken_at": None,
        "place": None, "camera": None, "lens": None, "position": [1.5, -2.0], "title": None,
        "artist": None, "album": None, "keywords": ["cat"], "segments": {"frame": 3},
    }  # fmt: skip
    asset = client(answering(said)).asset(ASSET)
    assert (asset.kind, asset.position, asset.duration_s) == (AssetKind.VIDEO, Position(1.5, -2.0), 9.5)
    assert asset.segments == {SegmentKind.FRAME: 3}

    def moments(request: httpx.Request) -> httpx.Response:
        at = int(request.url.params["skip"])
        moment = {"segment_id": at, "kind": "speech", "start_s": at, "end_s": at + 1, "page": None, "box": None}
        moment |= {"text": "hello", "language": "en", "confidence": 0.5}
        assert request.url.params.get_list("kind") == ["speech", "ocr"]
        return httpx.Response(200, json={"version": 1, "segments": [moment], "next_skip": at + 1 if at < 2 else None})

    found = client(moments).segments(ASSET, [SegmentKind.SPEECH, "ocr"])
    assert [each.segment_id for each in found] == [0, 1, 2]


def test_an_original_is_whole_or_not_there(tmp_path):
    to = tmp_path / "copy"
    assert client(lambda _: httpx.Response(200, content=b"the file")).original(ASSET, to) == to
    assert to.read_bytes() == b"the file"
    with pytest.raises(ServerFailed, match="changed since"):
        client(lambda _: httpx.Response(200, content=b"another file")).original(ASSET, to)
    with pytest.raises(NotThere):
        client(problem(404, "not-there")).original(ASSET, to)
    with pytest.raises(UsageError, match="cannot be written"):
        client(lambda _: httpx.Response(200, content=b"the file")).original(ASSET, tmp_path / "nowhere" / "copy")
    assert to.read_bytes() == b"the file"
    assert [each.name for each in tmp_path.iterdir()] == ["copy"]


def test_a_job_is_followed_through_a_broken_stream(monkeypatch):
    monkeypatch.setattr("api.client.job_calls._AGAIN_S", 0)
    streams = iter(
        [
            [": hello", f"event: progress\ndata: {json.dumps(JOB)}"],  # and then the server restarts
            [
                f"event: progress\r\ndata: {json.dumps(JOB)}",
                f"event: end\ndata: {json.dumps({**JOB, 'state': 'done'})}",
            ],
        ]
    )

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/jobs/j1/events"

        def body() -> Iterator[bytes]:
            events = next(streams)
            for event in events:
                yield f"{event}\n\n".encode()
            if "end" not in events[-1]:
                raise httpx.RemoteProtocolError("peer closed the connection", request=request)

        return httpx.Response(200, content=body(), headers={"Content-Type": "text/event-stream"})

    seen = list(client(answer).follow("j1"))
    assert [job.state for job in seen] == ["running", "running", "done"]
    assert seen[0].progress.total == 3
    assert seen[0].started_at == datetime.fromisoformat("2026-01-02T03:04:05+00:00")


def test_a_job_is_started_listed_and_cancelled():
    seen: list[httpx.Request] = []
    assert client(answering({"version": 1, "job": JOB}, seen)).index(["/photos"]).id == "j1"
    assert json.loads(seen[0].content) == {"paths": ["/photos"], "retry_failed": False}
    assert [job.paths for job in client(answering({"version": 1, "jobs": [JOB]})).jobs()] == [("/photos",)]
    assert client(answering({"version": 1, "job": JOB}, seen)).cancel("j1").state == "running"
    assert (seen[1].method, seen[1].url.path) == ("DELETE", "/v1/jobs/j1")


def test_embeddings_keep_their_order_and_bits():
    vectors = np.eye(3, 4, dtype=np.float32)
    data = [
        {"object": "embedding", "index": n, "embedding": base64.b64encode(vectors[n].astype("<f4").tobytes()).decode()}
        for n in (2, 0, 1)
    ]
    found = client(answering({"object": "list", "data": data})).embeddings(["a", "b", "c"])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, vectors)


def test_every_failure_is_one_of_ours():
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError("peer closed\nconnection", request=request)

    with pytest.raises(BowerbirdError) as raised:
        client(answer).status()
    assert "\n" not in str(raised.value)


@pytest.fixture(scope="module")
def served(real_library: Path) -> Iterator[BowerbirdClient]:
    """The real server over the real library."""
    from api.http.app import create_app

    with open_library(real_library) as library, on_loopback(create_app(library)) as url, BowerbirdClient(url) as asked:
        yield asked


def test_the_server_answers_as_python_does(served, real_library):
    with open_library(real_library) as library:
        hits = Search(library).search("a cat", types=["image"], limit=2).hits
    assert served.search("a cat", types=["image"], limit=2).hits == hits


def test_pages_pictures_and_likeness_of_the_real_server(served, real_media):
    paths = [hit.path for page in served.pages("type:document", limit=1) for hit in page.hits]
    assert len(set(paths)) == len(paths) == 4
    hit = served.search(image=real_media / "coffee.png", types=["image"]).hits[0]
    assert hit.path == str(real_media / "coffee.png")
    assert hit.asset_id not in {each.asset_id for each in served.search(like=hit.asset_id).hits}


def test_assets_of_the_real_server(served, real_media, tmp_path):
    photo, paper = (served.search(filtered).hits[0].asset_id for filtered in ("path:chelsea.png", "path:paper.pdf"))
    asset = served.asset(photo)
    assert (asset.path, asset.kind, asset.width) == (str(real_media / "chelsea.png"), AssetKind.IMAGE, 451)
    assert served.original(photo, tmp_path / "cat.png").read_bytes() == (real_media / "chelsea.png").read_bytes()
    for picture in (served.thumbnail(photo), served.picture(photo, px=64), served.picture(paper, page=2)):
        assert picture[8:12] == b"WEBP"
    assert [each.page for each in served.segments(paper, ["page"])] == [1, 2]
    assert served.words(paper, 2)[0].text == "Blue"
    with pytest.raises(NotThere):
        served.asset("0" * 64)
    with pytest.raises(NotThere):
        served.poster(photo, at=1)
    with pytest.raises(QueryError, match="the query is empty"):
        served.search()


def test_more_like_this_labels_and_counts_of_the_real_server(served):
    cat = served.search("path:chelsea.png").hits[0].asset_id
    assert cat not in {hit.asset_id for hit in served.more_like(cat, kinds=["image", "region"]).hits}
    (found,) = served.labels(["a cat", "a rocket"], asset_ids=[cat])
    assert (found.asset_id, found.label) == (cat, "a cat")
    counts = served.facets("type:image")
    assert (counts.total, counts.types.values) == (2, (("image", 2),))
    assert served.status()["assets"]["document"] == 4
    vectors = served.embeddings(["a cat", "a rocket"])
    assert vectors.shape[0] == 2
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)


def test_saved_searches_of_the_real_server(served):
    served.save("cats / Katzen", {"text": "a cat", "limit": 1})
    try:
        assert [(each.name, each.query["text"]) for each in served.saved()] == [("cats / Katzen", "a cat")]
        assert served.run_saved("cats / Katzen").hits == served.search("a cat", limit=1).hits
    finally:
        served.remove_saved("cats / Katzen")
    with pytest.raises(UsageError, match="no search is saved"):
        served.run_saved("cats / Katzen")


def test_a_file_whose_name_is_not_utf8_on_the_real_server(served, real_media):
    odd = os.fsdecode(os.fsencode(real_media) + b"/caf\xe9.txt")
    *_, last = served.follow(served.index([odd]).id)
    assert (last.state, last.report["seen"], last.paths) == ("done", 1, (odd,))
    with pytest.raises(QueryError, match="nothing in this library"):
        served.search(like="\udcff")


def test_jobs_of_the_real_server(served, real_media):
    assert str(real_media) in {root["path"] for root in served.roots()}
    seen = list(served.follow(served.index([real_media]).id))
    assert (seen[-1].state, seen[-1].report["indexed"]) == ("done", 0)
    assert served.job(seen[-1].id) == seen[-1]
    assert seen[-1].id in {job.id for job in served.jobs()}
    with pytest.raises(NotAllowed, match="lies in no root"):
        served.index(["/"])
    with pytest.raises(NotThere):
        list(served.follow("j0"))


def test_one_thing_alone_is_not_taken_for_its_letters():
    seen: list[httpx.Request] = []
    asked = client(answering(as_json(SearchResult((), False, 1.0)), seen))
    asked.search("a cat", also="a dog", negatives="people", kinds="image", types="video")
    sent = json.loads(seen[0].content)
    assert (sent["also"], sent["not"], sent["kinds"]) == (["a dog"], ["people"], ["image"])
    assert sent["filters"] == {"types": ["video"]}
    client(answering({"job": JOB}, seen)).index("/photos")
    assert json.loads(seen[1].content)["paths"] == ["/photos"]
