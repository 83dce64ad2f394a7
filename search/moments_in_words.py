"""Where a hit's moment lies in its file, in the few words that go beside a picture."""

from __future__ import annotations

from bowerbird.answers import Citation, Exhibit
from bowerbird.queries import Hit
from bowerbird.types import Box


def spot(hit: Hit | Exhibit | Citation) -> str:
    """``1:05–1:12``, ``page 4``, ``middle left``; empty where the moment is the whole file."""
    spots = []
    if hit.start_s is not None:
        ends = hit.end_s is not None and int(hit.end_s) > int(hit.start_s)
        spots.append(clock(hit.start_s) + (f"–{clock(hit.end_s)}" if ends and hit.end_s is not None else ""))
    if hit.page is not None:
        spots.append(f"page {hit.page}")
    if hit.box is not None:
        spots.append(_in_words(hit.box))
    return ", ".join(spots)


def clock(seconds: float) -> str:
    """``1:05``, ``1:02:05``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def excerpt(text: str, most: int = 160) -> str:
    """The beginning of ``text`` on one line, at most ``most`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _in_words(box: Box) -> str:
    x, y = box.x + box.width / 2, box.y + box.height / 2
    across = "left" if x < 0.4 else "right" if x > 0.6 else ""
    down = "top" if y < 0.4 else "bottom" if y > 0.6 else ""
    return " ".join(word for word in (down, across) if word) or "middle"
