"""What has to be derived from a file of some format, each step with a key: a step whose key has changed is stale."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bowerbird.media.registry import stage_of
from bowerbird.types import Space, Stage
from indexer import segment


@dataclass(frozen=True, slots=True)
class Recipe:
    """The steps for one format: ``decode`` names the first, ``keys`` gives the key of each by its name."""

    decode: str
    keys: Mapping[str, str]

    @property
    def key(self) -> str:
        """The key of the first step: how segments were made."""
        return self.keys[self.decode]

    def is_done(self, done: Mapping[str, str]) -> bool:
        """Whether an asset with these derivations lacks nothing."""
        return all(done.get(stage) == key for stage, key in self.keys.items())


def recipe_for(path: Path, spaces: Sequence[Space]) -> Recipe:
    """The recipe for a file of this name in a library with these spaces.

    How large a picture is made belongs to the encoder, whose fingerprint covers it, not to the segment.
    """
    decode = stage_of(path, None)
    made = Stage(decode.name, decode.version, {**decode.options, "segment": segment.VERSION})
    return Recipe(decode.name, {decode.name: _key(made), **{f"encode:{s.name}": s.fingerprint for s in spaces}})


def _key(stage: Stage) -> str:
    said = json.dumps([stage.name, stage.version, dict(stage.options)], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()
