"""What the terminal is able to draw, found out without a trace on the screen."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping
from enum import StrEnum

ANSWERS_WITHIN_S = 1.0
"""How long a terminal has to say what it is. Most do at once; an answer that came later would stay at the prompt.
"""


class Drawing(StrEnum):
    """Ways to draw a picture in a terminal."""

    KITTY = "kitty"
    """The kitty graphics protocol: https://sw.kovidgoyal.net/kitty/graphics-protocol/."""
    ITERM = "iterm"
    """Inline images of iTerm2: https://iterm2.com/documentation-images.html."""
    SIXEL = "sixel"
    """As the VT340 drew: DEC STD 070, chapter 9."""
    BLOCKS = "blocks"
    """Half-block characters in 24-bit colour."""
    NONE = "none"


def drawing() -> Drawing:
    """The best that the terminal at stdout is known to draw; `Drawing.NONE` where there is no terminal."""
    if not sys.stdout.isatty() or os.environ.get("TERM") in {None, "", "dumb"}:
        return Drawing.NONE
    named = named_in(os.environ)
    if named is Drawing.BLOCKS or named is Drawing.NONE:
        # Terminals say that they know sixels only when they are asked.
        return Drawing.SIXEL if sys.stdin.isatty() and draws_sixels(sys.stdin.fileno()) else named
    return named


def named_in(environment: Mapping[str, str]) -> Drawing:
    """What the variables that a terminal sets promise."""
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    inside = "TMUX" in environment or term.startswith(("screen", "tmux"))
    if not inside:  # a multiplexer hands its own screen on, and none of the terminal's protocols
        if "KITTY_WINDOW_ID" in environment or term in {"xterm-kitty", "xterm-ghostty"} or program == "ghostty":
            return Drawing.KITTY
        if program in {"iTerm.app", "WezTerm", "mintty"} or environment.get("LC_TERMINAL") == "iTerm2":
            return Drawing.ITERM
    colours = environment.get("COLORTERM") in {"truecolor", "24bit"} or "WT_SESSION" in environment
    return Drawing.BLOCKS if colours and not environment.get("NO_COLOR") else Drawing.NONE


def draws_sixels(terminal: int, within_s: float = ANSWERS_WITHIN_S) -> bool:
    """Whether the terminal at this file descriptor names sixels (4) when it is asked what it is (DA1).

    Keys that were pressed ahead are not taken from it: with any waiting it is not asked. Its modes are as before
    afterwards, whatever happens. One that belongs to another job is left alone, since asking would stop this one.
    """
    try:
        import termios
    except ImportError:  # Windows
        return False
    try:
        if os.tcgetpgrp(terminal) != os.getpgrp():
            return False
        before = termios.tcgetattr(terminal)
        quiet = [*before[:3], before[3] & ~(termios.ICANON | termios.ECHO), *before[4:]]
        try:
            termios.tcsetattr(terminal, termios.TCSANOW, quiet)
            answer = b"" if _is_waiting(terminal, 0) else _answer(terminal, within_s)
        finally:
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
    except (OSError, termios.error):  # no terminal after all, or it has gone
        return False
    said = re.search(rb"\x1b\[\?([\d;]+)c", answer)
    return said is not None and b"4" in said[1].split(b";")[1:]


def cell(terminal: int) -> tuple[int, int]:
    """Width and height of a character in pixels, as far as the terminal tells; else a size that most surpass."""
    try:
        import fcntl
        import struct
        import termios

        rows, columns, width, height = struct.unpack("4H", fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8)))
    except (ImportError, OSError):
        rows = columns = width = height = 0
    if rows and columns and width >= 2 * columns and height >= 4 * rows:
        return width // columns, height // rows
    return 8, 16


def _is_waiting(terminal: int, within_s: float) -> bool:
    import select

    return bool(select.select([terminal], [], [], within_s)[0])


def _answer(terminal: int, within_s: float) -> bytes:
    os.write(terminal, b"\x1b[c")
    answer, deadline = b"", time.monotonic() + within_s
    while not answer.endswith(b"c") and len(answer) < 256:
        if not _is_waiting(terminal, max(0.0, deadline - time.monotonic())):
            break
        read = os.read(terminal, 64)
        if not read:
            break
        answer += read
    return answer
