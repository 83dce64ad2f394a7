"""`bowerbird keys`: who may enter from other computers."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.common import JsonOption, LibraryOption, State, chosen, print_json, printable, say

if TYPE_CHECKING:
    from api.keys import Key

NameArgument = Annotated[
    str, typer.Argument(help="The name by which you know the key.", metavar="NAME", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the verb and the verbs below it."""
    group = typer.Typer(epilog="Example: bowerbird keys create phone --scope search --expires 90d")
    group.callback(invoke_without_command=True)(keys)
    group.command("create", epilog="Example: bowerbird keys create phone --expires 90d")(create)
    group.command("list", epilog="Example: bowerbird keys list --json")(list_keys)
    group.command("revoke", epilog="Example: bowerbird keys revoke phone")(revoke)
    app.add_typer(group, name="keys")


def keys(context: typer.Context, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """Make and revoke the keys with which other computers may use this library. By itself: list them."""
    context.obj = State(chosen(context, library))
    if context.invoked_subcommand is None:
        list_keys(context, None, as_json)


def create(
    context: typer.Context,
    name: NameArgument,
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help="What it is for: search, which it is unless you say more, index (search too) or admin (all). "
            "May be given several times.",
            metavar="SCOPE",
            show_default=False,
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            help="When it ends, if it shall: after so many days (90d), or as a day begins (2027-01-01).",
            metavar="WHEN",
            show_default=False,
        ),
    ] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key, and print its token, which is kept nowhere and cannot be printed again."""
    ends = None if expires is None else _moment(expires)
    from api.keys import Scope
    from api.keys import create as create_in
    from bowerbird.wiring import open_library

    with open_library(chosen(context, library)) as opened:
        token, key = create_in(opened, name, scopes or [Scope.SEARCH], ends)
    if as_json:
        print_json({"token": token, "key": _as_object(key)})
    else:
        typer.echo(token)
    say("keep this token as you keep a password: it will not be shown again")


def list_keys(context: typer.Context, library: LibraryOption = None, as_json: JsonOption = False) -> None:
    """List the keys: name, scopes, when made and when they end, with tabs between. Tokens are not kept."""
    from api.keys import keys as keys_of
    from bowerbird.wiring import open_library

    with open_library(chosen(context, library)) as opened:
        found = keys_of(opened)
    if as_json:
        print_json({"keys": [_as_object(each) for each in found]})
        return
    for each in found:
        line = (printable(each.name), ",".join(sorted(each.scopes)), f"made {_day(each.created_at)}", _end(each))
        typer.echo("\t".join(line))
    if not found:
        say("no keys yet; make one with: bowerbird keys create NAME")


def revoke(
    context: typer.Context, name: NameArgument, library: LibraryOption = None, as_json: JsonOption = False
) -> None:
    """End the key NAME at once, and whatever is signed in with it."""
    from api.keys import revoke as revoke_in
    from bowerbird.wiring import open_library

    with open_library(chosen(context, library)) as opened:
        revoke_in(opened, name)
    if as_json:
        print_json({"revoked": name.strip()})
        return
    say(f"revoked the key {printable(name.strip())}; whoever was signed in with it is signed out")


def _moment(said: str) -> datetime:
    """``90d`` or ``2027-01-01``, whose first moment here is meant."""
    try:
        if days := re.fullmatch(r"([0-9]{1,5}) ?d(?:ays?)?", said.strip()):
            return datetime.now(UTC) + timedelta(days=int(days[1]))
        return datetime.combine(date.fromisoformat(said.strip()), time()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"--expires {said}: write 90d, for so many days, or a day, as 2027-01-01.") from None


def _as_object(key: Key) -> dict[str, Any]:
    """As scripts rely on it."""
    return {
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "expires_at": None if key.expires_at is None else key.expires_at.isoformat(timespec="seconds"),
        "live": key.live,
    }


def _day(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d}"


def _end(key: Key) -> str:
    if key.expires_at is None:
        return "never ends"
    return f"{'ends' if key.live else 'ended'} {_day(key.expires_at)}"
