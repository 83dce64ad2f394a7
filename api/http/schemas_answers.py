"""What goes into the answering route and comes out, as OpenAPI tells it. `search.answer_json` reads and writes it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.problems import MEDIA_TYPE
from api.http.schemas import AssetIdText, AssetKindName, SegmentKindName
from search.answer import MOST_TURNS
from search.parse import LARGEST, MOST_CHARACTERS


class TurnIn(BaseModel):
    """What was asked before, and what was answered."""

    model_config = ConfigDict(extra="forbid")

    question: str | None = Field(None, max_length=MOST_CHARACTERS)
    answer: str | None = Field(None, description=f"As it was given; read up to {MOST_CHARACTERS:,} characters")


class AboutIn(BaseModel):
    """The one moment that is the evidence: a segment, or an asset, at a time or on a page of it."""

    model_config = ConfigDict(extra="forbid")

    segment_id: int | None = Field(None, ge=-LARGEST, le=LARGEST)
    asset_id: AssetIdText | None = None
    at_s: float | None = Field(None, ge=0, le=float(1 << 62), description="Seconds from the beginning")
    page: int | None = Field(None, ge=1, le=(1 << 31) - 1)


class QuestionIn(BaseModel):
    """What someone wants to know."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"question": "what did they decide about the budget?"},
                {
                    "question": "and who pays?",
                    "thread": [{"question": "what did they decide?", "answer": "A budget of ninety. [1]"}],
                    "stream": True,
                },
                {"question": "what stands on the sign?", "about": {"segment_id": 7}},
            ]
        },
    )

    question: str = Field(pattern=r"\S", max_length=MOST_CHARACTERS)
    thread: list[TurnIn] | None = Field(None, max_length=MOST_TURNS, description="The conversation, oldest first")
    image_base64: str | None = Field(None, description="An encoded picture (JPEG, PNG …) that the question is about")
    about: AboutIn | None = None
    answerer: str | None = Field(None, description="`extractive`, or the answerer that the library's settings name")
    stream: bool | None = Field(None, description="Events as they come, as with `Accept: text/event-stream`")


class PlaceOut(BaseModel):
    """Where a moment lies."""

    number: int
    segment_id: int
    asset_id: AssetIdText
    path: str
    kind: AssetKindName
    segment_kind: SegmentKindName
    start_s: float | None
    end_s: float | None
    page: int | None
    box: list[float] | None


class CitationOut(PlaceOut):
    """A moment that bears out what was said: `[number]` in the text."""

    quote: str | None = Field(description="Words of the moment itself; a model's only where segment_kind is caption")


class ClaimOut(BaseModel):
    """A sentence of the answer."""

    text: str
    citations: list[int]
    supported: bool


class AnswerOut(BaseModel):
    """An answer. An empty `answer` says that nothing in the library answers the question."""

    version: Literal[1]
    question: str
    answer: str = Field(
        description="Plain text; `[1]` is the first citation, `[unsupported]` follows what cites nothing"
    )
    supported: bool = Field(description="Whether every claim cites something that was retrieved")
    citations: list[CitationOut]
    claims: list[ClaimOut]
    answerer: str
    complete: bool = Field(description="False where it was cut off")
    took_ms: float
    trouble: str | None = Field(description="Why it was cut off")


EVENTS = """\
`evidence` {"moments": [...]} first; then `text` {"text"} and `citation` as they come; `answer`, the whole as JSON, \
last. A failure on the way is `problem` (RFC 9457); without an `answer` after it there is none. A stream that stops \
without either was cut off, by the end of the server or of the key."""
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/QuestionIn"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["question"],
                    "properties": {
                        "question": {
                            "type": "string",
                            "description": "The same JSON as the body would be",
                            "examples": ['{"question":"what is this?"}'],
                        },
                        "image": {"type": "string", "format": "binary", "description": "The picture it is about"},
                    },
                },
            },
        },
    }
}
_EVENT = {
    "type": "object",
    "description": EVENTS,
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["evidence", "text", "citation", "problem", "answer"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": _EVENT}}}}
TOO_MANY: dict[int | str, dict[str, Any]] = {
    429: {
        "description": (
            "Too many questions of one key, at once or within a minute (`[answer] per_minute`), for a model elsewhere"
        ),
        "headers": {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"}},
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
