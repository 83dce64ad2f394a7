"""Whether what Whisper wrote was said: it was taught to write always, and invents where there is nothing to hear.

The measures are Whisper's own (Radford et al. 2022, section 4.5), joined with the language's likelihood and with what a
mouth can do. On the base model clear speech has a mean log probability above -0.5 and speech in noise above -0.9; what
it makes of noise, hum and music lies below -1 with a silence of 0.65 and more, and loops lie anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bowerbird.models.spoken_sentences import Word

LOWEST = -1.3
"""Mean log probability below which nothing is believed."""
SILENT, SILENT_LOWEST = 0.6, -1.0
"""Likely silence, and unsure words: Whisper's own rule."""
SURE_OF_LANGUAGE = 0.6
UNPLACED_LOWEST = -0.95
"""Of a tongue that it cannot place, what it writes is gibberish once it is unsure of the words too."""
UNPLACED_ENGLISH_LOWEST = -0.7
"""Two thirds of what it learnt from is English, and English is what it makes of tongues that it cannot place."""
FASTEST, HURRIED = 35.0, 25.0
"""Characters a second that nobody says, and that few say."""
_LOOP = re.compile(r"(.{2,60}?)\1{4,}", re.DOTALL)
"""A few characters to a short sentence, five times or more in a row."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What the network made of one window."""

    text: str
    words: list[Word]
    language: str
    """The one it was told to hear."""
    log_probability: float
    """Mean over its tokens, natural logarithm."""
    silence: float
    """How likely it holds it that nobody speaks, 0..1."""
    seconds: float
    """The window's length."""


def believable(hearing: Hearing, language_likelihood: float) -> bool:
    """Whether the words may be shown to anyone as said, where their language is as likely as that (0..1)."""
    text, sureness = hearing.text.strip(), hearing.log_probability
    rate = len(text) / max(hearing.seconds, 0.2)
    placed = language_likelihood >= SURE_OF_LANGUAGE
    lowest = UNPLACED_ENGLISH_LOWEST if hearing.language == "en" else UNPLACED_LOWEST
    if not any(character.isalnum() for character in text) or sureness < LOWEST or rate > FASTEST:
        return False
    if hearing.silence > SILENT and sureness < SILENT_LOWEST:
        return False
    if not placed and sureness < lowest:
        return False
    # People do repeat themselves, so a loop alone is no proof: it must be unsure, or faster than they could.
    return not (loops(text) and (not placed or sureness < lowest or rate > HURRIED))


def loops(text: str) -> bool:
    """Whether at least a third of ``text`` is one short piece repeated."""
    return any(3 * len(run.group()) >= len(text) for run in _LOOP.finditer(text))
