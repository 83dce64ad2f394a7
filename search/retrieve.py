"""Second stage: what lies near the query, one ranking for each space and segment kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bowerbird.store.catalog import Transaction
from bowerbird.types import Ids, SegmentKind, Vectors
from bowerbird.wiring import Library
from search.calibrate import Calibrator
from search.compose import Aim
from search.standing import Standing


@dataclass(frozen=True, slots=True)
class Ranking:
    """Embeddings of one space and kind, best first, ``ids`` and ``scores`` of shape ``(n,)``.

    ``wanted``, shape ``(dimension,)``, is what they were found by; ``unwanted``, shape ``(negatives, n)``, holds what
    each scores on each of the query's negatives.
    """

    aim: Aim
    kind: SegmentKind
    wanted: Vectors
    ids: Ids
    scores: Vectors
    unwanted: Vectors


def retrieve(
    library: Library,
    tx: Transaction,
    standing: Standing,
    calibrator: Calibrator,
    aim: Aim,
    kinds: Sequence[SegmentKind],
    k: int,
    within: Mapping[SegmentKind, Ids] | None = None,
) -> list[Ranking]:
    """The ``k`` nearest of each kind (all kinds where none is named), among those ``within`` only if it is given."""
    rankings = []
    for kind in standing.kinds(tx, aim.space.id):
        if kinds and kind not in kinds:
            continue
        admitted = None if within is None else within.get(kind)
        if within is not None and admitted is None:
            continue
        view = library.views.view(aim.space, kind, head=standing.head)
        wanted = aim.wanted(lambda part, kind=kind: calibrator.background(aim.space, kind, part)[1])  # type: ignore[misc]
        most = k if admitted is None else min(k, len(admitted))
        scores, ids = (row[0] for row in view.search(wanted[None], most, within=admitted))
        scores, ids = scores[ids >= 0], ids[ids >= 0]
        unwanted = np.empty((len(aim.unwanted), len(ids)), np.float32)
        if unwanted.size:
            unwanted = _nearness(*view.search(aim.unwanted, len(ids), within=ids), ids)
        rankings.append(Ranking(aim, kind, wanted, ids, scores, unwanted))
    return rankings


def _nearness(scores: Vectors, found: Ids, ids: Ids) -> Vectors:
    """Scores in the order of ``ids``, shape ``(queries, len(ids))``, from search results in their own order."""
    result = np.zeros((len(found), len(ids)), np.float32)
    order = np.argsort(ids)
    for row in range(len(found)):
        there = found[row] >= 0  # all of them, unless another thread has just caught the view up with a removal
        result[row, order[np.searchsorted(ids, found[row][there], sorter=order)]] = scores[row][there]
    return result
