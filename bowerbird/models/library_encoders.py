"""Which encoders a library has: settled when it is made, and held to ever after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bowerbird.errors import EncoderMismatch, EncoderUnavailable, UsageError
from bowerbird.ports import Encoder
from bowerbird.types import EncoderDescription, Space, SpaceName

LoadEncoder = Callable[[str], Encoder]
"""From a spec string to an encoder; `load_encoder` of the registry unless a test hands in another."""


def settled(spec: str, load: LoadEncoder, say: Callable[[str], None]) -> EncoderDescription:
    """The encoder of a library's joint space; ``auto`` is settled here, once, and ``say`` told what it became.

    Raises `UnknownEncoder`, `EncoderUnavailable`, and `UsageError` where it reads no pictures.
    """
    if spec != "auto":
        description = load(spec).description
        if not description.reads_pictures:
            raise UsageError(f"{spec} reads no pictures; choose concepts or open_clip:ARCH/TAG")
        return description
    from bowerbird.models.auto import FALLBACK, settle

    choice = settle()
    try:
        description = load(choice.spec).description
    except EncoderUnavailable as error:  # a hub that answers need not hand anything out
        if choice.spec == FALLBACK:
            raise
        say(f"encoder: {FALLBACK}, since {choice.spec} cannot be had: {error}")
        return load(FALLBACK).description
    say(choice.reason)
    return description


def spaces_of(joint: EncoderDescription, load: LoadEncoder) -> dict[SpaceName, EncoderDescription]:
    """The spaces of a library whose joint space is this encoder's."""
    if joint.text_is_semantic:
        return {SpaceName.JOINT: joint}
    return {SpaceName.JOINT: joint, SpaceName.TEXT: load("minilm").description}


def check_encoder(folder: Path, spaces: Sequence[Space], spec: str, load: LoadEncoder) -> None:
    """Hold the library in ``folder`` against the encoder that was asked for; ``auto`` was settled when it was made.

    Raises `EncoderMismatch`.
    """
    joint = next(space for space in spaces if space.name is SpaceName.JOINT)
    if spec not in {"auto", joint.spec} and load(spec).description.fingerprint != joint.fingerprint:
        raise EncoderMismatch(
            f"{folder} was made with {joint.spec}, not with {spec}; leave out --encoder, "
            "or make another library with --library DIR, or switch this one with `bowerbird reencode`"
        )
