from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowerbird.models.minilm import BATCH_TOKENS, WEIGHTS, _batches, ordinary_sentences
from bowerbird.models.registry import load_encoder
from bowerbird.ports import Encoder
from tests.contracts.encoder import EncoderContract

TEXTS = [
    "a photo of a cat",
    "",
    "The quick brown fox jumps over the lazy dog. " * 60,
    "Grüße aus Köln",
    "你好，世界",
    "été à la plage \U0001f3d6 ‽",
    "UPPER and lower, don't split-this",
    "[MASK] [SEP] tokens spelt out",
    "a\tb\nc\x00d",
    "supercalifragilisticexpialidocious" * 8,
]


class TestMiniLM(EncoderContract):
    @pytest.fixture
    def encoder(self, minilm: Encoder) -> Encoder:
        return minilm


@pytest.fixture(scope="session")
def reference(cache: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(WEIGHTS.locate(cache).parent), device="cpu")
    return model.encode(TEXTS, normalize_embeddings=True)


@pytest.mark.parametrize(("precision", "bound"), [("f32", 0.99999), ("bf16", 0.999)])
def test_it_agrees_with_sentence_transformers(reference: Any, cache: Path, precision: str, bound: float) -> None:
    vectors = load_encoder("minilm", cache=cache, precision=precision).encode_texts(TEXTS)
    assert (vectors * reference).sum(axis=1).min() >= bound


def test_it_reads_256_tokens_and_no_more(minilm: Encoder) -> None:
    # One word is one token here; two more open and close the text.
    first, same, other = minilm.encode_texts(["dog " * 254, "dog " * 254 + "cat " * 50, "dog " * 253 + "cat"])
    np.testing.assert_allclose(first, same, atol=1e-5)
    assert np.abs(first - other).max() > 1e-4


def test_it_refuses_pictures(minilm: Encoder) -> None:
    with pytest.raises(TypeError):
        minilm.encode_images([np.zeros((2, 2, 3), np.uint8)])


def test_its_background_is_varied(minilm: Encoder) -> None:
    vectors = minilm.background("text")
    assert vectors is not None
    assert len(vectors) == len(set(ordinary_sentences()))
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, 0)
    assert likeness.mean() < 0.1


@given(st.lists(st.integers(2, 256), max_size=300))
def test_batches_hold_every_text_once_and_little_padding(lengths: list[int]) -> None:
    batches = list(_batches(lengths))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) * max(lengths[index] for index in batch) <= BATCH_TOKENS
        assert lengths[batch[-1]] == max(lengths[index] for index in batch)
