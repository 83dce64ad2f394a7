"""What is not indexed: hidden and system folders, and whatever ``.bowerbirdignore`` says in gitignore's syntax."""

from __future__ import annotations

import os
from pathlib import Path

from pathspec import GitIgnoreSpec

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

    def __init__(self, hidden: bool, above: tuple[tuple[str, GitIgnoreSpec], ...] = ()) -> None:
        self._hidden = hidden
        self._specs = above

    def within(self, folder: Path, relative: str) -> IgnoreRules:
        """The rules inside ``folder``, which lies at ``relative`` below the root (``""``: the root itself).

        Raises OSError where its ignore file is there but cannot be read: better nothing than what was to stay out.
        """
        try:
            lines = (folder / IGNORE_FILE).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return self
        prefix = f"{relative}/" if relative else ""
        return IgnoreRules(self._hidden, (*self._specs, (prefix, GitIgnoreSpec.from_lines(lines))))

    def ignore(self, relative: str, *, folder: bool) -> bool:
        """Whether the entry at ``relative`` below the root is left out. As in git, the nearest rule file decides."""
        name = os.path.basename(relative)  # noqa: PTH119 (names that Path would normalise)
        if name in SYSTEM_NAMES or (name.startswith(".") and not self._hidden):
            return True
        for prefix, spec in reversed(self._specs):
            verdict = spec.check_file(relative[len(prefix) :] + ("/" if folder else "")).include
            if verdict is not None:
                return verdict
        return False
