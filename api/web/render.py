"""Templates -> HTML responses. What comes from files and people is escaped, and may hold any characters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import PurePath

from fastapi import Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from api.web.static_files import static_url


@cache
def environment() -> Environment:
    """The templates of the page."""
    made = Environment(
        loader=PackageLoader("api.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["name"] = name_of
    made.filters["shown"] = shown
    made.globals["static"] = static_url
    return made


def render(
    template: str,
    values: Mapping[str, object],
    status: HTTPStatus = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The page that ``template`` makes of ``values``."""
    text = environment().get_template(template).render(values)
    # Half characters can come with a query; nothing in HTML stands for them.
    body = text.encode("utf-8", "replace")
    return Response(body, int(status), {**_HEADERS, **(headers or {})}, "text/html; charset=utf-8")


_HEADERS = {"referrer-policy": "same-origin"}
"""A form that is sent without a referrer is sent without its origin too, by which the gate knows its own pages."""


def shown(said: str) -> str:
    r"""A path as it can be shown: bytes that are not UTF-8 as ``\xNN``, what cannot be printed as a space."""
    plain = said.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else " " for each in plain)


def name_of(path: str) -> str:
    """The last part of a path, as it can be shown."""
    return shown(PurePath(path).name)
