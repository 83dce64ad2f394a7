"""Protocols: what the house asks of the outside world. Each has a contract suite in ``tests/contracts``.

A port states meaning; batching, checks and retries belong to the caller, never to each adapter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bowerbird.answers import Exhibit, Question, Sight
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

    def vectors(self, ids: Ids) -> tuple[Ids, NDArray[np.float16]]:
        """The vectors under ``ids``, in any order and each as often as one likes, as they are in SQL now.

        Returns ids, distinct and ascending, and float16 vectors of shape ``(n, dimension)``. Ids under which there is
        nothing, or another space's vector, are left out; what is no longer live may be among them while SQL keeps it.
        """
        ...


class VectorView(Protocol):
    """Nearest neighbours by inner product over one space and kind, kept up from the change log.

    Safe to search from several threads while one applies changes: a search sees a batch wholly or not at all.
    """

    dimension: int
    exact: bool
    """Whether a search finds the very best. Where not, it may miss a few of them; the scores of what it finds are
    exact, and where no more than ``k`` are admitted it finds them all.
    """

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


class Reranker(Protocol):
    """Judges candidates with the query at hand. That costs more than comparing vectors made apart, so only the best of
    a first stage are put to it. Safe to call from several threads.
    """

    spec: str
    picture: PictureSpec | None
    """How it wants pictures, the query's and the candidates'; None where it reads none."""

    def score(self, texts: Sequence[str], picture: Pixels | None, candidates: Sequence[Moment]) -> Vectors:
        """How well each candidate answers the query, in 0..1, shape ``(len(candidates),)``, float32, in order.

        The query is ``texts``, all of which count, and ``picture``; of a candidate what counts is its ``text`` and its
        ``pixels``. A score does not depend on the other candidates. NaN stands where the reranker has nothing to say,
        since it reads neither what the candidate nor what the query holds.
        """
        ...


class Captioner(Protocol):
    """Says in words what a picture shows. Safe to call from several threads."""

    spec: str
    """As it goes on record with what it says: ``concepts``, ``openai:MODEL@URL``."""
    picture_px: int
    """The longest side of the pictures that it wants; 0: it looks at none, and goes by what is known of them."""
    sends_to: str | None
    """The address that pictures and words are sent to; None: nothing leaves this machine."""

    @property
    def stage(self) -> Stage:
        """Named ``caption``; its options name the model by its weights or address, so that another makes captions
        stale. May have to look for the weights, and raises `EncoderUnavailable` where it finds none.
        """
        ...

    @property
    def examples(self) -> int:
        """How many examples of its owner's manner it can make use of. May raise as `stage` does."""
        ...

    def caption(self, sights: Sequence[Sight]) -> list[Sequence[Moment]]:
        """For each, in order, moments of kind `caption` with text and confidence if it has one.

        The first is of the whole and has no box; those that follow say what is in a part of it, and have one. There are
        none where there is nothing to say. Raises `EndpointFailed` and `EncoderUnavailable`.
        """
        ...


class Answerer(Protocol):
    """Answers questions from what was retrieved. Safe to call from several threads."""

    spec: str
    sends_to: str | None
    """The address that the question, texts and pictures are sent to; None: nothing leaves this machine."""
    picture_px: int
    """The longest side of the pictures that it wants; 0: it looks at none."""
    exhibits: int
    """How many exhibits it can take in."""

    def answer(self, question: Question, exhibits: Sequence[Exhibit]) -> Iterator[str]:
        """Pieces of text, as they come. ``[2]`` cites exhibit 2, and ``[2 @0.1,0.2,0.3,0.4]`` the part of its picture
        in that box, as fractions. Nothing at all says that the exhibits do not answer the question.

        What comes is not trusted: whoever asks checks every citation. Raises `EndpointFailed` where it cannot be begun,
        or is cut off on the way. Closing the iterator ends the work.
        """
        ...
