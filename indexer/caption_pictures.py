"""The pictures that a captioner looks at: upright and whole, out of the files themselves, else out of thumbnails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bowerbird.errors import DecodeFailed
from bowerbird.media.registry import PICTURES, formats
from bowerbird.media.sandbox import Closed, DecodeRequest, Opened, Part
from bowerbird.moments import Moment, Wanted
from bowerbird.store.catalog.caption_albums import Album, Picture
from bowerbird.store.catalog.locations import Copy
from bowerbird.store.catalog.vacancies import Showing
from bowerbird.types import Pixels, SegmentKind
from bowerbird.wiring import Library
from indexer.identify import changed_since
from indexer.originals import original
from indexer.scan import ScannedFile
from indexer.segment import segment


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture of an album, and what it shows; or ``reason`` says why that cannot be seen, and ``path`` of what."""

    album: Album
    picture: Picture
    pixels: Pixels | None
    path: Path
    reason: str | None = None


@dataclass(slots=True, eq=False)
class _Look:
    """One picture on its way through the decoder."""

    album: Album
    picture: Picture
    file: ScannedFile
    thumbnail: bool = False
    passed: int = 0
    """Moments of the file that came before."""
    pixels: Pixels | None = None
    encoded: bytes | None = field(default=None, repr=False)
    reason: str | None = None

    def begin(self) -> None:
        """The file has been opened; what came before from it is void."""
        self.passed, self.pixels, self.encoded = 0, None, None

    def take(self, part: Moment) -> None:
        """Keep the part if it is the one that is looked for."""
        if self._is_meant(part) and self.pixels is None and self.encoded is None:
            self.pixels, self.encoded = part.detail, part.thumbnail
        if part.kind is not SegmentKind.SPEECH:
            self.passed += sum(1 for _ in segment([part]))

    def _is_meant(self, part: Moment) -> bool:
        wanted = self.picture.moment
        if self.thumbnail:
            return True
        if part.kind is not wanted.kind or part.page != wanted.page:
            return False
        # A frame or a page comes alone; what has neither time nor page is told by its number.
        return wanted.start_s is not None or wanted.page is not None or self.passed == self.picture.ordinal


def pictures_of(
    library: Library, albums: Sequence[Album], copies: Mapping[int, Sequence[Copy]], px: int
) -> Iterator[Seen]:
    """Each picture of these albums, as it has been decoded, ``px`` at its longest side at most; in no certain order.

    Where the file cannot be read, its thumbnail is shown, which may be smaller. Those of assets that have just lost
    their last file are left out.
    """
    unread: list[_Look] = []
    for look in _decoded(library, _in_files(albums, copies, px, unread)):
        look.reason = look.reason or ("changed while it was being read" if changed_since(look.file) else None)
        if look.reason is not None:
            unread.append(look)
        else:
            yield _seen(library, look, px)
    yield from _out_of_thumbnails(library, unread, px)


def _out_of_thumbnails(library: Library, unread: Sequence[_Look], px: int) -> Iterator[Seen]:
    asked = []
    for look in unread:
        path = library.thumbnails.path(look.album.hash, look.picture.ordinal)
        if path.is_file():
            instead = _Look(look.album, look.picture, look.file, thumbnail=True)
            asked.append(DecodeRequest(path, Wanted(detail_px=px), (instead, look.reason), PICTURES.name))
        else:
            yield Seen(look.album, look.picture, None, look.file.absolute, look.reason)
    for event in library.decoders.decode(asked):
        look, reason = event.request.tag
        match event:
            case Opened():
                look.begin()
            case Part(part=Moment() as part):
                look.take(part)
            case Closed(error=error):
                failed = reason if error is not None or look.pixels is None else None
                yield Seen(look.album, look.picture, look.pixels, look.file.absolute, failed)


def _in_files(
    albums: Iterable[Album], copies: Mapping[int, Sequence[Copy]], px: int, unread: list[_Look]
) -> Iterator[DecodeRequest]:
    for album in albums:
        if not (held := copies.get(album.asset_id)):
            continue
        found = original(Showing(album.asset_id, album.hash, None, ()), held)
        file = ScannedFile(held[0].root, held[0].path, held[0].stat) if isinstance(found, str) else found
        for picture in album.pictures:
            look = _Look(album, picture, file)
            name = picture.stage.partition(":")[2]
            if isinstance(found, str) or name not in formats():
                look.reason = found if isinstance(found, str) else "is of a format that nothing here reads any more"
                unread.append(look)
                continue
            yield DecodeRequest(file.absolute, _wanted(picture.moment, px), look, name)


def _wanted(moment: Moment, px: int) -> Wanted:
    """The encoded picture too: of pages and drawings whose words are known as text there is no other."""
    at_s = None
    if moment.start_s is not None:
        at_s = (moment.start_s + (moment.start_s if moment.end_s is None else moment.end_s)) / 2
    return Wanted(detail_px=px, thumbnail_px=px, page=moment.page, at_s=at_s)


def _decoded(library: Library, asked: Iterable[DecodeRequest]) -> Iterator[_Look]:
    """What has been looked for, found or not."""
    for event in library.decoders.decode(asked):
        look: _Look = event.request.tag
        match event:
            case Opened():
                look.begin()
            case Part(part=Moment() as part):
                look.take(part)
            case Closed(error=error):
                if error is not None:
                    look.reason = error.reason
                elif look.pixels is None and look.encoded is None:
                    look.reason = "is read otherwise by now: run `bowerbird index`"
                yield look


def _seen(library: Library, look: _Look, px: int) -> Seen:
    pixels, reason = look.pixels, None
    if pixels is None and look.encoded is not None:
        try:
            parts = library.decoders.decode_bytes(look.encoded, Wanted(detail_px=px)).parts
            pixels = next((each.detail for each in parts if isinstance(each, Moment)), None)
        except DecodeFailed as error:
            reason = error.reason
    return Seen(look.album, look.picture, pixels, look.file.absolute, reason)
