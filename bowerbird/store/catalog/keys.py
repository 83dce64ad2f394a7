"""Keys that let people and programs in, and the sessions that they open. Of either only a hash is known here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from bowerbird.store.tables import api_key, session


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key as it is kept: sha256 of its secret in hex, and what it is for, in words that `api.keys` knows."""

    id: int
    name: str
    secret_hash: str = field(repr=False)
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.expires_at is None or self.expires_at > datetime.now(UTC)


class Keys:
    """Keys, each with a name of its own, and sessions, which die with their key."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def all(self) -> Sequence[KeptKey]:
        """By name, in any case, those that have ended too."""
        found = [_kept(row) for row in self._connection.execute(_SELECT)]
        return sorted(found, key=lambda each: (each.name.casefold(), each.name))

    def at(self, key_id: int) -> KeptKey | None:
        """The key of this number; none is given twice."""
        return self._one(_SELECT.where(api_key.c.id == key_id))

    def named(self, name: str) -> KeptKey | None:
        """The key of exactly this name."""
        return self._one(_SELECT.where(api_key.c.name == name))

    def add(self, name: str, secret_hash: str, scopes: Collection[str], expires_at: datetime | None) -> KeptKey:
        """Keep a key; whether the name is free is the caller's to find out, in the same transaction."""
        values = {
            "name": name,
            "secret_hash": secret_hash,
            "scopes": " ".join(sorted(scopes)),
            "created_at": datetime.now(UTC),
            "expires_at": expires_at,
        }
        added = self._connection.execute(sa.insert(api_key).values(values).returning(*_SELECT.selected_columns))
        return _kept(added.one())

    def remove(self, name: str) -> bool:
        """Forget the key, and with it its sessions. False where there was none."""
        return self._connection.execute(sa.delete(api_key).where(api_key.c.name == name)).rowcount > 0

    def open_session(self, token_hash: str, key_id: int, expires_at: datetime) -> None:
        """Note a session of this key, and forget those of any key that have ended."""
        now = datetime.now(UTC)
        self._connection.execute(sa.delete(session).where(session.c.expires_at <= now))
        values = {"token_hash": token_hash, "api_key_id": key_id, "created_at": now, "expires_at": expires_at}
        self._connection.execute(sa.insert(session).values(values))

    def of_session(self, token_hash: str) -> KeptKey | None:
        """The key that opened this session, None where that has ended."""
        its = (session.c.token_hash == token_hash) & (session.c.expires_at > datetime.now(UTC))
        return self._one(_SELECT.join(session).where(its))

    def close_session(self, token_hash: str) -> bool:
        """Forget the session. False where there was none."""
        return self._connection.execute(sa.delete(session).where(session.c.token_hash == token_hash)).rowcount > 0

    def _one(self, query: sa.Select[Any]) -> KeptKey | None:
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _kept(row)


_SELECT: sa.Select[Any] = sa.select(
    api_key.c.id, api_key.c.name, api_key.c.secret_hash, api_key.c.scopes, api_key.c.created_at, api_key.c.expires_at
)


def _kept(row: sa.Row[Any]) -> KeptKey:
    return KeptKey(row.id, row.name, row.secret_hash, frozenset(row.scopes.split()), row.created_at, row.expires_at)
