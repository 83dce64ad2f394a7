"""Fifth stage: moments -> vectors, in batches that cross files, so that ten small files cost one call and not ten."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from bowerbird.ports import Encoder
from bowerbird.types import AssetInfo, Moment, Pixels, Space, Vectors
from indexer.identify import Todo

_Item = TypeVar("_Item")


@dataclass(slots=True)
class Prepared:
    """A file on its way: its moments, and the vectors that they have so far, by space and ordinal."""

    todo: Todo
    info: AssetInfo
    moments: list[Moment]
    vectors: dict[int, dict[int, Vectors]] = field(default_factory=dict)
    waiting: int = 0
    """How many vectors are still to come."""


@dataclass(slots=True)
class _Queue:
    """What waits for one encoder: ``(file, ordinal, pixels or text)``."""

    space: Space
    encoder: Encoder
    pictures: deque[tuple[Prepared, int, Pixels]] = field(default_factory=deque)
    texts: deque[tuple[Prepared, int, str]] = field(default_factory=deque)


class EncodeStage:
    """Takes files in, gives them back when all their moments have vectors, not always in the same order."""

    def __init__(self, encoders: Mapping[Space, Encoder], batch_size: int, longest_wait_s: float) -> None:
        self._queues = [_Queue(space, encoder) for space, encoder in encoders.items()]
        self._batch_size = batch_size
        self._longest_wait_s = longest_wait_s
        self._waiting_since: float | None = None

    def put(self, file: Prepared) -> Iterator[Prepared]:
        """Add a file; yields those that are complete by now."""
        for queue in self._queues:
            file.vectors[queue.space.id] = {}
            for ordinal, moment in enumerate(file.moments):
                if moment.pixels is not None and queue.encoder.picture is not None:
                    queue.pictures.append((file, ordinal, moment.pixels))
                    file.waiting += 1
                elif moment.text is not None:
                    queue.texts.append((file, ordinal, moment.text))
                    file.waiting += 1
        file.moments = [replace(moment, pixels=None) for moment in file.moments]  # the queue alone holds pixels
        if file.waiting == 0:
            yield file
        elif self._waiting_since is None:
            self._waiting_since = time.monotonic()
        yield from self._encode(self._batch_size)
        if self._waiting_since is not None and time.monotonic() - self._waiting_since > self._longest_wait_s:
            yield from self.flush()

    def flush(self) -> Iterator[Prepared]:
        """Encode what waits, though the batches be small."""
        yield from self._encode(1)
        self._waiting_since = None

    def _encode(self, at_least: int) -> Iterator[Prepared]:
        for queue in self._queues:
            while len(queue.pictures) >= at_least:
                pictures = _taken(queue.pictures, self._batch_size)
                vectors = queue.encoder.encode_images([pixels for _, _, pixels in pictures])
                yield from _deliver(queue.space, [(file, ordinal) for file, ordinal, _ in pictures], vectors)
            while len(queue.texts) >= at_least:
                texts = _taken(queue.texts, self._batch_size)
                vectors = queue.encoder.encode_texts([text for _, _, text in texts])
                yield from _deliver(queue.space, [(file, ordinal) for file, ordinal, _ in texts], vectors)


def _taken(queue: deque[_Item], most: int) -> list[_Item]:
    return [queue.popleft() for _ in range(min(most, len(queue)))]


def _deliver(space: Space, places: Sequence[tuple[Prepared, int]], vectors: Vectors) -> Iterator[Prepared]:
    if vectors.shape != (len(places), space.dimension) or not np.isfinite(vectors).all():
        raise ValueError(f"{space.spec} gave {vectors.shape} for {len(places)} moments of dimension {space.dimension}")
    for (file, ordinal), vector in zip(places, vectors, strict=True):
        file.vectors[space.id][ordinal] = vector
        file.waiting -= 1
        if file.waiting == 0:
            yield file
