"""What is not indexed: hidden and system folders, and whatever ``.bowerbirdignore`` says in gitignore's syntax."""

from __future__ import annotations

import os
import re
from pathlib import Path

from indexer.ignore_pattern import Pattern

IGNORE_FILE = ".bowerbirdignore"

SYSTEM_NAMES = frozenset(
    {
        "$RECYCLE.BIN",
        "#recycle",
        "@eaDir",
        "Thumbs.db",
        "System Volume Information",
        "lost+found",
        "node_modules",
        "__pycache__",
        "__MACOSX",
    }
)
"""Made by machines for machines, on Windows, Synology, Linux and in archives."""


class IgnoreRules:
    """The rules that hold in one folder: its own and those of the folders above it, up to the root."""

    def __init__(self, hidden: bool, above: tuple[tuple[str, list[Pattern]], ...] = ()) -> None:
        self._hidden = hidden
        self._patterns = above

    def within(self, folder: Path, relative: str) -> IgnoreRules:
        """The rules inside ``folder``, which lies at ``relative`` below the root (``""``: the root itself).

        Raises OSError where its ignore file is there but cannot be read: better nothing than what was to stay out.
        """
        file = folder / IGNORE_FILE
        if not file.is_file():  # nor is a folder or a pipe of that name one
            return self
        lines = re.split(r"\r?\n", file.read_text(encoding="utf-8-sig", errors="surrogateescape"))
        prefix = f"{relative}/" if relative else ""
        patterns = [pattern for pattern in map(Pattern.parse, lines) if pattern is not None]
        return IgnoreRules(self._hidden, (*self._patterns, (prefix, patterns)))

    def ignore(self, relative: str, *, folder: bool) -> bool:
        """Whether the entry at ``relative`` below the root is left out.

        As in git, the nearest ignore file with something to say decides, and in it the last line.
        """
        name = os.path.basename(relative)  # noqa: PTH119 (names that Path would normalise)
        if name in SYSTEM_NAMES or (name.startswith(".") and not self._hidden):
            return True
        for prefix, patterns in reversed(self._patterns):
            for pattern in reversed(patterns):
                if pattern.matches(relative[len(prefix) :], folder=folder):
                    return not pattern.takes_in
        return False
