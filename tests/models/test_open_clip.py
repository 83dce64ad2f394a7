"""open_clip through our runtime, against open_clip itself, on a small checkpoint made here with a fixed seed.

A random tower gives nearly the same vector to everything, so plain cosines could not fail: means are taken off first.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from bowerbird.errors import EncoderUnavailable, UnknownEncoder
from bowerbird.models import clip_tokens, hub
from bowerbird.models.open_clip import OpenClip
from bowerbird.models.open_clip_card import card_of
from bowerbird.models.registry import describe, load_encoder
from bowerbird.models.runtime import Runtime
from bowerbird.types import Pixels
from tests.contracts.encoder import EncoderContract

TINY = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 64, "layers": 3, "width": 128, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 3},
}
TEXTS = [
    "a cat",
    "a photo of two dogs",
    "",
    "rain in Bergen",
    "Œuvres &amp; été",
    "word " * 200,
    "it's 1984, isn't it?",
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import open_clip
    import torch

    folder = tmp_path_factory.mktemp("open_clip")
    (folder / "tiny-test.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "tiny-test.json")
    torch.manual_seed(0)
    torch.save(open_clip.create_model("tiny-test").state_dict(), folder / "weights.pt")
    return folder / "weights.pt"


@pytest.fixture(scope="module")
def spec(checkpoint: Path) -> str:
    return f"open_clip:tiny-test/{checkpoint}"


@pytest.fixture(scope="module")
def tiny(spec: str, cache: Path) -> OpenClip:
    encoder = load_encoder(spec, cache=cache, precision="f32")
    assert isinstance(encoder, OpenClip)
    return encoder


@pytest.fixture(scope="module")
def photos() -> list[Image.Image]:
    """Pictures with large and small shapes in them, all of them wider than high."""
    random = np.random.default_rng(0)
    coarse = [Image.fromarray(random.integers(0, 256, (3, 5, 3), np.uint8)) for _ in range(12)]
    return [picture.resize((150, 90), Image.Resampling.BICUBIC) for picture in coarse]


@pytest.fixture(scope="module")
def reference(checkpoint: Path, photos: list[Image.Image]) -> dict[str, Any]:
    import open_clip
    import torch

    model, _, preprocess = open_clip.create_model_and_transforms("tiny-test", pretrained=str(checkpoint))
    tokenizer = open_clip.get_tokenizer("tiny-test")
    with torch.inference_mode():
        images = model.eval().encode_image(torch.stack([preprocess(photo) for photo in photos]), normalize=True)
        texts = model.encode_text(tokenizer(TEXTS), normalize=True)
    return {"images": images.numpy(), "texts": texts.numpy()}


def prepared(photo: Image.Image, size: int = 64) -> Pixels:
    """The shorter side to ``size``, then the centre: what this model's `PictureSpec` asks for."""
    width = int(size * photo.width / photo.height)
    left = round((width - size) / 2)
    return np.asarray(photo.resize((width, size), Image.Resampling.BICUBIC).crop((left, 0, left + size, size)))


def correlation(ours: Any, theirs: Any) -> float:
    """The worst cosine between corresponding rows, each set's mean taken off."""
    ours, theirs = ours - ours.mean(axis=0), theirs - theirs.mean(axis=0)
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return float(((ours * theirs).sum(axis=1) / norms).min())


class TestOpenClip(EncoderContract):
    @pytest.fixture
    def encoder(self, tiny: OpenClip) -> OpenClip:
        return tiny


def test_images_agree_with_open_clip(tiny: OpenClip, photos: list[Image.Image], reference: dict[str, Any]) -> None:
    assert correlation(tiny.encode_images([prepared(photo) for photo in photos]), reference["images"]) >= 0.999


def test_texts_agree_with_open_clip(tiny: OpenClip, reference: dict[str, Any]) -> None:
    assert correlation(tiny.encode_texts(TEXTS), reference["texts"]) >= 0.999


def test_bf16_stays_near(spec: str, cache: Path, photos: list[Image.Image], reference: dict[str, Any]) -> None:
    encoder = load_encoder(spec, cache=cache, precision="bf16")
    assert correlation(encoder.encode_images([prepared(photo) for photo in photos]), reference["images"]) >= 0.98
    assert correlation(encoder.encode_texts(TEXTS), reference["texts"]) >= 0.98


def test_a_wrong_normalisation_would_be_noticed(
    tiny: OpenClip, checkpoint: Path, cache: Path, photos: list[Image.Image], reference: dict[str, Any]
) -> None:
    card = card_of("tiny-test", str(checkpoint), cache)
    description = dataclasses.replace(card.description, fingerprint="0" * 64)  # so that it is converted anew
    swapped = OpenClip(dataclasses.replace(card, description=description, mean=card.std, std=card.mean), Runtime(cache))
    assert correlation(swapped.encode_images([prepared(photo) for photo in photos]), reference["images"]) < 0.999


def test_a_missing_crop_would_be_noticed(tiny: OpenClip, photos: list[Image.Image], reference: dict[str, Any]) -> None:
    squashed = [np.asarray(photo.resize((64, 64), Image.Resampling.BICUBIC)) for photo in photos]
    assert correlation(tiny.encode_images(squashed), reference["images"]) < 0.999


