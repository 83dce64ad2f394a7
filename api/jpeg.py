"""Pictures that are ours, as JPEG: every client and every model's server takes it, which cannot be said of WebP."""

from __future__ import annotations

import io

from bowerbird.types import Box

_QUALITY = 85


def as_jpeg(data: bytes, part: Box | None = None) -> bytes:
    """A picture that we have made (WebP), or that part of it, as JPEG, on white where it is transparent."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as picture:
        if picture.has_transparency_data:
            seen = picture.convert("RGBA")
            shown = Image.new("RGB", seen.size, "white")
            shown.paste(seen, mask=seen.getchannel("A"))
        else:
            shown = picture.convert("RGB")
    if part is not None:
        left, top = (min(int(at * side), side - 1) for at, side in zip((part.x, part.y), shown.size, strict=True))
        right, bottom = round((part.x + part.width) * shown.width), round((part.y + part.height) * shown.height)
        shown = shown.crop((left, top, max(left + 1, right), max(top + 1, bottom)))
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
