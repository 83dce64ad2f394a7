"""Libraries for the tests of the indexer: a fake encoder that counts, real decoders, real files."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from bowerbird.media.sandbox import Closed, DecodeRequest, DecoderPool, Event
from bowerbird.ports import Transcriber
from bowerbird.types import IndexReport, Pixels, Vectors
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from tests.fakes import HashEncoder, ScriptedReader
from tests.media.make import photo


class CountingEncoder(HashEncoder):
    """Remembers the size of every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        self.batches.append(len(pictures))
        return super().encode_images(pictures)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(len(texts))
        return super().encode_texts(texts)


class CountingDecoders:
    """A pool that outlives the library it is lent to, and remembers what it was asked for."""

    def __init__(self, pool: DecoderPool) -> None:
        self._pool = pool
        self.asked: list[str] = []
        self.most_in_flight = 0

    def decode(self, requests: Iterable[DecodeRequest]) -> Iterator[Event]:
        in_flight = 0

        def noted() -> Iterator[DecodeRequest]:
            nonlocal in_flight
            for request in requests:
                in_flight += 1
                self.most_in_flight = max(self.most_in_flight, in_flight)
                self.asked.append(request.path.name)
                yield request

        for event in self._pool.decode(noted()):
            in_flight -= isinstance(event, Closed)
            yield event

    def close(self) -> None:
        """Others go on using the pool."""


def everything_on(
    library: Library,
    *,
    regions: int = 0,
    words: Mapping[int, Sequence[str]] | None = None,
    transcriber: Transcriber | None = None,
    thumbnail_px: int = 0,
) -> None:
    """Switch steps on for a library; ``words`` stand on pictures, by the seeds of these."""
    settings = library.settings.index
    settings.regions = regions  # type: ignore[assignment]
    settings.thumbnail_px = thumbnail_px
    reader = None
    if words is not None:
        reader = ScriptedReader(*((np.asarray(photo(24, 16, seed)), lines) for seed, lines in words.items()))
    library.__dict__.update(reader=reader, transcriber=transcriber)


class Workshop:
    """One library, a tree of files beside it, and counts of what the last run cost."""

    def __init__(self, folder: Path, template: Path, pool: DecoderPool) -> None:
        self.folder = folder
        self.media = folder / "media"
        self.media.mkdir(parents=True, exist_ok=True)
        self._template = template
        self._pool = pool
        self.library = self.fresh("library")
        self.encoder: CountingEncoder
        self.decoders: CountingDecoders
        self._clock = 1_700_000_000 * 10**9

    def fresh(self, name: str) -> Library:
        """An empty library beside the others."""
        shutil.copytree(self._template, self.folder / name)
        library = open_library(self.folder / name, load=lambda _: CountingEncoder())
        # No test here pulls the plug, and waiting for the disk is most of what they would do.
        sa.event.listen(library.catalog.engine, "connect", lambda sql, _: sql.execute("PRAGMA synchronous=OFF"))
        library.catalog.engine.dispose()
        return library

    def index(self, *paths: Path, library: Library | None = None, **options: bool) -> IndexReport:
        """Index, and hold the report to what every report must be."""
        library = library or self.library
        self.encoder = CountingEncoder()
        self.decoders = CountingDecoders(self._pool)
        library._encoders[library.joint.id] = self.encoder
        library.decoders = self.decoders  # type: ignore[assignment]
        report = Indexer(library).index(paths or (self.media,), **options)
        assert report.seen == report.indexed + report.reused + report.moved + len(report.failed), report
        return report

    @property
    def encoded(self) -> int:
        """Moments that the last run encoded."""
        return sum(self.encoder.batches)

    @property
    def decoded(self) -> list[str]:
        """Names of the files that the last run decoded, sorted."""
        return sorted(self.decoders.asked)

    def picture(self, name: str, seed: int) -> Path:
        """A picture; the same seed makes the same bytes."""
        path = self._place(name)
        photo(24, 16, seed).save(path)
        return self.tick(path)

    def text(self, name: str, text: str) -> Path:
        """A text file."""
        path = self._place(name)
        path.write_text(text, encoding="utf-8")
        return self.tick(path)

    def broken(self, name: str, content: bytes = b"\xff\xd8\xff broken") -> Path:
        """A file that no decoder can read."""
        path = self._place(name)
        path.write_bytes(content)
        return self.tick(path)

    def tick(self, path: Path) -> Path:
        """Give it a time of its own: the clock of a file system is too coarse to tell one write from the next."""
        self._clock += 10**9
        os.utime(path, ns=(self._clock, self._clock))
        return path

    def found(self, library: Library | None = None) -> dict[str, str]:
        """Path -> hash of all that the catalogue says lies somewhere."""
        lines = map(json.loads, (library or self.library).catalog.dump())
        return {
            str(Path(line["root"], line["path"])): line["hash"][:8] for line in lines if line["table"] == "location"
        }

    def names(self) -> list[str]:
        """The catalogued paths below the media folder, sorted."""
        return sorted(os.path.relpath(path, self.media) for path in self.found())

    def alive(self, library: Library | None = None) -> list[str]:
        """The canonical dump less what waits as an orphan."""
        lines = list((library or self.library).catalog.dump())
        objects = list(map(json.loads, lines))
        orphans = {each["hash"] for each in objects if each["table"] == "asset" and each["orphan"]}
        return [line for line, each in zip(lines, objects, strict=True) if each.get("hash") not in orphans]

    def _place(self, name: str) -> Path:
        path = self.media / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
