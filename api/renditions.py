"""Pictures of catalogued assets that are made when somebody asks: a page, a frame of a film, a photo fit for browsers.

Files are found through the catalogue only, and decoded in the sandbox within its limits, as when they were indexed.
What was made is kept in memory as long as there is room: people turn pages back and forth.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from api.originals import Original, Originals
from api.originals import OutOfReach as OutOfReach
from api.originals import UnknownAsset as UnknownAsset
from bowerbird.errors import DecodeFailed, QueryError
from bowerbird.moments import Moment, Wanted
from bowerbird.types import Asset, AssetKind, Box
from bowerbird.wiring import Library
from indexer.scan import file_stat

MOST_PX = 4096
"""The longest side that is made: a large screen."""
_USUAL_THUMBNAIL_PX = 256
"""In a library that stores none."""


class NoPicture(QueryError):
    """The asset has no such page or frame, or nothing of it can be drawn."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word on a page, and where it stands there."""

    text: str
    box: Box


class Renditions:
    """Pictures of catalogued assets, made when asked for. Safe to share between threads.

    Of several threads as many decode at once as the library's pool has children; the others wait. Every method raises
    `UnknownAsset`, `NoPicture` and `OutOfReach`, and `QueryError` where a number cannot be meant.
    """

    def __init__(self, library: Library, *, most_bytes: int = 64 << 20) -> None:
        self._library = library
        self._made = _Made(most_bytes)
        self._originals = Originals(library)

    def picture(self, asset_hash: str, *, page: int | None = None, px: int = 1600) -> bytes:
        """WebP, upright, its longest side at most ``px``, never enlarged.

        Of a document ``page`` counts from 1 (None: 1); a photo has one, and so has a recording with a cover. A film has
        none.
        """
        asset, _ = self._originals.find(asset_hash)
        _check_px(px)
        number = 1 if page is None else page
        key = (asset_hash, number, None, px)
        if (made := self._made.get(key)) is None:
            if asset.info.kind is AssetKind.VIDEO:
                raise NoPicture(f"asset {_short(asset)} is a film: ask for its frame at a time")
            if not 1 <= number < 1 << 31:
                raise QueryError(f"there is no page {number}: pages count from 1")
            parts = self._decode(asset_hash, Wanted(thumbnail_px=px, page=number))
            shown = (part.thumbnail for part in parts if part.thumbnail is not None and (part.page or 1) == number)
            made = self._made.put(key, _first(shown, f"asset {_short(asset)} shows no picture on a page {number}"))
        return made

    def poster(self, asset_hash: str, *, at_s: float, px: int = 640) -> bytes:
        """WebP of the frame that a film shows ``at_s`` seconds after its start; behind its end, of its last frame."""
        asset, _ = self._originals.find(asset_hash)
        _check_px(px)
        if not 0 <= at_s < math.inf:
            raise QueryError(f"a film has no frame at {at_s} s: give seconds from its start")
        key = (asset_hash, None, round(at_s, 3), px)
        if (made := self._made.get(key)) is None:
            if asset.info.kind is not AssetKind.VIDEO:
                raise NoPicture(f"asset {_short(asset)} is no film: ask for its picture")
            parts = self._decode(asset_hash, Wanted(thumbnail_px=px, at_s=round(at_s, 3)))
            shown = (part.thumbnail for part in parts if part.thumbnail is not None)
            made = self._made.put(key, _first(shown, f"asset {_short(asset)} shows nothing at {at_s} s"))
        return made

    def words(self, asset_hash: str, *, page: int) -> list[Word]:
        """The words of a PDF's page, from 1, in its own order; none where it is a scan without a layer of text."""
        asset, _ = self._originals.find(asset_hash)
        if asset.info.media_type != "application/pdf":
            raise NoPicture(f"asset {_short(asset)} is no PDF: where words stand is known of PDFs only")
        if not 1 <= page < 1 << 31:
            raise QueryError(f"there is no page {page}: pages count from 1")
        parts = self._decode(asset_hash, Wanted(page=page, word_boxes=True))
        return [Word(part.text, part.box) for part in parts if part.text is not None and part.box is not None]

    def thumbnail(self, asset_hash: str, ordinal: int = 0) -> bytes:
        """WebP of what the asset shows in the moment with this ordinal, as stored; made now where none is."""
        asset, _ = self._originals.find(asset_hash)
        with suppress(OSError):
            return self._library.thumbnails.path(asset_hash, ordinal).read_bytes()
        px = self._library.settings.index.thumbnail_px or _USUAL_THUMBNAIL_PX
        moment = self._moment(asset, ordinal)
        if moment.start_s is None or moment.end_s is None:
            return self.picture(asset_hash, page=moment.page, px=px)
        return self.poster(asset_hash, at_s=(moment.start_s + moment.end_s) / 2, px=px)

    def _moment(self, asset: Asset, ordinal: int) -> Moment:
        """What is shown with this ordinal, as when the asset was indexed; tiles are not."""
        with self._library.catalog.read() as tx:
            showings = tx.vacancies(self._library.joint).showings([asset.id])
        shown = [each for showing in showings for each in showing.pictured if each.stage.startswith("decode:")]
        for each in shown:
            if each.ordinal == ordinal:
                return each.moment
        raise NoPicture(
            f"asset {_short(asset)} shows nothing as its moment {ordinal}: leave the moment out, or open it"
        )

    def _decode(self, asset_hash: str, wanted: Wanted) -> list[Moment]:
        """The parts of the file that holds the asset. What came to lie in its place meanwhile is shown to nobody."""
        original = self._originals.open(asset_hash)
        with original.file:
            path = original.path
            made_by = self._library.format_for(path)
            if made_by is None:
                raise NoPicture(f"{path} is of a format that is switched off: see [media] in library.toml")
            if wanted.sees and not made_by.shows:
                raise NoPicture(f"{path} has a text and no pictures: open the file itself")
            changed = OutOfReach(f"{path} has changed while it was read: run `bowerbird index`")
            try:
                decoded = self._library.decoders.decode_one(path, wanted, decoder=made_by.name)
            except DecodeFailed as error:
                raise changed if _has_changed(original) else NoPicture(f"{path} {error.reason}") from None
            if _has_changed(original):
                raise changed
        return [part for part in decoded.parts if isinstance(part, Moment)]


_Key = tuple[str, int | None, float | None, int]
"""The asset's hash, a page or a time, and pixels."""


class _Made:
    """Finished pictures, the least recently asked for thrown away first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._pictures: OrderedDict[_Key, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _Key) -> bytes | None:
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
            return self._pictures.get(key)

    def put(self, key: _Key, picture: bytes) -> bytes:
        with self._lock:
            self._bytes += len(picture) - len(self._pictures.pop(key, b""))
            self._pictures[key] = picture
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._pictures.popitem(last=False)[1])
        return picture


def _has_changed(original: Original) -> bool:
    """Whether something else lies there than the file that is open."""
    try:
        return file_stat(original.path.stat()) != original.stat
    except OSError:
        return True


def _first(shown: Iterator[bytes], otherwise: str) -> bytes:
    for picture in shown:
        return picture
    raise NoPicture(f"{otherwise}: open the file itself")


def _check_px(px: int) -> None:
    if not 1 <= px <= MOST_PX:
        raise QueryError(f"no picture has a side of {px} pixels: give 1 to {MOST_PX}")


def _short(asset: Asset) -> str:
    return asset.hash[:12]
