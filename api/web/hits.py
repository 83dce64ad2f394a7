"""What a search answers, as the page shows it: hits as tiles with room left for their pictures, filters as chips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlencode

from api.http.asked import answer
from api.http.state import State
from api.web.line_chips import Chip, TypeChoice, filters_in, types_of, understood_in
from api.web.marked import pieces, words_of
from api.web.picture_size import size_of
from api.web.render import name_of
from api.web.viewer_links import view_href
from bowerbird.queries import Filters, Hit, Query, SearchResult
from bowerbird.store.catalog import Transaction
from bowerbird.types import Asset, AssetKind, SegmentKind
from search.moments_in_words import clock
from search.parse import parse
from search.thumbnails import thumbnails_of

A_PAGE = 30
"""Hits that come at once."""
_SAID = frozenset({SegmentKind.SPEECH, SegmentKind.TEXT, SegmentKind.OCR, SegmentKind.CAPTION})
_SEEN = frozenset({AssetKind.IMAGE, AssetKind.VIDEO})
"""Kinds of assets of which there is a picture, if only one made when it is asked for."""
_SHORT = 110
"""Characters."""
_UNKNOWN_SIZE = (4, 3)
_NARROWEST, _WIDEST = 0.45, 3.2
"""Width to height, beyond which a picture is cut in the grid."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One hit."""

    hit: Hit
    name: str
    badge: str
    """Where in the file: ``0:12``, ``page 4``."""
    picture: str | None
    """The address of its picture; None where it is told by its words alone."""
    width: int
    height: int
    words: Sequence[tuple[str, bool]]
    """What is said or written there, in pieces; True marks words of the query."""
    href: str
    newest: bool
    """Whether it was listed, not found: its relevance says nothing then."""
    far: bool
    """Whether it does not stand out, though others may."""

    @property
    def short(self) -> bool:
        """Whether its words leave room to be set larger."""
        return sum(len(piece) for piece, _ in self.words) <= _SHORT

    @property
    def ratio(self) -> float:
        """Width to height of its place in the grid."""
        return round(min(max(self.width / self.height, _NARROWEST), _WIDEST), 3)


@dataclass(frozen=True, slots=True)
class LinkedChip:
    """Something a line says beside words, with the page on which it does not."""

    shows: str
    without: str
    href: str


@dataclass(frozen=True, slots=True)
class LinkedType:
    """A type to narrow down to, with the page that does."""

    choice: TypeChoice
    href: str


@dataclass(frozen=True, slots=True)
class Example:
    """An asset or a moment that hits are to be like, or not."""

    id: str
    segment_id: int | None
    asset_id: str
    name: str
    unlike: bool
    href: str
    """The page without it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer with all that its page needs."""

    line: str
    result: SearchResult
    tiles: Sequence[Tile]
    chips: Sequence[LinkedChip]
    understood: Sequence[LinkedChip]
    types: Sequence[LinkedType]
    examples: Sequence[Example]
    home: bool
    """Whether nothing was asked, and the newest are shown."""
    newest: bool
    more: str | None
    """The address of the next page; a picture that was sent would have to be sent again."""
    saved: str | None
    """The name under which the search is kept."""


def of_home(query: Query) -> Query:
    """The query, or where it asks for nothing one for everything, the newest first."""
    if not is_empty(query):
        return query
    return replace(query, text=None, filters=Filters(types=tuple(AssetKind)))


def is_empty(query: Query) -> bool:
    """Whether it asks for nothing at all."""
    asked = replace(query, text=None, limit=Query().limit, cursor=None)
    return not (query.text or "").strip() and asked == Query()


async def shown(query: Query, state: State, saved: str | None = None) -> Shown:
    """Search, and get ready what is found; ``saved`` is the name of the search. Raises what searching raises."""
    asked = of_home(query)
    result = await answer(asked, state)
    return await state.pools.quick.run(_ready, query, asked, result, state, saved)


