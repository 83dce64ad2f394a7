"""Fifth stage: moments -> vectors, in batches that cross files, so that ten small files cost one call and not ten."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from bowerbird.moments import Moment
from bowerbird.ports import Encoder
from bowerbird.types import AssetInfo, Pixels, Space, Vectors
from indexer.identify import Todo

_Item = TypeVar("_Item")


@dataclass(slots=True)
class Made:
    """What one step has made of a file: moments, and the vectors that they have so far, by space and ordinal."""

    moments: list[Moment] = field(default_factory=list)
    vectors: dict[int, dict[int, Vectors]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Prepared:
    """A file on its way: what each of the steps that make moments has made of it."""

    todo: Todo
    info: AssetInfo
    made: dict[str, Made] = field(default_factory=dict)
    thumbnails: dict[int, bytes] = field(default_factory=dict)
    """By ordinal of the decoded moment that they show."""
    waiting: int = 0
    """How many vectors are still to come."""
    whole: bool = False
    """Whether no moment is still to come."""

    def __post_init__(self) -> None:
        recipe = self.todo.recipe
        self.made = {step: Made() for step in recipe.keys if step in self.todo.missing and recipe.makes_segments(step)}


_Place = tuple[Prepared, str, int]
"""A file, a step, and the ordinal of a moment that it made."""


@dataclass(slots=True)
class _Queue:
    """What waits for one encoder."""

    space: Space
    encoder: Encoder
    pictures: deque[tuple[_Place, Pixels]] = field(default_factory=deque)
    texts: deque[tuple[_Place, str]] = field(default_factory=deque)


class EncodeStage:
    """Takes moments in, gives files back when all their moments have vectors, not always in the same order."""

    def __init__(self, encoders: Mapping[Space, Encoder], batch_size: int, longest_wait_s: float) -> None:
        self._queues = [_Queue(space, encoder) for space, encoder in encoders.items()]
        self._batch_size = batch_size
        self._longest_wait_s = longest_wait_s
        self._waiting_since: float | None = None

    def put(self, file: Prepared, step: str, moment: Moment) -> Iterator[Prepared]:
        """Add a moment of a file; yields the files that are complete by now."""
        made = file.made[step]
        place = (file, step, len(made.moments))
        made.moments.append(replace(moment, pixels=None, detail=None, thumbnail=None))  # the queue alone holds pixels
        for queue in self._queues:
            if moment.pixels is not None and queue.encoder.picture is not None:
                queue.pictures.append((place, moment.pixels))
                file.waiting += 1
            elif moment.text is not None:
                queue.texts.append((place, moment.text))
                file.waiting += 1
        if self._waiting_since is None:
            self._waiting_since = time.monotonic()
        yield from self._encode(self._batch_size)

    def close(self, file: Prepared) -> Iterator[Prepared]:
        """Nothing more comes of this file; yields the files that are complete by now."""
        file.whole = True
        if file.waiting == 0:
            yield file
        if self._waiting_since is not None and time.monotonic() - self._waiting_since > self._longest_wait_s:
            yield from self.flush()

    def flush(self) -> Iterator[Prepared]:
        """Encode what waits, though the batches be small."""
        yield from self._encode(1)
        self._waiting_since = None

    def _encode(self, at_least: int) -> Iterator[Prepared]:
        for queue in self._queues:
            while len(queue.pictures) >= at_least:
                places, pictures = zip(*_taken(queue.pictures, self._batch_size), strict=True)
                yield from _deliver(queue.space, places, queue.encoder.encode_images(pictures))
            while len(queue.texts) >= at_least:
                places, texts = zip(*_taken(queue.texts, self._batch_size), strict=True)
                yield from _deliver(queue.space, places, queue.encoder.encode_texts(texts))


def checked(space: Space, count: int, vectors: Vectors) -> Vectors:
    """``vectors``, if they can be what the space's encoder makes of ``count`` moments. Raises ValueError."""
    if vectors.shape != (count, space.dimension) or not np.isfinite(vectors).all():
        raise ValueError(f"{space.spec} gave {vectors.shape} for {count} moments of dimension {space.dimension}")
    return vectors


def _taken(queue: deque[_Item], most: int) -> list[_Item]:
    return [queue.popleft() for _ in range(min(most, len(queue)))]


def _deliver(space: Space, places: Sequence[_Place], vectors: Vectors) -> Iterator[Prepared]:
    for (file, step, ordinal), vector in zip(places, checked(space, len(places), vectors), strict=True):
        file.made[step].vectors.setdefault(space.id, {})[ordinal] = vector
        file.waiting -= 1
        if file.whole and file.waiting == 0:
            yield file
