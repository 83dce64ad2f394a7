"""The chat: questions about what the library holds, answered with what bears the answer out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from http import HTTPStatus
from pathlib import PurePath
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.http.answering import answering_to
from api.http.answering import whole as whole_answer
from api.http.deps import COOKIE, TheCaller, TheState, needs
from api.http.problems import Refused, of_error
from api.http.state import State
from api.keys import Scope
from api.web.explained import Explained
from api.web.render import render, shown
from api.web.viewer_links import link_to
from bowerbird.answers import About, Citation, Question
from bowerbird.errors import BowerbirdError, QueryError
from bowerbird.models.destinations import destination
from bowerbird.types import AssetKind, SegmentKind
from search.moments_in_words import clock
from search.parse import MOST_CHARACTERS

router = APIRouter(include_in_schema=False, dependencies=[needs(Scope.SEARCH)], route_class=Explained)

_MARK = re.compile(r"\[(\d{1,4})\]|\[unsupported\]")
_SEEN = frozenset({AssetKind.IMAGE, AssetKind.VIDEO})
_HASH = 64
"""Digits of an asset's id; those of a segment are fewer."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer: words, a mark that cites the ``number``-th source, or that of a claim that cites none."""

    text: str
    number: int | None = None
    unsupported: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A citation as a card: where it opens, and what it says there."""

    number: int
    name: str
    path: str
    spot: str
    quote: str | None
    href: str
    picture: str | None
    kind: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The one moment that questions are about."""

    name: str
    spot: str
    id: str
    """Of the segment, or of the asset where all of it is meant."""
    href: str
    picture: str | None
    kind: str


@router.get("/ask")
async def chat(
    request: Request,
    state: TheState,
    caller: TheCaller,
    q: Annotated[str, Query(max_length=MOST_CHARACTERS)] = "",
    about: Annotated[
        str | None,
        Query(pattern=r"^(\d{1,18}|[0-9a-f]{64})$", description="What is asked about: a segment's id, or an asset's"),
    ] = None,
    whole: Annotated[bool, Query(description="Answer at once, for want of a script")] = False,
) -> Response:
    """Empty, to be gone on with by its script; or with one question answered, where there is none."""
    status, headers, answer, fault, subject = HTTPStatus.OK, None, None, None, None
    # Where a link on another site leads here, nothing is asked until somebody here says so: it may cost its owner.
    led = request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}
    try:
        if about is not None:
            subject = await state.pools.quick.run(_subject, state, _about(about))
        if whole and q.strip() and not led:
            question = Question(q, about=None if about is None else _about(about))
            ended = await whole_answer(answering_to(state, request, question), request)
            answer, fault = ended.answer, ended.trouble
    except BowerbirdError as error:
        status, fault = HTTPStatus(of_error(error).status_code), str(error)
    except Refused as refused:
        status, fault, headers = HTTPStatus(refused.status_code), refused.detail, refused.headers
    values: dict[str, Any] = {
        "q": q,
        "whole": whole,
        "led": led,
        "fault": fault,
        "subject": subject,
        "answer": answer,
        "pieces": () if answer is None else list(pieces(answer.text)),
        "sources": () if answer is None else sources(answer.citations),
        "who": "" if caller.key_id is None else caller.key_id,
        "sends_to": destination(state.library.settings.answer.answerer)["sends_to"],
        "session": COOKIE in request.cookies and not state.keyless,
        "max_mb": state.library.settings.serve.max_body_mb,
    }
    return render("ask.html", values, status, headers)


def pieces(text: str) -> Iterator[Piece]:
    """An answer's text cut at its marks, which are the only brackets in it that mean anything."""
    end = 0
    for mark in _MARK.finditer(text):
        if mark.start() > end:
            yield Piece(text[end : mark.start()])
        end = mark.end()
        yield Piece(mark[0], unsupported=True) if mark[1] is None else Piece(mark[0], number=int(mark[1]))
    if end < len(text):
        yield Piece(text[end:])


def sources(citations: Sequence[Citation]) -> list[Source]:
    """The citations of an answer, as cards."""
    return [_source(number, each) for number, each in enumerate(citations, 1)]


def _source(number: int, cited: Citation) -> Source:
    box = None if cited.box is None else ",".join(f"{each:g}" for each in astuple(cited.box))
    return Source(
        number,
        shown(PurePath(cited.path).name),
        shown(cited.path),
        ", ".join(each for each in (_spot(cited.start_s, cited.page), _told(cited)) if each),
        cited.quote,
        link_to(cited.asset_id, segment=cited.segment_id, quote=cited.quote, box=box),
        _picture(cited.asset_id, cited.segment_id, cited.kind, cited.page),
        cited.kind.value,
    )


def _spot(start_s: float | None, page: int | None) -> str:
    """As `viewer_facts.spot` has it, of what need not be a segment."""
    if start_s is not None:
        return clock(start_s)
    return "" if page is None else f"page {page}"


def _told(cited: Citation) -> str:
    """That it is a caption, which a model may have made."""
    return "caption" if cited.segment_kind is SegmentKind.CAPTION else ""


def _picture(asset_id: str, segment_id: int | None, kind: AssetKind, page: int | None) -> str | None:
    """Of what is only heard or written there is none."""
    if kind not in _SEEN and page is None:
        return None
    return f"/v1/assets/{asset_id}/thumbnail" + (f"?segment={segment_id}" if segment_id is not None else "")


def _about(said: str) -> About:
    return About(asset_id=said) if len(said) == _HASH else About(segment_id=int(said))


def _subject(state: State, about: About) -> Subject:
    with state.library.catalog.read() as tx:
        moment = None
        if about.segment_id is not None:
            found = tx.segments.moments([about.segment_id]).get(about.segment_id)
            asset, moment = (None, None) if found is None else (found.asset, found.segment)
        else:
            asset = tx.assets.by_hash(about.asset_id or "")
        copies = () if asset is None else tx.locations.copies(asset.id)
    if asset is None or not copies:
        raise QueryError("what this is about is not in the library any more: search for it again")
    start_s, page = (None, None) if moment is None else (moment.start_s, moment.page)
    segment_id = None if moment is None else moment.id
    return Subject(
        shown(PurePath(copies[0].path or copies[0].root.path).name),
        _spot(start_s, page),
        str(segment_id or asset.hash),
        link_to(asset.hash, segment=segment_id),
        _picture(asset.hash, segment_id, asset.info.kind, page),
        asset.info.kind.value,
    )
