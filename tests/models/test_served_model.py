"""The adapters of endpoints against a server that others wrote, `transformers serve`, and a network that runs in it."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bowerbird.answers import Question, Shown, Turn
from bowerbird.errors import EndpointFailed
from bowerbird.models.answers.openai_answers import OpenAIAnswerer
from bowerbird.models.captions.openai_captions import OpenAICaptioner
from bowerbird.models.endpoint.endpoint import Endpoint
from bowerbird.models.endpoint.messages import TooLong
from tests.contracts.answerer import AnswererContract
from tests.models.test_openai_answers import MEETING, NOTES
from tests.models.test_openai_captions import RED, plain, sight
from tests.models.tiny_chat_model import SAYS, save_chat_model

pytest.importorskip("accelerate", reason="transformers serve places its model with it")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    folder = tmp_path_factory.mktemp("served") / "tiny"
    save_chat_model(folder)
    serve = ["-m", "transformers.cli.transformers", "serve", str(folder), "--device", "cpu"]
    server = subprocess.Popen(
        [sys.executable, *serve, "--host", "127.0.0.1", "--port", "0"],
        stdout=(log := (folder.parent / "log").open("w+")),
        stderr=subprocess.STDOUT,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    try:
        yield Endpoint.of(f"{folder}@{_address(server, Path(log.name))}", 240)
    finally:
        server.terminate()
        server.wait(120)
        log.close()


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    """Where it listens, once it does."""
    while (found := re.search(r"running on (http://127\.0\.0\.1:\d+)", log.read_text())) is None:
        try:
            server.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(log.read_text()[-2000:])
    return f"{found[1]}/v1"


@pytest.fixture(scope="module")
def shown() -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), np.uint8)).save(data, "WEBP")
    return data.getvalue()


class TestContract(AnswererContract):
    test_questions_and_exhibits_may_hold_any_text = None  # long texts, which take it seconds; the scripted one has them

    @pytest.fixture
    def answerer(self, endpoint: Endpoint) -> OpenAIAnswerer:
        return OpenAIAnswerer(endpoint)


def test_an_answer_streams_in_and_ends(endpoint: Endpoint) -> None:
    pieces = list(OpenAIAnswerer(endpoint).answer(Question("What is in the picture?"), [MEETING, NOTES]))
    assert "".join(pieces) == SAYS
    assert len(pieces) > 3


def test_pictures_of_exhibits_and_of_the_question_are_read(endpoint: Endpoint, shown: bytes) -> None:
    before = endpoint.used
    question = Question("And this?", image=shown, thread=(Turn("What is this?", "Nothing."),))
    exhibits = [MEETING, replace(NOTES, picture=shown)]
    assert "".join(OpenAIAnswerer(endpoint).answer(question, exhibits)) == SAYS
    assert endpoint.used.prompt > before.prompt
    assert endpoint.used.completion > before.completion


def test_a_picture_is_captioned_after_examples(endpoint: Endpoint) -> None:
    examples = (Shown("Our red wall", plain(RED)), Shown("Our wall"))
    (said,) = OpenAICaptioner(endpoint).caption([sight(plain(RED), examples=examples)])
    assert [moment.text for moment in said] == [SAYS]


def test_the_limit_of_tokens_is_the_servers_too(endpoint: Endpoint) -> None:
    pieces = []
    with pytest.raises(TooLong):
        pieces.extend(endpoint.say([{"role": "user", "content": "hello"}], most_tokens=3))
    assert SAYS.startswith("".join(pieces))
    assert "".join(pieces) != SAYS


def test_an_answer_that_is_closed_early_leaves_the_server_well(endpoint: Endpoint) -> None:
    for _ in range(3):
        pieces = OpenAIAnswerer(endpoint).answer(Question("What?"), [MEETING])
        next(pieces)
        pieces.close()  # type: ignore[attr-defined]
    assert "".join(OpenAIAnswerer(endpoint).answer(Question("What?"), [MEETING])) == SAYS


def test_another_model_than_it_serves_is_refused_in_one_line(endpoint: Endpoint) -> None:
    with pytest.raises(EndpointFailed, match=r"refuses the request \(400: .*; name another model") as failed:
        list(Endpoint("other", endpoint.address, 240).say([{"role": "user", "content": "hello"}], most_tokens=3))
    assert "\n" not in str(failed.value)
