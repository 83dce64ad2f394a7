"""Questions, answered from what the library holds: as one object, or event by event as the answer comes."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from api.asking import admitted
from api.http.answering import HEARTBEAT_S, Answering, answering_to, next_event, whole
from api.http.asked import check_once, said_and_picture
from api.http.deps import TheCaller, TheState, needs
from api.http.problems import of_error
from api.http.replies import reply
from api.http.schemas_answers import BODY, STREAM, TOO_MANY, AnswerOut
from api.http.state import State
from api.keys import Caller, Scope, lives
from bowerbird.answers import Question
from bowerbird.errors import EndpointFailed, QueryError
from search.answer import Ended, Event, Retrieved
from search.answer_json import answer_to_json, citation_to_json, exhibit_to_json, question_from_json
from search.citing.cite import Cited

router = APIRouter(prefix="/v1", tags=["search"], dependencies=[needs(Scope.SEARCH)])

PING_S = 15.0
"""After which a stream that has been silent sends a comment, so that nothing between takes it for dead."""
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for."""

    question: Question
    answerer: str | None
    stream: bool


@router.post("/answer", response_model=AnswerOut, openapi_extra=BODY, responses={**STREAM, **TOO_MANY})
async def answer_question(request: Request, state: TheState, caller: TheCaller) -> Response:
    """Answer a question from what the library holds, every claim with the moments that bear it out."""
    asked = await _asked(request, state)
    answering = answering_to(state, request, asked.question, asked.answerer)
    if not asked.stream:
        return reply(_whole(await whole(answering, request), asked.question))
    try:
        # What cannot be answered at all is refused before a stream begins.
        event = await next_event(answering, request)
        return _Streamed(answering, _stream(answering, event, state, caller, asked.question))
    except BaseException:
        answering.close()
        raise


async def _asked(request: Request, state: State) -> Asked:
    said, picture = await said_and_picture(request, "question", '{"question": "what is this?"}')
    question = question_from_json(said, more=("answerer", "stream"))
    if picture is not None:
        check_once(question.image)
        question = replace(question, image=picture)
    spec, stream = said.get("answerer"), said.get("stream")
    if spec is not None and not isinstance(spec, str):
        raise QueryError("the field 'answerer' must be a text: correct it, or leave it out")
    if stream is not None and not isinstance(stream, bool):
        raise QueryError("the field 'stream' must be true or false: correct it, or leave it out")
    accepted = request.headers.get("accept", "").lower()
    return Asked(question, admitted(spec, state.library.settings), bool(stream) or EVENT_STREAM in accepted)


class _Streamed(StreamingResponse):
    """Ends the work when the stream has ended, however it did, even before it began."""

    def __init__(self, answering: Answering[Event], content: AsyncIterator[bytes]) -> None:
        # A proxy that buffers would hold the first words back.
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(content, headers=headers, media_type=EVENT_STREAM)
        self._answering = answering

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._answering.close()


async def _stream(
    answering: Answering[Event], first: Event, state: State, caller: Caller, question: Question
) -> AsyncIterator[bytes]:
    event: Event | None = first
    spoke = checked = time.monotonic()
    try:
        while True:
            now = time.monotonic()
            if event is not None:
                spoke = now
                for name, said in _told(event, question):
                    yield _written(name, said)
                if isinstance(event, Ended):
                    return
            elif now - spoke >= PING_S:
                spoke = now
                yield b": still at it\n\n"
            if now - checked >= HEARTBEAT_S:
                checked = now
                if not await state.pools.quick.run(lives, state.library, caller):
                    return
            event = await answering.next(HEARTBEAT_S)
    except Exception as error:  # the status has been sent: whatever went wrong can only be told here
        yield b"event: problem\ndata: " + bytes(of_error(error).body) + b"\n\n"


def _told(event: Event, question: Question) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(event, Retrieved):
        yield "evidence", {"moments": [exhibit_to_json(each) for each in event.exhibits]}
    elif isinstance(event, Cited):
        yield "citation", citation_to_json(event.citation, event.number)
    elif isinstance(event, Ended):
        if event.trouble is not None:
            yield "problem", json.loads(bytes(of_error(EndpointFailed(event.trouble)).body))
        yield "answer", {"version": 1, **_whole(event, question)}
    else:
        yield "text", {"text": event.text}


def _whole(ended: Ended, question: Question) -> dict[str, Any]:
    return {**answer_to_json(ended.answer, question.text), "trouble": ended.trouble}


def _written(name: str, said: Mapping[str, Any]) -> bytes:
    """A server-sent event; ASCII, since names that are not UTF-8 hold lone surrogates."""
    return f"event: {name}\ndata: {json.dumps(said, ensure_ascii=True, separators=(',', ':'))}\n\n".encode("ascii")
