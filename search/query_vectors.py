"""Vectors of what queries hold, kept for when it is asked again: the next page, the same with a filter more."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np

from bowerbird.errors import DecodeFailed, QueryError
from bowerbird.moments import Moment, PictureSpec, Wanted
from bowerbird.queries import Query
from bowerbird.types import Box, Pixels, Space, Vectors
from bowerbird.wiring import Library
from search.pictures import pixels_of

MOST = 1024
"""Vectors kept: 2 MB at 512 dimensions, in every process that searches."""

_SMALL_PX = 256
"""As thumbnails are by default."""

Key = tuple[str, bytes, Box | None]
"""Fingerprint of the encoder, sha256 of the text or picture, and the part of the picture that is meant."""


class QueryVectors:
    """Encodes texts and pictures in the spaces of one library, and keeps the last. Safe to share between threads."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._kept: OrderedDict[Key, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def texts(self, space: Space, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape ``(len(texts), dimension)``; the model is loaded only if one is not known yet."""
        keys = {text: _key(space, text.encode("utf-8", "surrogatepass")) for text in texts}
        known = {text: vector for text, key in keys.items() if (vector := self._known(key)) is not None}
        if new := [text for text in keys if text not in known]:
            vectors = self._library.encoder(space).encode_texts(new)
            known |= {text: self._keep(keys[text], vector) for text, vector in zip(new, vectors, strict=True)}
        return np.asarray([known[text] for text in texts], np.float32).reshape(len(texts), space.dimension)

    def picture(self, space: Space, data: bytes, crop: Box | None) -> Vectors | None:
        """The unit vector of an encoded picture or a part of it, shape ``(dimension,)``; None in a space of texts.

        Raises `QueryError` where it cannot be read.
        """
        key = _key(space, data, crop)
        if (vector := self._known(key)) is None:
            encoder = self._library.encoder(space)
            if encoder.picture is None:
                return None
            vector = self._keep(key, encoder.encode_images([self.pixels(data, encoder.picture, crop)])[0])
        return vector

    def known(self, space: Space, texts: Sequence[str], picture: tuple[bytes, Box | None] | None) -> dict[Key, Vectors]:
        """The vectors of these that are kept, each of shape ``(dimension,)``, for `adopt` in another process."""
        keys = [_key(space, text.encode("utf-8", "surrogatepass")) for text in texts]
        if picture is not None:
            keys.append(_key(space, *picture))
        return {key: vector for key in keys if (vector := self._known(key)) is not None}

    def adopt(self, known: Mapping[Key, Vectors]) -> None:
        """Keep vectors that another process has made."""
        for key, vector in known.items():
            self._keep(key, vector)

    def pixels(self, data: bytes, spec: PictureSpec, crop: Box | None) -> Pixels:
        """The query's picture, or the part of it that is meant, made to ``spec``. Raises `QueryError`."""
        try:
            return pixels_of(self._library.decoders, data, spec, crop)
        except DecodeFailed as error:
            raise QueryError(f"the query's picture {error.reason}") from None

    def thumbnail(self, query: Query) -> bytes | None:
        """The query's picture, small and encoded by us; None where it shows nothing. Raises `QueryError`."""
        if query.image is None:
            return None
        try:
            decoded = self._library.decoders.decode_bytes(query.image, Wanted(thumbnail_px=_SMALL_PX))
        except DecodeFailed as error:
            raise QueryError(f"the query's picture {error.reason}") from None
        made = (part.thumbnail for part in decoded.parts if isinstance(part, Moment) and part.thumbnail is not None)
        return next(made, None)

    def _known(self, key: Key) -> Vectors | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: Key, vector: Vectors) -> Vectors:
        with self._lock:
            self._kept[key] = vector = vector.copy()  # a row of a batch would keep all of it alive
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return vector


def _key(space: Space, content: bytes, crop: Box | None = None) -> Key:
    return space.fingerprint, hashlib.sha256(content).digest(), crop
