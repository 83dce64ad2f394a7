from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from bowerbird.models import networks
from bowerbird.models.concepts import LOOK, PICTURE, WEIGHTS, Concepts, imagined_scenes, main_directions
from bowerbird.models.minilm import DIMENSION as MEANING
from bowerbird.ports import Encoder
from bowerbird.types import Pixels, Vectors
from tests.contracts.encoder import EncoderContract


def prepared(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((PICTURE.size, PICTURE.size), Image.Resampling.BICUBIC))


@pytest.fixture(scope="module")
def photos() -> dict[str, Pixels]:
    data = pytest.importorskip("skimage.data", reason="scikit-image's photos are not installed")
    found: dict[str, Pixels] = {}
    for path in sorted(Path(data.__file__).parent.rglob("*")):
        if path.suffix.lower() in {".png", ".jpg", ".jpeg", ".gif", ".tif"}:
            with contextlib.suppress(UnidentifiedImageError):  # one of its files is no picture to Pillow
                found[path.name] = prepared(path)
    assert len(found) > 20
    return found


@pytest.fixture(scope="module")
def vectors(concepts: Encoder, photos: dict[str, Pixels]) -> Vectors:
    return concepts.encode_images(list(photos.values()))


class TestConcepts(EncoderContract):
    @pytest.fixture
    def encoder(self, concepts: Encoder) -> Encoder:
        return concepts


@pytest.mark.parametrize(
    ("query", "photo"),
    [
        ("a cat", "chelsea.png"),
        ("a cup of coffee", "coffee.png"),
        ("an astronaut", "astronaut.png"),
        ("a rocket launch", "rocket.jpg"),
        ("motorcycle", "motorcycle_left.png"),
    ],
)
def test_words_find_the_photo(
    concepts: Encoder, photos: dict[str, Pixels], vectors: Vectors, query: str, photo: str
) -> None:
    scores = vectors @ concepts.encode_texts([query])[0]
    best = list(photos)[int(scores.argmax())]
    assert best.replace("_right", "_left") == photo


def test_a_photo_finds_the_other_of_its_pair(photos: dict[str, Pixels], vectors: Vectors) -> None:
    names = list(photos)
    scores = vectors @ vectors[names.index("motorcycle_left.png")]
    assert names[int(np.argsort(-scores)[1])] == "motorcycle_right.png"


def test_texts_leave_the_look_empty_and_pictures_fill_both_parts_alike(concepts: Encoder, vectors: Vectors) -> None:
    texts = concepts.encode_texts(["a cat", "rain"])
    assert texts.shape[1] == MEANING + LOOK
    assert not texts[:, MEANING:].any()
    np.testing.assert_allclose(np.linalg.norm(vectors[:, :MEANING], axis=1), 0.5**0.5, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors[:, MEANING:], axis=1), 0.5**0.5, atol=1e-5)


def test_texts_lie_where_minilm_puts_them(concepts: Encoder, minilm: Encoder) -> None:
    texts = ["a cat", "the price of copper fell"]
    np.testing.assert_allclose(concepts.encode_texts(texts)[:, :MEANING], minilm.encode_texts(texts), atol=1e-5)


def test_the_network_agrees_with_torch(concepts: Concepts, photos: dict[str, Pixels], cache: Path) -> None:
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite2").eval()
    net.load_state_dict(torch.load(WEIGHTS.locate(cache), weights_only=True))
    some = list(photos.values())[:4]
    # The published recipe, written out: channels first, 0..1, ImageNet's mean and deviation.
    scaled = torch.from_numpy(np.stack(some)).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        wanted = net((scaled - mean[:, None, None]) / std[:, None, None]).numpy()
    np.testing.assert_allclose(concepts.logits(some), wanted, atol=2e-3)


def test_main_directions_are_orthonormal_and_of_settled_sign(cache: Path) -> None:
    head = networks.efficientnet_lite2_head(WEIGHTS.locate(cache))
    directions = main_directions(head, LOOK)
    np.testing.assert_allclose(directions.T @ directions, np.eye(LOOK), atol=1e-4)
    assert (directions.max(axis=0) == np.abs(directions).max(axis=0)).all()
    mirrored = main_directions(-head, LOOK)
    np.testing.assert_allclose(directions, mirrored, atol=1e-4)


def test_imagined_scenes_are_as_sure_as_real_photos(cache: Path) -> None:
    logits = imagined_scenes(networks.efficientnet_lite2_head(WEIGHTS.locate(cache)))
    odds = np.exp(logits)
    confidence = (odds / odds.sum(axis=1, keepdims=True)).max(axis=1)
    assert 0.2 < np.median(confidence) < 0.3


def test_a_warm_search_imports_nothing_heavy(concepts: Encoder, cache: Path, photos: dict[str, Pixels]) -> None:
    concepts.encode_texts(["a cat"])
    concepts.encode_images([next(iter(photos.values()))])
    concepts.background("image")
    concepts.background("text")
    code = """if True:
        import json, pathlib, sys
        import numpy as np
        from bowerbird.models.registry import describe, load_encoder
        cache = pathlib.Path(sys.argv[1])
        describe("concepts", cache=cache)
        encoder = load_encoder("concepts", cache=cache, precision="f32")
        assert "openvino" not in sys.modules
        encoder.encode_texts(["a cat"]), encoder.background("image"), encoder.background("text")
        encoder.encode_images([np.zeros((260, 260, 3), np.uint8)])
        print(json.dumps(sorted(name for name, module in sys.modules.items() if module)))
    """
    done = subprocess.run([sys.executable, "-c", code, str(cache)], check=True, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert "openvino" in loaded
    assert not loaded & {"torch", "transformers", "sentence_transformers", "timm", "open_clip", "openvino_telemetry"}
