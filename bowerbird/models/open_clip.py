"""``open_clip:ARCH/TAG`` and ``open_clip:ARCH//path/to/weights.pt``: any model of the open_clip library.

Radford et al. 2021 (CLIP); Cherti et al. 2023 (OpenCLIP). Its text towers read 77 tokens and compare texts poorly with
texts, so a library under such an encoder has a second space for them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.models.cache import digest
from bowerbird.models.open_clip_card import Card
from bowerbird.models.runtime import Blueprint, Input, Network, Runtime
from bowerbird.models.vectors import in_batches, unit
from bowerbird.types import PictureSpec, Pixels, Vectors


class OpenClip:
    """Both towers of one checkpoint. Implements `Encoder`."""

    def __init__(self, card: Card, runtime: Runtime) -> None:
        self.description = card.description
        self.picture: PictureSpec | None = card.picture
        self._card = card
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

    def background(self, kind: str) -> None:
        """None: nothing is known of how this model's vectors lie before there are some."""

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
