"""Whisper's network: windows of sound -> languages, words and how sure it is of them.

faster-whisper's features and alignment on CTranslate2. Each window is encoded once, and everything is read from that.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bowerbird.errors import EncoderUnavailable
from bowerbird.models.believable import Hearing
from bowerbird.models.one_line import reason_of
from bowerbird.models.runtime import cuda_devices
from bowerbird.models.spoken_sentences import Word
from bowerbird.models.voice import RATE
from bowerbird.models.whisper_weights import ALWAYS_WORKS
from bowerbird.types import Sound

log = logging.getLogger(__name__)

BEAM = 5
PREPENDED, APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that joins the following word, and the preceding one; faster-whisper's own choice."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A window as the encoder gave it: ``states`` of shape ``(1500, width)``, and how likely each language is in it."""

    states: NDArray[Any]
    languages: dict[str, float]
    seconds: float


class WhisperNetwork:
    """A loaded model. One thread at a time may use it."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Load it in float16 on a CUDA GPU, else in int8 on ``threads`` threads of the CPU.

        Raises `EncoderUnavailable` where the folder holds no model that loads.
        """
        self._model = _load(folder, threads)
        self._tokenizers: dict[str, Any] = {}

    def encode(self, windows: Sequence[Sound]) -> list[Encoded]:
        """Each window, of at most 30 s, encoded, and its language listened for."""
        if not windows:
            return []
        from faster_whisper.audio import pad_or_trim

        features = [pad_or_trim(self._model.feature_extractor(sound)[..., :-1]) for sound in windows]
        states = self._model.encode(np.stack(features))
        if self._model.model.is_multilingual:
            found = [{token[2:-2]: p for token, p in each} for each in self._model.model.detect_language(states)]
        else:
            found = [{"en": 1.0}] * len(windows)
        lengths = [len(sound) / RATE for sound in windows]
        return [Encoded(*each) for each in zip(_array(states), found, lengths, strict=True)]

    def listen(self, encoded: Sequence[Encoded], language: str, *, no_repeat: int = 0) -> list[Hearing]:
        """What is said in each window if it is said in ``language``; times count from the window's start.

        With ``no_repeat`` no run of that many tokens comes twice in a window.
        """
        import ctranslate2

        tokenizer = self._tokenizer(language)
        states = ctranslate2.StorageView.from_array(np.stack([one.states for one in encoded]))
        results = self._model.model.generate(
            states,
            [[*tokenizer.sot_sequence, tokenizer.no_timestamps]] * len(encoded),
            beam_size=BEAM,
            no_repeat_ngram_size=no_repeat,
            return_scores=True,
            return_no_speech_prob=True,
        )
        texts = [[token for token in result.sequences_ids[0] if token < tokenizer.eot] for result in results]
        frames = [max(1, int(one.seconds * self._model.frames_per_second)) for one in encoded]
        aligned = self._model.find_alignment(tokenizer, texts, states, frames)
        return [
            Hearing(
                text=tokenizer.decode(tokens),
                words=_words(words),
                language=language,
                log_probability=result.scores[0] * len(tokens) / (len(tokens) + 1),
                silence=result.no_speech_prob,
                seconds=one.seconds,
            )
            for one, result, tokens, words in zip(encoded, results, texts, aligned, strict=True)
        ]

    def _tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._model.hf_tokenizer, self._model.model.is_multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]


def _load(folder: Path, threads: int) -> Any:
    if cuda_devices():
        try:
            return _open(folder, "cuda", "float16", threads)
        except EncoderUnavailable as error:  # a driver without the libraries, or no memory left on the device
            log.warning("Whisper cannot run on the GPU; it runs on the CPU, slower (%s)", error)
    return _open(folder, "cpu", "int8", threads)


def _open(folder: Path, device: str, precision: str, threads: int) -> Any:
    from faster_whisper import WhisperModel

    try:
        model = WhisperModel(str(folder), device=device, compute_type=precision, cpu_threads=threads)
        if device == "cuda":  # a missing library shows only in the first run
            model.encode(np.zeros((1, model.model.n_mels, model.feature_extractor.nb_max_frames), np.float32))
    except Exception as error:  # RuntimeError of CTranslate2, Exception itself of tokenizers: the files do not load
        raise EncoderUnavailable(
            f"the weights in {folder} cannot be loaded ({reason_of(error)}); {ALWAYS_WORKS}"
        ) from error
    return model


def _array(states: Any) -> NDArray[Any]:
    """A CTranslate2 tensor as an array, wherever it lies."""
    import ctranslate2

    return np.array(states if states.device == "cpu" else states.to_device(ctranslate2.Device.cpu))


def _words(aligned: list[dict[str, Any]]) -> list[Word]:
    """faster-whisper's alignment of one window as words, punctuation joined to the word it belongs to."""
    from faster_whisper.transcribe import merge_punctuations

    merge_punctuations(aligned, PREPENDED, APPENDED)
    return [
        Word(word["word"], float(word["start"]), float(word["end"]), float(word["probability"]))
        for word in aligned
        if word["word"]
    ]
