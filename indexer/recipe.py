"""What has to be derived from a file of some format, each step with a key: a step whose key has changed is stale."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bowerbird.media.formats import Format
from bowerbird.media.registry import formats
from bowerbird.moments import PictureSpec, Wanted
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind, Space, Stage
from indexer import segment

REGIONS, WORDS, SPEECH, THUMBNAIL, FACTS = "regions", "ocr", "transcribe", "thumbnail", "describe"
"""Steps beside decoding: tiles, words read off pictures, words heard, thumbnails, and where and when it was taken."""

OFF = "off"
"""The key of a step that is switched off: one that was never taken need not be undone."""

DETAIL_PX = 1600
"""The longest side of a picture when words are read off it; a photo may come with less, down to 0.6 of it."""

_VERSIONS = {REGIONS: 1, THUMBNAIL: 1, FACTS: 1}
"""Raised whenever the step would give something else."""
_SUBTITLES = "subtitles:"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The steps for one file: ``decode`` names the first, ``keys`` gives the key of each by its name."""

    decode: str
    keys: Mapping[str, str]
    attempt: str
    """Names the first step together with the limits it keeps to: a file that failed is tried again under others."""
    replaces: tuple[str, ...] = ()
    """Steps by which older versions read such files."""
    replaced_by: tuple[str, ...] = ()
    """Steps that make this one needless, where the same content also has a name that they go by."""

    def missing(self, done: Mapping[str, str]) -> frozenset[str]:
        """The steps that an asset with these derivations lacks; all of them where it has no vectors in some space."""
        lacking = {stage for stage, key in self.keys.items() if not _same(stage, key, done.get(stage, OFF))}
        if any(stage in done for stage in self.replaced_by):
            lacking.discard(self.decode)
        return frozenset(self.keys if any(stage.startswith("encode:") for stage in lacking) else lacking)

    def makes_segments(self, stage: str) -> bool:
        """Whether the step yields moments of its own."""
        return stage in {self.decode, REGIONS, WORDS, SPEECH}


def _same(stage: str, key: str, done: str) -> bool:
    # A copy of a film without its subtitles is not transcribed anew, or the two copies would take turns for ever.
    return done == key or (stage == SPEECH and done.startswith(_SUBTITLES) and not key.startswith(_SUBTITLES))


@dataclass(frozen=True, slots=True)
class Recipes:
    """Recipes for all the files of a run."""

    spaces: Sequence[Space]
    picture: PictureSpec | None
    limits: DecodeSettings
    regions: int = 0
    reader: Stage | None = None
    transcriber: Stage | None = None
    thumbnail_px: int = 0

    def of(self, made_by: Format, subtitles: Sequence[str] = ()) -> Recipe:
        """The recipe for a file of this format beside which subtitles with these hashes lie.

        How large a picture is made for the encoder belongs to the encoder, whose fingerprint covers it.
        """
        decode = f"decode:{made_by.name}"
        options = {"segment": segment.VERSION} if made_by.kind is AssetKind.DOCUMENT else {}  # others are not cut
        keys = {decode: _key(decode, made_by.version, options), FACTS: _key(FACTS, _VERSIONS[FACTS], {})}
        if made_by.kind is AssetKind.IMAGE:
            keys[REGIONS] = _key(REGIONS, _VERSIONS[REGIONS], {"tiles": self.regions}) if self.regions else OFF
        if made_by.shows:
            keys[WORDS] = _of_stage(self.reader, {"px": DETAIL_PX})
            keys[THUMBNAIL] = (
                _key(THUMBNAIL, _VERSIONS[THUMBNAIL], {"px": self.thumbnail_px, "of": keys[decode]})
                if self.thumbnail_px
                else OFF
            )
        if made_by.sounds:
            keys[SPEECH] = _of_stage(self.transcriber, {})
            if subtitles:
                keys[SPEECH] = _SUBTITLES + _key(SPEECH, *sorted(subtitles))
        keys |= {f"encode:{space.name}": space.fingerprint for space in self.spaces}
        limits = self.limits.model_dump(exclude={"workers"})
        return Recipe(
            decode,
            keys,
            attempt=_key(keys[decode], limits),
            replaces=tuple(f"decode:{name}" for name in made_by.replaces),
            replaced_by=tuple(f"decode:{each.name}" for each in formats().values() if made_by.name in each.replaces),
        )

    def wanted(self, recipe: Recipe, missing: Collection[str], *, hear: bool = False) -> Wanted:
        """What a file has to be decoded for, if these steps are missing; ``hear``: whatever subtitles there are."""
        on = {stage for stage in missing if recipe.keys[stage] != OFF}
        return Wanted(
            picture=self.picture if on & {recipe.decode, REGIONS} else None,
            regions=self.regions if REGIONS in on else 0,
            detail_px=DETAIL_PX if WORDS in on else 0,
            thumbnail_px=self.thumbnail_px if THUMBNAIL in on else 0,
            sound=SPEECH in on
            and self.transcriber is not None
            and (hear or not recipe.keys[SPEECH].startswith(_SUBTITLES)),
        )


def _of_stage(stage: Stage | None, options: Mapping[str, Any]) -> str:
    return OFF if stage is None else _key(stage.name, stage.version, {**stage.options, **options})


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
