from __future__ import annotations

import gzip
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.errors import EndpointFailed, EndpointUnreachable, UnknownEncoder
from bowerbird.models.endpoint.endpoint import Endpoint
from bowerbird.models.endpoint.messages import NoPictures, Tokens, TooLong
from bowerbird.models.endpoint.said import unless, without_thoughts
from bowerbird.models.listener import Left, Listener
from tests.models.scripted_endpoint import (
    FOR_EVER,
    Script,
    ScriptedEndpoint,
    chunk,
    cut,
    events,
    hangs,
    html_page,
    never_ends,
    obeys,
    redirects,
    refuses,
    run_out_of_time,
    says,
    silent,
    status,
    stops,
    trickles,
    whole_json,
)

SAY = [{"role": "user", "content": "what is it"}]
SHOW = [{"role": "user", "content": [{"type": "text", "text": "what is it"}]}]
KEY = "sk-secret-key-0123456789"


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedEndpoint]]:
    open_ones: list[ScriptedEndpoint] = []

    def start(*scripts: Script) -> ScriptedEndpoint:
        open_ones.append(ScriptedEndpoint(*scripts).__enter__())
        return open_ones[-1]

    yield start
    for each in open_ones:
        each.__exit__()


def asked_of(server: ScriptedEndpoint, timeout_s: float = 200, **more: Any) -> Endpoint:
    return Endpoint("tiny/model", server.address, timeout_s, key=KEY, first_wait_s=0.01, **more)


def said(endpoint: Endpoint, most_tokens: int = 100) -> str:
    return "".join(endpoint.say(SAY, most_tokens=most_tokens))


def failure(endpoint: Endpoint, most_tokens: int = 100) -> str:
    """The one line that it fails with."""
    with pytest.raises(EndpointFailed) as failed:
        said(endpoint, most_tokens)
    line = str(failed.value)
    assert line.startswith(endpoint.address)
    assert "; " in line  # a remedy
    assert line.isprintable()
    assert KEY not in line
    assert len(line) < 600
    return line


