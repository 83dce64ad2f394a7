"""Web pages, by lxml: the words that a reader sees, by structure. Nothing that a page refers to is opened."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree, html

from bowerbird.errors import DecodeFailed
from bowerbird.media.document import markup
from bowerbird.media.document.documents import Block, DocumentDecoder, Heading, read_text_bytes, sections, text_moments
from bowerbird.media.document.markup import Element, local
from bowerbird.media.document.plain_text import to_text
from bowerbird.media.document_formats import WEB
from bowerbird.moments import Decoded, Wanted
from bowerbird.types import AssetInfo

_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_-]{2,30})""")
_WEB_CHARSETS = re.compile(
    r"utf-?8|windows-\d+|cp\d+|iso-?8859-\d+|koi8-[ru]|gb\w+|big5\w*|euc-\w+|shift[_-]jis|iso-2022-\w+"
)
"""Not every codec of Python's: some are no encodings, and UTF-16 shows itself by its mark."""
_SUPERSETS = {"iso-8859-1": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030"}
"""What browsers take instead (WHATWG Encoding)."""

_UNSEEN = frozenset((
    "head", "script", "style", "template", "noscript", "svg", "iframe", "object", "embed", "applet", "canvas",
    "audio", "video", "nav", "select", "datalist", "textarea", "button",
))  # fmt: skip
_BLOCKS = frozenset((
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div",
    "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "hr", "legend", "li", "main", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot",
    "thead", "tr", "ul",
))  # fmt: skip
_MAX_TAGS = 1_000_000
"""Each takes some 400 bytes while the page is read."""
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


class WebPageDecoder(DocumentDecoder):
    """A moment for each section under its headings."""

    format = WEB
    broken = markup.BROKEN

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """Sections in order, the page's title before them; none in an empty page."""
        page = parse_page(read_text_bytes(file, self.limits))
        media_type = "application/xhtml+xml" if suffix == ".xhtml" else "text/html"
        if page is None:
            return Decoded(AssetInfo(self.kind, media_type), [])
        title = page_title(page)
        blocks = (block for part in ([Heading(0, title)] if title else [], visible(page)) for block in part)
        info = AssetInfo(self.kind, media_type, title=title or None, artist=_author(page))
        return Decoded(info, text_moments(sections(blocks), self.limits))


def parse_page(data: bytes, charset: str | None = None) -> Element | None:
    """The root of a page in whatever encoding, None where nothing is on it. ``charset`` is what its bearer says."""
    text = _decoded(data, charset)
    if not text.strip():
        return None
    if (tags := text.count("<")) > _MAX_TAGS:
        raise DecodeFailed(f"has {tags} tags, over the limit of {_MAX_TAGS}; split it")
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=False)
    root: Element | None = etree.fromstring(text.encode("utf-8", "replace"), parser)
    return root


def page_title(page: Element) -> str:
    """What stands in the browser's title bar."""
    found = page.find(".//title")
    return "" if found is None else " ".join("".join(found.itertext()).split())[:500]


def visible(page: Element) -> Iterator[Block]:
    """Headings and paragraphs as they are read; a table's row is a paragraph, its cells apart by ``|``."""
    pieces: list[str] = []
    heading = preformatted = 0
    walk = etree.iterwalk(page, events=("start", "end"))
    for event, element in walk:
        tag = local(element)
        unseen = tag in _UNSEEN or _is_hidden(element)
        if tag in _BLOCKS and (text := _joined(pieces, keep_lines=preformatted > 0)):
            yield Heading(heading, text) if heading else text
        if tag in _BLOCKS:
            pieces.clear()
            heading = _HEADINGS.get(tag, 0) if event == "start" else 0
            preformatted += (tag == "pre") * (1 if event == "start" else -1)
        if event == "start" and unseen:
            walk.skip_subtree()
        elif event == "start":
            pieces.append(_BEFORE.get(tag, ""))
            pieces.append(element.get("alt", "") if tag == "img" else element.text or "")
        else:
            pieces.append(" | " if tag in ("td", "th") else "")
            pieces.append(element.tail or "")
    if text := _joined(pieces, keep_lines=False):
        yield text


_BEFORE = {"li": "- ", "br": "\n"}


def _joined(pieces: list[str], *, keep_lines: bool) -> str:
    text = "".join(pieces)
    text = (text.strip("\n") if keep_lines else " ".join(text.split())).strip(" |")
    return "" if text == "-" else text


def _is_hidden(element: Element) -> bool:
    return (
        "hidden" in element.attrib
        or element.get("aria-hidden") == "true"
        or element.get("role") == "navigation"
        or bool(_HIDDEN.search(element.get("style", "")))
    )


def _author(page: Element) -> str | None:
    for meta in page.iter("meta"):
        if meta.get("name", "").lower() == "author":
            return " ".join(meta.get("content", "").split())[:500] or None
    return None


def _decoded(data: bytes, charset: str | None) -> str:
    marked = data.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    said = charset or (found[1].decode("ascii") if (found := _CHARSET.search(data[:4096])) else "")
    name = _SUPERSETS.get(said.lower(), said.lower())
    if marked or not _WEB_CHARSETS.fullmatch(name):
        return to_text(data)
    try:
        return data.decode(name, "replace").replace("\x00", "")
    except LookupError:
        return to_text(data)
