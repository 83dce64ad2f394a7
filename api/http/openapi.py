"""The OpenAPI document: FastAPI's own, and the bodies that routes read by themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.http.deps import needs
from api.http.problems import Problem
from api.http.replies import plain_reply
from api.http.schemas import QueryIn
from api.http.schemas_answers import QuestionIn
from api.http.schemas_queries import LikeIn
from api.keys import Scope

READ_BY_ROUTES: tuple[type[BaseModel], ...] = (QueryIn, LikeIn, QuestionIn, Problem)
"""Models that no signature names, so that FastAPI does not see them."""


def install(app: FastAPI) -> None:
    """Have the app tell of itself at ``/openapi.json``."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            models = [(model, "validation") for model in READ_BY_ROUTES]
            _, more = models_json_schema(models, by_alias=True, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
            found["components"].setdefault("schemas", {}).update(more["$defs"])
            _as_3_1(found)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get("/openapi.json", include_in_schema=False, dependencies=[needs(Scope.SEARCH)])
    async def openapi_json() -> Response:
        return plain_reply(openapi())


def _as_3_1(document: dict[str, Any]) -> None:
    """Tell of streams in words that OpenAPI 3.1 has: FastAPI uses ``itemSchema``, which is of 3.2."""
    for item in document["paths"].values():
        for operation in item.values():
            for response in operation["responses"].values():
                for content in response.get("content", {}).values():
                    if "itemSchema" in content:
                        content["schema"] = content.pop("itemSchema")
