"""What README and docs tell is there, and what is there they tell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from typer.main import get_command

from api.cli.main import app
from api.http.app import ROUTERS
from api.keys import Scope
from bowerbird.fresh_toml import FRESH_TOML
from bowerbird.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def told() -> dict[tuple[str, str], str]:
    """Routes in the table of docs/api.md, each with its scope."""
    found = {}
    for line in API.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for method, path in re.findall(
            r"`(GET|POST|PUT|DELETE) (/[^`?\s]*)[^`]*`", cells[0] if len(cells) == 3 else ""
        ):
            found[method, path] = cells[1]
    return found


def there() -> dict[tuple[str, str], str]:
    """Routes of the API that OpenAPI tells of, each with the scope that it needs."""
    found = {}
    for route in (route for router in ROUTERS for route in router.routes):
        if isinstance(route, APIRoute) and route.include_in_schema:
            # Of several the strictest, which is the last in the order of scopes.
            scopes = {str(each.call.scope) for each in route.dependant.dependencies if hasattr(each.call, "scope")}
            path = re.sub(r"\{\w*?(id|name)(:path)?\}", r"{\1}", route.path)
            for method in route.methods:
                found[method, path] = max(scopes, key=list(Scope).index, default="public")
    return found


def test_docs_tell_every_route_and_its_scope():
    assert len(there()) > 30
    assert told() == there()


def verbs() -> set[str]:
    return set(get_command(app).commands)  # type: ignore[attr-defined]


def test_readme_tells_every_verb_and_no_other():
    named = {verb for line in README.splitlines() if line.startswith("| `") for verb in _named(line)}
    assert verbs() <= named, f"README's table lacks {verbs() - named}"
    shown = {line.split()[2] for line in README.splitlines() if line.startswith("$ bowerbird ")}
    assert shown <= verbs()


def _named(line: str) -> list[str]:
    return re.findall(r"`([a-z]+)[^`]*`", line.split("|")[1])


@pytest.mark.parametrize("section", ["decode", "index", "search", "caption", "answer", "serve"])
def test_a_fresh_library_shows_settings_that_there_are(section):
    part = FRESH_TOML.partition(f"[{section}]")[2].partition("\n[")[0]
    names = re.findall(r"^# (\w+) =", part, re.MULTILINE)
    known = Settings.model_fields[section].annotation.model_fields
    assert names
    assert set(names) <= set(known)


def test_every_example_of_a_command_names_a_verb():
    for text in (README, API):
        for verb in re.findall(r"`bowerbird ([a-z]+)[^`]*`", text):
            assert verb in verbs(), verb
