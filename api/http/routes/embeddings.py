"""Vectors of texts and pictures, in the format of OpenAI, so that its clients can be pointed here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter, Response

from api.http.deps import TheState, needs
from api.http.problems import NotThere
from api.http.replies import plain_reply
from api.http.schemas_embeddings import MOST_INPUTS, EmbeddingsIn, EmbeddingsOut
from api.http.state import State
from api.keys import Scope
from bowerbird.errors import DecodeFailed, UsageError
from bowerbird.ports import Encoder
from bowerbird.types import Pixels, Space, SpaceName, Vectors
from search.pictures import pixels_of

router = APIRouter(prefix="/v1", tags=["embeddings"], dependencies=[needs(Scope.SEARCH)])

MOST_CHARACTERS = 100_000
"""Of one text, of which encoders read the beginning."""
_TOGETHER = 32
"""Inputs that are encoded at once: between two such batches searches have their turn."""


@router.post("/embeddings", response_model=EmbeddingsOut)
async def embeddings(asked: EmbeddingsIn, state: TheState) -> Response:
    """Place texts and pictures in the space in which this library's moments lie, as unit vectors."""
    inputs = _inputs(asked.input)
    space, encoder = await state.pools.search.run(_chosen, state, asked.model)
    if asked.dimensions not in {None, space.dimension}:
        raise UsageError(f"vectors of {space.spec} have {space.dimension} dimensions: ask for these, or for none")
    data: list[dict[str, Any]] = []
    for start in range(0, len(inputs), _TOGETHER):
        some = inputs[start : start + _TOGETHER]
        prepared = [
            each if isinstance(each, str) else await state.pools.decode.run(_pixels, state, encoder, each, at)
            for at, each in enumerate(some, start)
        ]
        vectors = await state.pools.search.run(_encoded, encoder, prepared)
        data += [
            {"object": "embedding", "index": at, "embedding": _written(vector, asked.encoding_format)}
            for at, vector in enumerate(vectors, start)
        ]
    words = sum(len(each.split()) for each in inputs if isinstance(each, str))
    usage = {"prompt_tokens": words, "total_tokens": words}
    return plain_reply({"object": "list", "data": data, "model": space.spec, "usage": usage})


def _inputs(said: object) -> list[str | bytes]:
    """Texts, and pictures as encoded bytes. Raises `UsageError` that says which of them will not do."""
    listed = said if isinstance(said, list) else [said]
    if not listed:
        raise UsageError("the input is empty: give a text, a picture, or a list of them")
    if all(isinstance(each, int) for each in listed) or isinstance(listed[0], list):
        raise UsageError("the input is made of tokens, which mean something else to every encoder: send texts")
    if len(listed) > MOST_INPUTS:
        raise UsageError(f"{len(listed):,} inputs are over the limit of {MOST_INPUTS:,}: send them in several calls")
    return [_input(each, at) for at, each in enumerate(listed)]


def _input(said: object, at: int) -> str | bytes:
    match said:
        case {"text": str(text), **rest} if not rest:
            said = text
        case {"image_base64": str(encoded), **rest} if not rest:
            try:
                return base64.b64decode(encoded, validate=True)
            except (binascii.Error, ValueError):  # ValueError: letters that are not ASCII
                raise UsageError(f"input {at}: image_base64 is no base64; encode a picture (JPEG, PNG …)") from None
    if not isinstance(said, str):
        raise UsageError(f'input {at}: is no text; send one, or {{"text": …}}, or {{"image_base64": …}}')
    if not said.strip():
        raise UsageError(f"input {at}: is empty; leave it out")
    if len(said) > MOST_CHARACTERS:
        raise UsageError(f"input {at}: is over the limit of {MOST_CHARACTERS:,} characters; shorten it")
    return said


def _chosen(state: State, model: str) -> tuple[Space, Encoder]:
    """The space that ``model`` names, and its encoder. Raises `NotThere`."""
    library = state.library
    with library.catalog.read() as tx:
        library.refresh_spaces(tx)
    spaces: dict[str, Space] = {space.name: space for space in library.spaces}
    # Where the joint space compares texts well, it is the space of texts too.
    named = {"bowerbird": library.joint, SpaceName.TEXT: library.joint, **spaces}
    named |= {space.spec: space for space in reversed(library.spaces)}
    if model not in named:
        named |= {library.encoder(space).description.name: space for space in reversed(library.spaces)}
    if model not in named:
        raise NotThere(f"there is no model {model[:80]!r} here; choose of {', '.join(named)}")
    return named[model], library.encoder(named[model])


def _pixels(state: State, encoder: Encoder, data: bytes, at: int) -> Pixels:
    if encoder.picture is None:
        raise UsageError(f"input {at}: {encoder.description.spec} reads no pictures; choose the model 'joint'")
    try:
        return pixels_of(state.library.decoders, data, encoder.picture)
    except DecodeFailed as error:
        raise UsageError(f"input {at}: the picture {error.reason}; send one in JPEG, PNG …") from None


def _encoded(encoder: Encoder, inputs: Sequence[str | Pixels]) -> Vectors:
    """Unit vectors in the order of the inputs, shape ``(len(inputs), dimension)``."""
    vectors = np.empty((len(inputs), encoder.description.dimension), np.float32)
    texts = [at for at, each in enumerate(inputs) if isinstance(each, str)]
    pictures = [at for at, each in enumerate(inputs) if not isinstance(each, str)]
    if texts:
        vectors[texts] = encoder.encode_texts([inputs[at] for at in texts])  # type: ignore[misc]
    if pictures:
        vectors[pictures] = encoder.encode_images([inputs[at] for at in pictures])  # type: ignore[misc]
    return vectors


def _written(vector: Vectors, encoding: str) -> list[float] | str:
    if encoding == "float":
        return [float(each) for each in vector]
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
