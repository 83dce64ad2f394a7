"""Signing in and out: a browser exchanges a key for a cookie, so that pictures and films load."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from api.http.deps import COOKIE, TheState
from api.http.problems import Refused
from api.keys import SESSION_LASTS, KeyRefused, sign_in, sign_out
from api.web.render import environment, render

router = APIRouter(include_in_schema=False)
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_LONGEST = 10_000


@router.get("/sign-in")
async def sign_in_page(
    request: Request, following: Annotated[str, Query(alias="next", max_length=_LONGEST)] = "/"
) -> Response:
    """A form for a key; whoever is in already is led on."""
    if request.scope["bowerbird.caller"] is not None:
        return RedirectResponse(local(following), HTTPStatus.SEE_OTHER)
    return _page(following)


@router.post("/sign-in")
async def exchange(request: Request, state: TheState) -> Response:
    """Open a session, and go on to where one was led here from."""
    async with request.form(max_files=0, max_fields=2, max_part_size=_LONGEST) as form:
        key, following = form.get("key", ""), form.get("next", "/")
    if not isinstance(key, str) or not isinstance(following, str):
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "a key is a text: send it as the form's field `key`")
    try:
        session = await state.pools.quick.run(sign_in, state.library, key.strip())
    except KeyRefused as refused:
        return _page(following, str(refused), HTTPStatus.UNAUTHORIZED)
    response = RedirectResponse(local(following), HTTPStatus.SEE_OTHER)
    # Behind a proxy that speaks TLS the connection here is plain; the browser's word for how it came is its origin.
    secure = request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")
    response.set_cookie(
        COOKIE, session, int(SESSION_LASTS.total_seconds()), secure=secure, httponly=True, samesite="strict"
    )
    return response


@router.post("/sign-out")
async def close(request: Request, state: TheState) -> Response:
    """End the session, here and in the browser."""
    if (session := request.cookies.get(COOKIE)) is not None:
        await state.pools.quick.run(sign_out, state.library, session)
    response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def local(said: str) -> str:
    """``said`` if it is a path of this server, else the page itself: nobody is led elsewhere from here."""
    return said if _LOCAL.fullmatch(said) else "/"


def _page(following: str, fault: str | None = None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    css = _css()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )
    headers = {"content-security-policy": policy}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return render("sign_in.html", {"css": css, "next": local(following), "fault": fault}, status, headers)


@cache
def _css() -> str:
    """Within the page, since all other files are behind the gate."""
    loader = environment().loader
    assert loader is not None
    return loader.get_source(environment(), "sign_in.css")[0]
