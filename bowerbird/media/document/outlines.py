"""Markdown, Org and LaTeX: a moment for each section, headed by its path, ``Guide > Install``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from bowerbird.media.document.documents import Block, DocumentDecoder, Heading, read_text_bytes, sections, text_moments
from bowerbird.media.document.plain_text import to_text
from bowerbird.media.document_formats import OUTLINES
from bowerbird.moments import Decoded, Wanted
from bowerbird.types import AssetInfo

_MEDIA_TYPES = {".org": "text/org", ".tex": "application/x-tex"}

_FRONT_MATTER = re.compile(r"\A(?:---|\+\+\+)\n(.*?)\n(?:---|\+\+\+|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
"""YAML between ``---`` or TOML between ``+++`` at the start (Jekyll, Hugo, Pandoc)."""
_FENCE = re.compile(r" {0,3}(```|~~~)")
_MARKDOWN = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_ITEM = re.compile(r" {0,3}(?:[-*+>|]|\d+[.)])")
"""Lines below which ``---`` is a rule, and no underline."""
_ORG = re.compile(r"(\*{1,8})[ \t]+(.*)$")
_ORG_SAYS = r"^#\+{}:[ \t]*(.+)$"
_TEX = re.compile(r"\s*\\(part|chapter|section|subsection|subsubsection|paragraph)\*?(?:\[[^]]*\])?\{(.*)\}")
_TEX_LEVELS = {
    name: level
    for level, name in enumerate(("part", "chapter", "section", "subsection", "subsubsection", "paragraph"), start=1)
}
_TEX_SAYS = r"\\{}\{{([^}}]*)\}}"


class OutlineDecoder(DocumentDecoder):
    """Text that names its own headings. What marks its words up is left as it is written."""

    format = OUTLINES

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """Sections in order; none where there is nothing but white space."""
        text = to_text(read_text_bytes(file, self.limits))
        match suffix:
            case ".org":
                blocks = list(_org_blocks(text))
                title, author = (_said(_ORG_SAYS.format(key), text) for key in ("title", "author"))
            case ".tex":
                blocks = list(_tex_blocks(text))
                title, author = (_said(_TEX_SAYS.format(key), text) for key in ("title", "author"))
            case _:
                front = found[1] if (found := _FRONT_MATTER.match(text)) else ""
                blocks = list(_markdown_blocks(text[found.end() if found else 0 :]))
                title, author = (_said(rf"^{key}[ \t]*[:=][ \t]*(.+)$", front) for key in ("title", "author"))
                blocks[:0] = [front] if front else []
        if title is None:
            title = next((block.text for block in blocks if isinstance(block, Heading) and block.level == 1), None)
        info = AssetInfo(self.kind, _MEDIA_TYPES.get(suffix, "text/markdown"), title=title or None, artist=author)
        return Decoded(info, text_moments(sections(blocks), self.limits))


def _markdown_blocks(text: str) -> Iterator[Block]:
    """Headings of both styles (CommonMark 4.2, 4.3), none within fenced code."""
    paragraph: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence or mark:
            paragraph.append(line)
            if mark and mark[1] == fence:
                fence = ""
            elif mark and not fence:
                fence = mark[1]
        elif found := _MARKDOWN.match(line):
            yield "\n".join(paragraph)
            paragraph.clear()
            yield Heading(len(found[1]), found[2])
        elif len(paragraph) == 1 and not _ITEM.match(paragraph[0]) and (found := _UNDERLINE.match(line)):
            yield Heading(1 if found[1].startswith("=") else 2, paragraph.pop())
        elif line.strip():
            paragraph.append(line)
        else:
            yield "\n".join(paragraph)
            paragraph.clear()
    yield "\n".join(paragraph)


def _org_blocks(text: str) -> Iterator[Block]:
    for line in _paragraphs(text, _ORG):
        found = _ORG.match(line)
        yield Heading(len(found[1]), found[2]) if found else line


def _tex_blocks(text: str) -> Iterator[Block]:
    """What follows the preamble, without comments."""
    body = text.partition("\\begin{document}")[2] or text
    body = re.sub(r"(?<!\\)%.*", "", body.partition("\\end{document}")[0])
    for line in _paragraphs(body, _TEX):
        found = _TEX.match(line)
        yield Heading(_TEX_LEVELS[found[1]], found[2]) if found else line


def _paragraphs(text: str, heading: re.Pattern[str]) -> Iterator[str]:
    """Lines up to a blank one as one text, and each heading's line by itself."""
    paragraph: list[str] = []
    for line in text.split("\n"):
        if heading.match(line) or not line.strip():
            yield "\n".join(paragraph)
            paragraph.clear()
        if heading.match(line):
            yield line
        elif line.strip():
            paragraph.append(line)
    yield "\n".join(paragraph)


def _said(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text[:20_000], re.MULTILINE | re.IGNORECASE)
    return found[1].strip().strip("\"'")[:500] or None if found else None