def _ready(query: Query, asked: Query, result: SearchResult, state: State, saved: str | None) -> Shown:
    line = (query.text or "").encode("utf-8", "replace").decode()  # half characters have no place in an address
    parsed = parse(asked).query
    newest = not (parsed.text or parsed.also or parsed.image is not None or parsed.like)
    words = words_of(parsed.text or "")
    bar = state.library.settings.search.stands_out if asked.min_relevance is None else asked.min_relevance
    with state.library.catalog.read() as tx:
        examples = [*_examples(tx, query, unlike=False), *_examples(tx, query, unlike=True)]
    pictures = thumbnails_of(state.library, result.hits)
    tiles = []
    for hit, path in zip(result.hits, pictures, strict=True):
        size = None if path is None else size_of(path)
        pictured = (size is not None or hit.kind in _SEEN) and not (
            hit.kind is AssetKind.DOCUMENT and hit.segment_kind in _SAID
        )
        width, height = (size or _UNKNOWN_SIZE) if pictured else _UNKNOWN_SIZE
        tiles.append(
            Tile(
                hit,
                name_of(hit.path),
                _badge(hit),
                f"/v1/assets/{hit.asset_id}/thumbnail?segment={hit.segment_id}" if pictured else None,
                width,
                height,
                tuple(pieces(hit.text, words)) if hit.text and (hit.segment_kind in _SAID or not pictured) else (),
                view_href(hit, line or None),
                newest,
                not newest and hit.relevance < bar,
            )
        )
    more = None
    if (cursor := result.next_cursor) is not None:
        named = {"saved": saved, "cursor": cursor}
        more = f"/?{urlencode(named)}" if saved else address(query, cursor=cursor) if query.image is None else None
    return Shown(
        line,
        result,
        tiles,
        _linked(query, filters_in(line, today=date.today())),
        _linked(query, understood_in(line, result.understood)),
        [
            LinkedType(each, address(replace(query, text=each.line or None)))
            for each in types_of(line, today=date.today())
        ],
        examples,
        is_empty(query),
        newest,
        more,
        saved,
    )


def _linked(query: Query, chips: Sequence[Chip]) -> list[LinkedChip]:
    return [LinkedChip(chip.shows, chip.without, address(replace(query, text=chip.without or None))) for chip in chips]


def address(query: Query, **more: str) -> str:
    """Where the page shows this query: what was typed, and examples. A picture that was sent has no address."""
    parts = [("q", query.text)] if query.text else []
    parts += [("like", str(each)) for each in query.like] + [("unlike", str(each)) for each in query.unlike]
    parts += [("type", str(each)) for each in query.filters.types] + [
        ("kind", str(each)) for each in query.filters.kinds
    ]
    parts += list(more.items())
    return f"/?{urlencode(parts, errors='replace')}" if parts else "/"


def _badge(hit: Hit) -> str:
    if hit.start_s is not None:
        return clock(hit.start_s)
    return "" if hit.page is None else f"page {hit.page}"


def _examples(tx: Transaction, query: Query, *, unlike: bool) -> list[Example]:
    """Examples by name; one that has gone meanwhile would have been refused by the search."""
    named = query.unlike if unlike else query.like
    moments = tx.segments.moments([each for each in named if isinstance(each, int)]) if named else {}
    assets: dict[str | int, Asset] = {id_: found.asset for id_, found in moments.items()}
    for each in named:
        if isinstance(each, str) and (asset := tx.assets.by_hash(each)) is not None:
            assets[each] = asset
    copies = tx.locations.copies_of([asset.id for asset in assets.values()]) if assets else {}
    found = []
    for each in named:
        if each not in assets:
            continue
        asset = assets[each]
        places = copies.get(asset.id)
        left = {"unlike" if unlike else "like": tuple(other for other in named if other != each)}
        found.append(
            Example(
                str(each),
                each if isinstance(each, int) else None,
                asset.hash,
                name_of(places[0].path or places[0].root.path) if places else asset.hash[:8],
                unlike,
                address(replace(query, **left)),  # type: ignore[arg-type]
            )
        )
    return found
