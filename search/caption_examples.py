"""What the owner has said of similar pictures, for models that caption in their manner: few-shot by nearness.

Which examples stand in a prompt matters, and the nearest serve best (Liu et al., What Makes Good In-Context Examples
for GPT-3?, 2022; for pictures, Yang et al., An Empirical Study of GPT-3 for Few-Shot Knowledge-Based VQA, 2022).

They are what the owner wrote here and nothing else. Titles and keywords that stand in files may be anybody's, and an
example is the one part of a request that a model is meant to imitate.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bowerbird.answers import Shown
from bowerbird.errors import DecodeFailed
from bowerbird.moments import Moment, Wanted
from bowerbird.types import Pixels, Vectors
from bowerbird.wiring import Library

MOST_OWN = 10_000
"""Captions by the owner that are held in memory, the newest."""
_PICTURES = 64
"""Decoded examples that are kept: an album's pictures have the same neighbours."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A picture with its owner's words."""

    hash: str
    text: str


class CaptionExamples:
    """The owner's words for pictures of one library, as they stood when the first was asked for."""

    def __init__(self, library: Library, picture_px: int = 0) -> None:
        """``picture_px``: the longest side of the pictures that go with them, as far as thumbnails reach; 0: none."""
        self._library = library
        self._px = picture_px
        self._own: tuple[list[_Told], NDArray[np.float16]] | None = None
        self._pictures: OrderedDict[str, Pixels | None] = OrderedDict()

    def nearest(self, vector: Vectors, most: int) -> list[Shown]:
        """At most ``most`` examples near to a picture, whose ``vector`` in the joint space has shape ``(dimension,)``.

        The nearest come first. The picture itself is none of them, nor are the same words twice. The joint space is
        that of the first call, though another be switched to meanwhile.
        """
        found: dict[str, _Told] = {}
        for told in self._captioned(vector) if most > 0 else ():
            found.setdefault(told.text.casefold(), told)
            if len(found) >= most:
                break
        return [Shown(told.text, self._picture(told.hash)) for told in found.values()]

    def _captioned(self, vector: Vectors) -> Iterator[_Told]:
        told, vectors = self._all_captioned()
        if told:
            for at in np.argsort(-(vectors.astype(np.float32) @ vector), kind="stable").tolist():
                if not _same(vectors[at], vector):
                    yield told[at]

    def _all_captioned(self) -> tuple[list[_Told], NDArray[np.float16]]:
        if self._own is None:
            space = self._library.joint
            with self._library.catalog.read() as tx:
                said = tx.captions.by_owner(MOST_OWN)
                shown = tx.segments.first_pictures([asset_id for asset_id, _, _ in said], space.id)
            told = [(asset_id, _Told(hash_, text)) for asset_id, hash_, text in said if asset_id in shown]
            stacked = np.asarray([shown[asset_id] for asset_id, _ in told], np.float16).reshape(-1, space.dimension)
            self._own = [each for _, each in told], stacked
        return self._own

    def _picture(self, asset_hash: str) -> Pixels | None:
        if not self._px:
            return None
        if asset_hash not in self._pictures:
            self._pictures[asset_hash] = self._decoded(asset_hash)
            if len(self._pictures) > _PICTURES:
                self._pictures.popitem(last=False)
        self._pictures.move_to_end(asset_hash)
        return self._pictures[asset_hash]

    def _decoded(self, asset_hash: str) -> Pixels | None:
        with suppress(OSError, DecodeFailed):  # an example without its picture is one still
            stored = self._library.thumbnails.path(asset_hash).read_bytes()
            parts = self._library.decoders.decode_bytes(stored, Wanted(detail_px=self._px)).parts
            return next((each.detail for each in parts if isinstance(each, Moment)), None)
        return None


def _same(one: NDArray[np.float16], vector: Vectors) -> bool:
    return np.array_equal(one, np.asarray(vector, np.float16))
