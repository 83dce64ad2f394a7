"""What is not indexed: hidden and system folders, and whatever ``.bowerbirdignore`` says in gitignore's syntax."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError

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

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "lower": "a-z",
    "space": " \t",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
"""``[[:digit:]]`` and the like, which git knows and pathspec does not."""
_CLASS = re.compile(rf"\[:({'|'.join(_CLASSES)}):]")


class IgnoreRules:
    """The rules that hold in one folder: its own and those of the folders above it, up to the root."""

    def __init__(self, hidden: bool, above: tuple[tuple[str, GitIgnoreSpec], ...] = ()) -> None:
        self._hidden = hidden
        self._specs = above

    def within(self, folder: Path, relative: str) -> IgnoreRules:
        """The rules inside ``folder``, which lies at ``relative`` below the root (``""``: the root itself).

        Raises OSError where its ignore file is there but cannot be read: better nothing than what was to stay out.
        """
        file = folder / IGNORE_FILE
        if not file.is_file():  # nor is a folder or a pipe of that name one
            return self
        lines = re.split(r"\r?\n", file.read_text(encoding="utf-8-sig", errors="surrogateescape"))
        prefix = f"{relative}/" if relative else ""
        return IgnoreRules(self._hidden, (*self._specs, (prefix, _spec(lines))))

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


def _spec(lines: Iterable[str]) -> GitIgnoreSpec:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Python's regular expressions wonder at ``[[]``
        return GitIgnoreSpec.from_lines(_valid(_CLASS.sub(lambda match: _CLASSES[match[1]], line) for line in lines))


def _valid(lines: Iterable[str]) -> Iterator[str]:
    """The lines that are patterns; as in git, one that is none matches nothing."""
    for line in lines:
        try:
            GitIgnoreSpec.from_lines([line])
        except (GitIgnorePatternError, re.error):
            continue
        yield line
