"""OpenAI's embeddings: by its own client where that is installed, by hand, and what is refused."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from tests.api.http.test_gate import refused
from tests.fakes import HashEncoder


def of(client, **body):
    response = client.post("/v1/embeddings", json=body)
    assert response.status_code == 200, response.text
    told = response.json()
    assert set(told) == {"object", "data", "model", "usage"}
    assert [each["index"] for each in told["data"]] == list(range(len(told["data"])))
    return told


def test_texts(client):
    texts = [f"text {number}" for number in range(70)]
    told = of(client, model="bowerbird", input=texts)
    assert (told["object"], told["model"]) == ("list", "hash")
    assert told["usage"] == {"prompt_tokens": 140, "total_tokens": 140}
    assert np.array([each["embedding"] for each in told["data"]], np.float32) == pytest.approx(
        HashEncoder().encode_texts(texts)
    )
    (one,) = of(client, input="text 0", encoding_format="base64", dimensions=32, user="ada", extra=1)["data"]
    assert np.frombuffer(base64.b64decode(one["embedding"]), "<f4") == pytest.approx(
        HashEncoder().encode_texts(texts)[0]
    )


def test_pictures_lie_where_the_library_has_them(client, media, library):
    picture = base64.b64encode((media / "photo 1.png").read_bytes()).decode()
    told = of(client, model="joint", input=["a fern", {"image_base64": picture}, {"text": "a fern"}])
    text, seen, same = (each["embedding"] for each in told["data"])
    assert text == same
    found = client.post("/v1/search", json={"image_base64": picture, "limit": 1}).json()["hits"][0]
    with library.catalog.read() as tx:
        (_, kept), *_ = tx.segments.embeddings_of(
            tx.segments.moments([found["segment_id"]])[found["segment_id"]].asset.id, library.joint.id
        )
    assert np.array(seen) == pytest.approx(np.asarray(kept.vector, np.float32), abs=2e-3)


@pytest.mark.parametrize("model", ["bowerbird", "joint", "text", "hash"])
def test_models_by_name(client, model):
    assert of(client, model=model, input="x")["model"] == "hash"


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"model": "text-embedding-3-small", "input": "x"}, 404, "choose of bowerbird, text, joint, hash"),
        ({"model": "/etc/passwd", "input": "x"}, 404, "no model"),
        ({}, 422, "input"),
        ({"input": None}, 422, "input 0"),
        ({"input": []}, 422, "the input is empty"),
        ({"input": ""}, 422, "input 0: is empty"),
        ({"input": ["a", " "]}, 422, "input 1: is empty"),
        ({"input": [1, 2, 3]}, 422, "tokens"),
        ({"input": [[1, 2], [3]]}, 422, "tokens"),
        ({"input": ["a", 1]}, 422, "input 1: is no text"),
        ({"input": [{"text": "a", "image_base64": "eA=="}]}, 422, "input 0"),
        ({"input": [{"image_url": "http://127.0.0.1/x.png"}]}, 422, "input 0"),
        ({"input": ["a", {"image_base64": "@@"}]}, 422, "input 1: image_base64 is no base64"),
        ({"input": ["a", "b", {"image_base64": "eA=="}]}, 422, "input 2: the picture"),
        ({"input": ["a"] * 2049}, 422, "2,048"),
        ({"input": "a" * 100_001}, 422, "100,000"),
        ({"input": "a", "dimensions": 16}, 422, "32 dimensions"),
        ({"input": "a", "encoding_format": "int8"}, 422, "encoding_format"),
        ([], 422, "the body"),
    ],
)
def test_what_will_not_do(client, body, status, says):
    assert says in refused(client.post("/v1/embeddings", json=body), status)["detail"]


def test_by_the_official_client(client):
    import openai

    theirs = openai.OpenAI(api_key="none", base_url="http://127.0.0.1:8765/v1", http_client=client)
    answer = theirs.embeddings.create(model="bowerbird", input=["a", "b"])
    assert np.array(answer.data[1].embedding) == pytest.approx(HashEncoder().encode_texts(["b"])[0])
