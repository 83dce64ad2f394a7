"""From a spec string to an encoder: the one place that knows them all."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bowerbird.errors import UnknownEncoder
from bowerbird.models import auto, concepts, minilm, open_clip
from bowerbird.models.open_clip_card import card_of
from bowerbird.models.runtime import Runtime
from bowerbird.ports import Encoder
from bowerbird.types import EncoderDescription


@dataclass(frozen=True, slots=True)
class Family:
    """Encoders of one sort: how their specs look, how one is described and how one is loaded."""

    pattern: str
    about: str
    describe: Callable[[str, Path], EncoderDescription]
    load: Callable[[str, Runtime], Encoder]


FAMILIES: dict[str, Family] = {
    "concepts": Family(
        "concepts",
        "texts and pictures; its weights came with pip, so that it needs no network",
        lambda _spec, _cache: concepts.DESCRIPTION,
        lambda _spec, runtime: concepts.Concepts(runtime),
    ),
    "minilm": Family(
        "minilm",
        "texts alone, compared by what they mean; its weights came with pip",
        lambda _spec, _cache: minilm.DESCRIPTION,
        lambda _spec, runtime: minilm.MiniLM(runtime),
    ),
    "open_clip": Family(
        "open_clip:ARCHITECTURE/TAG or open_clip:ARCHITECTURE//path/to/weights.pt",
        "texts and pictures; any model of the open_clip library, from the model hub or from a file",
        lambda spec, cache: card_of(*open_clip.parse(spec), cache).description,
        lambda spec, runtime: open_clip.OpenClip(card_of(*open_clip.parse(spec), runtime.cache), runtime),
    ),
}
"""Every encoder that is known here; ``auto`` becomes one of them."""


def describe(spec: str, *, cache: Path) -> EncoderDescription:
    """What ``spec`` names: fingerprint, dimension and the like. No network is loaded, but a tag's weights are fetched.

    Raises `UnknownEncoder` and `EncoderUnavailable`.
    """
    spec = settled(spec)
    return family(spec).describe(spec, cache)


def load_encoder(spec: str, *, cache: Path, precision: str = "auto") -> Encoder:
    """The encoder that ``spec`` names; its networks load on first use. ``precision`` is ``auto``, ``bf16`` or ``f32``.

    Raises `UnknownEncoder` and `EncoderUnavailable`; the latter may also come with the first use.
    """
    spec = settled(spec)
    return family(spec).load(spec, Runtime(cache, precision))


def settled(spec: str) -> str:
    """``spec`` itself, or what ``auto`` becomes here and now."""
    return auto.settle().spec if spec == "auto" else spec


def family(spec: str) -> Family:
    """The family that ``spec`` belongs to. Raises `UnknownEncoder`, naming what comes nearest."""
    name, colon, _ = spec.partition(":")
    found = FAMILIES.get(name)
    if found is None:
        near = difflib.get_close_matches(name, [*FAMILIES, "auto"], 1, 0.5)
        meant = f"did you mean {near[0]}? " if near else ""
        patterns = ", ".join(known.pattern for known in FAMILIES.values())
        raise UnknownEncoder(f"there is no encoder {spec!r}; {meant}use auto, {patterns}")
    takes_more = found.pattern != name
    if takes_more != bool(colon) or (takes_more and not all(open_clip.parse(spec))):
        raise UnknownEncoder(f"{spec!r} is not a whole encoder spec; write {found.pattern}")
    return found
