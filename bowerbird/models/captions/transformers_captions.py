"""``transformers:NAME_OR_FOLDER``: what a picture shows, in the words of a network that was trained to say it.

Through Hugging Face transformers: BLIP (Li et al. 2022) and its like, which take a picture and go on from there;
Florence-2 (Xiao et al. 2023) and Kosmos-2 (Peng et al. 2023), which also say where; and whatever holds a conversation
about pictures (SmolVLM, Idefics, Qwen-VL, LLaVA …), which is asked, and shown how others were captioned before.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from bowerbird.answers import Sight
from bowerbird.errors import EncoderUnavailable, UnknownEncoder
from bowerbird.models.captions.caption_network import (
    EXAMPLES,
    MANNERS,
    OTHER,
    CaptionNetwork,
    load_network,
    quiet,
)
from bowerbird.models.captions.checkpoint import HUB_NAME, Checkpoint, find_checkpoint, folder_of
from bowerbird.models.one_line import reason_of
from bowerbird.moments import Moment
from bowerbird.settings import cache_folder
from bowerbird.types import Stage

VERSION = 1
"""Raised whenever the same model would say something else, since it is asked or read differently."""
BATCH = 8


class TransformersCaptioner:
    """One checkpoint, loaded on first use. Implements `Captioner`."""

    picture_px = 768
    sends_to: str | None = None

    def __init__(self, source: str, *, precision: str = "auto", cache: Path | None = None) -> None:
        """``source`` is OWNER/MODEL at the hub or a folder; ``precision`` is ``auto``, ``bf16`` or ``f32``; ``cache``
        keeps the hashes of weights (None: where all caches lie). Raises `UnknownEncoder` where ``source`` can be
        neither.
        """
        if folder_of(source) is None and not HUB_NAME.fullmatch(source):
            raise UnknownEncoder(
                f"there is no folder {source!r}; write transformers:/path/to/folder or transformers:OWNER/MODEL"
            )
        self.spec = f"transformers:{source}"
        self._source = source
        self._precision = precision
        self._cache = cache
        self._found: Checkpoint | None = None
        self._network: CaptionNetwork | None = None
        self._lock = threading.RLock()

    @cached_property
    def stage(self) -> Stage:
        """Names the model by its weights, wherever they lie, or its commit at the hub; a hub model that is not here is
        fetched for it. Raises `EncoderUnavailable`.
        """
        return Stage("caption", VERSION, {"model": self._checkpoint().identity(self._cache or cache_folder())})

    @cached_property
    def examples(self) -> int:
        """Only those who hold a conversation can be shown any. Raises `EncoderUnavailable` as `stage` does."""
        return 0 if self._checkpoint().model_type in MANNERS else EXAMPLES

    def caption(self, sights: Sequence[Sight]) -> list[Sequence[Moment]]:
        """What the model says of each picture, greedily decoded, with exp(mean log-probability of its tokens) as
        confidence; then the phrases that it places, in boxes. Nothing of sights without pixels.

        Raises `EncoderUnavailable` where the model cannot be had, or captions no pictures.
        """
        said: list[Sequence[Moment]] = [()] * len(sights)
        seen = [index for index, sight in enumerate(sights) if sight.pixels is not None]
        for start in range(0, len(seen), BATCH):
            batch = seen[start : start + BATCH]
            for index, moments in zip(batch, self._say([sights[each] for each in batch]), strict=True):
                said[index] = moments
        return said

    def _checkpoint(self) -> Checkpoint:
        with self._lock:
            if self._found is None:
                self._found = find_checkpoint(self._source)
            return self._found

    def _say(self, sights: Sequence[Sight]) -> list[list[Moment]]:
        checkpoint = self._checkpoint()
        # One at a time: tokenizers change state while they cut, and one run keeps all cores busy.
        with self._lock, quiet():
            if self._network is None:
                self._network = load_network(checkpoint, self._precision)
            try:
                return self._network.say(sights)
            except Exception as error:  # a processor that does not fit its model fails in any way there is
                raise EncoderUnavailable(f"{self._source} cannot caption ({reason_of(error)}); {OTHER}") from error