class TestSpec:
    @pytest.mark.parametrize(
        ("spec", "model", "address"),
        [
            ("gpt-4o@https://api.openai.com/v1", "gpt-4o", "https://api.openai.com/v1"),
            ("llava:7b@http://127.0.0.1:11434/v1/", "llava:7b", "http://127.0.0.1:11434/v1"),
            ("Qwen/Qwen3-VL@main@http://[::1]:8000/v1", "Qwen/Qwen3-VL@main", "http://[::1]:8000/v1"),
            (" m@HTTPS://host ", "m", "HTTPS://host"),
        ],
    )
    def test_it_names_a_model_and_an_address(self, spec: str, model: str, address: str) -> None:
        endpoint = Endpoint.of(spec, 7)
        assert (endpoint.model, endpoint.address, endpoint.timeout_s) == (model, address, 7)
        assert endpoint.spec == f"{model}@{address}"

    @pytest.mark.parametrize(
        ("spec", "reason"),
        [
            ("", "needs a model and an address"),
            ("gpt-4o", "needs a model and an address"),
            ("@http://127.0.0.1/v1", "needs a model and an address"),
            ("m@127.0.0.1/v1", "needs a model and an address"),
            ("m\nn@http://127.0.0.1/v1", "needs a model and an address"),
            ("m@ftp://host/v1", "begins with http"),
            ("m@file:///etc/passwd", "begins with http"),
            ("m@http://", "names a host"),
            ("m@http://host:port/v1", "begins with http"),
            ("m@http://[::1/v1", "begins with http"),
            ("m@http://a b/v1", "begins with http"),
            ("m@http://host/v1\nx", "begins with http"),
            ("m@http://user:hunter2@host/v1", "holds no user or password"),
            ("m@http://hunter2@host/v1", "holds no user or password"),
            ("m@http://host/v1?key=hunter2", "ends before any"),
            ("m@http://host/v1#hunter2", "ends before any"),
        ],
    )
    def test_anything_else_is_refused_in_one_line(self, spec: str, reason: str) -> None:
        with pytest.raises(UnknownEncoder, match=reason) as refused:
            Endpoint.of(spec, 7)
        assert "\n" not in str(refused.value)
        assert "hunter2" not in str(refused.value)

    def test_the_key_comes_from_the_environment(
        self, scripted: Callable[..., ScriptedEndpoint], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = scripted(says("yes"))
        monkeypatch.delenv("BOWERBIRD_OPENAI_API_KEY", raising=False)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        said(Endpoint.of(f"m@{server.address}", 9))
        monkeypatch.setenv("OPENAI_API_KEY", "sk-everywhere")
        said(Endpoint.of(f"m@{server.address}", 9))
        monkeypatch.setenv("BOWERBIRD_OPENAI_API_KEY", " sk-here\n")
        said(Endpoint.of(f"m@{server.address}", 9))
        sent = [asked.headers["authorization"] for asked in server.asked]
        assert sent == ["Bearer none", "Bearer sk-everywhere", "Bearer sk-here"]

    def test_a_key_of_everybodys_is_not_sent_in_clear_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("BOWERBIRD_OPENAI_API_KEY", raising=False)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-everywhere")
        assert Endpoint.of("m@http://192.0.2.1/v1", 9)._key == "none"
        assert Endpoint.of("m@https://192.0.2.1/v1", 9)._key == "sk-everywhere"
        monkeypatch.setenv("BOWERBIRD_OPENAI_API_KEY", "sk-here")
        assert Endpoint.of("m@http://192.0.2.1/v1", 9)._key == "sk-here"

    def test_what_cannot_be_a_key_is_refused_without_being_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BOWERBIRD_OPENAI_API_KEY", "sk-\nhunter2")
        with pytest.raises(UnknownEncoder, match="BOWERBIRD_OPENAI_API_KEY holds") as refused:
            Endpoint.of("m@http://127.0.0.1/v1", 7)
        assert "hunter2" not in str(refused.value)

    def test_nothing_heavy_is_imported_before_it_is_asked(self) -> None:
        code = (
            "import sys\n"
            "from bowerbird.models.answers import openai_answers\n"
            "from bowerbird.models.captions import openai_captions\n"
            "from bowerbird.models.endpoint import endpoint\n"
            "endpoint.Endpoint.of('m@http://127.0.0.1/v1', 9)\n"
            "print(sorted(set(sys.modules) & {'openai', 'httpx', 'httpx2', 'PIL', 'pydantic', 'torch'}))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


class TestSaying:
    def test_pieces_come_one_by_one(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        server = scripted(hangs("Forty", " two"))
        pieces = asked_of(server).say(SAY, most_tokens=9)
        assert [next(pieces), next(pieces)] == ["Forty", " two"]  # while the server is still busy
        pieces.close()

    def test_the_request_is_as_the_protocol_has_it_and_offers_no_tools(
        self, scripted: Callable[..., ScriptedEndpoint]
    ) -> None:
        server = scripted(says("yes"))
        said(asked_of(server), most_tokens=9)
        (asked,) = server.asked
        assert asked.path == "/v1/chat/completions"
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert asked.body == {
            "model": "tiny/model",
            "messages": SAY,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": 9,
            "temperature": 0,
        }

    def test_tokens_are_summed(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        odd = {"prompt_tokens": None, "completion_tokens": "many"}
        absurd = [{"prompt_tokens": each, "completion_tokens": 1} for each in (int("9" * 4300), -5)]
        unheeded = [says("c", usage=usage) for usage in (odd, *absurd)]
        server = scripted(says("a"), says("b", usage=None), *unheeded, says("d"))
        endpoint = asked_of(server)
        assert endpoint.used == Tokens()
        for _ in range(6):
            said(endpoint)
        assert endpoint.used == Tokens(22, 14)

    def test_tokens_that_are_told_again_and_again_count_once(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        so_far = [{**chunk({"content": "x"}), "usage": {"prompt_tokens": 5, "completion_tokens": n}} for n in (1, 2)]
        endpoint = asked_of(scripted(events(*so_far, chunk({}, "stop"), "[DONE]")))
        assert said(endpoint) == "xx"
        assert endpoint.used == Tokens(5, 2)

    def test_an_endpoint_that_never_closes_after_its_end_is_not_waited_for(
        self, scripted: Callable[..., ScriptedEndpoint], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bowerbird.models.endpoint.wire.AFTER_THE_END_S", 0.1)

        def script(line: Any) -> None:
            line.begin()
            line.event(chunk({"content": "done"}))
            line.event(chunk({}, "stop"))
            line.wait(FOR_EVER)

        assert said(asked_of(scripted(script))) == "done"

    def test_threads_may_share_it(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        server = scripted(obeys(lambda asked: [asked.text, 0.01, "!"]))
        endpoint = asked_of(server)

        def ask(number: int) -> str:
            return "".join(endpoint.say([{"role": "user", "content": str(number)}], most_tokens=9))

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(ask, range(40))) == [f"{number}!" for number in range(40)]
        assert endpoint.used == Tokens(440, 280)

    def test_closing_ends_the_request_at_once(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        server = scripted(hangs("Forty"))
        pieces = asked_of(server, timeout_s=FOR_EVER).say(SAY, most_tokens=9)
        next(pieces)
        pieces.close()
        assert server.left.wait(120)

    def test_thoughts_are_left_out(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        aside = chunk({"reasoning_content": "hm", "reasoning": "hm", "content": None})
        thinks = events(
            aside, chunk({"content": "<thi"}), chunk({"content": "nk>hm</think>\n\nYes"}), chunk({}, "stop")
        )
        assert said(asked_of(scripted(thinks))) == "Yes"

    def test_lone_surrogates_are_replaced(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        assert said(asked_of(scripted(says("a\ud800b")))) == "a?b"

    def test_it_may_have_nothing_to_say(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        assert said(asked_of(scripted(says()))) == ""


class TestTryingAgain:
    @pytest.mark.parametrize(
        "first",
        [
            status(429, retry_after=0),
            status(429, retry_after=formatdate(usegmt=True)),
            status(429, retry_after="soon"),
            status(429, retry_after="inf"),
            status(408),
            status(409),
            status(500),
            status(503, body="<html>", kind="text/html"),
            cut(),
            stops(),
            events(chunk({"role": "assistant"}), {"error": {"message": "out of memory"}}),
            events({**chunk({}), "choices": []}, "[DONE]"),
        ],
    )
    def test_what_may_pass_is_tried_again(self, scripted: Callable[..., ScriptedEndpoint], first: Script) -> None:
        server = scripted(first, first, says("yes"))
        assert said(asked_of(server)) == "yes"
        assert len(server.asked) == 3

    @pytest.mark.parametrize("first", [status(400), status(401), status(404), status(413), status(501), html_page()])
    def test_what_will_not_pass_is_not(self, scripted: Callable[..., ScriptedEndpoint], first: Script) -> None:
        server = scripted(first, says("yes"))
        failure(asked_of(server))
        assert len(server.asked) == 1

    def test_it_gives_up_after_some_tries(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        server = scripted(status(500, "out of memory"))
        assert 'fails (500: "out of memory"); look at its log' in failure(asked_of(server))
        assert len(server.asked) == 4

    def test_a_pause_that_is_asked_for_is_kept(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        server = scripted(status(429, "slow down", retry_after=1000), says("yes"))
        with pytest.raises(EndpointFailed, match="slow down"):
            said(asked_of(server, timeout_s=999))  # there is no time for it
        assert len(server.asked) == 1

    def test_nothing_is_tried_again_once_something_was_said(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        for script in (cut("Forty"), stops("Forty"), events(chunk({"content": "Forty"}), {"error": "no more"})):
            server = scripted(script, says("Forty two"))
            pieces = asked_of(server).say(SAY, most_tokens=9)
            assert next(pieces) == "Forty"
            with pytest.raises(EndpointFailed, match="broke off in the middle of what it said; ask again"):
                next(pieces)
            assert len(server.asked) == 1

    def test_options_that_a_model_refuses_are_left_out_from_then_on(
        self, scripted: Callable[..., ScriptedEndpoint]
    ) -> None:
        other = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
        server = scripted(
            status(400, other),
            status(400, "'temperature' does not support 0"),
            status(422, "stream_options?"),
            says("a"),
        )
        endpoint = asked_of(server)
        assert [said(endpoint), said(endpoint)] == ["a", "a"]
        assert len(server.asked) == 5
        assert server.asked[-1].body == {"model": "tiny/model", "messages": SAY, "stream": True} | {
            "max_completion_tokens": 100
        }

    def test_a_server_that_refuses_every_option_is_not_asked_for_ever(
        self, scripted: Callable[..., ScriptedEndpoint]
    ) -> None:
        server = scripted(status(400, "max_tokens max_completion_tokens temperature stream_options"))
        assert "refuses the request" in failure(asked_of(server))
        assert len(server.asked) == 5


class TestDeadline:
    @pytest.mark.parametrize(
        "script",
        [silent(), trickles(0.02), trickles(0.02, from_the_first=True), says(FOR_EVER), status(503, retry_after=0)],
    )
    def test_it_holds_whatever_the_endpoint_does(
        self, scripted: Callable[..., ScriptedEndpoint], script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bowerbird.models.endpoint.wire.MOST_TRIES", 10**9)
        line = failure(asked_of(scripted(script), timeout_s=0.4))
        assert "had not finished within 0.4 s; give it longer" in line or "fails (503" in line

    def test_it_holds_in_the_middle_of_an_answer(
        self, scripted: Callable[..., ScriptedEndpoint], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = scripted(hangs("Forty"))
        pieces = asked_of(server, timeout_s=600).say(SAY, most_tokens=9)
        assert next(pieces) == "Forty"
        run_out_of_time(monkeypatch)
        with pytest.raises(EndpointFailed, match=r"had not finished within 600 s"):
            next(pieces)
        assert server.left.wait(120)

    def test_thinking_counts(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        assert "had not finished" in failure(asked_of(scripted(hangs("<think>well")), timeout_s=0.3))


class TestLeaving:
    @pytest.mark.parametrize("script", [silent(), hangs("Forty")], ids=["silent", "hangs"])
    def test_whoever_leaves_ends_the_request_at_once(
        self, scripted: Callable[..., ScriptedEndpoint], script: Script
    ) -> None:
        server, listener = scripted(script), Listener()

        def listen() -> None:
            with listener.served():
                said(asked_of(server))

        with ThreadPoolExecutor(1) as threads:
            listening = threads.submit(listen)
            while not server.asked:
                time.sleep(0.01)
            listener.leave()
            with pytest.raises(Left):
                listening.result()
        assert server.left.wait(120)

    def test_whoever_has_left_before_is_told_nothing(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        listener = Listener()
        listener.leave()
        with listener.served(), pytest.raises(Left):
            said(asked_of(scripted(silent())))

    def test_whoever_leaves_ends_nobody_elses_request(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        endpoint, gone = asked_of(scripted(says("Forty two"))), Listener()
        gone.leave()
        with gone.served(), pytest.raises(Left):
            said(endpoint)
        with Listener().served():
            assert said(endpoint) == "Forty two"


class TestFaults:
    @pytest.mark.parametrize(
        ("script", "line"),
        [
            (status(401, "bad key"), 'does not take the key (401: "bad key"); set BOWERBIRD_OPENAI_API_KEY'),
            (status(403, body="{}"), "does not take the key (403); set BOWERBIRD_OPENAI_API_KEY"),
            (status(404, "no model"), 'has no such model, or no chat (404: "no model"); check the model'),
            (status(429, "quota"), 'turns further requests away (429: "quota"); wait a while'),
            (status(400, body='{"detail": "too long"}'), 'refuses the request (400: "too long"); name another'),
            (status(400, body='{"detail": [{"msg": "no"}]}'), "refuses the request (400); name another"),
            (html_page(404), '(404: "an HTML page")'),
            (html_page(), "sends what is no chat completion: text/html in place of a stream of events; check that"),
            (whole_json("yes"), "application/json in place of a stream of events; check that"),
            (events("{not json", "[DONE]"), "a chunk that is no JSON; check that"),
            (events(b"data: \xff\xfe\n\n"), "a chunk that is no JSON; check that"),
            (events([1, 2]), "a chunk of another form; check that"),
            (events("7"), "a chunk of another form; check that"),
            (events({"choices": "text"}), "a chunk of another form; check that"),
            (events({"choices": [{"delta": {"content": 7}}]}), "a chunk of another form; check that"),
            (stops(), "ended without an answer; run the same again"),
            (refuses("I will not say"), 'declines ("I will not say"); ask in another way'),
            (says(finish="content_filter"), "declines; ask in another way"),
            (events({"error": {"message": "CUDA out of memory"}}), 'fails ("CUDA out of memory"); look at its log'),
        ],
    )
    def test_each_is_one_line_with_a_remedy(
        self, scripted: Callable[..., ScriptedEndpoint], script: Script, line: str
    ) -> None:
        assert line in failure(asked_of(scripted(script)))

    def test_nobody_there(self) -> None:
        with ScriptedEndpoint(silent()) as server:
            gone = asked_of(server)
        assert "cannot be reached (" in (line := failure(gone))
        assert "start it" in line
        with pytest.raises(EndpointUnreachable):
            said(gone)

    @pytest.mark.parametrize("script", [status(500, "out of memory"), cut()])
    def test_who_fails_is_there(self, scripted: Callable[..., ScriptedEndpoint], script: Script) -> None:
        with pytest.raises(EndpointFailed) as failed:
            said(asked_of(scripted(script)))
        assert not isinstance(failed.value, EndpointUnreachable)

    @pytest.mark.parametrize("host", ["nobody.invalid", "a..b", "-", "xn--", "a" * 300])
    def test_no_such_host(self, host: str) -> None:
        failure(Endpoint("m", f"http://{host}/v1", 20, key=KEY, first_wait_s=0.01))

    def test_what_it_says_is_quoted_inert_and_in_part(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        line = failure(asked_of(scripted(status(400, f"\x1b[31m\u202eno\n\r\x00 {KEY} " + "x" * 5000))))
        assert "\u202e" not in line
        assert "x" * 150 in line
        assert "x" * 201 not in line

    def test_nothing_is_logged_with_the_key(
        self, scripted: Callable[..., ScriptedEndpoint], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        said(asked_of(scripted(says("yes"))))
        assert caplog.records
        assert KEY not in caplog.text

    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    def test_redirects_are_not_followed(self, scripted: Callable[..., ScriptedEndpoint], code: int) -> None:
        elsewhere = scripted(says("from elsewhere"))
        server = scripted(redirects(elsewhere.address + "/chat/completions", code))
        assert f"answers with a redirect ({code}), which is not followed; name" in failure(asked_of(server))
        assert elsewhere.asked == []

    def test_a_proxy_is_not_asked_for_what_is_on_this_machine(
        self, scripted: Callable[..., ScriptedEndpoint], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy, server = scripted(says("from the proxy")), scripted(says("from the endpoint"))
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.address.removesuffix("/v1"))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        assert said(asked_of(server)) == "from the endpoint"
        assert proxy.asked == []

    def test_models_that_take_no_pictures_are_told_apart(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        server = scripted(status(500, "image input is not supported - provide the mmproj"))
        with pytest.raises(NoPictures, match="image input is not supported"):
            list(asked_of(server).say(SHOW, most_tokens=9))
        assert len(server.asked) == 1
        with pytest.raises(EndpointFailed) as failed:
            said(asked_of(server))
        assert not isinstance(failed.value, NoPictures)

    def test_what_was_said_up_to_the_limit_comes_and_then_it_fails(
        self, scripted: Callable[..., ScriptedEndpoint]
    ) -> None:
        pieces = asked_of(scripted(says("Forty", finish="length"))).say(SAY, most_tokens=9)
        assert next(pieces) == "Forty"
        with pytest.raises(TooLong, match="as much as it may; ask for less"):
            next(pieces)

    def test_an_endpoint_that_ignores_the_limit_is_cut_off(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        endless = never_ends(f"data: {json.dumps(chunk({'content': 'bla ' * 100}))}\n\n".encode())
        server = scripted(endless)
        pieces: list[str] = []
        with pytest.raises(TooLong):
            pieces.extend(asked_of(server).say(SAY, most_tokens=50))
        assert len("".join(pieces)) <= 50 * 16
        assert server.left.wait(120)

    @pytest.mark.parametrize("piece", [b"x" * 65536, b": nothing\n\n" * 1000])
    def test_an_enormous_response_is_not_read_to_its_end(
        self, scripted: Callable[..., ScriptedEndpoint], piece: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bowerbird.models.endpoint.wire.MOST_BYTES", 2**20)
        server = scripted(never_ends(piece))
        assert "sends more than 1,048,576 bytes for one answer; name" in failure(asked_of(server))
        assert server.left.wait(120)

    def test_a_packed_response_is_not_unpacked(self, scripted: Callable[..., ScriptedEndpoint]) -> None:
        answer = "".join(f"data: {json.dumps(each)}\n\n" for each in (chunk({"content": "yes"}), chunk({}, "stop")))
        server = scripted(events(gzip.compress(answer.encode()), content_encoding="gzip"))
        failure(asked_of(server))  # as it would not, were it unpacked
        assert server.asked[0].headers["accept-encoding"] == "identity"


TEXTS = st.lists(st.text("<think/>aUNSWERD _.\n", max_size=6), max_size=12)


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        ("text", "left"),
        [
            ("Yes.", "Yes."),
            ("<think>hm</think>Yes.", "Yes."),
            (" \n<think>\n\n</think>\n\nYes.", "Yes."),
            ("<thinking>a < b </think></thinking>Yes.", "Yes."),
            ("<think>and so on", ""),
            ("<think>hm</think>", ""),
            ("<thin", "<thin"),
            ("<b>Yes.", "<b>Yes."),
            ("Yes. <think>no</think>", "Yes. <think>no</think>"),
            ("  ", ""),
        ],
    )
    def test_thoughts_are_left_out_however_it_is_cut(self, text: str, left: str) -> None:
        for size in range(1, len(text) + 1):
            cut_up = [text[at : at + size] for at in range(0, len(text), size)]
            assert "".join(without_thoughts(cut_up)) == left

    @pytest.mark.parametrize(
        ("text", "left"),
        [
            ("UNANSWERED", ""),
            ("unanswered.", ""),
            (' **"Unanswered"**\n', ""),
            ("UNANSWERED. The exhibits are about lunch [1].", ""),
            ("UNANSWERED\nI am sorry.", ""),
            ("Unansweredness is no word [1].", "Unansweredness is no word [1]."),
            ("Unanimously [1].", "Unanimously [1]."),
            ("UNA", "UNA"),
            ("", ""),
            (" \n", ""),
            ("No. UNANSWERED", "No. UNANSWERED"),
            ("“Forty two” [1]", "“Forty two” [1]"),
        ],
    )
    def test_a_reply_that_there_is_none_is_none(self, text: str, left: str) -> None:
        for size in range(1, len(text) + 1):
            cut_up = [text[at : at + size] for at in range(0, len(text), size)]
            assert "".join(unless("UNANSWERED", cut_up)) == left

    @given(TEXTS)
    def test_how_it_is_cut_changes_nothing(self, pieces: list[str]) -> None:
        whole = ["".join(pieces)]
        assert "".join(without_thoughts(pieces)) == "".join(without_thoughts(whole))
        assert "".join(unless("UNANSWERED", pieces)) == "".join(unless("UNANSWERED", whole))

    def test_the_first_piece_is_held_back_only_while_it_is_open_what_it_will_be(self) -> None:
        def pieces() -> Iterator[str]:
            yield from ("Un", "der", " the roof.")
            pytest.fail("more was asked for than had to be")

        came = unless("UNANSWERED", without_thoughts(pieces()))
        assert [next(came), next(came)] == ["Under", " the roof."]
        came.close()

    def test_closing_closes_what_it_reads(self) -> None:
        closed = threading.Event()

        def pieces() -> Iterator[str]:
            try:
                yield "Yes"
                yield "."
            finally:
                closed.set()

        came = unless("UNANSWERED", without_thoughts(pieces()))
        next(came)
        came.close()
        assert closed.is_set()
