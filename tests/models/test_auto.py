from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from bowerbird.models import auto, hub


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(hub, "kept_weights", lambda repository: None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """A hub that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def live_endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    """A hub that answers everything with the status given as parameter."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(request.param)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_silent_hub_is_given_up(no_weights: None, silent_endpoint: str) -> None:
    choice = auto.settle(endpoint=silent_endpoint, deadline_s=0.5)  # or the test would never end
    assert choice.spec == "concepts"
    assert "does not answer" in choice.reason


def test_the_endpoint_may_come_from_the_environment(
    no_weights: None, silent_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", silent_endpoint)
    assert auto.settle(deadline_s=0.2).spec == "concepts"


def test_a_name_that_takes_for_ever_to_look_up_is_given_up(no_weights: None, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: released.wait() and [])
    try:
        assert auto.settle(endpoint="http://hub.invalid", deadline_s=0.2).spec == "concepts"  # while it is looked up
    finally:
        released.set()


@pytest.mark.parametrize("live_endpoint", [200], indirect=True)
def test_a_hub_that_answers_is_used(no_weights: None, live_endpoint: str) -> None:
    assert auto.settle(endpoint=live_endpoint, deadline_s=240).spec == auto.PREFERRED


@pytest.mark.parametrize("live_endpoint", [403, 500], indirect=True)
def test_a_hub_that_refuses_is_not(no_weights: None, live_endpoint: str) -> None:
    assert auto.settle(endpoint=live_endpoint, deadline_s=240).spec == "concepts"


@pytest.mark.parametrize("live_endpoint", [200], indirect=True)
def test_offline_means_offline(no_weights: None, live_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert auto.settle(endpoint=live_endpoint).spec == "concepts"


def test_weights_at_hand_need_no_hub(
    no_weights: None, silent_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(hub, "kept_weights", lambda repository: tmp_path)
    choice = auto.settle(endpoint=silent_endpoint)
    assert choice.spec == auto.PREFERRED
    assert "on this machine" in choice.reason


def test_the_reason_is_one_line_that_says_how_to_change_it(no_weights: None, silent_endpoint: str) -> None:
    reason = auto.settle(endpoint=silent_endpoint, deadline_s=0.2).reason
    assert "\n" not in reason
    assert "bowerbird reencode --encoder open_clip:ViT-B-32/laion2b_s34b_b79k" in reason


def test_kept_weights_are_found_in_the_hubs_cache(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    import huggingface_hub.constants as constants

    folder = Path(str(tmp_path)) / f"models--{auto.REPOSITORY.replace('/', '--')}"
    snapshot = folder / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path), raising=False)
    assert hub.kept_weights(auto.REPOSITORY) is None
    (snapshot / "open_clip_pytorch_model.bin").write_bytes(b"weights")
    assert hub.kept_weights(auto.REPOSITORY) == snapshot / "open_clip_pytorch_model.bin"
