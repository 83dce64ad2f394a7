"""Another encoder for the library: built beside the old one, switched to, and back from."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Response

from api.http.deps import TheState, needs
from api.http.replies import reply
from api.http.routes.jobs import started
from api.http.schemas_jobs import JobAnswer
from api.http.schemas_library import ActivateIn, ReencodeIn, ReencodingOut, RetiredOut, SwitchedOut
from api.http.state import State
from api.keys import Scope
from bowerbird.errors import UsageError
from bowerbird.models.open_clip_card import is_path
from indexer import spaces
from indexer.spaces import Switched

router = APIRouter(prefix="/v1/reencode", tags=["library"], dependencies=[needs(Scope.ADMIN)])

_SPEC = re.compile(r"[a-z_]+(:[\w.+-]+/[\w.+-]+)?", re.ASCII)


@router.get("", response_model=ReencodingOut)
async def encoders(state: TheState) -> Response:
    """The spaces of the library; how far another encoder has come, and which one is kept to go back to."""
    return reply(await state.pools.quick.run(_told, state))


@router.post("", response_model=JobAnswer, status_code=202)
async def start_reencoding(state: TheState, asked: ReencodeIn | None = None) -> Response:
    """Build the spaces of another encoder, or go on with that: a job. Searches go on meanwhile."""
    spec = None if asked is None else asked.encoder
    if spec is not None and (not _SPEC.fullmatch(spec) or is_path(spec.rpartition("/")[2])):
        raise UsageError(
            f"{spec!r} is no encoder that may be named here: write concepts or open_clip:ARCHITECTURE/TAG; "
            "weights in a file are named on the machine itself, with `bowerbird reencode --encoder SPEC`"
        )
    return started(await state.pools.quick.run(state.jobs.start_reencode, spec))


@router.post("/activate", response_model=SwitchedOut)
async def activate_encoder(state: TheState, asked: ActivateIn | None = None) -> Response:
    """Switch to what has been built."""
    even_so = asked is not None and asked.even_so
    return _switched(await state.pools.slow.run(spaces.activate, state.library, even_so=even_so))


@router.post("/rollback", response_model=SwitchedOut)
async def rollback_encoder(state: TheState) -> Response:
    """Switch back to the encoder before."""
    return _switched(await state.pools.slow.run(spaces.rollback, state.library))


@router.post("/retire", response_model=RetiredOut)
async def retire_encoder(state: TheState) -> Response:
    """Free what is kept to go back to; without any, what is being built."""
    done = await state.pools.slow.run(spaces.retire, state.library)
    return reply({"retired": [spaces.as_object(space) for space in done.spaces], "freed": done.freed})


def _told(state: State) -> dict[str, Any]:
    with state.library.catalog.read() as tx:
        return {"spaces": spaces.spaces_of(tx), **spaces.reencoding_of(tx)}


def _switched(done: Switched) -> Response:
    told = [spaces.as_object(space) for space in done.spaces]
    return reply({"encoder": done.encoder, "spaces": told, "unfinished": done.unfinished})
