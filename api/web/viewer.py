"""The viewer: one file at its moment, as a page of its own, or as a part that `viewer.js` lays over the hits."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.http.asked import answer
from api.http.deps import AssetId, TheState, needs
from api.http.state import State
from api.keys import Scope
from api.web import viewer_links as links
from api.web.explained import Explained
from api.web.render import render
from api.web.viewer_content import PASSAGES, Viewed, viewed
from api.web.viewer_facts import facts, spot
from api.web.viewer_marks import drawn, marks
from api.web.viewer_quote import Quoted
from api.web.viewer_why import in_words, reasons
from api.web.viewer_words import Sought
from bowerbird import queries
from bowerbird.errors import QueryError
from bowerbird.types import Box, SegmentKind
from search.moments_in_words import clock
from search.parse import LARGEST
from search.parse import box as read_box

router = APIRouter(prefix="/view", include_in_schema=False, dependencies=[needs(Scope.SEARCH)], route_class=Explained)

SegmentId = Annotated[int | None, Query(ge=1, le=LARGEST, description="The moment that was found")]
Line = Annotated[str | None, Query(max_length=10_000, description="The line of the query that found it")]
Quotation = Annotated[str | None, Query(max_length=10_000, description="Words that an answer cites, to be marked")]
Page = Annotated[int | None, Query(ge=1, le=1 << 30, description="Of a paper")]
_AGAIN = "again"
_LOOKED_THROUGH = 200
"""Hits among which the asset is looked for where a link brings no evidence."""


@router.get("/{asset_id}")
async def view(
    request: Request,
    state: TheState,
    asset_id: AssetId,
    segment: SegmentId = None,
    q: Line = None,
    quote: Quotation = None,
    why: Annotated[str | None, Query(max_length=400)] = None,
    page: Page = None,
    skip: Annotated[int | None, Query(ge=0, le=1 << 30, description="Passages of a text that go before")] = None,
    box: Annotated[str | None, Query(max_length=100, description="A part of the picture that is pointed at")] = None,
    fragment: bool = False,
) -> Response:
    """The file, its moment shown; with the header ``X-Fragment: 1`` or ``fragment=1`` without a page around it."""
    said = await _why(state, asset_id, q, why)
    part = None if box is None else _part(box)
    shown = await state.pools.quick.run(
        viewed, state.library, asset_id, segment=segment, page=page, skip=skip, pointed_at=part
    )
    alone = fragment or request.headers.get("x-fragment") == "1"
    template = "viewer.html" if alone else "viewer_page.html"
    return await state.pools.quick.run(_rendered, template, shown, q, quote, why, said)


@router.get("/{asset_id}/marks")
async def page_marks(
    state: TheState,
    asset_id: AssetId,
    page: Page = 1,
    segment: SegmentId = None,
    q: Line = None,
    quote: Quotation = None,
) -> Response:
    """A transparent picture (SVG) to be laid over the page of a paper: the words sought or quoted, and the passage."""
    picture = await state.pools.decode.run(_marks, state, asset_id, page or 1, segment, _sought(q, quote))
    return Response(picture, media_type="image/svg+xml")


def _part(box: str) -> Box:
    try:
        return read_box(box)
    except QueryError:
        raise QueryError("the link's `box` is no part of a picture: leave it out") from None


async def _why(state: State, asset_id: str, q: str | None, why: str | None) -> links.Why | None:
    """The evidence that a link brings; or that of the same query, asked again."""
    if why is None or why != _AGAIN:
        return None if why is None else links.read(why)
    result = await answer(queries.Query(q, limit=_LOOKED_THROUGH), state)
    hit = next((hit for hit in result.hits if hit.asset_id == asset_id), None)
    if hit is None:
        raise QueryError("the query does not find this file among its first hits: leave `why` out of the address")
    return links.Why(hit.relevance, hit.evidence)


def _marks(state: State, asset_id: str, page: int, segment: int | None, sought: Sought) -> bytes:
    shown = viewed(state.library, asset_id, segment=segment, page=page)
    words = state.renditions.words(asset_id, page=page) if shown.asset.info.media_type == "application/pdf" else ()
    read = [each.moment for each in shown.passages if each.moment.kind is SegmentKind.OCR]
    here = shown.moment if shown.moment is not None and shown.moment.page == page else None
    return drawn(*marks(words, read, here, sought))


def _sought(q: str | None, quote: str | None) -> Sought:
    """What is marked: the words that an answer quotes before those of a query."""
    return Quoted(quote) if quote else Sought.of(q)


def _values(shown: Viewed, q: str | None, quote: str | None, why: str | None, said: links.Why | None) -> dict[str, Any]:
    """What the templates are filled with."""
    sought = _sought(q, quote)

    def here(**changed: str | int | None) -> str:
        """The address of what is shown, but for what ``changed`` says."""
        moment = None if shown.moment is None else shown.moment.id
        return links.link_to(shown.asset.hash, **{"segment": moment, "q": q, "quote": quote, "why": why, **changed})

    def moment_at(segment: int) -> str:
        """The address of another moment of it, from its own: a transcript has thousands."""
        return links.link_to(shown.asset.hash, segment=segment, q=q, quote=quote).removeprefix(
            links.link_to(shown.asset.hash)
        )

    full = len(shown.passages) == PASSAGES
    meant = shown.moment
    if meant is None or (shown.page and meant.page != shown.page):  # a page that was turned to
        meant = shown.passages[0].moment if shown.page and shown.passages else None
    return {
        "shown": shown,
        "info": shown.asset.info,
        "q": q,
        "quote": quote,
        "media": f"/v1/assets/{shown.asset.hash}",
        "meant": meant,
        "spot": f"page {shown.page}" if shown.page else "" if meant is None else spot(meant),
        "facts": facts(shown),
        "why": said,
        "reasons": [] if said is None else list(reasons(said, shown.moment, sought)),
        "earlier": max(0, shown.first - PASSAGES) if shown.first else None,
        "later": shown.first + PASSAGES if full and shown.first + PASSAGES < shown.counts[SegmentKind.TEXT] else None,
        "here": here,
        "moment_at": moment_at,
        "pieces": sought.pieces,
        "in_words": in_words,
        "clock": clock,
        "percent": lambda share: f"{100 * share:.3f}%",
    }


def _rendered(
    template: str, shown: Viewed, q: str | None, quote: str | None, why: str | None, said: links.Why | None
) -> Response:
    return render(template, _values(shown, q, quote, why, said), headers={"vary": "x-fragment"})
