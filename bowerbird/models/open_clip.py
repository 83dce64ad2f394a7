"""``open_clip:ARCH/TAG`` and ``open_clip:ARCH//path/to/weights.pt``: any model of the open_clip library.

Radford et al. 2021 (CLIP); Cherti et al. 2023 (OpenCLIP). Its text towers read 77 tokens and compare texts poorly with
texts, so a library under such an encoder has a second space for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.models.cache import digest, remembered
from bowerbird.models.drawn_pictures import drawn_pictures
from bowerbird.models.minilm import ordinary_sentences
from bowerbird.models.open_clip_card import Card
from bowerbird.models.runtime import Blueprint, Input, Network, Runtime
from bowerbird.models.vectors import in_batches, unit
from bowerbird.moments import PictureSpec
from bowerbird.types import Pixels, Vectors


class OpenClip:
    """Both towers of one checkpoint. Implements `Encoder`."""

    def __init__(self, card: Card, runtime: Runtime) -> None:
        self.description = card.description
        self.picture: PictureSpec | None = card.picture
        self._card = card
        self._runtime = runtime
        self._tokenizer: Any = None
        self._lock = threading.Lock()
        size = card.picture.size
        self._images = self._tower(runtime, "image", Input("uint8", (-1, size, size, 3)))
        self._texts = self._tower(runtime, "text", Input("int64", (-1, card.context_length)))

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        """Pictures made to `picture` -> unit vectors ``(len(pictures), dimension)``."""
        return self._run(self._images, pictures)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts, of which the model reads the first 77 tokens or so -> unit vectors ``(len(texts), dimension)``."""
        return self._run(self._texts, list(self._tokenize(texts)))

    def background(self, kind: str) -> Vectors | None:
        """Of texts, a few hundred ordinary sentences; of pictures, some drawn ones that show nothing in particular."""
        if kind == "text":
            sentences = ordinary_sentences()
            return self._remember(kind, len(sentences), lambda: self.encode_texts(sentences))
        if kind == "image":
            drawn = list(drawn_pictures(self._card.picture.size))
            return self._remember(kind, len(drawn), lambda: self.encode_images(drawn))
        return None

    def _remember(self, kind: str, count: int, make: Callable[[], Vectors]) -> Vectors:
        key = digest(self.description.fingerprint, self._runtime.precision, kind)[:16]
        path = self._runtime.cache / "backgrounds" / f"open-clip-{kind}-{key}.npy"
        return remembered(path, (count, self.description.dimension), make)

    def _run(self, network: Network, rows: Sequence[NDArray[Any]]) -> Vectors:
        return unit(in_batches(network, rows, self.description.dimension))

    def _tokenize(self, texts: Sequence[str]) -> NDArray[np.int64]:
        if not texts:
            return np.empty((0, self._card.context_length), np.int64)
        with self._lock:
            if self._tokenizer is None:
                self._tokenizer = self._card.tokenizer()
            # Names of files may hold lone surrogates, which no tokenizer takes.
            clean = [text.encode("utf-8", "replace").decode() for text in texts]
            return np.asarray(self._tokenizer(clean), np.int64)

    def _tower(self, runtime: Runtime, side: str, shape: Input) -> Network:
        def build() -> Any:
            from bowerbird.models import networks

            return networks.open_clip_tower(self._card.model(), side, self._card.mean, self._card.std)

        key = digest(self.description.fingerprint, side)
        return runtime.network(Blueprint(f"open-clip-{side}", key, build, (shape,)))


def parse(spec: str) -> tuple[str, str]:
    """``open_clip:ARCH/TAG`` -> ``(ARCH, TAG)``; a path stands where the tag would."""
    architecture, _, source = spec.partition(":")[2].partition("/")
    return architecture, source
