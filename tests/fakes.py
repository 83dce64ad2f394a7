"""Deterministic stand-ins for the heavy parts, held to the same contracts as the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bowerbird.answers import Exhibit, Question, Sight
from bowerbird.models.one_line import one_line
from bowerbird.moments import Moment, PictureSpec
from bowerbird.types import Box, EncoderDescription, Pixels, SegmentKind, Sound, Stage, Vectors


class HashEncoder:
    """An `Encoder` whose vectors are hashes: equal input, equal vector; other input, an unrelated one.

    ``aliases`` lets a text stand where a picture stands, so that a test can search pictures by words:
    ``{"a cat": pixels}``.
    """

    def __init__(
        self,
        dimension: int = 32,
        *,
        name: str = "hash",
        text_is_semantic: bool = True,
        size: int = 16,
        aliases: dict[str, Pixels] | None = None,
    ) -> None:
        self.description = EncoderDescription(
            spec=name,
            name=name,
            dimension=dimension,
            fingerprint=hashlib.sha256(f"{name} {dimension} {size}".encode()).hexdigest(),
            reads_pictures=True,
            text_is_semantic=text_is_semantic,
            source="tests/fakes.py",
            licence="Apache-2.0",
            size_mb=0,
        )
        self.picture: PictureSpec | None = PictureSpec(size=size, resize="squash", interpolation="bilinear")
        self._aliases = aliases or {}

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        return self._stack([self._of_picture(picture) for picture in pictures])

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return self._stack(
            [
                self._of_picture(self._aliases[text]) if text in self._aliases else self._vector(b"text", text)
                for text in texts
            ]
        )

    def background(self, kind: str) -> Vectors | None:
        if kind not in ("image", "text"):
            return None
        return self._stack([self._vector(b"background", f"{kind} {index}") for index in range(64)])

    def _of_picture(self, picture: Pixels) -> Vectors:
        return self._vector(b"picture", picture.tobytes())

    def _vector(self, sort: bytes, content: str | bytes) -> Vectors:
        raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        seed = int.from_bytes(hashlib.sha256(sort + b"\0" + raw).digest()[:8])
        vector = np.random.default_rng(seed).standard_normal(self.description.dimension)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    def _stack(self, vectors: Sequence[Vectors]) -> Vectors:
        return np.asarray(vectors, np.float32).reshape(len(vectors), self.description.dimension)


class ScriptedReader:
    """A `TextReader` that reads on a picture what it was told is there, and nothing on any other.

    ``scripts`` pairs pictures with the lines on them; each line is a moment, one under the other.
    """

    def __init__(self, *scripts: tuple[Pixels, Sequence[str]], version: int = 1) -> None:
        self.stage = Stage("ocr", version, {"weights": "scripted"})
        self._lines = {_sha256(picture): tuple(lines) for picture, lines in scripts}

    def read(self, picture: Pixels) -> list[Moment]:
        lines = self._lines.get(_sha256(picture), ())
        return [
            Moment(SegmentKind.OCR, box=Box(0, n / len(lines), 1, 1 / len(lines)), text=line, confidence=1.0)
            for n, line in enumerate(lines)
        ]


def _sha256(picture: Pixels) -> str:
    return hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).hexdigest()


class ScriptedTranscriber:
    """A `Transcriber` that says its lines in turn, one for each stretch of sound between silences of 0.2 s or more."""

    def __init__(self, lines: Sequence[str] = ("Something is said.",), *, language: str = "en") -> None:
        self.stage = Stage("transcribe", 1, {"weights": hashlib.sha256("\n".join(lines).encode()).hexdigest()})
        self._lines = lines
        self._language = language

    def transcribe(self, sound: Sound) -> list[Moment]:
        rate = 16_000
        loud = np.flatnonzero(np.abs(np.nan_to_num(sound, nan=0.0, posinf=0.0, neginf=0.0)) > 1e-4)
        if not loud.size:
            return []
        return [
            Moment(
                SegmentKind.SPEECH,
                start_s=round(float(stretch[0]) / rate, 2),
                end_s=round(float(stretch[-1] + 1) / rate, 2),
                text=self._lines[index % len(self._lines)],
                language=self._language,
                confidence=1.0,
            )
            for index, stretch in enumerate(np.split(loud, np.flatnonzero(np.diff(loud) >= 0.2 * rate) + 1))
        ]


class ScriptedReranker:
    """A `Reranker` that gives each text the score it was told, and any other one a score by a hash of it and the query.

    It reads no pictures.
    """

    picture: PictureSpec | None = None

    def __init__(self, scores: Mapping[str, float] | None = None, *, spec: str = "scripted") -> None:
        self.spec = spec
        self._scores = dict(scores or {})

    def score(self, texts: Sequence[str], picture: Pixels | None, candidates: Sequence[Moment]) -> Vectors:
        judged = [self._of(texts, each.text) if texts and each.text is not None else np.nan for each in candidates]
        return np.asarray(judged, np.float32).reshape(len(candidates))

    def _of(self, texts: Sequence[str], text: str) -> float:
        if text in self._scores:
            return self._scores[text]
        pair = "\0".join([*texts, text]).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.sha256(pair).digest()[:4]) / 2**32


class ScriptedCaptioner:
    """A `Captioner` that says how bright a picture is and what was read off it, in one sentence and a box each."""

    def __init__(self, *, picture_px: int = 64, version: int = 1, examples: int = 2) -> None:
        self.spec = "scripted"
        self.stage = Stage("caption", version, {"model": "scripted"})
        self.picture_px = picture_px
        self.examples = examples
        self.sends_to: str | None = None
        self.seen: list[Sight] = []

    def caption(self, sights: Sequence[Sight]) -> list[Sequence[Moment]]:
        self.seen += sights
        return [self._of(sight) for sight in sights]

    def _of(self, sight: Sight) -> Sequence[Moment]:
        if sight.pixels is None:
            return []
        said = "a bright picture" if sight.pixels.mean() > 127 else "a dark picture"
        whole = Moment(SegmentKind.CAPTION, text=said, confidence=0.9)
        lines = [(word.box, one_line(word.text or "", 200)) for word in sight.words]
        return [whole, *(Moment(SegmentKind.CAPTION, box=box, text=line) for box, line in lines if line)]


class ScriptedAnswerer:
    """An `Answerer` that says what it was told to, piece by piece, and remembers what it was shown."""

    def __init__(self, *pieces: str, picture_px: int = 0, exhibits: int = 8) -> None:
        self.spec = "scripted"
        self.sends_to: str | None = None
        self.picture_px = picture_px
        self.exhibits = exhibits
        self.asked: list[tuple[Question, Sequence[Exhibit]]] = []
        self._pieces = pieces

    def answer(self, question: Question, exhibits: Sequence[Exhibit]) -> Iterator[str]:
        self.asked.append((question, exhibits))
        yield from self._pieces
