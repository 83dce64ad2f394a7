"""What decoding yields, before the catalogue knows it, and how one asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from bowerbird.types import AssetInfo, Box, Pixels, Segment, SegmentKind, Sound


@dataclass(frozen=True, slots=True)
class PictureSpec:
    """How an encoder wants a picture: ``size`` x ``size`` pixels, made once, where the picture is decoded.

    ``shortest`` scales the shorter side to ``size / crop`` and cuts the centre; ``squash`` scales both
    sides to ``size``; ``longest`` scales the longer side to ``size`` and pads with ``fill``.
    """

    size: int
    resize: Literal["shortest", "squash", "longest"] = "shortest"
    crop: float = 1.0
    interpolation: Literal["bilinear", "bicubic"] = "bicubic"
    fill: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a file, so that it is decoded once and nothing is made in vain. Text costs little, and comes
    always.
    """

    picture: PictureSpec | None = None
    """The square that the encoder wants of every picture, frame and page; None: no pixels."""
    regions: int = 0
    """Into how many overlapping tiles, each a further square, still pictures are cut: 0, 4 or 9."""
    detail_px: int = 0
    """The longest side of the larger rendition off which words are read; 0: none."""
    thumbnail_px: int = 0
    """The longest side of thumbnails; 0: none."""
    sound: bool = False
    page: int | None = None
    """From 1: of a document only this page is decoded. What has no pages is decoded as ever."""
    at_s: float | None = None
    """Of a film only the frame that is shown at this time is decoded, the last one where it has ended by then."""
    word_boxes: bool = False
    """Whether each word of a PDF is a moment with the box in which it stands, in place of the text of its page."""

    @property
    def sees(self) -> bool:
        """Whether pixels are wanted in any form."""
        return bool(self.picture or self.regions or self.detail_px or self.thumbnail_px)


NOTHING = Wanted()
"""Only what a file is, and its text."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of a file: pixels, text, or both, and where it lies.

    A tile is a moment of kind `region` that follows the picture it was cut from.
    """

    kind: SegmentKind
    start_s: float | None = None
    end_s: float | None = None
    page: int | None = None
    """From 1."""
    box: Box | None = None
    text: str | None = None
    language: str | None = None
    confidence: float | None = None
    """0..1, of text that was heard or read off a picture."""
    pixels: Pixels | None = field(default=None, compare=False, repr=False)
    """Made to `Wanted.picture`."""
    detail: Pixels | None = field(default=None, compare=False, repr=False)
    """Upright and whole, of any proportions; only where words may stand that are not known as text already."""
    thumbnail: bytes | None = field(default=None, compare=False, repr=False)
    """WebP."""


def seen_together(one: Moment | Segment, other: Moment | Segment) -> bool:
    """Whether both, of one asset, can be seen at once: on one page, in one scene. What has no time is there throughout.

    The end of a scene is the beginning of the next, and belongs to that.
    """
    if one.page != other.page:
        return False
    if one.start_s is None or other.start_s is None or one.start_s == other.start_s:
        return True
    return one.start_s < (other.end_s or other.start_s) and other.start_s < (one.end_s or one.start_s)


@dataclass(frozen=True, slots=True)
class Heard:
    """A stretch of a recording's sound, of at most a minute. Stretches follow one another; a gap is silence."""

    start_s: float
    sound: Sound = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file that has been opened: what it is, and what lies in it, in order, possibly decoded only when asked for.

    Going through ``parts`` may raise `DecodeFailed` as opening does. A recording whose words are known, since subtitles
    lie in it, yields them as moments of kind `speech` and no sound.
    """

    info: AssetInfo
    parts: Iterable[Moment | Heard]
