"""Who may enter: keys for programs and people, and the sessions that a browser opens with one.

A key's token is ``bb_<number>_<secret>``, shown once; the catalogue keeps the sha256 of its secret of 256 random bits,
which is as good as a slow hash where nothing can be guessed. A session's token is such a secret by itself.
"""

from __future__ import annotations

import difflib
import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from bowerbird.errors import UsageError
from bowerbird.paths import listed
from bowerbird.store.catalog import Catalog

if TYPE_CHECKING:
    from bowerbird.store.catalog.keys import KeptKey
    from bowerbird.wiring import Library

MOST_NAME = 100
SESSION_LASTS = timedelta(days=30)
PREFIX = "bb_"
"""With which every token begins."""
_TOKEN = re.compile(PREFIX + r"([1-9][0-9]{0,17})_([A-Za-z0-9_-]{43})")
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")
_NOBODY = "-" * 64  # the hash of nothing


class KeyRefused(UsageError):
    """The token is none of a key that lives; the message does not tell of which sort it is, nor the token."""


class Scope(StrEnum):
    """What a key is for."""

    SEARCH = "search"
    INDEX = "index"
    ADMIN = "admin"


_IMPLIED: Mapping[Scope, Set[Scope]] = {
    Scope.SEARCH: {Scope.SEARCH},
    Scope.INDEX: {Scope.SEARCH, Scope.INDEX},
    Scope.ADMIN: set(Scope),
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key as its owner sees it: all but the secret."""

    id: int
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    live: bool
    """Whether it had not ended when it was looked up."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and what for they may."""

    name: str
    key_id: int | None
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether what they hold covers ``scope``: admin covers all, index search too."""
        return any(scope in _IMPLIED[held] for held in self.scopes)


LOCAL = Caller("local", None, frozenset(Scope))
"""Whoever sits at this computer, where the server listens to nobody else: no key is asked of them."""


def create(
    library: Library | Catalog, name: str, scopes: Iterable[Scope | str], expires: datetime | None = None
) -> tuple[str, Key]:
    """Make a key; returns its token, which cannot be had again, and the key.

    ``expires`` is an aware datetime, None for never. The name of a key that has ended is free. Raises `UsageError`
    where the name will not do or is taken, a scope is unknown or there is none, or ``expires`` has passed.
    """
    named = _checked(name)
    held = _scopes(scopes)
    if expires is not None and expires <= datetime.now(UTC):
        raise UsageError("the key would have ended before it began: choose a time to come")
    secret = secrets.token_urlsafe(32)
    with _catalog(library).write() as tx:
        if (there := tx.keys.named(named)) is not None:
            if there.live:
                raise UsageError(f"there is a key {named!r} already: choose another name, or revoke that one first")
            tx.keys.remove(named)
        kept = tx.keys.add(named, _hash(secret), held, expires)
    return f"{PREFIX}{kept.id}_{secret}", _key(kept)


def keys(library: Library | Catalog) -> Sequence[Key]:
    """All of them by name, those that have ended too."""
    with _catalog(library).read() as tx:
        return [_key(kept) for kept in tx.keys.all()]


def any_keys(library: Library | Catalog) -> bool:
    """Whether there is a key with which one could enter now."""
    return any(key.live for key in keys(library))


def revoke(library: Library | Catalog, name: str) -> None:
    """End the key of this name, and its sessions with it, at once. Raises `UsageError` where there is none."""
    named = _checked(name)
    with _catalog(library).write() as tx:
        if not tx.keys.remove(named):
            near = difflib.get_close_matches(named, [each.name for each in tx.keys.all()], 1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"there is no key {named!r}.{meant} See: bowerbird keys")


def caller_of(library: Library | Catalog, token: object) -> Caller | None:
    """Who holds the key of this token; None where there is none, it has ended, or this is no token, whatever it is."""
    kept = _holder(_catalog(library), token)
    return None if kept is None else _caller(kept)


def lives(library: Library | Catalog, caller: Caller) -> bool:
    """Whether the key that ``caller`` holds, if any, has neither ended nor been revoked since."""
    if caller.key_id is None:
        return True
    with _catalog(library).read() as tx:
        kept = tx.keys.at(caller.key_id)
    return kept is not None and kept.live


def sign_in(library: Library | Catalog, token: object, *, lasts: timedelta = SESSION_LASTS) -> str:
    """Open a session with a key; returns the session's token. Sessions that have ended are swept out.

    Raises `KeyRefused` where `caller_of` knows nobody.
    """
    catalog = _catalog(library)
    if (kept := _holder(catalog, token)) is not None:  # found by reading: a stranger holds up no writer
        session = secrets.token_urlsafe(32)
        with catalog.write() as tx:
            if tx.keys.at(kept.id) is not None:  # it may have been revoked meanwhile
                tx.keys.open_session(_hash(session), kept.id, datetime.now(UTC) + lasts)
                return session
    raise KeyRefused("this key is not known here, has ended or was revoked; make one with: bowerbird keys create NAME")


def caller_of_session(library: Library | Catalog, session: object) -> Caller | None:
    """Who opened this session; None where it or its key has ended, or this is no session's token, whatever it is."""
    if (hashed := _session(session)) is None:
        return None
    with _catalog(library).read() as tx:
        kept = tx.keys.of_session(hashed)
    return _caller(kept) if kept is not None and kept.live else None


def sign_out(library: Library | Catalog, session: object) -> None:
    """End the session; nothing happens where there is none."""
    hashed = _session(session)
    if hashed is not None and caller_of_session(library, session) is not None:
        with _catalog(library).write() as tx:
            tx.keys.close_session(hashed)


def _holder(catalog: Catalog, token: object) -> KeptKey | None:
    """The live key that this is the token of. What has not the shape of one is told at once, however long it is."""
    shape = _TOKEN.fullmatch(token) if isinstance(token, str) else None
    if shape is None:
        return None
    with catalog.read() as tx:
        kept = tx.keys.at(int(shape[1]))
    # A number that nobody has costs the same comparison.
    same = hmac.compare_digest(_hash(shape[2]), _NOBODY if kept is None else kept.secret_hash)
    return kept if kept is not None and same and kept.live else None


def _session(said: object) -> str | None:
    """By what a session is found. A lookup may take its time over hashes: nobody can choose how one begins."""
    return _hash(said) if isinstance(said, str) and _SECRET.fullmatch(said) else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def _catalog(library: Library | Catalog) -> Catalog:
    return library if isinstance(library, Catalog) else library.catalog


def _key(kept: KeptKey) -> Key:
    return Key(kept.id, kept.name, _known(kept), kept.created_at, kept.expires_at, kept.live)


def _caller(kept: KeptKey) -> Caller:
    return Caller(kept.name, kept.id, _known(kept))


def _known(kept: KeptKey) -> frozenset[Scope]:
    """The scopes that this program knows: one of a newer program's opens nothing here."""
    return frozenset(scope for scope in Scope if scope in kept.scopes)


def _scopes(said: Iterable[Scope | str]) -> frozenset[Scope]:
    named = listed(said)
    for each in named:
        if each not in list(Scope):
            raise UsageError(f"there is no scope {str(each)!r}; choose from: {', '.join(Scope)}")
    if not named:
        raise UsageError(f"a key without a scope opens nothing: give it some of {', '.join(Scope)}")
    return frozenset(map(Scope, named))


def _checked(name: str) -> str:
    """The name, trimmed, in one form of Unicode: what looks the same is the same."""
    named = unicodedata.normalize("NFC", name).strip()
    if _TOKEN.search(named):  # and is not repeated
        raise UsageError("this is a key's token, not its name: the names are listed by `bowerbird keys`")
    if not 0 < len(named) <= MOST_NAME or not named.isprintable():
        raise UsageError(
            f"a key's name is one line of 1 to {MOST_NAME} characters that can be shown: "
            "give one by which you will know the key"
        )
    return named
