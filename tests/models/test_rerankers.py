from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bowerbird.errors import UnknownEncoder
from bowerbird.models.cross_encoder import CrossEncoderReranker
from bowerbird.models.rerankers import load_rerankers
from bowerbird.models.second_encoder import SecondEncoder
from bowerbird.moments import Moment
from bowerbird.ports import Encoder
from bowerbird.types import Pixels, SegmentKind, Vectors
from tests.contracts.encoder import noise
from tests.contracts.reranker import RerankerContract
from tests.fakes import HashEncoder


class TestHashEncoderAsSecond(RerankerContract):
    @pytest.fixture
    def reranker(self) -> SecondEncoder:
        return SecondEncoder(HashEncoder())


class TestEncoderThatComparesTextsPoorly(RerankerContract):
    reads_texts = False

    @pytest.fixture
    def reranker(self) -> SecondEncoder:
        return SecondEncoder(HashEncoder(text_is_semantic=False))


class TestEncoderOfTextsAlone(RerankerContract):
    @pytest.fixture
    def reranker(self) -> SecondEncoder:
        encoder = HashEncoder()
        encoder.picture = None
        return SecondEncoder(encoder)


class TestConceptsAsSecond(RerankerContract):
    written, shown = 4, 2  # pictures take it a while

    @pytest.fixture
    def reranker(self, concepts: Encoder) -> SecondEncoder:
        return SecondEncoder(concepts)


class Drowning(HashEncoder):
    """As in CLIP, texts lie near to one another, and pictures to no text: all have two numbers in common by kind."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return self._beside(super().encode_texts(texts), 2.0)

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        return self._beside(super().encode_images(pictures), -2.0)

    def background(self, kind: str) -> Vectors | None:
        vectors = super().background(kind)
        return None if vectors is None else self._beside(vectors, 2.0 if kind == "text" else -2.0)

    def _beside(self, vectors: Vectors, shared: float) -> Vectors:
        vectors = np.concatenate([vectors[:, :-1], np.full((len(vectors), 1), shared, np.float32)], axis=1)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def test_the_right_picture_goes_before_a_wrong_text_though_every_text_lies_nearer() -> None:
    right, wrong = noise(16, 2)
    encoder = Drowning(128, aliases={"a bird": right})
    near = HashEncoder.encode_images(encoder, [right])

    def read(texts: Sequence[str]) -> Vectors:  # "a bird" means what the picture shows, as far as a text can
        plain = HashEncoder.encode_texts(encoder, texts)
        return encoder._beside(np.where([[text == "a bird"] for text in texts], near, plain), 2.0)

    encoder.encode_texts = read  # type: ignore[method-assign]
    candidates = [
        Moment(SegmentKind.TEXT, text="of something else"),
        Moment(SegmentKind.IMAGE, pixels=wrong),
        Moment(SegmentKind.IMAGE, pixels=right),
    ]
    query = encoder.encode_texts(["a bird"])[0]
    assert query @ encoder.encode_texts(["of something else"])[0] > query @ encoder.encode_images([right])[0]
    assert SecondEncoder(encoder).score(["a bird"], None, candidates).argmax() == 2


def test_text_and_picture_of_a_query_count_alike() -> None:
    first, second, other = noise(16, 3)
    encoder = HashEncoder(128, aliases={"a bird": first})
    shown = [Moment(SegmentKind.IMAGE, pixels=each) for each in (first, second, other)]
    scores = SecondEncoder(encoder).score(["a bird"], second, shown)
    assert scores[0] == pytest.approx(scores[1], abs=0.05)
    assert scores[:2].min() > 0.5 > scores[2]


def test_a_text_is_told_from_others_by_meaning(minilm: Encoder) -> None:
    texts = ["The bank raised its interest rates.", "Swans sleep on the river bank.", "A recipe for lentil soup."]
    scores = SecondEncoder(minilm).score(
        ["birds by the water"], None, [Moment(SegmentKind.TEXT, text=t) for t in texts]
    )
    assert scores.argmax() == 1


def test_pixels_go_before_text() -> None:
    picture = noise(16, 1)[0]
    reranker = SecondEncoder(HashEncoder())
    alone, both = reranker.score(
        [], picture, [Moment(SegmentKind.PAGE, pixels=picture), Moment(SegmentKind.PAGE, pixels=picture, text="a page")]
    )
    assert alone == both


def test_an_encoder_without_a_background_still_puts_the_right_picture_first() -> None:
    pictures = noise(16)
    encoder = HashEncoder(aliases={"a bird": pictures[2]})
    encoder.background = lambda kind: None  # type: ignore[method-assign]
    scores = SecondEncoder(encoder).score(["a bird"], None, [Moment(SegmentKind.IMAGE, pixels=p) for p in pictures])
    assert scores.argmax() == 2


def test_specs(tmp_path: Path) -> None:
    asked: list[str] = []

    def load(spec: str) -> Encoder:
        asked.append(spec)
        return HashEncoder(name=spec)

    (tmp_path / "a+b").mkdir()
    assert load_rerankers("none", load) == ()
    both = load_rerankers(f"cross-encoder:{tmp_path}/a+b+encoder:open_clip:ViT-B-32/tag", load)
    assert [type(each) for each in both] == [CrossEncoderReranker, SecondEncoder]
    assert [each.spec for each in both] == [f"cross-encoder:{tmp_path}/a+b", "encoder:open_clip:ViT-B-32/tag"]
    assert asked == ["open_clip:ViT-B-32/tag"]


@pytest.mark.parametrize("spec", ["", "cross-encoder", "encoder:", "best", "none+encoder:minilm", "cross-encoder:x y"])
def test_what_names_no_reranker_is_refused(spec: str) -> None:
    with pytest.raises(UnknownEncoder) as refused:
        load_rerankers(spec, HashEncoder)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
