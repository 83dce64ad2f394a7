"""What goes into the route of embeddings and comes out: OpenAI's format, with pictures beside texts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

MOST_INPUTS = 2048
_TEXT = {"type": "string", "minLength": 1}
_PART = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "description": "A text"},
        "image_base64": {"type": "string", "description": "An encoded picture (JPEG, PNG …)"},
    },
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}
_INPUT = {
    "description": "A text, a picture, or a list of them",
    "anyOf": [
        _TEXT,
        _PART,
        {"type": "array", "items": {"anyOf": [_TEXT, _PART]}, "minItems": 1, "maxItems": MOST_INPUTS},
    ],
}


class EmbeddingsIn(BaseModel):
    """What is to be placed in the library's space. What OpenAI's clients send besides is left alone."""

    model_config = ConfigDict(
        strict=True, json_schema_extra={"examples": [{"model": "bowerbird", "input": ["a dog on a beach"]}]}
    )

    input: Annotated[Any, WithJsonSchema(_INPUT)]
    """Read by the route, which names what is wrong and where."""
    model: str = Field(
        "bowerbird", description="`bowerbird`, `joint`, `text`, or the spec or name of one of the library's encoders"
    )
    encoding_format: Literal["float", "base64"] = Field("float", description="base64: of little-endian float32")
    dimensions: int | None = Field(None, description="Only the encoder's own")


class EmbeddingOut(BaseModel):
    """A unit vector."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class UsageOut(BaseModel):
    """How much was read: in words, since every encoder has tokens of its own."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsOut(BaseModel):
    """Vectors in the order of the input."""

    object: Literal["list"]
    data: list[EmbeddingOut]
    model: str
    usage: UsageOut
