"""Which of some labels fits what the library holds."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from fastapi import APIRouter, Response

from api.http.deps import TheState, needs
from api.http.replies import reply
from api.http.schemas_queries import LabelsIn, LabelsOut
from api.http.state import State
from api.job import OutsideRoots
from api.keys import Scope
from bowerbird.errors import QueryError
from search.label import Labelled, label_assets, label_held

router = APIRouter(prefix="/v1", tags=["labels"], dependencies=[needs(Scope.SEARCH)])


@router.post("/labels", response_model=LabelsOut)
async def labels(asked: LabelsIn, state: TheState) -> Response:
    """Say which of the labels fits each of these assets, or each file at or below a path inside a root.

    Only what is indexed is labelled; no file is read.
    """
    floor = state.library.settings.search.stands_out if asked.threshold is None else asked.threshold
    found = await state.pools.slow.run(_labelled, state, asked, floor)
    return reply({"threshold": floor, "files": [asdict(each) for each in found]})


def _labelled(state: State, asked: LabelsIn, floor: float) -> list[Labelled]:
    library = state.library
    if (asked.path is None) == (not asked.asset_ids):
        raise QueryError("say what to label, by 'asset_ids' or by 'path', and by one of them only")
    if asked.path is None:
        return label_assets(library, asked.labels, asked.asset_ids, threshold=floor)
    place = Path(os.path.normpath(asked.path))
    with library.catalog.read() as tx:
        roots = tx.roots.all()
    if not any(place.is_relative_to(root.path) for root in roots):
        raise OutsideRoots("the path lies in no root of this library; GET /v1/roots lists them")
    return label_held(library, asked.labels, place, threshold=floor)
