"""What has to be derived from a file of some format, each step with a key: a step whose key has changed is stale."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bowerbird.media.registry import Format, stage_of
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind, Space
from indexer import segment


@dataclass(frozen=True, slots=True)
class Recipe:
    """The steps for one format: ``decode`` names the first, ``keys`` gives the key of each by its name."""

    decode: str
    keys: Mapping[str, str]
    attempt: str
    """Names the first step together with the limits it keeps to: a file that failed is tried again under others."""

    @property
    def key(self) -> str:
        """The key of the first step: how segments were made."""
        return self.keys[self.decode]

    def is_done(self, done: Mapping[str, str]) -> bool:
        """Whether an asset with these derivations lacks nothing."""
        return all(done.get(stage) == key for stage, key in self.keys.items())


def recipe_for(made_by: Format, spaces: Sequence[Space], limits: DecodeSettings) -> Recipe:
    """The recipe for files of this format in a library with these spaces.

    How large a picture is made belongs to the encoder, whose fingerprint covers it, not to the segment.
    """
    stage = stage_of(made_by.name, None)
    options = dict(stage.options)
    if made_by.kind is AssetKind.DOCUMENT:  # the others are not cut
        options["segment"] = segment.VERSION
    key = _key(stage.name, stage.version, options)
    return Recipe(
        stage.name,
        {stage.name: key, **{f"encode:{space.name}": space.fingerprint for space in spaces}},
        _key(key, limits.model_dump(exclude={"workers"})),
    )


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
