"""Source code: a moment for each definition at the outermost level, and one for what lies between.

One rule serves every language, since people lay code out alike: a line that is not indented begins a block where a
blank line precedes it, or where it begins as definitions do; what is indented belongs to it, and so do the comments and
decorators right above. A file that does not parse is split as well as one that does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from bowerbird.media.document.documents import DocumentDecoder, read_text_bytes, text_moments
from bowerbird.media.document.plain_text import to_text
from bowerbird.media.document_formats import CODE
from bowerbird.moments import Decoded, Wanted
from bowerbird.types import AssetInfo

_MEDIA_TYPES = {
    ".py": "text/x-python", ".pyi": "text/x-python", ".js": "text/javascript", ".mjs": "text/javascript",
    ".cjs": "text/javascript", ".jsx": "text/jsx", ".ts": "text/x-typescript", ".tsx": "text/x-typescript",
    ".c": "text/x-c", ".h": "text/x-c", ".cc": "text/x-c++", ".cpp": "text/x-c++", ".cxx": "text/x-c++",
    ".hh": "text/x-c++", ".hpp": "text/x-c++", ".hxx": "text/x-c++", ".cs": "text/x-csharp", ".rs": "text/x-rust",
    ".rb": "text/x-ruby", ".kt": "text/x-kotlin", ".kts": "text/x-kotlin", ".sh": "text/x-shellscript",
    ".bash": "text/x-shellscript", ".zsh": "text/x-shellscript", ".hs": "text/x-haskell", ".css": "text/css",
    ".yml": "text/x-yaml", ".jl": "text/x-julia", ".pl": "text/x-perl", ".pm": "text/x-perl",
}  # fmt: skip
"""Of others the suffix is the name: ``text/x-java``."""

_DEFINITION = re.compile(
    r"(?:(?:export|default|pub(?:\([\w:]+\))?|public|private|protected|internal|static|async|abstract|final|sealed|open|"
    r"data|inline|unsafe|extern|override|partial|declare|local)\s+)*"
    r"(?:def|defp|defmodule|defn|class|function|func|fn|fun|interface|struct|enum|trait|impl|module|namespace|type|"
    r"record|object|protocol|extension|actor|sub|procedure|proc|macro_rules!|const|let|var|create|instance|newtype)\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"[})\]]|(?:end|else|elif|except|finally|catch|then|fi|done|esac|BEGIN)\b")
"""How lines at the outermost level begin that belong to what is above them."""
_BELONGS_BELOW = ("@", "#", "//", "/*", " *", "*/", "--", ";;", "[", "%", "template")
"""How comments, decorators and attributes begin."""
_LONGEST_LINE = 2_000
"""A longer one was written by a program, and not for people."""
_LONG = 3_000
"""Characters from which on a definition is split at those within it."""
_TAB = 4


class SourceCodeDecoder(DocumentDecoder):
    """Programs, scripts, style sheets and settings."""

    format = CODE

    def read(self, file: BinaryIO, suffix: str, wanted: Wanted) -> Decoded:
        """Definitions in order, each beginning with its own line or what decorates it; none in an empty file."""
        text = to_text(read_text_bytes(file, self.limits))
        info = AssetInfo(self.kind, _MEDIA_TYPES.get(suffix, f"text/x-{suffix.lstrip('.') or 'code'}"))
        return Decoded(info, text_moments(definitions(text), self.limits))


def definitions(text: str) -> Iterator[str]:
    """The blocks of a program. Of a long one, a class, the blocks within it, each under the class's first line."""
    lines = [line.rstrip() for line in text.expandtabs(_TAB).split("\n") if len(line) <= _LONGEST_LINE]
    loose: list[str] = []
    for block in _blocks(lines, indent=0):
        if not _is_definition(block, indent=0):
            loose += block
            continue
        if loose:
            yield _joined(loose)
            loose = []
        yield from _split(block)
    if loose:
        yield _joined(loose)


def _split(block: list[str]) -> Iterator[str]:
    if sum(map(len, block)) <= _LONG:
        yield _joined(block)
        return
    named = next((at for at, line in enumerate(block) if _DEFINITION.match(line)), 0)
    inner = block[named + 1 :]
    indent = min((_indent(line) for line in inner if line and _indent(line)), default=0)
    first, *others = _blocks(inner, indent)
    yield _joined([*block[: named + 1], *first])
    for other in others:
        yield _joined([block[named], *other])


def _blocks(lines: list[str], indent: int) -> Iterator[list[str]]:
    """Runs of lines that each begin at ``indent``; at least one, if empty."""
    block: list[str] = []
    for at, line in enumerate(lines):
        if block and _begins(lines, at, indent):
            yield block
            block = []
        block.append(line)
    yield block


def _begins(lines: list[str], at: int, indent: int) -> bool:
    line, above = lines[at], lines[at - 1]
    if not line or _indent(line) != indent or _GOES_ON.match(line.lstrip()):
        return False
    if not above:
        return True
    if above.lstrip().startswith(_BELONGS_BELOW) and _indent(above) <= indent + 1:
        return False
    return bool(_DEFINITION.match(line.lstrip())) or line.lstrip().startswith("@")


def _is_definition(block: list[str], indent: int) -> bool:
    return any(_indent(line) > indent or _DEFINITION.match(line) for line in block if line)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).strip("\n")
