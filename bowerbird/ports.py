"""Protocols: what the house asks of the outside world. Each has a contract suite in ``tests/contracts``.

A port states meaning; batching, checks and retries belong to the caller, never to each adapter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from bowerbird.moments import Decoded, Moment, PictureSpec, Wanted
from bowerbird.types import AssetKind, ChangeBatch, EncoderDescription, Ids, Pixels, Sound, Stage, Vectors


class Decoder(Protocol):
    """Reads the files of one medium. It runs in a sandboxed child process and imports its library only there."""

    name: str
    version: int
    """Raised whenever the same file would decode to something else: what was derived then becomes stale."""
    kind: AssetKind
    suffixes: frozenset[str]
    """Lower case, with the dot."""

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """Read ``path`` through, for what is ``wanted`` of it.

        Raises `DecodeFailed` with a one-line reason where the file is damaged, empty or over a limit, then or while
        its parts are gone through. The file stays open until they have been, or the iterator is closed.
        """
        ...


class Encoder(Protocol):
    """Places texts, and pictures if it can, in one space of meaning. Safe to call from several threads."""

    description: EncoderDescription
    picture: PictureSpec | None
    """None where the encoder reads no pictures."""

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        """Pictures already made to `picture` -> unit vectors, shape ``(len(pictures), dimension)``, in order."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts, cut by the encoder at its own limit -> unit vectors, shape ``(len(texts), dimension)``, in order."""
        ...

    def background(self, kind: str) -> Vectors | None:
        """Vectors that stand for things in general, shape ``(n, dimension)``, of pictures (``"image"``) or texts
        (``"text"``): what a query's scores are calibrated against while a library is small. None where there are none.
        """
        ...


class Transcriber(Protocol):
    """Hears what is said in a recording. Safe to call from several threads, one of which is served at a time."""

    stage: Stage
    """Names the model by its weights, so that another one makes transcripts stale."""

    def transcribe(self, sound: Sound) -> list[Moment]:
        """Sentences in order, each a moment of kind `speech` with start, end, text, language and confidence.

        Nothing where nothing is said: silence, noise and music give an empty list.
        """
        ...


class TextReader(Protocol):
    """Reads words off pictures (OCR). Safe to call from several threads."""

    stage: Stage

    def read(self, picture: Pixels) -> list[Moment]:
        """Lines or blocks in reading order, each a moment of kind `ocr` with box, text and confidence; often none."""
        ...


class ChangeLog(Protocol):
    """One view's side of the change log, as SQL keeps it."""

    def head(self) -> int:
        """The last sequence number of the whole log (0 when empty). Lines up to it are all visible."""
        ...

    def since(self, seq: int) -> Iterator[ChangeBatch]:
        """This view's changes after ``seq``, in order, in batches of bounded size; none when there are none."""
        ...

    def live(self) -> Iterator[ChangeBatch]:
        """Everything that is in the view now, in batches of bounded size, ``removed`` empty, ids ascending.

        All batches are of one moment of the database, and each carries that moment's `head` as ``seq``.
        At least one batch is yielded, empty if need be.
        """
        ...


class VectorView(Protocol):
    """Nearest neighbours by inner product over one space and kind, kept up from the change log.

    Safe to search from several threads while one applies changes: a search sees a batch wholly or not at all.
    """

    dimension: int
    exact: bool

    @property
    def seq(self) -> int:
        """The last line of the change log that is applied."""
        ...

    def __len__(self) -> int: ...

    def apply(self, batch: ChangeBatch) -> None:
        """Add, replace and remove as the batch says. Idempotent; removing what is absent is no error.

        Raises ValueError where the batch's dimension is not the view's.
        """
        ...

    def search(self, queries: Vectors, k: int, *, within: Ids | None = None) -> tuple[Vectors, Ids]:
        """The ``k`` best of each query, ``queries`` of shape ``(n, dimension)``.

        Returns scores ``(n, k)`` float32, descending, and ids ``(n, k)`` int64, equal scores by ascending id;
        where fewer are found the rest is ``-inf`` and ``-1``. ``within`` admits only those ids.
        """
        ...

    def sample(self, n: int, *, seed: int = 0) -> Vectors:
        """At most ``n`` of the vectors, drawn evenly with a fixed seed, shape ``(m, dimension)`` float32."""
        ...
