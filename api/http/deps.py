"""What routes ask for, as aliases; and `needs`, by which a route names the scope that it takes to use it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Path, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from api.http.problems import Refused
from api.http.state import State
from api.keys import Caller, Scope

COOKIE = "bowerbird_session"
_BEARER = HTTPBearer(auto_error=False, description="A key: `bowerbird keys create`", scheme_name="key")
_COOKIE = APIKeyCookie(name=COOKIE, auto_error=False, description="What signing in gives", scheme_name="session")


# Asynchronous, all of them, though they wait for nothing: FastAPI sends a thread after each that is not.
async def _state(request: Request) -> State:
    found: State = request.app.state.bowerbird
    return found


async def _caller(request: Request) -> Caller:
    found: Caller = request.scope["bowerbird.caller"]  # the gate has seen to it
    return found


TheState = Annotated[State, Depends(_state)]
TheCaller = Annotated[Caller, Depends(_caller)]
AssetId = Annotated[
    str,
    Path(
        pattern="^[0-9a-f]{64}$",
        description="The id of an asset: the sha256 of its content",
        examples=["0f" * 32],
    ),
]


def needs(scope: Scope) -> Any:
    """A dependency that lets in whoever may do what ``scope`` covers. Raises `Refused`, 403."""

    async def checked(
        caller: TheCaller, _key: Annotated[Any, Depends(_BEARER)], _session: Annotated[Any, Depends(_COOKIE)]
    ) -> None:
        check(caller, scope)

    checked.scope = scope  # type: ignore[attr-defined]  # for the test that walks the routes
    return Depends(checked)


def check(caller: Caller, scope: Scope) -> None:
    """Raises `Refused`, 403, where ``caller`` may not do what ``scope`` covers."""
    if not caller.may(scope):
        raise Refused(
            HTTPStatus.FORBIDDEN,
            f"the key {caller.name!r} may not do this: make one with `bowerbird keys create NAME --scope {scope}`",
        )


Call = Callable[..., Any]
