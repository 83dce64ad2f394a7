"""The source of an SVG drawing, parsed by expat and written anew so that it may be given to a renderer.

Left out is all that refers beyond the file: every ``href`` but those to a part of the same drawing and to a raster
picture held inside; processing instructions; the DTD, whose short entities are put in place first. What a drawing
unfolds to (``use``, masks, patterns) is counted before it is drawn.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.pictures import explained, open_picture

_MAX_DEPTH = 200
"""Of elements within elements, references followed: the renderer recurses, and overruns its stack before 1,000."""
_MAX_ELEMENTS = 1_000_000
"""With every reference followed. The largest maps have some 100,000."""
_MAX_ENTITY = 100
"""Characters. Illustrator names namespaces by entities, of up to 50; longer ones are bombs."""
_RASTER = re.compile(r"data:image/(png|jpeg|jpg|gif|webp);base64,", re.ASCII)
_REFERENCE = re.compile(r"url\(\s*['\"]?#([^'\")\s]+)")
_LENGTH = re.compile(r"\s*\+?(\d*\.?\d+(?:[eE][+-]?\d+)?)\s*(px|pt|pc|in|cm|mm|em|ex|)\s*", re.ASCII)
_PIXELS = {"": 1, "px": 1, "pt": 4 / 3, "pc": 16, "in": 96, "cm": 96 / 2.54, "mm": 96 / 25.4, "em": 16, "ex": 8}
_WORDED = frozenset(("title", "desc", "text", "foreignObject"))
_WORDLESS = frozenset(("style", "script"))
_SIZELESS = (1024.0, 768.0)
"""What a drawing that says nothing of its size is given, as a browser's window would."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing that refers to nothing but itself."""

    width: float
    """In pixels of CSS, as the file says, or in its own units."""
    height: float
    texts: tuple[str, ...]
    """What its title, descriptions and words say, in the order of the file."""
    has_text: bool
    """Whether any words are drawn as such: only then are fonts needed."""
    _fills: bool
    """Whether what is shown of it has the proportions of the whole."""
    _root: str
    _attributes: Mapping[str, str]
    _body: str

    def markup(self, width: int, height: int) -> str:
        """The drawing as SVG of ``width`` x ``height`` pixels."""
        attributes = {**self._attributes, "width": str(width), "height": str(height)}
        if self._fills:  # rounded to pixels its proportions are others, and a white line would remain
            attributes["preserveAspectRatio"] = "none"
        return f"<{self._root}{_written(attributes)}>{self._body}"


def read_drawing(data: bytes, max_megapixels: int) -> Drawing:
    """Parse SVG in any encoding that expat reads. Raises `DecodeFailed` where it is none, damaged, or over a limit.

    Raster pictures inside that have more than ``max_megapixels`` together are left out.
    """
    reader = _Reader(max_megapixels)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DecodeFailed(f"is damaged: {error}") from None
    reader.hold_to_limits()
    return reader.drawing()


@dataclass(slots=True)
class _Part:
    """An element that has an id, with what lies in it up to the next that has one."""

    base: int
    """How deep it lies in the file."""
    elements: int = 0
    height: int = 0
    """The levels of elements in it, itself included."""
    holds: list[tuple[int, _Part]] = field(default_factory=list)
    """The parts in it, each with the level at which it begins."""
    refers: list[tuple[int, str]] = field(default_factory=list)
    """The ids that it refers to, each with the level at which it does."""


