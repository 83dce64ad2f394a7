"""From a spec string to what captions pictures: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bowerbird.errors import UnknownEncoder
from bowerbird.models.destinations import without_password
from bowerbird.ports import Captioner, Encoder

BUILT_IN = "concepts"
"""The captioner that costs next to nothing, and sends nothing anywhere."""
PATTERN = f"{BUILT_IN}, transformers:NAME_OR_FOLDER or openai:MODEL@URL"


def load_captioner(
    spec: str,
    encoder: Callable[[], Encoder],
    timeout_s: float,
    *,
    cache: Path | None = None,
    precision: str = "auto",
) -> Captioner:
    """The captioner that ``spec`` names. ``encoder`` gives that of the library's joint space; ``timeout_s`` is what an
    endpoint may take for one picture; ``cache`` keeps what is costly to make (None: where all caches lie);
    ``precision`` is that of networks, as in the settings.

    Networks load on first use. Raises `UnknownEncoder` and `EncoderUnavailable`; the latter may come with first use.
    """
    family, _, rest = spec.partition(":")
    if spec == BUILT_IN:
        from bowerbird.models.captions.concept_captions import ConceptCaptioner

        return ConceptCaptioner(encoder(), cache)
    if family == "transformers" and rest:
        from bowerbird.models.captions.transformers_captions import TransformersCaptioner

        return TransformersCaptioner(rest, precision=precision, cache=cache)
    if family == "openai" and rest:
        from bowerbird.models.captions.openai_captions import OpenAICaptioner
        from bowerbird.models.endpoint.endpoint import Endpoint

        return OpenAICaptioner(Endpoint.of(rest, timeout_s))
    raise UnknownEncoder(f"there is no captioner {without_password(spec)!r}; use {PATTERN}")
