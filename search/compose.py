"""What a query asks for becomes a vector in each space: one text, or texts, pictures and likenesses put together.

Parts cannot simply be added. A picture lies several times as near to pictures as any text does, and would drown the
words that were said of it. Each part is therefore divided by the spread of what it scores on things in general of the
kind that is searched. The product with that sum is the sum of the parts' standard scores: every part counts alike, and
one vector still does for all. Examples from hits are taken as in relevance feedback: the middle of what is wanted, less
the middle of what is not (J. Rocchio, Relevance feedback in information retrieval, 1971).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bowerbird.errors import QueryError
from bowerbird.queries import Query
from bowerbird.store.catalog import Transaction
from bowerbird.types import PICTURED, SegmentKind, Source, Space, SpaceName, Vectors
from search.parse import LARGEST
from search.query_language import plain
from search.query_vectors import QueryVectors

WHOLE = PICTURED - {SegmentKind.REGION} | {SegmentKind.TEXT, SegmentKind.SPEECH}
"""Kinds that together say what an asset is; the others show a part of what these show."""

UNLIKE = -0.5
"""What examples of the unwanted weigh beside the wanted: they say less, since there is more that is not wanted."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is wanted: a unit vector, shape ``(dimension,)``, and what it weighs."""

    vector: Vectors
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Aim:
    """A query in one space. ``unwanted``, shape ``(n, dimension)``, holds its negatives."""

    space: Space
    parts: Sequence[Part]
    unwanted: Vectors
    coverage: float = 1.0
    """How much of the query this space understands, in 0..1: one of texts sees nothing of a picture."""

    @property
    def source(self) -> Source:
        """What hits found by it were found by."""
        return source_of(self.space)

    def wanted(self, spread_of: Callable[[Vectors], float]) -> Vectors:
        """The unit vector to look near to, shape ``(dimension,)``.

        ``spread_of`` gives the standard deviation of what a vector scores on things in general of the kind searched.
        """
        if len(self.parts) == 1:
            return self.parts[0].vector
        return _unit(np.sum([part.weight / spread_of(part.vector) * part.vector for part in self.parts], axis=0))


@dataclass(frozen=True, slots=True)
class Example:
    """Something in the library that hits are to be like, or unlike: an asset, or one moment of it."""

    asset_id: int
    segment_id: int | None = None


def examples(tx: Transaction, named: Sequence[str | int]) -> list[Example]:
    """What is named by the hash of an asset or the id of a segment. Raises `QueryError` where it is not there, as what
    no file holds any more is not, though its vectors wait for it to turn up again.
    """
    return [_example(tx, each) for each in named]


def aims(
    spaces: Sequence[Space],
    tx: Transaction,
    query: Query,
    vectors: QueryVectors,
    like: Sequence[Example] = (),
    unlike: Sequence[Example] = (),
) -> list[Aim]:
    """The query in every space that can take a part of it; ``like`` and ``unlike`` are its examples.

    Raises `QueryError` where the picture cannot be read, or the examples have no vectors.
    """
    texts = texts_of(query)
    asked = len(texts) + (query.image is not None) + bool(like)
    found = []
    for space in spaces:
        parts = [Part(vector) for vector in vectors.texts(space, texts)] if texts else []
        if query.image is not None and (picture := vectors.picture(space, query.image, query.crop)) is not None:
            parts.append(Part(picture))
        if (middle := _middle(tx, space, like)) is not None:
            parts.append(Part(middle))
        covered = len(parts)
        if covered and (middle := _middle(tx, space, unlike)) is not None:
            parts.append(Part(middle, UNLIKE))
        if covered:
            unwanted = vectors.texts(space, negatives_of(query))
            found.append(Aim(space, parts, unwanted, covered / asked))
    if spaces and not found and like:
        raise QueryError("what this is to be like has no vectors: it holds neither picture nor text")
    return found


def source_of(space: Space) -> Source:
    """What is found in this space is found by this source."""
    return Source.JOINT if space.name is SpaceName.JOINT else Source.TEXT


def texts_of(query: Query) -> list[str]:
    """The query's texts as encoders read them: without the marks that tell the words source how to look."""
    return [said for text in (query.text, *query.also) if text and (said := plain(text))]


def negatives_of(query: Query) -> list[str]:
    """What hits must not be like, as encoders read it."""
    return [plain(each) for each in query.negatives]


def _example(tx: Transaction, named: str | int) -> Example:
    if isinstance(named, int):
        moment = tx.segments.moments([named]).get(named) if abs(named) <= LARGEST else None
        if moment is None or not tx.locations.copies(moment.asset.id):
            raise QueryError(f"nothing in this library has the segment id {named}: search again for the like of it")
        return Example(moment.asset.id, named)
    asset = tx.assets.by_hash(named) if named.isascii() and named.isprintable() else None
    if asset is None or not tx.locations.copies(asset.id):
        raise QueryError(f"nothing in this library has the id {named!r}: index it first, or use --image FILE")
    return Example(asset.id)


def _middle(tx: Transaction, space: Space, examples: Sequence[Example]) -> Vectors | None:
    """The middle of these examples in this space, None where none of them is in it."""
    found = [vector for each in examples if (vector := _vector(tx, space, each)) is not None]
    return _unit(np.mean(found, axis=0)) if found else None


def _vector(tx: Transaction, space: Space, example: Example) -> Vectors | None:
    """A moment's own vector; of an asset as a whole the middle of what shows it whole."""
    known = tx.segments.embeddings_of(example.asset_id, space.id)
    own = [each.vector for _, each in known if each.segment_id == example.segment_id]
    own = own or [each.vector for kind, each in known if kind in WHOLE] or [each.vector for _, each in known]
    return _unit(np.mean(np.asarray(own, np.float32), axis=0)) if own else None


def _unit(vector: Vectors) -> Vectors:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length else vector, np.float32)
