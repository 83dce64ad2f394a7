"""Captions: made by a job for what lacks one, and the owner's own words for an asset."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Response

from api.http.deps import AssetId, TheState, needs
from api.http.problems import NotThere
from api.http.replies import reply
from api.http.routes.jobs import started
from api.http.schemas_captions import CaptionIn, OwnCaptionIn, OwnCaptionOut
from api.http.schemas_jobs import JobAnswer
from api.http.state import State
from api.keys import Scope
from indexer import own_captions

router = APIRouter(prefix="/v1", tags=["captions"], dependencies=[needs(Scope.INDEX)])


@router.post("/caption", response_model=JobAnswer, status_code=HTTPStatus.ACCEPTED)
async def start_captioning(state: TheState, asked: CaptionIn | None = None) -> Response:
    """Say in words what pictures show that lack a caption: a job, to be followed where `Location` says.

    Who captions is `concepts`, or what the library's settings name; only the latter may send pictures anywhere.
    """
    said = asked or CaptionIn()
    jobs = state.jobs
    return started(
        await state.pools.quick.run(
            jobs.start_caption, said.kinds, limit=said.limit, again=said.again, captioner=said.captioner
        )
    )


@router.put("/assets/{asset_id}/caption", response_model=OwnCaptionOut)
async def say_of_asset(asset_id: AssetId, state: TheState, asked: OwnCaptionIn) -> Response:
    """Keep what the owner says of an asset, in the place of what they said before. No captioner ever replaces it."""
    kept = await state.pools.search.run(_say, state, asset_id, asked.text)
    return reply({"asset_id": asset_id, "text": kept})


@router.delete("/assets/{asset_id}/caption", status_code=HTTPStatus.NO_CONTENT)
async def take_back_from_asset(asset_id: AssetId, state: TheState) -> Response:
    """Forget the owner's words. Captions that were made are not touched."""
    await state.pools.quick.run(_take_back, state, asset_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _say(state: State, asset_id: str, text: str) -> str:
    return own_captions.say(state.library, state.originals.find(asset_id)[0].id, text)


def _take_back(state: State, asset_id: str) -> None:
    if not own_captions.take_back(state.library, state.originals.find(asset_id)[0].id):
        raise NotThere(f"nobody has written a caption for asset {asset_id[:12]}: there is nothing to take back")
