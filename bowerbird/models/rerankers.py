"""From a spec string to rerankers: the one place that knows them all."""

from __future__ import annotations

import re
from collections.abc import Callable

from bowerbird.errors import UnknownEncoder
from bowerbird.models.cross_encoder import CrossEncoderReranker
from bowerbird.models.second_encoder import SecondEncoder
from bowerbird.ports import Encoder, Reranker

NONE = "none"
PATTERN = "cross-encoder:NAME_OR_FOLDER or encoder:SPEC, several joined by +"


def load_rerankers(spec: str, load: Callable[[str], Encoder]) -> tuple[Reranker, ...]:
    """The rerankers that ``spec`` names, joined by ``+``; none for ``none``. ``load`` gives an encoder by its spec.

    Each candidate is judged by the first that can read it, so that a cross-encoder over texts and an encoder over
    pictures go together. Their networks load on first use. Raises `UnknownEncoder` and `EncoderUnavailable`; the latter
    may also come with the first use.
    """
    return () if spec == NONE else tuple(_load(each, load) for each in _BETWEEN.split(spec))


def _load(spec: str, load: Callable[[str], Encoder]) -> Reranker:
    family, _, rest = spec.partition(":")
    if family == "cross-encoder" and rest:
        return CrossEncoderReranker(rest)
    if family == "encoder" and rest:
        return SecondEncoder(load(rest))
    raise UnknownEncoder(f"there is no reranker {spec!r}; use {NONE}, {PATTERN}")


_BETWEEN = re.compile(r"\+(?=(?:cross-encoder|encoder):)")  # a + may also stand in the name of a folder
