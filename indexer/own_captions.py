"""Captions beside the run that makes them: the owner's own, those that are taken out, and vectors for all."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bowerbird.errors import UsageError
from bowerbird.moments import Moment
from bowerbird.paths import listed, named
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.caption_albums import OWNER, stage_of
from bowerbird.store.catalog.segments import Derived
from bowerbird.types import SegmentKind, Vectors
from bowerbird.wiring import Library
from indexer.encode import checked
from indexer.roots import below_root

LONGEST = 4000
"""Characters of one caption."""
_KEY = "1"
_PAGE = 512
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def say(library: Library, asset_id: int, text: str) -> str:
    """Write what the owner says of an asset, in the place of what they said before; returns it as it is kept.

    No captioner ever replaces it. Raises `UsageError` where it is empty or too long, or the asset has gone.
    """
    whole = text.encode("utf-8", "replace").decode()  # bytes of a terminal that are not UTF-8 come as lone surrogates
    said = _CONTROLS.sub(" ", whole).strip()
    if not said:
        raise UsageError("an empty caption says nothing; write one, or take the caption out")
    if len(said) > LONGEST:
        raise UsageError(f"a caption of {len(said):,} characters is too long; write at most {LONGEST:,}")
    with library.catalog.read() as tx:
        library.refresh_spaces(tx)
    vectors = {space_id: {0: placed[0]} for space_id, placed in vectors_of(library, [said]).items()}
    moment = Moment(SegmentKind.CAPTION, text=said)
    with library.catalog.write() as tx:
        if not tx.captions.put([Derived(asset_id, stage_of(OWNER), _KEY, [moment], vectors)], whole=()):
            raise UsageError("what was to be captioned has just left the library; index it again")
    return said


def remove(library: Library, paths: Path | str | Sequence[Path | str] = (), spec: str | None = None) -> int:
    """Take out the captions of what lies at these paths, none: of everything; ``spec``: only those that it wrote, which
    may be `OWNER`. Returns of how many assets there were any. Raises `UsageError` as `assets_at` does.
    """
    with library.catalog.write() as tx:
        return tx.captions.remove(assets_at(tx, listed(paths)) if listed(paths) else None, spec)


def take_back(library: Library, asset_id: int) -> bool:
    """Take out what the owner said of an asset. False where they had said nothing."""
    with library.catalog.write() as tx:
        return tx.captions.remove([asset_id], OWNER) > 0


def assets_at(tx: Transaction, paths: Path | str | Sequence[Path | str]) -> set[int]:
    """The ids of the assets at these files, folders and roots, or in folders around roots.

    Raises `UsageError` where there is nothing of one of them in the library, or one is empty.
    """
    found: set[int] = set()
    roots = tx.roots.all()
    for given in listed(paths):
        place = named(given)
        here: set[int] = set()
        for root in roots:
            below = below_root(place, Path(root.path))
            if below is None and Path(root.path).is_relative_to(os.path.realpath(place)):
                below = ""
            if below is not None:
                here.update(each.asset_id for each in tx.folders.at(root.id, below))
        if not here:
            raise UsageError(f"nothing of {given} is in this library; index it first: `bowerbird index PATH`")
        found |= here
    return found


def vectors_of(library: Library, texts: Sequence[str]) -> dict[int, Vectors]:
    """The vectors of these texts in every active space: by its id, shape ``(len(texts), dimension)``, float32."""
    most = library.settings.index.batch_size
    found: dict[int, Vectors] = {}
    for space in library.spaces if texts else ():
        encode = library.encoder(space).encode_texts
        parts = [texts[start : start + most] for start in range(0, len(texts), most)]
        found[space.id] = np.concatenate([checked(space, len(part), encode(part)) for part in parts])
    return found


def fill_vacancies(library: Library) -> int:
    """Give captions the vectors that they lack: of a library that was switched back to an encoder of before, or that
    was imported without vectors. Returns how many.
    """
    filled = 0
    for space in library.spaces:
        after = 0
        while True:
            with library.catalog.read() as tx:
                page = tx.captions.without_vectors(space.id, after, _PAGE)
            if not page:
                break
            after = page[-1][0]
            ids, texts = zip(*page, strict=True)
            encoded = checked(space, len(texts), library.encoder(space).encode_texts(texts))
            with library.catalog.write() as tx:
                filled += tx.vacancies(space).fill(dict(zip(ids, encoded, strict=True)))
    return filled
