"""How the line in the search box could go on."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.deps import TheState, needs
from api.http.replies import reply
from api.keys import Scope
from api.web.completion import Completer

router = APIRouter(prefix="/v1", tags=["search"], dependencies=[needs(Scope.SEARCH)])


class OptionOut(BaseModel):
    """What may be put in the place of what was typed."""

    text: str = Field(examples=["video"])
    shows: str = Field(examples=["films"])


class CompletionOut(BaseModel):
    """Options for the part of the line between two places."""

    model_config = ConfigDict(populate_by_name=True)

    version: Literal[1]
    from_: int = Field(alias="from", description="Where the part begins, in characters from 0", examples=[8])
    to: int = Field(description="Where it ends", examples=[11])
    options: list[OptionOut]


@router.get("/complete", response_model=CompletionOut)
async def complete(
    request: Request,
    state: TheState,
    q: Annotated[
        str, Query(description="The line, as far as it goes", max_length=10_000, examples=["a beach type:vi"])
    ] = "",
    at: Annotated[
        int | None, Query(description="Where in it one types; at its end if not said", ge=0, le=10_000)
    ] = None,
) -> Response:
    """Filters and their values, and saved searches, that begin with what was typed."""
    completer: Completer | None = getattr(request.app.state, "completer", None)
    if completer is None:
        completer = request.app.state.completer = Completer(state.library)
    found = await state.pools.quick.run(completer.complete, q, len(q) if at is None else at)
    options = [{"text": each.text, "shows": each.shows} for each in found.options]
    return reply({"from": found.start, "to": found.end, "options": options})
