"""How many tiles of each picture are encoded: what the library was told, else what its encoder is fast enough for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from bowerbird.ports import Encoder
from bowerbird.types import Pixels
from bowerbird.wiring import Library

FAST, FAIR = 200.0, 12.0
"""Pictures a second from which on 9 and 4 tiles are the default: 10,000 photos then take an hour or less to tile. Four
find nearly all that nine do (benchmarks/README.md), so nine are for those who hardly notice.
"""
_META = "regions"
_BATCH = 16


def settled_regions(library: Library, asked: int | None, say: Callable[[str], None]) -> int:
    """The number of tiles, 0, 4 or 9. What is ``asked`` for holds from now on, and goes before ``library.toml``.

    Where nobody has ever said, the encoder's speed is measured, once for the library: its pictures are to be cut alike.
    """
    with library.catalog.read() as tx:
        kept = tx.meta.get(_META)
    configured = library.settings.index.regions
    if asked is None and configured != "auto":
        return int(configured)
    if asked is None and kept is not None:
        return int(kept)
    chosen = _affordable(library.encoder(library.joint)) if asked is None else asked
    with library.catalog.write() as tx:
        tx.meta.set(_META, str(chosen))
    if asked is None:
        say(f"regions: {chosen} tiles of each picture are encoded too; `bowerbird index --regions 0|4|9` changes that")
    return chosen


def _affordable(encoder: Encoder) -> int:
    if encoder.picture is None:
        return 0
    size = encoder.picture.size
    pictures = list(np.random.default_rng(0).integers(0, 256, (_BATCH, size, size, 3), dtype=np.uint8))
    encoder.encode_images(pictures)  # the first batch compiles
    rate = _BATCH / min(_seconds(encoder, pictures) for _ in range(3))  # the best, or a busy moment would stick
    return 9 if rate >= FAST else 4 if rate >= FAIR else 0


def _seconds(encoder: Encoder, pictures: Sequence[Pixels]) -> float:
    started = time.perf_counter()
    encoder.encode_images(pictures)
    return max(time.perf_counter() - started, 1e-9)
