"""What a search answers, as notebooks show it: pictures with their moments, in plain HTML without a script."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path, PurePath
from typing import Any

from bowerbird.errors import LibraryError
from bowerbird.queries import Hit, SearchResult
from bowerbird.wiring import Library
from search.moments_in_words import excerpt, spot
from search.thumbnails import thumbnails_of

MOST_PICTURES = 24
"""At some 10 KB each, what a saved notebook can bear."""

# Colours are the notebook's own, dimmed by opacity, so that dark ones are as readable as light ones.
_GRID = "display:grid;grid-template-columns:repeat(auto-fill,minmax(11em,1fr));gap:1em;margin:.5em 0"
_CARD = "margin:0;min-width:0;overflow-wrap:anywhere;font-size:.9em;line-height:1.35"
_PICTURE = "display:block;width:100%;height:9em;object-fit:contain;background:rgba(128,128,128,.15);border-radius:4px"
_DIM = "opacity:.7"


class ShownResult(SearchResult):
    """A `SearchResult` that notebooks show as pictures. It equals, and is in all else, the plain one.

    Pictures are looked up when it is displayed, and there is none where the library has gone by then.
    A copy made with `dataclasses.replace` or by pickling is displayed without pictures.
    """

    _library: Library | None

    @classmethod
    def of(cls, library: Library, **fields: Any) -> ShownResult:
        """The result with these fields of `SearchResult`, of a search in ``library``."""
        made = cls(**fields)
        object.__setattr__(made, "_library", library)
        return made

    def thumbnails(self) -> list[Path | None]:
        """Where the small picture (WebP) of each hit lies, in the order of ``hits``; None for one that has none.

        Raises `LibraryError` where the library's catalogue is out of reach.
        """
        return self._thumbnails(self.hits)

    def _thumbnails(self, hits: Sequence[Hit]) -> list[Path | None]:
        library = getattr(self, "_library", None)
        return [None] * len(hits) if library is None else thumbnails_of(library, hits)

    def _repr_html_(self) -> str:
        """A grid of cards, of which the first `MOST_PICTURES` have pictures. What IPython and Jupyter display."""
        try:
            pictures = self._thumbnails(self.hits[:MOST_PICTURES])
        except LibraryError:  # deleted or locked since: the answer is still worth showing
            pictures = []
        pictures += [None] * (len(self.hits) - len(pictures))
        cards = "".join(_card(hit, picture) for hit, picture in zip(self.hits, pictures, strict=True))
        grid = f'<div style="{_GRID}">{cards}</div>' if cards else ""
        return f'<div class="bowerbird">{self._said()}{grid}</div>'

    def _said(self) -> str:
        lines = [f"Taken for a filter, {each}." for each in self.understood]
        if not self.matched:
            lines.append("Nothing here stands out for this query." + (" The nearest are:" if self.hits else ""))
        return "".join(f'<p style="{_DIM}">{_text(line)}</p>' for line in lines)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SearchResult):
            return NotImplemented
        return _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash(_values(self))

    def __repr__(self) -> str:
        """One line: the hits of a page fill a screen."""
        stands_out = "matched" if self.matched else "none stands out"
        return f"<SearchResult: {len(self.hits)} {'hit' if len(self.hits) == 1 else 'hits'}, {stands_out}>"


def _values(result: SearchResult) -> tuple[object, ...]:
    """In the order of the fields, as a dataclass compares and hashes itself."""
    return (result.hits, result.matched, result.took_ms, result.next_cursor, result.understood)


def _card(hit: Hit, picture: Path | None) -> str:
    name = _text(PurePath(hit.path).name)
    lines = [f"<strong>{name}</strong>"]
    if where := spot(hit):
        lines.append(_text(where))
    lines.append(f'<span style="{_DIM}">{hit.relevance:.2f} · {_text(hit.segment_kind)}</span>')
    if hit.text:
        lines.append(f'<span style="{_DIM}">{_text(excerpt(hit.text))}</span>')
    source = None if picture is None else _data_uri(picture)
    shown = "" if source is None else f'<img src="{source}" alt="{name}" style="{_PICTURE}"/>'
    caption = "<br/>".join(lines)
    return f'<figure title="{_text(hit.path)}" style="{_CARD}">{shown}<figcaption>{caption}</figcaption></figure>'


def _data_uri(picture: Path) -> str | None:
    try:
        return f"data:image/webp;base64,{base64.b64encode(picture.read_bytes()).decode('ascii')}"
    except OSError:  # it has just gone
        return None


def _text(said: str) -> str:
    """As HTML shows it: bytes of names that are not UTF-8 as ``\\xNN``, what has no shape as a space."""
    return escape("".join(each if each.isprintable() else _IN_PLACE.get(each, " ") for each in said))


_IN_PLACE = {chr(0xDC00 + byte): f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
"""Of bytes as `os.fsdecode` hands them on."""
