"""What catalogued assets show -> vectors in a space that is being built. May be killed anywhere, and gone on with."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from bowerbird.errors import DecodeFailed
from bowerbird.media.sandbox import Closed, DecodeRequest, Opened, Part
from bowerbird.moments import Moment
from bowerbird.ports import Encoder
from bowerbird.store.catalog.locations import Copy
from bowerbird.store.catalog.vacancies import THUMBNAIL, WAITING, Showing
from bowerbird.types import Space, Vectors
from bowerbird.wiring import Library
from indexer.encode import EncodeStage, Prepared
from indexer.identify import changed_since
from indexer.originals import NO_TOOLS, Look, looks_at, looks_at_thumbnails, original
from indexer.scan import ScannedFile

_PAGE = 512
"""Assets that are fetched together."""
_MOST = 256
"""Files written in one transaction."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file whose pictures cannot be encoded now, and why."""

    path: str
    reason: str


Unread = tuple[Showing, ScannedFile]
"""An asset, and the file that should have held it."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is to be written of one asset: vectors, by segment, and the file that they come from if it is its own."""

    asset_id: int
    vectors: Mapping[int, Vectors]
    original: str | None


class PictureStage:
    """Encodes what the assets of one space show: from the files, or from thumbnails where these are out of reach."""

    def __init__(self, library: Library, space: Space, encoder: Encoder, written: Callable[[], None]) -> None:
        assert encoder.picture is not None  # or the space would not have been begun
        self.from_originals = 0
        self.from_thumbnails = 0
        self.lost: dict[int, Waiting] = {}
        """By asset: what could not be read from a file of its own. It is not tried again."""
        self._library = library
        self._space = space
        self._picture = encoder.picture
        settings = library.settings.index
        self._every_s = settings.commit_every_s
        self._encode = EncodeStage({space: encoder}, settings.batch_size, self._every_s)
        self._looks: dict[Prepared, Look] = {}
        """Those that have been decoded to their end."""
        self._entries: list[_Entry] = []
        self._short: Counter[int] = Counter()
        self._last = time.monotonic()
        self._written = written

    def go_through(self) -> None:
        """Look once at every asset that lacks vectors, or has some that its file would make better."""
        try:
            for showings, copies in self._pages():
                unread: list[Unread] = []
                self._take(self._in_files(showings, copies, unread), unread)
                self._take(self._in_thumbnails(unread), [])
            self._put_all(self._encode.flush())
        finally:
            self._flush()

    def _pages(self) -> Iterator[tuple[Sequence[Showing], Mapping[int, list[Copy]]]]:
        """Assets that are to be looked at, with everywhere that they lie."""
        after = 0
        while True:
            with self._library.catalog.read() as tx:
                vacancies = tx.vacancies(self._space)
                ids = vacancies.assets(after, _PAGE)
                if not ids:
                    return
                after = ids[-1]
                wanted = [id_ for id_ in ids if id_ not in self.lost]
                page = vacancies.showings(wanted), tx.locations.copies_of(wanted)
            yield page

    def _in_files(
        self, showings: Iterable[Showing], copies: Mapping[int, list[Copy]], unread: list[Unread]
    ) -> Iterator[DecodeRequest]:
        for showing in showings:
            if not (held := copies.get(showing.asset_id)):  # it has just lost its last file
                continue
            found = original(showing, held)
            asked = [] if isinstance(found, str) else list(looks_at(showing, found, self._picture))
            yield from asked
            if not asked:
                reason = found if isinstance(found, str) else "is of a format that nothing here reads any more"
                file = ScannedFile(held[0].root, held[0].path, held[0].stat)
                unread.append(self._lose(showing, file, reason))

    def _in_thumbnails(self, unread: Iterable[Unread]) -> Iterator[DecodeRequest]:
        for showing, file in unread:
            self._add(_Entry(showing.asset_id, {}, None))
            yield from looks_at_thumbnails(showing, file, self._library.thumbnails, self._picture)

    def _take(self, asked: Iterable[DecodeRequest], unread: list[Unread]) -> None:
        """Decode and encode; what cannot be read joins ``unread``."""
        for event in self._library.decoders.decode(asked):
            look: Look = event.request.tag
            match event:
                case Opened(info=info):
                    look.reading.begin(info, NO_TOOLS)
                case Part(part=Moment() as part):
                    for step, moment in look.take(part):
                        self._put_all(self._encode.put(look.prepared, step, moment))
                case Closed(error=error):
                    if (reason := _fault(look, error)) is not None:
                        unread.append(self._lose(look.showing, look.file, reason))
                    else:
                        self._looks[look.prepared] = look
                        self._put_all(self._encode.close(look.prepared))

    def _lose(self, showing: Showing, file: ScannedFile, reason: str) -> Unread:
        self.lost.setdefault(showing.asset_id, Waiting(str(file.absolute), reason))
        return showing, file

    # --- writing ---------------------------------------------------------------------------------

    def _put_all(self, done: Iterable[Prepared]) -> None:
        for prepared in done:
            look = self._looks.pop(prepared)
            path = None if look.thumbnail else str(look.file.absolute)
            self._add(_Entry(look.showing.asset_id, look.seen(self._space.id), path))

    def _add(self, entry: _Entry) -> None:
        self._entries.append(entry)
        if len(self._entries) >= _MOST or time.monotonic() - self._last > self._every_s:
            self._flush()

    def _flush(self) -> None:
        if self._entries:
            asset_ids = {entry.asset_id for entry in self._entries}
            with self._library.catalog.write() as tx:
                vacancies = tx.vacancies(self._space)
                originals = vacancies.fill(_gathered(self._entries, originals=True))
                thumbnails = vacancies.fill(_gathered(self._entries, originals=False))
                lacking = vacancies.lacking(asset_ids)
                whole = {entry.asset_id: None if entry.original else THUMBNAIL for entry in self._entries}
                vacancies.mark(whole | dict.fromkeys(lacking, WAITING))
            self.from_originals += originals
            self.from_thumbnails += thumbnails
            self._count_short(lacking)
            self._entries = []
            self._written()
        self._last = time.monotonic()

    def _count_short(self, lacking: Set[int]) -> None:
        """Files that were read and did not show all that they should: an index run may have come between us, once."""
        for entry in self._entries:
            if entry.original and entry.asset_id in lacking:
                self._short[entry.asset_id] += 1
                if self._short[entry.asset_id] > 1:
                    reason = "is read otherwise by now: run `bowerbird index`"
                    self.lost.setdefault(entry.asset_id, Waiting(entry.original, reason))


def _fault(look: Look, error: DecodeFailed | None) -> str | None:
    """Why what was decoded is of no use; None where it is."""
    if error is not None:
        return error.reason
    return "changed while it was being read" if not look.thumbnail and changed_since(look.file) else None


def _gathered(entries: Iterable[_Entry], *, originals: bool) -> dict[int, Vectors]:
    return {
        segment_id: vector
        for entry in entries
        if (entry.original is not None) is originals
        for segment_id, vector in entry.vectors.items()
    }
