"""Second stage: what lies near the query, one ranking for each space and segment kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bowerbird.errors import DecodeFailed, QueryError
from bowerbird.moments import Moment, Wanted
from bowerbird.queries import Query
from bowerbird.store.catalog import Transaction
from bowerbird.types import Ids, SegmentKind, Source, Space, SpaceName, Vectors
from bowerbird.wiring import Library

PICTURED = frozenset({SegmentKind.IMAGE, SegmentKind.REGION, SegmentKind.FRAME, SegmentKind.PAGE})
"""Kinds whose joint vectors come from pixels; those of all others come from text."""

WHOLE = PICTURED - {SegmentKind.REGION} | {SegmentKind.TEXT, SegmentKind.SPEECH}
"""Kinds that together say what an asset is; the others show a part of what these show."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A query in one space: unit vectors, shape ``(dimension,)`` and ``(n, dimension)``."""

    space: Space
    wanted: Vectors
    unwanted: Vectors


@dataclass(frozen=True, slots=True)
class Ranking:
    """Embeddings of one space and kind, best first, ``ids`` and ``scores`` of shape ``(n,)``.

    ``unwanted`` of shape ``(negatives, n)`` holds what each scores on each of the query's negatives.
    """

    aim: Aim
    kind: SegmentKind
    source: Source
    ids: Ids
    scores: Vectors
    unwanted: Vectors


def aims(library: Library, tx: Transaction, query: Query) -> list[Aim]:
    """The query's vectors in every space that can take it.

    Text, picture and likeness count alike: the aim is the middle of them. Raises `QueryError` where the picture cannot
    be read or nothing in the library is known by ``query.like``.
    """
    like = None
    if query.like is not None:
        like = tx.assets.by_hash(query.like)
        if like is None:
            raise QueryError(f"nothing in this library has the id {query.like}: index it first, or use --image FILE")
    found = []
    for space in library.spaces:
        parts: list[Vectors] = []
        # Loading an encoder takes longer than a whole search, so one is asked for only if it has something to say.
        if query.text or query.negatives or query.image is not None:
            encoder = library.encoder(space)
            if query.text:
                parts.append(encoder.encode_texts([query.text])[0])
            if query.image is not None and encoder.picture is not None:
                parts.append(_picture(library, space, query.image))
        if like is not None:
            vectors = tx.segments.embeddings_of(like.id, space.id)
            own = [embedding.vector for kind, embedding in vectors if kind in WHOLE]
            if own := own or [embedding.vector for _, embedding in vectors]:
                parts.append(_unit(np.mean(np.asarray(own, np.float32), axis=0)))
        if parts:
            unwanted = library.encoder(space).encode_texts(query.negatives) if query.negatives else _none(space)
            found.append(Aim(space, _unit(np.mean(parts, axis=0)), unwanted))
    if not found:
        raise QueryError("what this is to be like has no vectors: it holds neither picture nor text")
    return found


def retrieve(
    library: Library,
    tx: Transaction,
    aim: Aim,
    kinds: Sequence[SegmentKind],
    k: int,
    within: Mapping[SegmentKind, Ids] | None = None,
) -> list[Ranking]:
    """The ``k`` nearest of each kind (all kinds where none is named), among those ``within`` only if it is given."""
    source = Source.JOINT if aim.space.name is SpaceName.JOINT else Source.TEXT
    rankings = []
    for kind in tx.segments.kinds(aim.space.id):
        if kinds and kind not in kinds:
            continue
        admitted = None if within is None else within.get(kind)
        if within is not None and admitted is None:
            continue
        view = library.views.view(aim.space, kind)
        most = k if admitted is None else min(k, len(admitted))
        scores, ids = (row[0] for row in view.search(aim.wanted[None], most, within=admitted))
        scores, ids = scores[ids >= 0], ids[ids >= 0]
        unwanted = np.empty((len(aim.unwanted), len(ids)), np.float32)
        if unwanted.size:
            unwanted = _nearness(*view.search(aim.unwanted, len(ids), within=ids), ids)
        rankings.append(Ranking(aim, kind, source, ids, scores, unwanted))
    return rankings


def _nearness(scores: Vectors, found: Ids, ids: Ids) -> Vectors:
    """Scores in the order of ``ids``, shape ``(queries, len(ids))``, from search results in their own order."""
    result = np.zeros((len(found), len(ids)), np.float32)
    order = np.argsort(ids)
    for row in range(len(found)):
        there = found[row] >= 0  # all of them, unless another thread has just caught the view up with a removal
        result[row, order[np.searchsorted(ids, found[row][there], sorter=order)]] = scores[row][there]
    return result


def _picture(library: Library, space: Space, data: bytes) -> Vectors:
    encoder = library.encoder(space)
    try:
        decoded = library.decoders.decode_bytes(data, Wanted(encoder.picture))
    except DecodeFailed as error:
        raise QueryError(f"the query's picture {error.reason}") from None
    pixels = next(part.pixels for part in decoded.parts if isinstance(part, Moment) and part.pixels is not None)
    vector: Vectors = encoder.encode_images([pixels])[0]
    return vector


def _unit(vector: Vectors) -> Vectors:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / length if length else vector, np.float32)


def _none(space: Space) -> Vectors:
    return np.empty((0, space.dimension), np.float32)
