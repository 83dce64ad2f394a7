"""The picture that comes with a question, made safe to hand on: decoded in the sandbox, and encoded anew by us."""

from __future__ import annotations

import io
from dataclasses import replace

from bowerbird.answers import Question
from bowerbird.errors import DecodeFailed, QueryError
from bowerbird.media.sandbox import DecoderPool
from bowerbird.moments import Moment, Wanted

LONGEST_PX = 768
"""The longest side of what is handed on: what models that see look at without scaling it down."""
_QUALITY = 90


def own_picture(decoders: DecoderPool, data: bytes, longest_px: int = LONGEST_PX) -> bytes:
    """JPEG of the encoded picture ``data``, upright, its longest side at most ``longest_px``, never enlarged.

    Nothing of ``data`` but its pixels is left: no place, no camera, nothing that a decoder elsewhere might trip over.
    Raises `QueryError` where it cannot be read.
    """
    from PIL import Image

    try:
        decoded = decoders.decode_bytes(data, Wanted(detail_px=longest_px))
        shown = [part.detail for part in decoded.parts if isinstance(part, Moment) and part.detail is not None]
    except DecodeFailed as error:
        raise QueryError(f"the question's picture {error.reason}") from None
    if not shown:
        raise QueryError("the question's picture shows nothing: send one in JPEG, PNG …")
    file = io.BytesIO()
    Image.fromarray(shown[0]).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def with_own_picture(decoders: DecoderPool, question: Question) -> Question:
    """The question, its picture made to `own_picture`. Raises `QueryError` where that cannot be read."""
    return question if question.image is None else replace(question, image=own_picture(decoders, question.image))
