"""Paging: a cursor says which query it belongs to and what has been shown.

It names what was shown, not how far down: relevance shifts a little whenever a library grows, and a position would
then repeat some hits and pass over others. So no asset is shown twice, and whatever has come or risen meanwhile is on
the next page. It is all in the cursor; nothing is kept for it, and any process of any day can go on.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace

from bowerbird.errors import QueryError
from bowerbird.queries import Hit, Query

MOST_SHOWN = 3_000
"""Assets after which paging ends: nobody reads so far, and a cursor grows with them."""
DAMAGED = "the cursor is damaged: take next_cursor as it came, or leave it out to begin anew"
_VERSION = b"\1"
_DIGEST = 8
_ID = 5
"""Bytes of an asset's hash: among a million assets, one in a hundred thousand deep pages misses a hit."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """What earlier pages have shown: the beginnings of assets' hashes, and how many hits those were."""

    hits: int = 0
    shown: frozenset[bytes] = frozenset()

    def has_shown(self, hit: Hit) -> bool:
        """Whether any of what this hit stands for was on an earlier page."""
        return any(_short(asset_id) in self.shown for asset_id in (hit.asset_id, *hit.stands_for))

    def after(self, hits: Iterable[Hit]) -> Cursor:
        """The cursor that follows these hits."""
        listed = list(hits)
        shown = {_short(asset_id) for hit in listed for asset_id in (hit.asset_id, *hit.stands_for)}
        return Cursor(self.hits + len(listed), self.shown | shown)

    @property
    def is_last(self) -> bool:
        """Whether there is no going on from here."""
        return len(self.shown) >= MOST_SHOWN

    def written(self, query: Query) -> str:
        """As text without spaces."""
        data = [_VERSION, _digest(query), self.hits.to_bytes(4), *sorted(self.shown)]
        return base64.urlsafe_b64encode(b"".join(data)).decode().rstrip("=")


def read(query: Query) -> Cursor:
    """Where ``query`` goes on. Raises `QueryError` where its cursor is damaged or belongs to another query."""
    if query.cursor is None:
        return Cursor()
    try:
        data = base64.b64decode(query.cursor + "=" * (-len(query.cursor) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        data = b""
    shown = data[5 + _DIGEST :]
    if data[:1] != _VERSION or len(data) < 5 + _DIGEST or len(shown) % _ID:
        raise QueryError(DAMAGED)
    if data[1 : 1 + _DIGEST] != _digest(query):
        raise QueryError("the cursor belongs to another query: ask the same again, or leave it out to begin anew")
    hits = int.from_bytes(data[1 + _DIGEST : 5 + _DIGEST])
    if not hits <= len(shown) // _ID < MOST_SHOWN:  # every hit shows an asset
        raise QueryError(DAMAGED)
    return Cursor(hits, frozenset(shown[at : at + _ID] for at in range(0, len(shown), _ID)))


def _short(asset_id: str) -> bytes:
    try:
        return bytes.fromhex(asset_id)[:_ID]
    except ValueError:  # an id that is no hash
        return hashlib.sha256(asset_id.encode()).digest()[:_ID]


def _digest(query: Query) -> bytes:
    """The same for the same query, however long its pages are."""
    image = None if query.image is None else hashlib.sha256(query.image).hexdigest()
    asked = astuple(replace(query, image=None, limit=0, cursor=None))
    return hashlib.sha256(repr((asked, image)).encode("utf-8", "surrogatepass")).digest()[:_DIGEST]
