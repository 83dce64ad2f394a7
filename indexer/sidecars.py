"""Subtitles beside a recording: ``film.srt`` or ``film.en.srt`` beside ``film.mp4`` is part of the film."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bowerbird.media.registry import SUBTITLES


class Sidecars:
    """The subtitles among the names of one folder, and which recording each belongs to."""

    def __init__(self, names: Iterable[str], sounds: Callable[[str], bool]) -> None:
        """``sounds`` tells whether a file of some name is a recording."""
        self._of: dict[str, list[str]] = {}
        names = list(names)
        subtitles = sorted(name for name in names if Path(name).suffix.lower() in SUBTITLES.suffixes)
        if not subtitles:
            return
        by_stem: dict[str, list[str]] = {}
        for name in names:
            if sounds(name):
                by_stem.setdefault(Path(name).stem.casefold(), []).append(name)
        for name in subtitles:
            stem = Path(name).stem.casefold()
            owners = by_stem.get(stem) or by_stem.get(stem.rpartition(".")[0], [])
            for owner in owners:
                self._of.setdefault(owner, []).append(name)

    def of(self, name: str) -> Sequence[str]:
        """The subtitles that belong to this file, by name."""
        return self._of.get(name, ())

    def owned(self) -> frozenset[str]:
        """The subtitles that belong to some file, and so are no documents of their own."""
        return frozenset(name for names in self._of.values() for name in names)
