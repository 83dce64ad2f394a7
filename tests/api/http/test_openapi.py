"""The OpenAPI document tells of every route, what it takes, and what it answers; and every route is kept by a scope."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import schemathesis
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from api.http.gate import PUBLIC
from api.http.limits import limit_of
from api.keys import Scope
from bowerbird.settings import ServeSettings

UNDOCUMENTED = {"/openapi.json", "/mcp", "/", "/ask", "/hits", "/sign-in", "/sign-out"}
"""The page and what belongs to it, the document itself, and MCP, which describes itself."""
SESSION_ONLY = {"/sign-out"}
ADMIN = {"/metrics", "/v1/eval", "/v1/reencode"}


@pytest.fixture(scope="module")
def document(client) -> dict[str, Any]:
    return client.get("/openapi.json").json()


def operations(document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def scopes(dependant: Dependant) -> Iterator[Scope]:
    for each in dependant.dependencies:
        if (found := getattr(each.call, "scope", None)) is not None:
            yield found
        yield from scopes(each)


def test_it_is_a_valid_document(document):
    assert document["openapi"].startswith("3.1")
    schemathesis.openapi.from_dict(document).validate()


def test_every_operation_is_told_of_in_full(document):
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert len(operation["description"]) > 15, where
        assert len(operation["tags"]) == 1, where
        assert "application/problem+json" in operation["responses"]["default"]["content"], where
        assert bool(operation.get("security")) == (path not in PUBLIC), where
        for status, response in operation["responses"].items():
            assert status in {"204", "206", "304"} or response["content"], f"{where} {status}"
            for media_type, said in response.get("content", {}).items():
                assert said, f"{where} {status} {media_type}"


def test_every_body_has_examples_which_fit(document):
    schemas = document["components"]["schemas"]
    for path, method, operation in operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is None:
            continue
        schema = body["schema"]
        named = next(each["$ref"] for each in [schema, *schema.get("anyOf", [])] if "$ref" in each).rpartition("/")[2]
        assert schemas[named]["examples"], f"{method} {path}"
        for example in schemas[named]["examples"]:
            jsonschema.validate(example, {**schemas[named], "components": document["components"]})


def test_every_route_is_documented_or_named(client, document):
    there = {context.path for context in iter_route_contexts(client.app.routes) if context.path}
    plain = {path.replace(":path}", "}") for path in there}
    unknown = {path for path in plain - set(document["paths"]) if not path.startswith(("/static", "/view/"))}
    assert unknown <= UNDOCUMENTED
    assert set(document["paths"]) <= plain


def test_every_route_is_kept_by_a_scope(client):
    seen = 0
    for context in iter_route_contexts(client.app.routes):
        if context.path in PUBLIC | SESSION_ONLY | {"/mcp"}:
            continue
        found = set(scopes(context.dependant))
        assert found, context.path
        admin = any(context.path == path or context.path.startswith(path + "/") for path in ADMIN)
        assert (Scope.ADMIN in found) == admin, context.path
        if context.path.startswith("/v1/jobs") or context.path == "/v1/index":
            assert Scope.INDEX in found
        seen += 1
    assert seen > 30


def test_what_changes_the_library_wants_more_than_search(client):
    for context in iter_route_contexts(client.app.routes):
        if (context.methods or set()) & {"PUT", "DELETE", "PATCH"}:
            assert set(scopes(context.dependant)) & {Scope.INDEX, Scope.ADMIN}, context.path


def test_every_route_has_a_limit(document):
    for path, _, _ in operations(document):
        limit = limit_of(path, ServeSettings())
        assert 0 < limit.body <= 32 << 20
        assert 0 < limit.seconds <= 600


def filled(path: str) -> str:
    return path.format(asset_id="0" * 64, job_id="j1", name="x")


def test_every_documented_route_is_there(client, document):
    for path, method, _ in operations(document):
        response = client.request(method, filled(path), content=b"nonsense", headers={"content-type": "text/plain"})
        assert response.status_code != 405, f"{method} {path}"
        assert "there is nothing at this path" not in response.text, f"{method} {path}"
        assert response.status_code < 500, f"{method} {path}: {response.text}"
