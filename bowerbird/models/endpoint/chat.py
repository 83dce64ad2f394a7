"""Messages of the chat-completions protocol: words, pictures as data URIs, and fences around what is mere data."""

from __future__ import annotations

import base64
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from bowerbird.errors import EndpointFailed
from bowerbird.models.endpoint.messages import Message

Part = Mapping[str, Any]
"""Of a message: text or a picture."""

_KEPT = "\n\t"


def words(text: str) -> Part:
    """``text`` as a part of a message."""
    return {"type": "text", "text": text}


def picture(data: bytes) -> Part:
    """An encoded picture as a part of a message, byte for byte. Its media type is told by how it begins.

    Raises `EndpointFailed` where it is none of the kinds that models take: JPEG, PNG, WebP, GIF.
    """
    if (kind := _media_type(data)) is None:
        raise EndpointFailed("models are shown JPEG, PNG, WebP and GIF only; save the picture as one of these")
    return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{base64.b64encode(data).decode()}"}}


def message(role: str, parts: str | Iterable[Part]) -> Message:
    """A message. Parts that are all text become one text, since models that read no pictures take no parts."""
    if isinstance(parts, str):
        return {"role": role, "content": parts}
    parts = list(parts)
    if all(part["type"] == "text" for part in parts):
        return {"role": role, "content": "\n\n".join(part["text"] for part in parts)}
    return {"role": role, "content": parts}


def clean(text: str) -> str:
    """``text`` as any endpoint takes it: no control characters but line breaks and tabs, no lone surrogates."""
    whole = text.encode("utf-8", "replace").decode()
    return "".join(letter for letter in whole if letter in _KEPT or unicodedata.category(letter) != "Cc")


class Fence:
    """Marks that begin and end what is data. They are drawn anew for each request until they stand in none of the
    ``texts`` that they go around, so that nothing in there can close them and go on as if the user spoke.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        inside = "\n".join(texts)
        self.mark = secrets.token_hex(8)
        while self.mark in inside:
            self.mark = secrets.token_hex(8)

    def around(self, name: str, text: str) -> str:
        """``text`` between its marks, each on a line of its own."""
        return f"<<{name} {self.mark}>>\n{text}\n<<end of {name} {self.mark}>>"


def _media_type(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    begins = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"GIF87a": "image/gif"}
    begins |= {b"GIF89a": "image/gif"}
    return next((kind for beginning, kind in begins.items() if data.startswith(beginning)), None)
