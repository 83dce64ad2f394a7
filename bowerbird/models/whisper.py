"""Whisper: a recording -> the sentences spoken in it, with their times (Radford et al. 2022).

What is said is looked for only where Silero's detector hears a voice. The voiced stretches run through the network in
batches of windows that end at pauses; words are held to where the voice is, and are gathered into sentences. What the
network invents where there is nothing to hear is told from what it hears by `believable`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bowerbird.models import whisper_weights
from bowerbird.models.believable import SURE_OF_LANGUAGE, Hearing, believable, loops
from bowerbird.models.spoken_sentences import Word, sentences
from bowerbird.models.voice import RATE, Span, held_to_voice, voiced, windows
from bowerbird.models.whisper_network import Encoded, WhisperNetwork
from bowerbird.moments import Moment
from bowerbird.types import SegmentKind, Sound, Stage

VERSION = 1
"""Raised whenever the same sound would get another transcript."""
DEFAULT = "whisper:base"
BATCH = 8
"""Windows that run together; more gain nothing on a CPU."""
PROBES = 4
"""How many windows, spread evenly, are asked for the recording's language."""
CANDIDATES = 3
"""How many languages are tried out where none is likely."""
ENGLISH_HANDICAP = 0.2
"""What English must be surer by when languages are tried out: it is written fluently of anything."""
OWN_LANGUAGE = 0.8
"""A window whose own language is at least this likely is taken at its word; others follow the recording."""
NO_REPEAT = 4
"""Tokens in a row that a window in which the network loops may not hold twice, when it is heard again."""


class Whisper:
    """One model, loaded on first use; threads take turns, since one run uses every core. Implements `Transcriber`."""

    def __init__(self, spec: str, cache: Path, threads: int | None = None) -> None:
        """Raises as `whisper_weights.find` does; for ``whisper:base``, whose hash is known, only on first use."""
        self.spec = spec
        self.stage = Stage("transcribe", VERSION, {"weights": whisper_weights.sha256_of_spec(spec, cache)})
        self._cache = cache
        self._threads = threads or os.cpu_count() or 1
        self._network: WhisperNetwork | None = None
        self._lock = threading.Lock()

    def transcribe(self, sound: Sound) -> list[Moment]:
        """The sentences in ``sound``, shape ``(samples,)`` at 16 kHz; what is not finite in it counts as silence.

        Raises `EncoderUnavailable` and `StorageFull` where the weights cannot be had.
        """
        sound = np.asarray(sound, np.float32)
        if not np.isfinite(sound).all():
            sound = np.nan_to_num(sound, nan=0.0, posinf=0.0, neginf=0.0)
        spans = voiced(sound) if sound.size else []
        if not spans:
            return []
        with self._lock:
            if self._network is None:
                self._network = WhisperNetwork(whisper_weights.find(self.spec, self._cache).folder, self._threads)
            return list(_moments(_Recording(self._network, sound, spans).heard()))


