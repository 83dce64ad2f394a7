"""Captioning picture by picture, with what was made written every now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bowerbird.answers import Shown, Sight
from bowerbird.errors import EndpointFailed, EndpointUnreachable
from bowerbird.moments import Moment
from bowerbird.ports import Captioner
from bowerbird.store.catalog.caption_albums import Album, Picture, Task, key_of, place
from bowerbird.store.catalog.locations import Copy
from bowerbird.store.catalog.segments import Derived
from bowerbird.types import FailedFile, Vectors
from bowerbird.wiring import Library
from indexer.caption_pictures import Seen, pictures_of
from indexer.own_captions import vectors_of
from indexer.pipeline import OnProgress, Progress

Nearest = Callable[[Vectors, int], Sequence[Shown]]
"""Gives examples of how the owner captions: to a picture's vector in the joint space, so many at most."""

_PAGE = 64
"""Assets that are fetched together; a film has hundreds of pictures."""
_WORTH_WRITING = 8
"""Pictures of a film that is not done: each time it is written, so is all that came before of it."""
_IN_A_ROW = 3
"""Failures of an endpoint after which it is taken to fail altogether, and not at the pictures that it was sent."""


@dataclass(slots=True, eq=False)
class _Open:
    """An album while its pictures are captioned."""

    album: Album
    path: Path
    waiting: int
    """Pictures that have not been dealt with yet."""
    cut: bool = False
    """Whether there are more pictures than this run may take."""
    failed: bool = False
    made: dict[int, Sequence[Moment]] = field(default_factory=dict)
    """By segment: what has been said of it, which may be nothing."""
    unsaved: int = 0

    @property
    def done(self) -> bool:
        """Whether nothing more comes of it in this run."""
        return self.waiting == 0

    def captions(self) -> list[Moment]:
        """All captions of the asset as they stand now, in the order of times and pages."""
        fresh = {place(each.moment) for each in self.album.pictures if each.segment_id in self.made}
        old = [each for each in self.album.before if place(each) not in fresh]
        new = [each for picture in self.album.pictures for each in self.made.get(picture.segment_id, ())]
        return sorted([*self.album.kept, *old, *new], key=_in_order)

    @property
    def whole(self) -> bool:
        """Whether the captioner has been through all of it."""
        return self.done and not self.cut and not self.failed


def _in_order(caption: Moment) -> tuple[float, int]:
    return -1.0 if caption.start_s is None else caption.start_s, -1 if caption.page is None else caption.page


