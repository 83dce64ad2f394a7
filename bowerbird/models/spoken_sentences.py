"""Words with times -> sentences with times: the segments in which speech is searched and shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ENDS = frozenset(".!?…。！？｡．؟۔।॥։።")
"""What ends a sentence in the scripts that Whisper writes."""
CLAUSE_ENDS = frozenset(",;:，、；：،؛—–")
CLOSING = "\"'”’»)]}」』）"
TITLES = {"mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "rev", "gen", "col", "capt", "lt", "sgt", "gov", "sen"}
ABBREVIATIONS = TITLES | {"vs", "fig", "hr", "fr", "nr", "bzw", "ca", "sra", "mme"}
"""Written with a full stop that ends no sentence; lower case."""
PAUSE_S = 1.5
"""A silence that ends a sentence whatever the punctuation: speakers pause for a second in the midst of one."""
LONGEST_S = 20.0
"""Longer sentences are cut where the pause is longest: a hit should say where to listen."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word as it was heard. ``text`` carries its leading space and its punctuation; times are seconds."""

    text: str
    start: float
    end: float
    probability: float
    """0..1, how sure the model was of it."""


def sentences(words: Sequence[Word]) -> Iterator[list[Word]]:
    """Runs of ``words``, in order and none left out, each a sentence or a part of at most `LONGEST_S` of one."""
    run: list[Word] = []
    for word in words:
        if run and _parts(run[-1], word):
            yield from _cut(run)
            run = []
        run.append(word)
    if run:
        yield from _cut(run)


def _parts(word: Word, following: Word) -> bool:
    """Whether a sentence ends between these two."""
    if following.start - word.end >= PAUSE_S:
        return True
    text = word.text.strip().rstrip(CLOSING)
    if not text or text[-1] not in ENDS:
        return False
    if text[-1] != "." or text.endswith("..."):
        return True
    stem = text.rstrip(".").lstrip("\"'“‘«([¿¡").lower()
    if len(stem) == 1 and stem.isalpha() and stem != "i":  # an initial: J. F. Kennedy
        return False
    if stem in ABBREVIATIONS or ("." in stem and stem.replace(".", "").isalpha()):  # U.S., z.B.
        return False
    return not following.text.strip()[:1].islower()


def _cut(run: list[Word]) -> Iterator[list[Word]]:
    if run[-1].end - run[0].start <= LONGEST_S or len(run) < 2:
        yield run
        return
    start, length = run[0].start, run[-1].end - run[0].start

    def worth(index: int) -> float:
        """How well the run parts before ``index``: at a pause, behind a comma, and not near its ends."""
        before, after = run[index - 1], run[index]
        comma = before.text.rstrip()[-1:] in CLAUSE_ENDS
        off_centre = abs((before.end - start) / length - 0.5)
        return after.start - before.end + 0.5 * comma - 2 * off_centre

    at = max(range(1, len(run)), key=worth)
    yield from _cut(run[:at])
    yield from _cut(run[at:])
