"""Subtitles beside a recording: ``film.srt`` or ``film.en.srt`` beside ``film.mp4`` is part of the film."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from bowerbird.media.recording.languages import is_beside_language
from bowerbird.media.registry import SUBTITLES

_MOST_WORDS = 3
"""That may stand between a film's name and the suffix: ``film.en.sdh.default.srt``."""

_FORCED = "forced"
"""Of subtitles that hold only what is said in another language than the film's: they tell too little of it."""


class Sidecars:
    """The subtitles among the files of one folder, and which recording each belongs to."""

    def __init__(self, files: Iterable[Path], sounds: Callable[[Path], bool]) -> None:
        """``files`` are those that are to be indexed; ``sounds`` tells which of them are recordings."""
        self._of: dict[str, list[str]] = {}
        files = list(files)
        subtitles = sorted(file.name for file in files if file.suffix.lower() in SUBTITLES.suffixes)
        if not subtitles:
            return
        by_stem: dict[str, list[str]] = {}
        for file in files:
            if sounds(file):
                by_stem.setdefault(file.stem.casefold(), []).append(file.name)
        for name in subtitles:
            owners = next((by_stem[stem] for stem in _stems(name) if stem in by_stem), [])
            for owner in owners:
                self._of.setdefault(owner, []).append(name)

    def of(self, name: str) -> Sequence[str]:
        """The subtitles that belong to this file, by name."""
        return self._of.get(name, ())

    def owned(self) -> frozenset[str]:
        """The subtitles that belong to some file, and so are no documents of their own."""
        return frozenset(name for names in self._of.values() for name in names)


def _stems(name: str) -> Iterator[str]:
    """What the film may be called: the name, and the name without the languages behind it."""
    stem = Path(name).stem.casefold()
    yield stem
    for _ in range(_MOST_WORDS):
        stem, dot, word = stem.rpartition(".")
        if not dot or not is_beside_language(word) or word == _FORCED:
            return
        yield stem
