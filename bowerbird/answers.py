"""Questions about a library and what they are answered; and what a model is shown that is to say what it sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bowerbird.moments import Moment
from bowerbird.types import AssetInfo, AssetKind, Box, Pixels, SegmentKind, Vectors


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A retrieved moment, put before whoever answers. Nothing else may be cited."""

    number: int
    """From 1, as answers cite it: ``[3]``."""
    segment_id: int
    asset_id: str
    """The hash of its content."""
    path: str
    kind: AssetKind
    segment_kind: SegmentKind
    start_s: float | None
    end_s: float | None
    page: int | None
    box: Box | None
    text: str | None
    """What it bears, and of speech and writing what stands around it too, as far as that helps to understand it.
    Words of the file and of its owner; those of a model only where the moment is a caption that one made."""
    relevance: float
    """To the question, 0..1."""
    taken_at: str | None = None
    """ISO 8601 without a zone."""
    place: str | None = None
    picture: bytes | None = field(default=None, repr=False)
    """What it shows, an encoded JPEG or WebP; only for those who want pictures."""
    span: tuple[int, int] | None = None
    """Where in ``text`` the part begins and ends that the moment itself bears; None: all of it is its own."""
    caption: str | None = None
    """What a model has said of the picture. It helps to find one's way, and is no evidence: nobody can quote it."""

    @property
    def own(self) -> str:
        """What the moment itself bears, without what stands around it."""
        text = self.text or ""
        return text if self.span is None else text[slice(*self.span)]


@dataclass(frozen=True, slots=True)
class Turn:
    """What was asked before in the same conversation, and what was answered."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class About:
    """The one moment that a question is about: a segment, or an asset at a time or on a page."""

    segment_id: int | None = None
    asset_id: str | None = None
    """The hash of its content."""
    at_s: float | None = None
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What someone wants to know."""

    text: str
    about: About | None = None
    """Then that moment is the only evidence; None: whatever the library holds."""
    image: bytes | None = field(default=None, repr=False)
    """A picture (JPEG, PNG …) that it is about, which need not be in the library."""
    thread: tuple[Turn, ...] = ()
    """The conversation so far, oldest first."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A moment that bears out what was said, and where it opens."""

    segment_id: int
    asset_id: str
    path: str
    kind: AssetKind
    segment_kind: SegmentKind
    start_s: float | None
    end_s: float | None
    page: int | None
    box: Box | None
    quote: str | None
    """Words of the moment itself, a model's only where it is a caption; None where it bears none."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of an answer. ``citations`` are places in `Answer.citations`, from 1; one without is unsupported."""

    text: str
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question was answered. An empty ``text`` says that nothing in the library answers it."""

    text: str
    """Plain text; ``[1]`` cites the first of ``citations``, ``[unsupported]`` follows a claim that cites nothing."""
    supported: bool
    """Whether every claim cites something that was retrieved. False where nothing is claimed."""
    citations: tuple[Citation, ...]
    claims: tuple[Claim, ...]
    answerer: str
    """The spec of what answered."""
    complete: bool = True
    """False where it was cut off, for want of time or since the endpoint fell silent."""
    took_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What the answer will be made from. Always the first event of one that is under way."""

    exhibits: tuple[Exhibit, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of the answer's text, ready to be shown. Its ``[1]`` cites the first of this answer's citations."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation that the text which follows has markers of: what ``[number]`` stands for."""

    number: int
    citation: Citation


@dataclass(frozen=True, slots=True)
class Ended:
    """The whole answer. Always the last event, unless an error is raised; ``trouble`` says why it was cut off."""

    answer: Answer
    trouble: str | None = None


Event = Retrieved | Said | Cited | Ended
"""What comes on the way to an answer."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Something captioned in this library before, as an example of how its owner puts it."""

    text: str
    picture: Pixels | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sight:
    """A picture, frame or page that is to be captioned, with what is known of it."""

    info: AssetInfo
    """Of the asset: when, where and with what it was taken."""
    kind: SegmentKind
    vector: Vectors | None = field(default=None, compare=False, repr=False)
    """In the joint space, shape ``(dimension,)``."""
    pixels: Pixels | None = field(default=None, compare=False, repr=False)
    """Upright, `Captioner.picture_px` at the longest side; None where none were wanted."""
    words: Sequence[Moment] = ()
    """What was read off it: moments of kind `ocr` with box and confidence."""
    examples: Sequence[Shown] = ()
    """The nearest first."""