class CaptionRun:
    """One run over all that lacks a caption; counts pictures."""

    def __init__(
        self,
        library: Library,
        captioner: Captioner,
        task: Task,
        limit: int | None,
        nearest: Nearest | None,
        on_progress: OnProgress,
    ) -> None:
        self._library = library
        self._space = library.joint
        """Where pictures lie for captioner and examples alike, to the end, though others be switched to meanwhile."""
        self._captioner = captioner
        self._task = task
        self._left = limit
        self._examples = min(captioner.examples, library.settings.caption.examples)
        self._nearest = nearest
        self._on_progress = on_progress
        self._batch: list[tuple[_Open, Picture, Sight]] = []
        self._size = 1 if captioner.picture_px else _PAGE
        """Of the next batch. One of pictures grows while batches are quick, so that a crash costs little and networks
        are full; what is captioned unseen costs too little for that to matter.
        """
        self._open: dict[int, _Open] = {}
        self._last = time.monotonic()
        self.captioned = self.skipped = self._lost = 0
        self.failed: dict[FailedFile, None] = {}
        """Each once, though a film out of reach costs many pictures."""
        self._in_a_row = 0

    def run(self) -> None:
        """Go through the library once. What was captioned when an error ends this is written."""
        trouble: EndpointFailed | None = None
        try:
            for opened, copies in self._pages():
                for seen in self._seen(opened, copies):
                    trouble = self._take(seen) or trouble
                trouble = self._caption() or trouble
                self._flush(everything=True)
        finally:
            self._flush(everything=True)
        if trouble is not None and not self.captioned + self.skipped:
            raise trouble

    def _pages(self) -> Iterator[tuple[Sequence[_Open], Mapping[int, Sequence[Copy]]]]:
        after = 0
        while self._left is None or self._left > 0:
            most = _PAGE if self._left is None else min(_PAGE, self._left)  # what fails makes room for what comes after
            with self._library.catalog.read() as tx:
                ids = tx.captions.lacking(self._task, after, most)
                if not ids:
                    return
                after = ids[-1]
                albums = tx.captions.albums(self._task, ids, self._space.id)
                copies = tx.locations.copies_of(ids)
            # One without copies has just lost its last file.
            opened = [self._opened(each, copies[each.asset_id]) for each in albums if each.asset_id in copies]
            self._open = {each.album.asset_id: each for each in opened}
            yield opened, copies

    def _opened(self, album: Album, copies: Sequence[Copy]) -> _Open:
        found = len(album.pictures)
        taken = found if self._left is None else min(found, self._left)
        if self._left is not None:
            self._left -= taken
        path = Path(copies[0].root.path, copies[0].path)
        album = replace(album, pictures=album.pictures[:taken])
        return _Open(album, path, taken, cut=taken < found)

    def _seen(self, opened: Sequence[_Open], copies: Mapping[int, Sequence[Copy]]) -> Iterator[Seen]:
        albums = [each.album for each in opened]
        if self._captioner.picture_px:
            yield from pictures_of(self._library, albums, copies, self._captioner.picture_px)
        else:
            for each in opened:
                for picture in each.album.pictures:
                    yield Seen(each.album, picture, None, each.path)

    # --- captioning ------------------------------------------------------------------------------

    def _take(self, seen: Seen) -> EndpointFailed | None:
        opened = self._open[seen.album.asset_id]
        if seen.reason is not None:
            self._fail(opened, FailedFile(str(seen.path), "decode", seen.reason))
            return None
        picture = seen.picture
        vector = None if picture.vector is None else picture.vector.astype(np.float32)
        sight = Sight(
            seen.album.info,
            picture.moment.kind,
            vector,
            seen.pixels,
            picture.words,
            ()
            if vector is None or not self._examples or self._nearest is None
            else self._nearest(vector, self._examples),
        )
        self._batch.append((opened, picture, sight))
        return self._caption() if len(self._batch) >= self._size else None

    def _caption(self) -> EndpointFailed | None:
        """Put what has gathered to the captioner. Returns what it failed with, if that may be the pictures' fault."""
        batch, self._batch = self._batch, []
        if not batch:
            return None
        started = time.monotonic()
        trouble: EndpointFailed | None = None
        try:
            self._note(batch)
        except EndpointFailed as error:
            trouble = error if len(batch) == 1 else None
            if len(batch) > 1:  # one by one, to find out at which it fails
                self._size = 1
                for each in batch:
                    self._batch = [each]
                    trouble = self._caption() or trouble
                return trouble
            self._in_a_row += 1
            nobody = isinstance(error, EndpointUnreachable) and not self.captioned + self.skipped
            if nobody or self._in_a_row >= _IN_A_ROW:
                raise
            opened, picture, _ = batch[0]
            self._fail(opened, FailedFile(str(opened.path), "caption", f"{_where(picture.moment)}{error}"))
        if self._captioner.picture_px:
            quick = time.monotonic() - started < self._library.settings.index.commit_every_s / 2
            most = self._library.settings.index.batch_size
            self._size = min(2 * self._size, most) if quick and trouble is None else max(1, self._size // 2)
        if time.monotonic() - self._last > self._library.settings.index.commit_every_s:
            self._flush()
        return trouble

    def _note(self, batch: Sequence[tuple[_Open, Picture, Sight]]) -> None:
        said = self._captioner.caption([sight for _, _, sight in batch])
        for (opened, picture, _), moments in zip(batch, said, strict=True):
            at = picture.moment
            captions = [
                replace(each, start_s=at.start_s, end_s=at.end_s, page=at.page)
                for each in moments
                if each.text and each.text.strip()
            ]
            opened.made[picture.segment_id] = captions
            opened.waiting -= 1
            opened.unsaved += 1
            self.captioned += bool(captions)
            self.skipped += not captions
        self._in_a_row = 0
        self._tell()

    def _fail(self, opened: _Open, failure: FailedFile) -> None:
        self.failed[failure] = None
        self._lost += 1
        if self._left is not None:
            self._left += 1
        opened.failed = True
        opened.waiting -= 1
        self._tell()

    def _tell(self) -> None:
        self._on_progress(Progress(self.captioned + self.skipped + self._lost, self._lost))

    # --- writing ---------------------------------------------------------------------------------

    def _flush(self, *, everything: bool = False) -> None:
        """Write albums that are done; of those that are not, too, where much has come since they were last written."""
        ready = [
            each
            for each in self._open.values()
            if (each.unsaved and (each.done or everything or each.unsaved > max(_WORTH_WRITING, len(each.made) // 4)))
            or (each.whole and not each.album.pictures)
        ]
        if ready:
            self._write(ready)
        self._open = {id_: each for id_, each in self._open.items() if not (each.done and not each.unsaved)}
        self._last = time.monotonic()

    def _write(self, ready: Sequence[_Open]) -> None:
        moments = [each.captions() for each in ready]
        with self._library.catalog.read() as tx:  # somebody may have switched to another encoder
            self._library.refresh_spaces(tx)
        vectors = vectors_of(self._library, [each.text or "" for some in moments for each in some])
        task, start, derived = self._task, 0, []
        for each, some in zip(ready, moments, strict=True):
            through = each.album.through | task.kinds if each.whole else each.album.through
            own = {space_id: dict(enumerate(placed[start : start + len(some)])) for space_id, placed in vectors.items()}
            derived.append(Derived(each.album.asset_id, task.stage, key_of(task.key, through), some, own))
            start += len(some)
        with self._library.catalog.write() as tx:
            tx.captions.put(derived, whole={each.album.asset_id for each in ready if each.whole})
        for each in ready:
            each.unsaved = 0


def _where(moment: Moment) -> str:
    """Which picture of a file is meant, where it has several."""
    if moment.start_s is not None:
        return f"at {moment.start_s:g} s: "
    return "" if moment.page is None else f"page {moment.page}: "
