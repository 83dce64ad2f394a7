"""Queries as requests bring them: JSON, or a form with a picture beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from fastapi import Request, UploadFile

from api.http.problems import Refused
from api.http.state import State
from bowerbird.errors import QueryError
from bowerbird.queries import Query, SearchResult
from search.query_json import query_from_json, query_to_json, result_to_json

JSON = "application/json"
FORM = "multipart/form-data"
MOST_JSON = 8 << 20
"""Bytes of the JSON in a form: room for a conversation of the longest answers, each letter written as an escape."""
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"$ref": "#/components/schemas/QueryIn"}},
            FORM: {
                "schema": {
                    "type": "object",
                    "properties": {
                        "query": {"type": "string", "description": "The query as JSON", "examples": ['{"limit":20}']},
                        "image": {"type": "string", "format": "binary", "description": "The picture to search by"},
                    },
                },
            },
        },
    }
}
"""For ``openapi_extra``: FastAPI's own bodies are of one type."""


async def query_of(request: Request, state: State) -> Query:
    """The query in the body. Raises `QueryError`, and `Refused` where the body is no body of a query."""
    said, picture = await said_and_picture(request, "query", '{"text": "a cat"}')
    query = query_from_json(said)
    if picture is not None:
        check_once(query.image)
        query = replace(query, image=picture)
    return admitted(query, state)


async def said_and_picture(request: Request, part: str, such_as: str) -> tuple[Any, bytes | None]:
    """The JSON that is the body, or ``part`` of a form, and the form's picture; ``such_as`` is what would be right.

    Raises `QueryError`, and `Refused` where it is neither.
    """
    media_type = _media_type(request)
    if media_type == FORM:
        return await _of_form(request, part, such_as)
    if media_type == JSON or media_type.endswith("+json"):
        return _json(await request.body(), such_as), None
    raise _unread(media_type, f"{JSON} or {FORM}")


def check_once(image: bytes | None) -> None:
    """Raises `QueryError` where there is a picture beside that of the form."""
    if image is not None:
        raise QueryError("the picture was sent twice, as image_base64 and as a file: leave one out")


def admitted(query: Query, state: State) -> Query:
    """The query, if somebody elsewhere may ask it. Raises `QueryError` where it names a model of its own choosing."""
    own = state.library.settings.search.rerank
    if query.rerank not in {None, "none", own}:
        raise QueryError(f"rerank may be 'none' or {own!r} here, as the library's settings name it")
    return query


async def answer(query: Query, state: State) -> SearchResult:
    """Search: what it holds encoded together with that of other requests, the rest by itself."""
    await encode(query, state)
    result = await state.searchers.run(query)
    state.metrics.searched(matched=result.matched)
    return result


async def encode(query: Query, state: State) -> None:
    """Have what the query holds encoded. A picture may take long to decode, and holds up nobody else's words."""
    if query.image is None:
        await state.texts.put(query)
    else:
        await state.pools.decode.run(state.search.prepare, [query])


def as_object(result: SearchResult, query: Query) -> dict[str, Any]:
    """The answer as scripts rely on it. The query's picture is not sent back."""
    return result_to_json(result, query_to_json(replace(query, image=None)))


async def object_of(request: Request) -> dict[str, Any]:
    """The JSON object in the body; an empty one where there is no body. Raises `QueryError`, and `Refused`."""
    body = await request.body()
    media_type = _media_type(request)
    if body and media_type != JSON and not media_type.endswith("+json"):
        raise _unread(media_type, JSON)
    said = _json(body or b"{}", "{}")
    if not isinstance(said, dict):
        raise QueryError("the body must be a JSON object, or empty")
    return said


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", JSON).partition(";")[0].strip().lower()


def _unread(media_type: str, read: str) -> Refused:
    return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{media_type[:100]!r} is not read here: send {read}")


async def _of_form(request: Request, part: str, such_as: str) -> tuple[Any, bytes | None]:
    async with request.form(max_files=4, max_fields=4, max_part_size=MOST_JSON) as form:
        unknown = set(form) - {part, "image"}
        if unknown:
            raise QueryError(f"the form's part {min(unknown)[:40]!r} is not known here: send `{part}` and `image`")
        said, picture = form.get(part, "{}"), form.get("image")
        if isinstance(said, UploadFile) or not isinstance(said, str):
            said = (await said.read(MOST_JSON)).decode("utf-8", "replace")
        fields = _json(said, such_as)
        if picture is None:
            return fields, None
        if isinstance(picture, str):
            raise QueryError("the form's part 'image' must be a file: a picture in JPEG, PNG …")
        data = await picture.read()
    if not data:
        raise QueryError("the picture is empty: send one in JPEG, PNG …")
    return fields, data


def _json(said: str | bytes, such_as: str) -> Any:
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        raise QueryError(f"the body is no JSON: send an object such as {such_as}") from None
