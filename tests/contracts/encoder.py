"""What every `Encoder` must do. A test class inherits this and gives an ``encoder`` fixture."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bowerbird.ports import Encoder
from bowerbird.types import Pixels

TEXTS = [
    "a cat",
    "a photo of a dog on a beach",
    "",
    "   ",
    "Grüße aus Köln, 你好, привет, 👩‍👩‍👧",
    "a name of a file with a lone surrogate: \udcff",
    "null \x00 and bell \x07",
    "word " * 2000,
    "x" * 5000,
]


def noise(size: int, count: int = 3) -> list[Pixels]:
    random = np.random.default_rng(size)
    return list(random.integers(0, 256, (count, size, size, 3), np.uint8))


class EncoderContract:
    tolerance = 1e-3
    """How far the numbers of one input may differ with what shares its batch."""

    @pytest.fixture
    def pictures(self, encoder: Encoder) -> list[Pixels]:
        if encoder.picture is None:
            pytest.skip("this encoder reads no pictures")
        return noise(encoder.picture.size)

    def test_its_description_agrees_with_it(self, encoder: Encoder) -> None:
        assert encoder.description.reads_pictures == (encoder.picture is not None)
        assert len(encoder.description.fingerprint) == 64
        assert encoder.description.spec != "auto"

    def test_texts_become_unit_vectors_one_each(self, encoder: Encoder) -> None:
        vectors = encoder.encode_texts(TEXTS)
        assert vectors.shape == (len(TEXTS), encoder.description.dimension)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_pictures_become_unit_vectors_one_each(self, encoder: Encoder, pictures: list[Pixels]) -> None:
        vectors = encoder.encode_images(pictures)
        assert vectors.shape == (len(pictures), encoder.description.dimension)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_nothing_becomes_no_vectors(self, encoder: Encoder) -> None:
        assert encoder.encode_texts([]).shape == (0, encoder.description.dimension)
        if encoder.picture is not None:
            assert encoder.encode_images([]).shape == (0, encoder.description.dimension)

    def test_texts_keep_their_order(self, encoder: Encoder) -> None:
        one_by_one = np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
        np.testing.assert_allclose(encoder.encode_texts(TEXTS), one_by_one, atol=self.tolerance)
        np.testing.assert_allclose(encoder.encode_texts(TEXTS[::-1]), one_by_one[::-1], atol=self.tolerance)

    def test_pictures_keep_their_order(self, encoder: Encoder, pictures: list[Pixels]) -> None:
        many = pictures * 6  # more than one batch
        one_by_one = np.concatenate([encoder.encode_images([picture]) for picture in pictures])
        np.testing.assert_allclose(encoder.encode_images(many), np.tile(one_by_one, (6, 1)), atol=self.tolerance)

    def test_different_texts_lie_apart(self, encoder: Encoder) -> None:
        first, second, again = encoder.encode_texts(["a cat", "stock market news", "a cat"])
        assert np.abs(first - second).max() > 10 * self.tolerance
        np.testing.assert_allclose(first, again, atol=self.tolerance)

    def test_threads_do_not_disturb_one_another(self, encoder: Encoder) -> None:
        alone = [encoder.encode_texts([text]) for text in TEXTS]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda text: encoder.encode_texts([text]), TEXTS * 4))
        for index, vector in enumerate(together):
            np.testing.assert_allclose(vector, alone[index % len(TEXTS)], atol=self.tolerance)

    @pytest.mark.parametrize("kind", ["image", "text"])
    def test_a_background_is_many_vectors_of_the_space_or_none(self, encoder: Encoder, kind: str) -> None:
        vectors = encoder.background(kind)
        if vectors is not None:
            assert vectors.shape[1] == encoder.description.dimension
            assert len(vectors) >= 50
            assert len(np.unique(vectors.round(5), axis=0)) > 0.9 * len(vectors)
            np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
