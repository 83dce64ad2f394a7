"""What was found on a page of paper, drawn as a transparent picture that lies over the page's own.

A picture needs no script, and it is loaded beside the page, for which nobody then has to wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from api.renditions import Word
from api.web.viewer_words import Sought, run_of, words_in
from bowerbird.types import Box, Segment, SegmentKind

_FOUND, _PASSAGE = "#ffd400", "#4da3ff"
_MOST_OF_A_PAGE = 0.8
"""A passage that is more of its page than this is the page, and needs no mark."""
_ROOM = 0.002
"""Around the ink."""


def marks(
    words: Sequence[Word], read: Sequence[Segment], moment: Segment | None, sought: Sought
) -> tuple[list[Box], list[Box]]:
    """Where the words that are ``sought`` stand on a page, and where the passage does that is ``moment``.

    ``words`` are the page's own, ``read`` what was read off its picture, which says where lines stand and not words.
    """
    tokens = [(token, word.box) for word in words for token in words_in(word.text)]
    said = [token for token, _ in tokens]
    found = list(dict.fromkeys(tokens[index][1] for index in sorted(sought.among(said))))
    found += [each.box for each in read if each.box is not None and sought.stand_in(each.text or "")]
    passage: list[Box] = []
    if moment is not None and moment.kind is SegmentKind.OCR and moment.box is not None:
        passage = [moment.box]
    elif moment is not None and moment.kind is SegmentKind.TEXT and moment.text:
        run = run_of(moment.text, said)
        if len(run) < _MOST_OF_A_PAGE * len(said):
            passage = list(_lines(box for _, box in tokens[run.start : run.stop]))
    return found, passage


def drawn(found: Sequence[Box], passage: Sequence[Box]) -> bytes:
    """SVG, stretched over whatever it lies on."""
    rectangles = [
        *(_rectangle(box, _PASSAGE, 0.18) for box in passage),
        *(_rectangle(box, _FOUND, 0.5) for box in found),
    ]
    start = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" preserveAspectRatio="none">'
    return f"{start}{''.join(rectangles)}</svg>".encode("ascii")


def _rectangle(box: Box, colour: str, opacity: float) -> str:
    x, y, width, height = box.x - _ROOM, box.y - _ROOM, box.width + 2 * _ROOM, box.height + 2 * _ROOM
    where = f'x="{x:.5f}" y="{y:.5f}" width="{width:.5f}" height="{height:.5f}"'
    return f'<rect {where} fill="{colour}" fill-opacity="{opacity}"/>'


def _lines(boxes: Iterator[Box]) -> Iterator[Box]:
    """Boxes of words, in order, joined along their lines."""
    line: Box | None = None
    for box in boxes:
        if line is not None and box.x >= line.x and _beside(line, box):
            x_end, top = max(line.x + line.width, box.x + box.width), min(line.y, box.y)
            bottom = max(line.y + line.height, box.y + box.height)
            line = Box(line.x, top, x_end - line.x, bottom - top)
            continue
        if line is not None:
            yield line
        line = box
    if line is not None:
        yield line


def _beside(one: Box, other: Box) -> bool:
    middle = other.y + other.height / 2
    return one.y <= middle <= one.y + one.height
