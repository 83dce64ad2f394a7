"""Lines of text -> blocks in reading order: a paragraph says more, and is found more surely, than each of its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bowerbird.models.text_lines import Line

SAME_SIZE = 1.7
"""Lines of one block are of like height: at most this ratio."""
GAP = 0.9
"""The most room between lines of one block, in heights of a line."""
MAX_WORDS = 160
"""Of one block: what a text encoder reads whole."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong together, in reading order. All measures are in pixels."""

    left: float
    top: float
    right: float
    bottom: float
    line_height: float
    text: str
    confidence: float
    """The mean over its characters."""


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """A line with its place: its upright bounds, and its height measured across it."""

    line: Line
    left: float
    top: float
    right: float
    bottom: float
    height: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def in_blocks(lines: Sequence[Line]) -> list[Block]:
    """Every line in one block; blocks from top to bottom and, side by side, from left to right."""
    placed = sorted((_place(line) for line in lines), key=lambda line: (line.top, line.left))
    groups: list[list[_Placed]] = []
    for line in placed:
        near = [group for group in groups if any(_belong(line, other) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([other for group in near for other in group] + [line])
    return _in_order([_block(rows) for group in groups for rows in _cut(_rows(group))])


def _in_order(blocks: list[Block]) -> list[Block]:
    """From the top; blocks that begin within half a line of one another stand side by side, from the left."""
    rows: list[list[Block]] = []
    for block in sorted(blocks, key=lambda block: block.top):
        if rows and block.top - rows[-1][0].top < 0.5 * min(block.line_height, rows[-1][0].line_height):
            rows[-1].append(block)
        else:
            rows.append([block])
    return [block for row in rows for block in sorted(row, key=lambda block: block.left)]


def _place(line: Line) -> _Placed:
    (left, top), (right, bottom) = line.corners.min(axis=0).tolist(), line.corners.max(axis=0).tolist()
    sides = np.linalg.norm(line.corners - np.roll(line.corners, 1, axis=0), axis=1)
    return _Placed(line, left, top, right, bottom, float(max(1.0, sides.min())))


def _belong(one: _Placed, other: _Placed) -> bool:
    height = max(one.height, other.height)
    if height > SAME_SIZE * min(one.height, other.height):
        return False
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.middle, other.middle) - min(one.middle, other.middle) - height
    if _level(one, other):
        return across <= 1.5 * height
    return across < 0 and down <= GAP * height


def _level(one: _Placed, other: _Placed) -> bool:
    """Whether they stand side by side on one row."""
    return abs(one.middle - other.middle) < 0.5 * min(one.height, other.height)


def _rows(group: list[_Placed]) -> list[list[_Placed]]:
    rows: list[list[_Placed]] = []
    for line in sorted(group, key=lambda line: line.middle):
        if rows and _level(rows[-1][-1], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _cut(rows: list[list[_Placed]]) -> list[list[list[_Placed]]]:
    """The rows in runs of at most `MAX_WORDS` words, a longer row by itself."""
    runs: list[list[list[_Placed]]] = []
    words = 0
    for row in rows:
        more = sum(len(each.line.text.split()) for each in row)
        if not runs or words + more > MAX_WORDS:
            runs.append([])
            words = 0
        runs[-1].append(row)
        words += more
    return runs


def _block(rows: list[list[_Placed]]) -> Block:
    lines = [line for row in rows for line in row]
    lengths = [len(each.line.text) for each in lines]
    return Block(
        min(each.left for each in lines),
        min(each.top for each in lines),
        max(each.right for each in lines),
        max(each.bottom for each in lines),
        float(np.mean([each.height for each in lines])),
        "\n".join(" ".join(each.line.text for each in row) for row in rows),
        float(np.average([each.line.confidence for each in lines], weights=lengths)),
    )
