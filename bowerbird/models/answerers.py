"""From a spec string to what answers questions: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Callable

from bowerbird.errors import UnknownEncoder
from bowerbird.models.destinations import without_password
from bowerbird.ports import Answerer, Encoder

BUILT_IN = "extractive"
PATTERN = f"{BUILT_IN} or openai:MODEL@URL"


def load_answerer(spec: str, encoder: Callable[[], Encoder], timeout_s: float) -> Answerer:
    """The answerer that ``spec`` names. ``encoder`` gives one that compares texts well; ``timeout_s`` is what an
    endpoint may take for one answer. Raises `UnknownEncoder`.
    """
    family, _, rest = spec.partition(":")
    if spec == BUILT_IN:
        from bowerbird.models.answers.extractive import ExtractiveAnswerer

        return ExtractiveAnswerer(encoder)
    if family == "openai" and rest:
        from bowerbird.models.answers.openai_answers import OpenAIAnswerer
        from bowerbird.models.endpoint.endpoint import Endpoint

        return OpenAIAnswerer(Endpoint.of(rest, timeout_s))
    raise UnknownEncoder(f"there is no answerer {without_password(spec)!r}; use {PATTERN}")