class _Recording:
    """One recording on its way through the network."""

    def __init__(self, network: WhisperNetwork, sound: Sound, spans: Sequence[Span]) -> None:
        self._network = network
        self._sound = sound
        self._spans = spans
        self._windows = windows(spans)
        probes = spread(len(self._windows), PROBES)
        self._encoded = dict(zip(probes, self._encode(probes), strict=True))
        self._language, self._likelihood = self._common_language(list(self._encoded.values()))

    def heard(self) -> Iterator[tuple[str, list[Word]]]:
        """Language and words of each window, in order; times are the recording's."""
        for first in range(0, len(self._windows), BATCH):
            batch = range(first, min(first + BATCH, len(self._windows)))
            fresh = [index for index in batch if index not in self._encoded]
            self._encoded |= zip(fresh, self._encode(fresh), strict=True)
            encoded = {index: self._encoded.pop(index) for index in batch}
            spoken = {index: self._language_of(one) for index, one in encoded.items()}
            words: dict[int, list[Word]] = {}
            for language in dict.fromkeys(spoken.values()):
                chosen = [index for index in batch if spoken[index] == language]
                words |= zip(chosen, self._believed([encoded[index] for index in chosen], language), strict=True)
            for index in batch:
                start = self._windows[index].start
                moved = [replace(word, start=word.start + start, end=word.end + start) for word in words[index]]
                yield spoken[index], held_to_voice(moved, self._spans)

    def _encode(self, indices: Sequence[int]) -> list[Encoded]:
        chosen = [self._windows[index] for index in indices]
        return self._network.encode([self._sound[round(w.start * RATE) : round(w.end * RATE)] for w in chosen])

    def _common_language(self, probed: Sequence[Encoded]) -> tuple[str, float]:
        """The recording's language and how likely it is; where none is likely, the one in which words come surest."""
        total: dict[str, float] = {}
        for one in probed:
            for language, probability in one.languages.items():
                total[language] = total.get(language, 0.0) + probability / len(probed)
        ranked = sorted(total, key=total.__getitem__, reverse=True)
        best = ranked[0]
        if total[best] < SURE_OF_LANGUAGE:
            tried = [language for language in ranked[:CANDIDATES] if language == best or language != "en"]
            best = max(tried, key=lambda language: _sureness(self._network.listen(probed, language), language))
        return best, total[best]

    def _language_of(self, window: Encoded) -> str:
        own = max(window.languages, key=window.languages.__getitem__)
        return own if window.languages[own] >= OWN_LANGUAGE else self._language

    def _believed(self, encoded: Sequence[Encoded], language: str) -> list[list[Word]]:
        """The words of each window; none where what was heard is not to be believed."""
        common = self._likelihood if language == self._language else 0.0
        likelihoods = [max(one.languages.get(language, 0.0), common) for one in encoded]
        heard = self._network.listen(encoded, language)
        looping = [
            index
            for index, (one, likelihood) in enumerate(zip(heard, likelihoods, strict=True))
            if likelihood >= SURE_OF_LANGUAGE and loops(one.text) and not believable(one, likelihood)
        ]
        if looping:  # somebody speaks, and the network lost the thread
            again = self._network.listen([encoded[index] for index in looping], language, no_repeat=NO_REPEAT)
            for index, second in zip(looping, again, strict=True):
                heard[index] = second
        return [
            one.words if believable(one, likelihood) else [] for one, likelihood in zip(heard, likelihoods, strict=True)
        ]


def load_transcriber(spec: str = DEFAULT, *, cache: Path, threads: int | None = None) -> Whisper:
    """The transcriber that ``spec`` names; its `stage` is known at once, its model loads on first use.

    ``threads`` are those of the CPU (None: all). Raises `UnknownEncoder` and `EncoderUnavailable`; the latter and
    `StorageFull` may also come with the first use.
    """
    return Whisper(spec, cache, threads)


def spread(count: int, most: int) -> list[int]:
    """At most ``most`` of ``range(count)``, evenly spread."""
    most = min(count, most)
    return [(2 * index + 1) * count // (2 * most) for index in range(most)]


def _sureness(heard: Sequence[Hearing], language: str) -> float:
    """How sure of its words the network was, as the mean log probability; loops are sure and worth nothing."""
    handicap = ENGLISH_HANDICAP if language == "en" else 0.0
    return float(np.mean([-np.inf if loops(one.text) else one.log_probability for one in heard])) - handicap


def _moments(heard: Iterator[tuple[str, list[Word]]]) -> Iterator[Moment]:
    run: list[Word] = []
    spoken = ""
    for language, words in heard:
        if language != spoken:  # a sentence is in one language
            yield from _in_one_language(run, spoken)
            run, spoken = [], language
        run += words
    yield from _in_one_language(run, spoken)


def _in_one_language(words: Sequence[Word], language: str) -> Iterator[Moment]:
    for sentence in sentences(words):
        text = "".join(word.text for word in sentence).strip()
        if any(character.isalnum() for character in text):
            yield Moment(
                SegmentKind.SPEECH,
                start_s=round(sentence[0].start, 2),
                end_s=round(sentence[-1].end, 2),
                text=text,
                language=language,
                confidence=round(float(np.mean([word.probability for word in sentence])), 3),
            )
