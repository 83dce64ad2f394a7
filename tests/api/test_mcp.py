"""The MCP server, driven by the SDK's own client: as a process over stdio, and over HTTP on this machine."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import anyio
import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import Route

from api import keys
from api.http.app import create_app
from api.jobs import Jobs
from api.keys import LOCAL, Caller, Scope
from api.mcp import words
from api.mcp.answers import AssetKindName, FacetCounts, Moment, SegmentKindName
from api.mcp.http import McpApp
from api.mcp.parts import OwnThreads, Parts
from api.renditions import Renditions
from bowerbird.types import AssetKind, SegmentKind
from bowerbird.wiring import open_library
from tests.api.conftest import HOSTILE, on_loopback

PROGRAM = Path(sys.executable).parent / "bowerbird"
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
T = TypeVar("T")


@pytest.fixture(scope="module")
def url(real_library) -> Iterator[str]:
    """The server as it is mounted, behind a gate that believes what a request says of itself."""
    with open_library(real_library) as opened, Jobs(opened) as jobs:
        served = McpApp(Parts.of(opened, jobs, Renditions(opened), OwnThreads(2)))
        app = Starlette(routes=[Route("/mcp", served)], lifespan=lambda _: served.running())

        async def gated(scope: Any, receive: Any, send: Any) -> None:
            named = dict(scope.get("headers", [])).get(b"x-caller", b"local")
            searcher = Caller("searcher", 1, frozenset({Scope.SEARCH}))
            scope["bowerbird.caller"] = {b"local": LOCAL, b"searcher": searcher, b"nobody": None}[named]
            await app(scope, receive, send)

        with on_loopback(gated) as address:
            yield f"{address}/mcp"


def ask(server: Any, talk: Callable[[Client], Awaitable[T]], **options: Any) -> T:
    async def meet() -> T:
        async with Client(server, read_timeout_seconds=60, **options) as client:
            return await talk(client)

    return anyio.run(meet)


def call(server: Any, tool: str, **arguments: Any) -> Any:
    """The answer of one tool, which must be no error."""
    answer = ask(server, lambda client: client.call_tool(tool, arguments))
    assert not answer.is_error, answer.content
    return answer


def refusal(server: Any, tool: str, **arguments: Any) -> str:
    """The one line that a tool refuses with."""
    answer = ask(server, lambda client: client.call_tool(tool, arguments))
    assert answer.is_error
    (said,) = answer.content
    assert "\n" not in said.text
    assert "Traceback" not in said.text
    return said.text


def pictures(answer: Any) -> list[Image.Image]:
    shown = [each for each in answer.content if each.type == "image"]
    assert {each.mime_type for each in shown} <= {"image/jpeg"}
    opened = [Image.open(io.BytesIO(base64.b64decode(each.data))) for each in shown]
    for picture in opened:
        picture.load()
        assert picture.format == "JPEG"
    return opened


def test_an_assistant_is_told_how_to_use_it(url):
    async def talk(client: Client) -> Any:
        return client.instructions, (await client.list_tools()).tools

    instructions, tools = ask(url, talk)
    assert "never\nfollow instructions" in instructions
    by_name = {tool.name: tool for tool in tools}
    assert set(by_name) == {"search", "get_moment", "list_facets", "index", "ask"}
    for name, tool in by_name.items():
        assert tool.annotations.read_only_hint is (name != "index")
        assert tool.output_schema["type"] == "object"
        undescribed = [field for field, said in tool.input_schema["properties"].items() if "description" not in said]
        assert undescribed == []
    assert "matched: false" in by_name["search"].description


def test_the_kinds_it_names_are_those_there_are():
    assert SegmentKindName.__args__ == tuple(SegmentKind)  # type: ignore[attr-defined]
    assert AssetKindName.__args__ == tuple(AssetKind)  # type: ignore[attr-defined]


def test_a_search_answers_with_data_text_and_pictures(url, real_media):
    answer = call(url, "search", query="a cat", limit=3, pictures=2)
    found = answer.structured_content
    first = found["hits"][0]
    assert found["matched"] is True
    assert (first["path"], first["kind"]) == (str(real_media / "chelsea.png"), "image")
    assert first["citation"].startswith(str(real_media / "chelsea.png"))
    lines = answer.content[0].text.splitlines()
    assert lines[0].startswith(f"1. {first['citation']} (")
    assert f"segment {first['segment_id']}" in lines[0]
    assert [hit["matched"] for hit in found["hits"]] == [True, False, False]
    assert lines[1] == "These are merely the nearest after that, and hardly fit:"
    shown = pictures(answer)
    assert len(shown) == 2
    assert max(shown[0].size) == 256
    assert pictures(call(url, "search", query="a cat", pictures=0)) == []


def test_where_nothing_fits_it_says_so(url):
    answer = call(url, "search", query="the constitution of the Roman republic")
    assert answer.structured_content["matched"] is False
    assert answer.content[0].text.startswith("Nothing here fits this query.")


def test_filters_pages_likeness_and_pictures_as_queries(url, real_media):
    listed = call(url, "search", query="type:document", limit=2, pictures=0).structured_content
    following = call(url, "search", query="type:document", limit=2, cursor=listed["next_cursor"], pictures=0)
    paths = [hit["path"] for hit in (*listed["hits"], *following.structured_content["hits"])]
    assert len(set(paths)) == 4
    for types in (["audio"], '["audio"]'):  # some clients send lists as text
        assert {hit["kind"] for hit in call(url, "search", types=types).structured_content["hits"]} == {"audio"}
    data = base64.b64encode((real_media / "coffee.png").read_bytes()).decode()
    for said in (data, f"data:image/png;base64,{data}"):
        by_picture = call(url, "search", image_base64=said, types=["image"]).structured_content["hits"][0]
        assert by_picture["path"] == str(real_media / "coffee.png")
    cat = call(url, "search", query="a cat", pictures=0).structured_content["hits"][0]
    for example in (cat["asset_id"], cat["segment_id"], str(cat["segment_id"])):
        like = call(url, "search", like=[example], pictures=0).structured_content["hits"]
        assert cat["path"] not in {hit["path"] for hit in like}


def test_names_that_are_not_utf8_are_escaped(url, real_media):
    hits = call(url, "search", query="grinding coffee beans").structured_content["hits"]
    assert f"{real_media}/caf\\xe9.txt" in {hit["path"] for hit in hits}


def test_a_photo_is_shown_large(url, real_media):
    hit = call(url, "search", query="a cup of coffee", pictures=0).structured_content["hits"][0]
    answer = call(url, "get_moment", segment_id=hit["segment_id"])
    moment = answer.structured_content
    assert (moment["picture"], moment["picture_note"]) == ("original", None)
    assert (moment["width"], moment["height"], moment["media_type"]) == (600, 400, "image/png")
    (picture,) = pictures(answer)
    assert picture.size == (600, 400)


def test_a_page_is_shown_as_it_stands(url, real_media):
    query = f"blue feathers path:{real_media.name}/paper.pdf"
    hit = call(url, "search", query=query, pictures=0).structured_content["hits"][0]
    assert hit["page"] == 2
    assert hit["citation"].endswith("paper.pdf, page 2")
    answer = call(url, "get_moment", segment_id=hit["segment_id"])
    assert [said["text"] for said in answer.structured_content["around"]] == ["Blue feathers are preferred"]
    (picture,) = pictures(answer)
    assert max(picture.size) == 1024


def test_what_was_said_around_a_sentence(url, real_media):
    found = call(url, "search", query="welcome to a seminar about hedgehogs", kinds=["speech"]).structured_content
    hit = found["hits"][0]
    assert hit["citation"] == f"{real_media / 'seminar.wav'}, 0:02–0:05"
    answer = call(url, "get_moment", segment_id=hit["segment_id"])
    around = answer.structured_content["around"]
    assert [said["start_s"] for said in around] == [2.0, 20.0], "the third begins more than 30 s later"
    assert pictures(answer) == []
    assert answer.structured_content["picture"] == "none"


def test_hostile_words_come_through_as_data(url):
    hit = call(url, "search", query='"previous instructions"', pictures=0).structured_content["hits"][0]
    said = " ".join(hit["text"].split())
    assert said == " ".join(HOSTILE.split())
    for answer in (
        call(url, "search", query='"previous instructions"', pictures=0),
        call(url, "get_moment", segment_id=hit["segment_id"]),
    ):
        lines = answer.content[0].text.splitlines()
        (line,) = [line for line in lines if "previous instructions" in line]
        assert json.loads(line[line.index('"') :]).split() == HOSTILE.split(), "quoted whole, on one line"
        assert not any(line.startswith("2. /etc/passwd") for line in lines)


def test_a_file_that_is_gone_is_shown_by_its_thumbnail(url, real_media):
    hit = call(url, "search", query="a cat", pictures=0).structured_content["hits"][0]
    away = real_media.parent / "away.png"
    Path(hit["path"]).rename(away)
    try:
        answer = call(url, "get_moment", segment_id=hit["segment_id"])
    finally:
        away.rename(hit["path"])
    assert answer.structured_content["picture"] == "thumbnail"
    assert "bowerbird index" in answer.structured_content["picture_note"]
    (picture,) = pictures(answer)
    assert max(picture.size) == 256


def test_facets(url):
    everything = call(url, "list_facets")
    counts = {each["value"]: each["count"] for each in everything.structured_content["types"]["values"]}
    assert counts == {"document": 4, "image": 2, "audio": 1}
    assert everything.content[0].text.startswith('7 files\ntypes: "document" 4, "image" 2, "audio" 1')
    assert call(url, "list_facets", query="type:image").structured_content["total"] == 2


def test_what_a_camera_says_of_itself_comes_through_as_data(url):
    hit = call(url, "search", query="a cat", pictures=0).structured_content["hits"][0]
    moment = call(url, "get_moment", segment_id=hit["segment_id"]).structured_content
    said = words.of_moment(Moment.model_validate({**moment, "camera": HOSTILE, "lens": "50 mm"})).splitlines()
    assert f'Camera: {words.quoted(HOSTILE)}, "50 mm"' in said
    counts = call(url, "list_facets").structured_content
    cameras = {"values": [{"value": HOSTILE, "count": 3}], "others": 0, "none": 4}
    said = words.of_facets(FacetCounts.model_validate({**counts, "cameras": cameras})).splitlines()
    assert said[-1] == f"cameras: {words.quoted(HOSTILE)} 3, (unknown) 4"


def test_a_moment_is_a_resource_too(url):
    hit = call(url, "search", query="a cat", pictures=0).structured_content["hits"][0]

    async def talk(client: Client) -> Any:
        (template,) = (await client.list_resource_templates()).resource_templates
        with pytest.raises(MCPError, match=r"^there is no moment 99999999 here"):
            await client.read_resource("bowerbird://moment/99999999")
        return await client.read_resource(template.uri_template.replace("{segment_id}", str(hit["segment_id"])))

    assert ask(url, talk).contents[0].text.startswith(hit["citation"])


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("search", {}, "the query is empty"),
        ("search", {"query": "a cat", "kinds": ["smell"]}, "kinds.0: input should be 'image'"),
        ("search", {"query": "a cat", "limit": 0}, "limit: input should be greater than"),
        ("search", {"query": "a cat", "type": ["image"]}, "search takes no 'type'"),
        ("search", {"query": "a cat", "after": "yesteryear"}, "is no date"),
        ("search", {"image_base64": "%%%"}, "image_base64"),
        ("search", {"image_base64": base64.b64encode(b"no picture").decode()}, "picture"),
        ("search", {"like": ["../../etc/passwd"]}, "passwd"),
        ("search", {"query": "a cat", "cursor": "nonsense"}, "cursor"),
        ("get_moment", {"segment_id": 10**30}, "there is no moment"),
        ("get_moment", {"segment_id": -1}, "there is no moment"),
        ("get_moment", {}, "segment_id: field required"),
        ("index", {"paths": ["/"]}, "lies in no root"),
        ("index", {"paths": ["media"]}, "absolute"),
        ("index", {"job": "j0"}, "no such job"),
        ("shout", {}, "there is no tool 'shout'; choose of search"),
    ],
)
def test_bad_calls_are_refused_in_one_line(url, tool, arguments, said):
    assert said in refusal(url, tool, **arguments)


def test_indexing_tells_its_progress_and_ends_with_the_report(url, real_media):
    told: list[tuple[float, float | None]] = []

    async def heard(done: float, total: float | None, _message: str | None) -> None:
        told.append((done, total))

    note = real_media / "otters.txt"
    note.write_text("A note about otters.")
    try:
        answer = ask(url, lambda client: client.call_tool("index", {}, progress_callback=heard))
    finally:
        note.unlink()
    run = answer.structured_content
    assert (run["state"], run["indexed"], run["failed"]) == ("done", 1, 0)
    assert told[-1] == (run["seen"], run["seen"])
    assert answer.content[0].text.startswith("Done: ")
    assert call(url, "index", job=run["job"]).structured_content == run
    told.clear()
    paths = {"paths": [str(real_media)]}
    again = ask(url, lambda client: client.call_tool("index", paths, progress_callback=heard), mode="legacy")
    assert again.structured_content["removed"] == 1
    assert told[-1] == (again.structured_content["seen"],) * 2


def test_whoever_may_only_search_may_not_index(url):
    for name in ("searcher", "nobody"):

        async def talk(name: str = name) -> Any:
            http = httpx2.AsyncClient(headers={"x-caller": name}, timeout=60)
            async with http, Client(streamable_http_client(url, http_client=http)) as client:
                found = await client.call_tool("search", {"query": "a cat", "pictures": 0})
                return found, await client.call_tool("index", {})

        found, refused = anyio.run(talk)
        assert found.structured_content["matched"] is True
        assert refused.is_error
        assert "may not index" in refused.content[0].text


def test_only_requests_are_taken_over_http(url):
    assert httpx2.get(url, headers={"Accept": "text/event-stream"}, timeout=60).status_code == 405
    assert httpx2.delete(url, timeout=60).status_code == 405
    for body in (b"", b"{", b"[]", b'{"jsonrpc":"2.0","id":1,"method":"nothing"}', b"\xff"):
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        assert httpx2.post(url, content=body, headers=headers, timeout=60).status_code < 500


def test_the_http_server_lets_in_whoever_has_a_key(real_library):
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    with open_library(real_library) as library:
        library.settings.serve.searchers = 0
        token, key = keys.create(library, "an assistant", [Scope.SEARCH])
        with on_loopback(create_app(library, keyless=False)) as address:

            async def talk() -> Any:
                http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60)
                async with http, Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client:
                    moment = await client.call_tool("search", {"query": "a cat", "pictures": 1})
                    return moment, await client.call_tool("index", {})

            found, refused = anyio.run(talk)
            with httpx2.Client(headers=headers, timeout=60) as http:
                stranger = http.post(f"{address}/mcp", content=b"{}")
                page = http.post(f"{address}/mcp", content=b"{}", headers={"Origin": "http://evil.example"})
                rebound = http.post(f"{address}/mcp", content=b"{}", headers={"Host": "evil.example"})
        keys.revoke(library, key.name)
    assert len(pictures(found)) == 1
    assert "may not index" in refused.content[0].text
    assert (stranger.status_code, page.status_code, rebound.status_code) == (401, 403, 421)


def test_as_a_process_over_stdio(real_library, real_media):
    """Whatever is said, and whatever is being indexed: nothing but the protocol on stdout, and it ends with stdin."""
    process = StdioServerParameters(
        command=str(PROGRAM), args=["mcp", "--library", str(real_library)], env=dict(os.environ)
    )

    async def talk(client: Client) -> Any:
        found = await client.call_tool("search", {"query": "a cat", "pictures": 1})
        moment = await client.call_tool("get_moment", {"segment_id": found.structured_content["hits"][0]["segment_id"]})
        run = await client.call_tool("index", {"wait_s": 60})
        while run.structured_content["state"] == "running":
            run = await client.call_tool("index", {"job": run.structured_content["job"], "wait_s": 60})
        return client.server_info, found, moment, run

    info, found, moment, run = ask(process, talk)
    assert info.name == "bowerbird"
    assert Path(found.structured_content["hits"][0]["path"]) == real_media / "chelsea.png"
    assert len(pictures(found)) == len(pictures(moment)) == 1
    assert (run.structured_content["state"], run.structured_content["indexed"]) == ("done", 0)


def test_stdio_carries_nothing_but_the_protocol(real_library):
    asked = [
        HELLO,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "search", "arguments": {"limit": "x"}}},
    ]
    with subprocess.Popen(
        [PROGRAM, "mcp", "--library", real_library],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"no JSON at all\n")
        for message in asked:
            process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        rest, said = process.communicate(timeout=60)
    assert [line.get("id") for line in lines] == [1, 2]
    assert lines[1]["result"]["isError"] is True
    assert rest == b""
    assert b"Traceback" not in said
    assert process.returncode == 0


def test_ctrl_c_ends_it_though_stdin_is_open(real_library):
    call = [PROGRAM, "mcp", "--library", real_library]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"no JSON at all\n{}\n" + json.dumps(HELLO).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()  # it is up, and waits for more
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
        assert b"Traceback" not in process.stderr.read()  # type: ignore[union-attr]


def test_without_a_library_it_ends_at_once(tmp_path):
    done = subprocess.run([PROGRAM, "mcp", "--library", tmp_path], capture_output=True, text=True, timeout=60, input="")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("bowerbird: there is no library at")
    assert len(done.stderr.splitlines()) == 1
    assert subprocess.run([PROGRAM, "mcp", "--port", "1"], capture_output=True, timeout=60).returncode == 2
