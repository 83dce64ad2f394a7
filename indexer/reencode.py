"""Another encoder for a library: its spaces are built beside the old ones, from texts in SQL and pictures in the files.

What lacks a vector is found by SQL, so a run that was killed, or that lacked a drive, is simply gone on with. Searches
and index runs go on meanwhile; what an index run adds is encoded here too, by the same run or the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from bowerbird.errors import LibraryBusy
from bowerbird.ports import Encoder
from bowerbird.store.lease import held
from bowerbird.types import Space, SpaceName, Vectors
from bowerbird.wiring import Library
from indexer.encode import checked
from indexer.look_again import PictureStage, Waiting
from indexer.pipeline import OnProgress, Progress
from indexer.spaces import begun

_PAGE = 512
"""Texts that are fetched together."""


@dataclass(frozen=True, slots=True)
class ReencodeReport:
    """What one run has made: vectors, and of what. ``ready``: nothing that can be found lacks one in ``spaces``."""

    encoder: str
    spaces: tuple[Space, ...]
    encoded: int
    from_text: int
    from_originals: int
    from_thumbnails: int
    waiting: tuple[Waiting, ...]
    seconds: float
    ready: bool


def reencode(
    library: Library,
    spec: str | None = None,
    *,
    on_start: Callable[[int], None] = lambda _: None,
    on_progress: OnProgress = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> ReencodeReport:
    """Build the spaces of the encoder ``spec`` beside those that are searched; None: go on with the one that was begun.

    ``on_start`` is told how many vectors are missing, ``on_progress`` how many have been made, both in this thread.
    What was made when an error ends this is kept. Raises `UsageError` where the library is under that encoder already,
    another is being built, or it reads no pictures; `UnknownEncoder`, `EncoderUnavailable`; `LibraryBusy` while another
    process re-encodes this library; `StorageFull`.
    """
    started = time.monotonic()
    with held(library.catalog, "reencode", "re-encoding this library"):
        spaces = begun(library, spec, say)
        with library.catalog.read() as tx:
            on_start(sum(tx.vacancies(space).count() for space in spaces))
        made = _Run(library, spaces, on_progress)
        made.run()
        with suppress(LibraryBusy):  # somebody else is writing them
            library.save_views()
        library.prepare_search(spaces)
    with library.catalog.read() as tx:
        missing = sum(tx.vacancies(space).count() for space in spaces)
        still = tx.vacancies(spaces[0]).lacking(made.pictures.lost)
    return ReencodeReport(
        encoder=spaces[0].spec,
        spaces=tuple(spaces),
        encoded=made.encoded,
        from_text=made.from_text,
        from_originals=made.pictures.from_originals,
        from_thumbnails=made.pictures.from_thumbnails,
        waiting=tuple(sorted((made.pictures.lost[asset_id] for asset_id in still), key=lambda each: each.path)),
        seconds=round(time.monotonic() - started, 3),
        ready=not missing,
    )


class _Run:
    """One run over all that lacks a vector."""

    def __init__(self, library: Library, spaces: Sequence[Space], on_progress: OnProgress) -> None:
        self.from_text = 0
        self._library = library
        self._encoders = {space: library.encoder(space) for space in spaces}
        self._on_progress = on_progress
        joint = next(space for space in spaces if space.name is SpaceName.JOINT)
        self.pictures = PictureStage(library, joint, self._encoders[joint], self._tell)

    @property
    def encoded(self) -> int:
        """Vectors made so far."""
        return self.from_text + self.pictures.from_originals + self.pictures.from_thumbnails

    def run(self) -> None:
        """Go through the library until there is nothing new: an index run may be adding to it."""
        before = -1
        while before < self.encoded:
            before = self.encoded
            for space, encoder in self._encoders.items():
                self._texts(space, encoder)
            self.pictures.go_through()

    def _texts(self, space: Space, encoder: Encoder) -> None:
        settings = self._library.settings.index
        after, written = 0, time.monotonic()
        while True:
            with self._library.catalog.read() as tx:
                page = tx.vacancies(space).texts(after, _PAGE)
            if not page:
                return
            after = page[-1][0]
            made: dict[int, Vectors] = {}
            for start in range(0, len(page), settings.batch_size):
                ids, texts = zip(*page[start : start + settings.batch_size], strict=True)
                made.update(zip(ids, checked(space, len(ids), encoder.encode_texts(texts)), strict=True))
                if time.monotonic() - written > settings.commit_every_s or ids[-1] == after:
                    with self._library.catalog.write() as tx:
                        self.from_text += tx.vacancies(space).fill(made)
                    made, written = {}, time.monotonic()
                    self._tell()

    def _tell(self) -> None:
        self._on_progress(Progress(self.encoded, 0))
