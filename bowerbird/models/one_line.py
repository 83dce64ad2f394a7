"""Text from anywhere as one clean line, so that it can stand in a sentence, a list or a terminal."""

from __future__ import annotations

import re
import unicodedata

_NOT_SHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode's categories of what controls, formats (bidirectional overrides among them) or is no character at all."""
_JOINERS = "\u200c\u200d"
"""Formatting that spells words in Persian or Hindi, and families in emoji."""


def one_line(text: str, longest: int) -> str:
    """``text`` with white space and what is not shown as single spaces, cut at a word so that at most ``longest``
    characters stay; what was cut ends in ``…``. Reads no more of it than a small multiple of that.
    """
    start = text[: 4 * longest + 4]
    shown = "".join(sign if sign in _JOINERS or unicodedata.category(sign) not in _NOT_SHOWN else " " for sign in start)
    line = re.sub(r"\s+", " ", shown).strip()
    if len(line) <= longest and len(start) == len(text):
        return line
    cut = line[: longest - 1]
    whole = cut.rpartition(" ")[0] if line[longest - 1 : longest].strip() else cut
    # A single word longer than the line is cut where it must be.
    kept = whole if len(whole) > longest // 2 else cut
    return f"{kept.rstrip(' ,;:-')}…" if kept.strip() else ""


def reason_of(error: Exception) -> str:
    """What an error of a library comes to: its first line, for want of one its kind."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
