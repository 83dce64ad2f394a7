"""Pictures in a terminal, with text beside them: drawn by the terminal, or made of half-blocks in colour."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from api.cli.terminal import Drawing

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS, ROWS = 18, 6
"""Characters that a picture has at most: room for 3:2 in cells that are twice as high as wide."""
GAP = 2
"""Columns between a picture and its text."""
_COLOURS = 128
_CHUNK = 4096  # of base64: what kitty takes at once
_RUN = re.compile(r"(.)\1{3,}")


def load(thumbnail: Path | None) -> Image | None:
    """A thumbnail of ours, in RGB; None where it cannot be read."""
    from PIL import Image

    if thumbnail is None:
        return None
    try:
        with Image.open(thumbnail, formats=["WEBP"]) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError):
        return None


def beside(picture: Image | None, lines: Sequence[str], how: Drawing, cell: tuple[int, int] = (8, 16)) -> str:
    """What to write so that ``picture`` stands to the left of ``lines``, which may be more or fewer, and a blank line.

    ``cell`` is the width and height of a character in pixels. Without a picture its place is left free.
    """
    indent = COLUMNS + GAP
    if picture is None or how is Drawing.NONE:
        return "".join(f"{' ' * indent}{line}".rstrip() + "\n" for line in lines) + "\n"
    if how is Drawing.BLOCKS:
        drawn = blocks(picture)
        wide = _fitted(picture, COLUMNS, 2 * ROWS)[0]
        pairs = zip_longest(drawn, lines, fillvalue="")
        return "".join(f"{left}{' ' * (indent - wide if left else indent)}{line}\n" for left, line in pairs) + "\n"
    sized = picture.resize(_fitted(picture, COLUMNS * cell[0], ROWS * cell[1]))
    drawn_by_terminal = kitty(sized, cell) if how is Drawing.KITTY else {"iterm": iterm, "sixel": sixel}[how](sized)
    # Its place is made first, since the screen may scroll for it. Terminals leave the cursor in various places when
    # they have drawn: it is fetched back.
    tall = max(ROWS, len(lines))
    start = "\n" * (ROWS + 1) + f"\x1b[{ROWS + 1}A\x1b7{drawn_by_terminal}\x1b8"
    rows = [*lines, *[""] * (tall - len(lines))]
    return start + "".join(f"\r\x1b[{indent}C{line}\n" if line else "\n" for line in rows) + "\n"


def kitty(picture: Image, cell: tuple[int, int]) -> str:
    """Sent as PNG and shown at the cursor, which stays; scaled to the side that fills its place, its shape kept."""
    data = _in_base64(picture)
    chunks = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
    is_wide = picture.width * ROWS * cell[1] > picture.height * COLUMNS * cell[0]
    keys = f"a=T,f=100,q=2,C=1,{f'c={COLUMNS}' if is_wide else f'r={ROWS}'},"
    last = len(chunks) - 1
    return "".join(
        f"\x1b_G{keys if number == 0 else ''}m={int(number < last)};{chunk}\x1b\\"
        for number, chunk in enumerate(chunks)
    )


def iterm(picture: Image) -> str:
    """Sent as PNG and shown at the cursor, in the columns and rows that it has at most, its shape kept."""
    size = f"width={COLUMNS};height={ROWS};preserveAspectRatio=1"
    return f"\x1b]1337;File=inline=1;{size}:{_in_base64(picture)}\x07"


def sixel(picture: Image) -> str:
    """Bands of six rows, each drawn once for every colour in it, runs counted; at most `_COLOURS` colours."""
    import numpy as np
    from PIL import Image

    reduced = picture.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT)
    palette = np.asarray(reduced.getpalette(), np.float64).reshape(-1, 3)
    places = np.asarray(reduced)
    height, width = places.shape
    out = [f'\x1bP0;1;0q"1;1;{width};{height}']
    for number in np.unique(places):
        red, green, blue = np.rint(palette[number] / 2.55).astype(int)
        out.append(f"#{number};2;{red};{green};{blue}")
    for top in range(0, height, 6):
        band = places[top : top + 6]
        numbers = np.unique(band)
        weights = (1 << np.arange(len(band))).astype(np.uint8)
        columns = 63 + np.tensordot(weights, (band[:, None] == numbers[:, None]).astype(np.uint8), 1)
        passes = (f"#{number}{_runs(row.tobytes())}" for number, row in zip(numbers, columns, strict=True))
        out.append("$".join(passes) + "-")
    return "".join(out) + "\x1b\\"


def blocks(picture: Image) -> list[str]:
    """A line for every two rows of pixels, the upper in the colour of the character, the lower in that behind it."""
    import numpy as np
    from PIL import Image

    wide, high = _fitted(picture, COLUMNS, 2 * ROWS)
    pixels = np.asarray(picture.resize((wide, high + high % 2), Image.Resampling.BOX)).tolist()
    return [
        "".join(
            "\x1b[38;2;{};{};{};48;2;{};{};{}m▀".format(*above, *below)
            for above, below in zip(upper, lower, strict=True)
        )
        + "\x1b[0m"
        for upper, lower in zip(pixels[::2], pixels[1::2], strict=True)
    ]


def _runs(columns: bytes) -> str:
    """Columns of one colour, a character each: runs longer than three are counted, empty ones at the end left out."""
    drawn = columns.decode("ascii").rstrip("?")
    return _RUN.sub(lambda run: f"!{len(run[0])}{run[1]}", drawn)


def _fitted(picture: Image, width: int, height: int) -> tuple[int, int]:
    """The largest size of its shape within these, in pixels."""
    scale = min(width / picture.width, height / picture.height)
    return max(1, round(picture.width * scale)), max(1, round(picture.height * scale))


def _in_base64(picture: Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")