def test_the_picture_spec_is_the_models_own(tiny: OpenClip) -> None:
    assert tiny.picture is not None
    assert (tiny.picture.size, tiny.picture.resize, tiny.picture.crop) == (64, "shortest", 1.0)
    assert not tiny.description.text_is_semantic
    assert tiny.description.dimension == 64


def test_preprocessing_of_a_tag_is_followed(
    checkpoint: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import open_clip

    # SigLIP squashes, and its mean and deviation are 0.5; any file will do, since it is only hashed.
    monkeypatch.setattr(open_clip, "download_pretrained", lambda cfg: str(checkpoint))
    monkeypatch.setattr(hub, "kept_weights", lambda repository: checkpoint)
    card = card_of("ViT-B-16-SigLIP", "webli", tmp_path)
    assert (card.picture.resize, card.picture.size) == ("squash", 224)
    assert (card.mean, card.std) == ((0.5,) * 3, (0.5,) * 3)
    assert not card.clip_tokens
    assert card_of("ViT-B-32", "openai", tmp_path).quick_gelu


def test_the_fingerprint_follows_the_weights(spec: str, checkpoint: Path, cache: Path, tmp_path: Path) -> None:
    import torch

    weights = torch.load(checkpoint, weights_only=True)
    torch.save(weights, tmp_path / "copy.pt")
    weights["logit_scale"] += 1
    torch.save(weights, tmp_path / "other.pt")
    (tmp_path / "moved.pt").write_bytes(checkpoint.read_bytes())
    here = describe(spec, cache=cache).fingerprint
    assert describe(f"open_clip:tiny-test/{tmp_path / 'moved.pt'}", cache=cache).fingerprint == here
    assert describe(f"open_clip:tiny-test/{tmp_path / 'other.pt'}", cache=cache).fingerprint != here


def test_a_relative_path_is_pinned(checkpoint: Path, spec: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkpoint.parent.parent)
    relative = f"{checkpoint.parent.name}/{checkpoint.name}"
    for form in (f"open_clip:tiny-test/{relative}", f"open_clip:tiny-test//{relative}"):
        assert describe(form, cache=cache).spec == spec


def test_near_names_are_offered(cache: Path) -> None:
    with pytest.raises(UnknownEncoder, match="ViT-B-32"):
        describe("open_clip:ViT-B32/openai", cache=cache)
    with pytest.raises(UnknownEncoder, match="laion2b_s34b_b79k"):
        describe("open_clip:ViT-B-32/laion2b_s34b", cache=cache)


def test_a_missing_checkpoint_is_named(cache: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"no checkpoint at /nowhere/w\.pt.*concepts"):
        describe("open_clip:ViT-B-32//nowhere/w.pt", cache=cache)


def test_weights_of_another_architecture_are_refused(checkpoint: Path, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged.pt").write_bytes(checkpoint.read_bytes()[:5000])
    encoder = load_encoder(f"open_clip:tiny-test/{tmp_path / 'damaged.pt'}", cache=cache)
    with pytest.raises(EncoderUnavailable, match=r"does not hold weights of tiny-test"):
        encoder.encode_texts(["a cat"])


def test_a_tag_out_of_reach_fails_with_one_line(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(hub, "kept_weights", lambda repository: None)
    with pytest.raises(EncoderUnavailable, match="concepts") as caught:
        describe("open_clip:ViT-B-32/laion2b_s34b_b79k", cache=tmp_path)
    assert "\n" not in str(caught.value)


def test_a_warm_search_imports_neither_torch_nor_open_clip(tiny: OpenClip, spec: str, cache: Path) -> None:
    tiny.encode_texts(["a cat"])
    code = """if True:
        import pathlib, sys
        from bowerbird.models.registry import load_encoder
        load_encoder(sys.argv[1], cache=pathlib.Path(sys.argv[2]), precision="f32").encode_texts(["a cat"])
        print("torch" in sys.modules, "open_clip" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code, spec, str(cache)], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.fixture(scope="module")
def tokenizers() -> tuple[Any, Any]:
    import open_clip

    merges = clip_tokens.vocabulary()
    assert merges is not None
    return clip_tokens.ClipTokens(merges, 77), open_clip.SimpleTokenizer()


@settings(max_examples=500)
@given(st.text(max_size=60) | st.text("abc 'sTÉ1,.&;<>-\n", max_size=60))
def test_texts_are_cut_up_as_open_clip_does(tokenizers: tuple[Any, Any], text: str) -> None:
    assume("_of_text>" not in text.lower())
    ours, theirs = tokenizers
    np.testing.assert_array_equal(ours([text]), theirs([text]).numpy())


@pytest.mark.parametrize("text", [*TEXTS, "don't I'LL we've", "x" * 300, "日本語 🎉🎉 naïve", "&lt;b&gt; 3.14 %"])
def test_awkward_texts_are_cut_up_alike(tokenizers: tuple[Any, Any], text: str) -> None:
    ours, theirs = tokenizers
    np.testing.assert_array_equal(ours([text]), theirs([text]).numpy())