class _Reader:
    def __init__(self, max_megapixels: int) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._entity
        self._pixels_left = max_megapixels * 1e6
        self._root = ""
        self._attributes: dict[str, str] = {}
        self._body: list[str] = []
        self._open: list[tuple[str, _Part]] = []
        self._top = _Part(0)
        self._by_id: dict[str, _Part] = {}
        self._texts: list[str] = []
        self._words: list[str] = []
        self._worded_at = 0
        """How deep the element lies whose words are being collected; 0: none is."""
        self._wordless = 0
        self._has_text = False

    # --- what expat calls ---

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = _local(name)
        if not self._open and local != "svg":
            raise DecodeFailed("is not an SVG drawing")
        part = self._placed(attributes)
        if len(self._open) >= _MAX_DEPTH:
            raise DecodeFailed(f"has elements nested more than {_MAX_DEPTH} deep")
        kept = {key: value for key, value in attributes.items() if self._stays(key, value)}
        named = [value[1:] for key, value in kept.items() if _local(key) == "href" and value[:1] == "#"]
        named += [found for value in kept.values() for found in _REFERENCE.findall(value)]
        part.refers += [(len(self._open) + 1 - part.base, each) for each in named]
        if self._open:
            self._body.append(f"<{name}{_written(kept)}>")
        else:
            self._root, self._attributes = name, kept
        self._open.append((name, part))
        self._has_text = self._has_text or local == "text"
        self._wordless += local in _WORDLESS
        if not self._worded_at and local in _WORDED:
            self._worded_at = len(self._open)
        elif self._worded_at and (local != "tspan" or {"y", "dy"} & attributes.keys()):
            self._words.append(" ")  # a new line, or a paragraph

    def _end(self, name: str) -> None:
        self._body.append(f"</{name}>")
        self._wordless -= _local(name) in _WORDLESS
        if len(self._open) == self._worded_at:
            if words := " ".join("".join(self._words).split()):
                self._texts.append(words)
            self._words.clear()
            self._worded_at = 0
        self._open.pop()

    def _characters(self, text: str) -> None:
        self._body.append(escape(text))
        if self._worded_at and not self._wordless:
            self._words.append(text)

    def _entity(self, name: str, is_parameter: bool, value: str | None, *_: str | None) -> None:
        if value is not None and (len(value) > _MAX_ENTITY or "&" in value or "%" in value):
            raise DecodeFailed("has an entity that is long, or made of others, as no drawing needs")

    # --- what refers where ---

    def _placed(self, attributes: Mapping[str, str]) -> _Part:
        """The part that a new element belongs to, one more element in it."""
        part = self._open[-1][1] if self._open else self._top
        if identity := attributes.get("id"):
            inner = self._by_id.setdefault(identity, _Part(len(self._open)))
            part.holds.append((len(self._open) - part.base, inner))
            part = inner
        part.elements += 1
        part.height = max(part.height, len(self._open) + 1 - part.base)
        return part

    def _stays(self, key: str, value: str) -> bool:
        if _local(key).lower() != "href" or value.startswith("#"):
            return True
        raster = _RASTER.match(value)
        return raster is not None and self._is_affordable(value[raster.end() :])

    def _is_affordable(self, encoded: str) -> bool:
        try:
            with explained(), open_picture(BytesIO(base64.b64decode(encoded)), ("PNG", "JPEG", "GIF", "WEBP")) as image:
                self._pixels_left -= image.width * image.height
        except (DecodeFailed, binascii.Error):
            return False
        return self._pixels_left >= 0

    def hold_to_limits(self) -> None:
        """Follow every reference. Raises `DecodeFailed` where more is drawn than any drawing needs."""
        unfolded: dict[int, tuple[int, int] | None] = {}

        def unfold(part: _Part, level: int) -> tuple[int, int]:
            """How many elements it comes to, and how many levels of them."""
            if id(part) in unfolded:
                return unfolded[id(part)] or (0, 0)  # a circle, at which the renderer stops by itself
            if level > _MAX_DEPTH:
                raise DecodeFailed(f"has references more than {_MAX_DEPTH} deep")
            unfolded[id(part)] = None
            inner = [*part.holds, *((at, self._by_id[name]) for at, name in part.refers if name in self._by_id)]
            elements, height = part.elements, part.height
            for at, each in inner:
                more, higher = unfold(each, level + 1)
                elements, height = elements + more, max(height, at + higher)
            if elements > _MAX_ELEMENTS:
                raise DecodeFailed(f"unfolds to more than {_MAX_ELEMENTS} elements")
            if height > _MAX_DEPTH:
                raise DecodeFailed(f"unfolds to elements nested more than {_MAX_DEPTH} deep")
            unfolded[id(part)] = elements, height
            return elements, height

        unfold(self._top, 0)

    def drawing(self) -> Drawing:
        width, height = _length(self._attributes.get("width")), _length(self._attributes.get("height"))
        shown = _view_box(self._attributes.get("viewBox"))
        if shown:
            width = width or (height * shown[2] / shown[3] if height else shown[2])
            height = height or width * shown[3] / shown[2]
        else:
            width, height = width or _SIZELESS[0], height or _SIZELESS[1]
            shown = (0.0, 0.0, width, height)
            self._attributes["viewBox"] = f"0 0 {width} {height}"
        fills = math.isclose(width * shown[3], height * shown[2], rel_tol=0.01)
        body = "".join(self._body)
        return Drawing(width, height, tuple(self._texts), self._has_text, fills, self._root, self._attributes, body)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _written(attributes: Mapping[str, str]) -> str:
    return "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())


def _length(said: str | None) -> float | None:
    found = _LENGTH.fullmatch(said or "")
    length = float(found[1]) * _PIXELS[found[2]] if found else 0.0
    return length if 0 < length < math.inf else None


def _view_box(said: str | None) -> tuple[float, float, float, float] | None:
    try:
        left, top, width, height = (float(number) for number in re.split(r"[\s,]+", (said or "").strip()))
    except ValueError:
        return None
    usable = all(map(math.isfinite, (left, top, width, height))) and width > 0 and height > 0
    return (left, top, width, height) if usable else None
