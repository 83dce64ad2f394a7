"""HEIC and HEIF, as phones take photos, by libheif. AVIF is Pillow's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pi_heif import register_heif_opener

from bowerbird.media.picture.pictures import READ, media_type, opened, still
from bowerbird.media.registry import HEIF, Limits
from bowerbird.moments import Decoded, Wanted

_FORMAT = "HEIF"
_MOST_BYTES = 256 << 20
"""libheif has a file in memory as a whole; a photo of 50 megapixels has 20 MB."""


class HeifDecoder:
    """The main picture of a HEIF file, turned as the file says; EXIF's orientation does not count there.

    Whatever else Pillow reads is a picture under this name too: phones send JPEGs so called.
    """

    name = HEIF.name
    version = HEIF.version
    kind = HEIF.kind
    suffixes = HEIF.suffixes

    def __init__(self, limits: Limits) -> None:
        self._max_megapixels = limits.max_megapixels
        # Maps of depth and of brightness are no pictures to a person, and a preview may show something else.
        register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """One moment, the picture, and its tiles. Of several pictures the main one, of a sequence the first."""
        with opened(path, (_FORMAT, *READ), most_bytes=_MOST_BYTES) as image:
            is_heif = image.format == _FORMAT
            kind = image.get_format_mimetype() if is_heif else media_type(image)
            decoded = still(image, wanted, self._max_megapixels)
            return replace(decoded, info=replace(decoded.info, media_type=kind or "image/heif"))
