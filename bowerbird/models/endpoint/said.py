"""What a model says, as it comes: its thoughts are left out, and so is a reply that only says there is none."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

_THOUGHTS = (("<think>", "</think>"), ("<thinking>", "</thinking>"))
"""How models that think aloud set that apart, always before anything else."""
_AROUND = " \t\n\r\"'“”‘’`*_.[]()"
"""What a model may put around a word that it was told to say alone."""


def without_thoughts(pieces: Iterable[str]) -> Generator[str]:
    """``pieces`` without a block of thoughts at the beginning. What comes is held back only while it may begin one."""
    came = iter(pieces)
    try:
        begun = ""
        for piece in came:
            begun += piece
            seen = begun.lstrip()
            if not any(opening.startswith(seen[: len(opening)]) for opening, _ in _THOUGHTS):
                yield begun
                yield from came
                return
            closing = next((closing for opening, closing in _THOUGHTS if seen.startswith(opening)), None)
            if closing is not None:
                yield from _after(closing, seen, came)
                return
        if begun.strip():
            yield begun
    finally:
        _close(came)


def _after(closing: str, seen: str, came: Iterator[str]) -> Iterator[str]:
    """What follows ``closing``, without the white space there."""
    while closing not in seen:
        if (piece := next(came, None)) is None:
            return
        seen = seen[-len(closing) :] + piece  # the mark may lie across two pieces
    rest = seen.partition(closing)[2].lstrip()
    while not rest:
        if (piece := next(came, None)) is None:
            return
        rest = piece.lstrip()
    yield rest
    yield from came


def unless(word: str, pieces: Iterable[str]) -> Generator[str]:
    """``pieces``, or nothing at all where they begin with ``word`` in capitals or not, quoted or not.

    They are held back only while they may still turn out to, which one letter decides for most.
    """
    came, word = iter(pieces), word.casefold()
    try:
        begun = ""
        for piece in came:
            begun += piece
            seen = begun.lstrip(_AROUND).casefold()
            if seen.startswith(word) and not seen[len(word) : len(word) + 1].isalnum():
                if len(seen) > len(word):
                    return
            elif not word.startswith(seen):
                yield begun
                yield from came
                return
        if begun.strip() and begun.strip(_AROUND).casefold() != word:
            yield begun
    finally:
        _close(came)


def _close(came: Iterator[str]) -> None:
    if isinstance(came, Generator):
        came.close()
