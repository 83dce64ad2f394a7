"""Which of some labels fits each picture, film, talk or paper: zero-shot classification.

A label is a query like any other: it is placed among the moments as text, and the nearest wins (A. Radford and others,
Learning transferable visual models from natural language supervision, 2021). Its score is the relevance that a search
for it would give to the asset's best moment. Prompts, of which those authors make much, gain nothing with `concepts`:
on 128 photos of everyday scenes and 73 labels the bare words give 101 labels, 70 of them right, "a {}" 63 of 88, "a
photo of a {}" 17 of 36; of 38 photos with one large object the first label is right in 24, 24 and 19.

Relevance says how well a label fits, whatever the others are; a *share* says how the labels stand to each other. It is
the softmax over what their relevances are the logistic of, deviations from the background: odds over the sum of odds.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bowerbird.errors import DecodeFailed, QueryError
from bowerbird.paths import at_home, listed
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.folders import Lying
from bowerbird.types import AssetKind, SegmentKind, Space, Vectors
from bowerbird.wiring import Library
from search.calibrate import Calibrator
from search.parse import MOST_CHARACTERS
from search.picture_files import read_picture
from search.pictures import pixels_of
from search.service import Search

MOST_LABELS = 1000
MOST_SCORES = 200_000
"""Labels times files that somebody elsewhere may ask for at once: 10 MB of JSON."""
_SURE = 1e-6
"""How near to 0 and 1 relevance may come before odds are counted."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """What was found of one file."""

    path: str
    asset_id: str
    label: str | None
    """The best, None where none reaches the threshold."""
    relevance: float
    """Of the best, whether it reaches the threshold or not."""
    scores: Mapping[str, float]
    """Relevance of every label, in 0..1, the best first."""
    shares: Mapping[str, float]
    """The same labels held against each other: these add up to 1."""


def label(
    where: Search | Library, labels: Sequence[str], path: Path | str, *, threshold: float | None = None
) -> list[Labelled]:
    """Label the file or all files of the folder ``path``, in the order of their paths.

    What is in the library is not decoded again: its vectors come from SQL. A picture that is not is encoded on the
    spot. ``threshold`` is the relevance from which on a label fits; None: the one from which on a search matches.
    Raises `QueryError` where there is no label, or nothing at ``path`` that can be labelled.
    """
    library, asked = _library(where), _Asked.checked(where, labels, threshold)
    if "\0" in str(path):
        raise QueryError(f"{str(path)!r} names no file: name a file or folder that there is")
    path = at_home(Path(path))
    # A link inside a root is catalogued where it lies, one above the root where it leads.
    places = {Path(os.path.abspath(path)), Path(os.path.realpath(path.parent), path.name), Path(os.path.realpath(path))}
    if found := _found(where, asked, lambda tx: _lying(tx, places)):
        return found
    data = _outside(library, path)
    relevance = _Labels(library, asked.names, where.spaces).of_picture(path, data)
    return [_labelled(str(path), hashlib.sha256(data).hexdigest(), asked.names, relevance, asked.threshold)]


def label_held(
    where: Search | Library, labels: Sequence[str], path: Path | str, *, threshold: float | None = None
) -> list[Labelled]:
    """`label` for somebody elsewhere: of what the library holds at or below ``path``, no file or link being looked at.

    Raises `QueryError` also where that is more than `MOST_SCORES` asks for.
    """
    asked = _Asked.checked(where, labels, threshold, most=MOST_SCORES)
    if "\0" in str(path) or not Path(path).is_absolute():
        raise QueryError(f"{str(path)!r} is no absolute path: write it out from the root of the file system")
    place = Path(os.path.normpath(path))
    if found := _found(where, asked, lambda tx: _lying(tx, {place})):
        return found
    raise QueryError(f"nothing at {str(place)!r} is in this library: index it first")


def label_assets(
    where: Search | Library, labels: Sequence[str], asset_ids: Sequence[str], *, threshold: float | None = None
) -> list[Labelled]:
    """Label assets by their ids (64 hexadecimal digits), each at its oldest path, in the order of these paths.

    Raises `QueryError` where nothing in the library has an id, and as `label_held`.
    """
    asked = _Asked.checked(where, labels, threshold, most=MOST_SCORES)
    return _found(where, asked, lambda tx: dict(_lies(tx, each) for each in dict.fromkeys(listed(asset_ids))))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The labels, trimmed, each once; from which relevance on one fits; and how many scores there may be."""

    names: Sequence[str]
    threshold: float
    most: int | None

    @classmethod
    def checked(
        cls, where: Search | Library, labels: Sequence[str], threshold: float | None, most: int | None = None
    ) -> _Asked:
        """Raises `QueryError` where they will not do."""
        names = _checked(labels)
        if threshold is None:
            threshold = _library(where).settings.search.stands_out
        if not 0 <= threshold <= 1:
            raise QueryError(f"a threshold of {threshold} is out of bounds: it lies between 0 and 1")
        return cls(names, threshold, most)


def _library(where: Search | Library) -> Library:
    return where.library if isinstance(where, Search) else where


def _found(
    where: Search | Library, asked: _Asked, find: Callable[[Transaction], Mapping[str, Lying]]
) -> list[Labelled]:
    """What ``find`` finds in the library by whole path, labelled, in the order of the paths."""
    library = _library(where)
    with library.catalog.read() as tx:
        if library is where:
            library.refresh_spaces(tx)
        here = find(tx)
        if asked.most is not None and len(here) * len(asked.names) > asked.most:
            raise QueryError(
                f"{len(asked.names):,} labels for {len(here):,} files are over the limit of {asked.most:,} scores: "
                "ask for fewer of them, or for a folder at a time"
            )
        relevance = _Labels(library, asked.names, where.spaces).of_assets(tx, [each.asset_id for each in here.values()])
    return [
        _labelled(path, each.hash, asked.names, relevance[each.asset_id], asked.threshold)
        for path, each in sorted(here.items())
    ]


class _Labels:
    """Labels as queries, in every space of a library."""

    def __init__(self, library: Library, names: Sequence[str], spaces: Sequence[Space]) -> None:
        self._library = library
        self._spaces = spaces
        self._names = names
        self._calibrator = Calibrator(library)
        self._queries: dict[int, Vectors] = {}

    def of_assets(self, tx: Transaction, asset_ids: Sequence[int]) -> dict[int, Vectors]:
        """Of each asset the relevance of every label to its best moment, shape ``(labels,)``."""
        rows = {asset_id: row for row, asset_id in enumerate(dict.fromkeys(listed(asset_ids)))}
        relevance = np.zeros((len(rows), len(self._names)), np.float32)
        for space in self._spaces:
            # Relevance rises with the score, so each kind's best moments are found first and calibrated all at once.
            best: dict[SegmentKind, Vectors] = {}
            for kind, owners, vectors in tx.folders.vectors(list(rows), space.id):
                if kind not in best:
                    best[kind] = np.full(relevance.shape, -np.inf, np.float32)
                np.maximum.at(best[kind], [rows[owner] for owner in owners], vectors @ self._of(space).T)
            for kind, scores in best.items():
                there = np.isfinite(scores[:, 0])
                relevance[there] = np.maximum(relevance[there], self._calibrated(space, kind, scores[there]))
        return {asset_id: relevance[row] for asset_id, row in rows.items()}

    def of_picture(self, path: Path, data: bytes) -> Vectors:
        """The relevance of every label to a picture that the library does not hold. Raises `QueryError`."""
        space = self._library.joint
        encoder = self._library.encoder(space)
        if encoder.picture is None:
            raise QueryError(f"{path}: the encoder of this library reads no pictures; name a file of text in it")
        try:
            pixels = pixels_of(self._library.decoders, data, encoder.picture, None)
        except DecodeFailed as error:
            raise QueryError(f"{path}: {error.reason}; name a picture, or something that is indexed") from None
        scores = encoder.encode_images([pixels]) @ self._of(space).T
        found: Vectors = self._calibrated(space, SegmentKind.IMAGE, scores)[0]
        return found

    def _calibrated(self, space: Space, kind: SegmentKind, scores: Vectors) -> Vectors:
        """What a search would make of these scores, shape ``(n, labels)``."""
        queries = self._of(space)
        columns = [self._calibrator.relevance(space, kind, query, scores[:, n]) for n, query in enumerate(queries)]
        return np.stack(columns, axis=1)

    def _of(self, space: Space) -> Vectors:
        """The labels as unit vectors, shape ``(labels, dimension)``."""
        if space.id not in self._queries:
            self._queries[space.id] = self._library.encoder(space).encode_texts(self._names)
        return self._queries[space.id]


def _labelled(path: str, hash_: str, names: Sequence[str], relevance: Vectors, threshold: float) -> Labelled:
    likely = np.clip(relevance.astype(np.float64), _SURE, 1 - _SURE)
    odds = likely / (1 - likely)
    shares = odds / odds.sum()
    order = sorted(range(len(names)), key=lambda n: (-relevance[n], n))
    best = order[0]
    return Labelled(
        path=path,
        asset_id=hash_,
        label=names[best] if relevance[best] >= threshold else None,
        relevance=round(float(relevance[best]), 4),
        scores={names[n]: round(float(relevance[n]), 4) for n in order},
        shares={names[n]: round(float(shares[n]), 4) for n in order},
    )


def _checked(labels: Sequence[str]) -> list[str]:
    """The labels, trimmed, each once. Raises `QueryError`."""
    names = [" ".join(each.split()) for each in listed(labels)]
    if not names:
        raise QueryError("there is no label: name one or more, then the path")
    if not all(names):
        raise QueryError("a label is empty: leave it out, or say what it is to be")
    if len(names) > MOST_LABELS:
        raise QueryError(f"{len(names):,} labels are over the limit of {MOST_LABELS:,}: ask for them in several calls")
    if max(map(len, names)) > MOST_CHARACTERS:
        raise QueryError(f"a label is over the limit of {MOST_CHARACTERS:,} characters: shorten it")
    return list(dict.fromkeys(names))


def _lies(tx: Transaction, hash_: str) -> tuple[str, Lying]:
    """Where the asset with this id lies. Raises `QueryError`."""
    asset = tx.assets.by_hash(hash_) if hash_.isascii() and hash_.isprintable() else None
    copies = tx.locations.copies(asset.id) if asset else ()
    if asset is None or not copies:
        raise QueryError(f"nothing in this library has the id {hash_[:80]!r}: take ids from hits, or index its file")
    return str(Path(copies[0].root.path, copies[0].path)), Lying(copies[0].path, asset.id, hash_)


def _lying(tx: Transaction, places: Collection[Path]) -> dict[str, Lying]:
    """What the library holds at these places or below, by whole path."""
    found: dict[str, Lying] = {}
    for root in tx.roots.all():
        for place in places:
            if place.is_relative_to(root.path):
                inside = place.relative_to(root.path).as_posix()
            elif Path(root.path).is_relative_to(place):
                inside = "."
            else:
                continue
            lying = tx.folders.at(root.id, "" if inside == "." else inside)
            found.update((str(Path(root.path, each.path)), each) for each in lying)
    return found


def _outside(library: Library, path: Path) -> bytes:
    """The bytes of a picture that the library does not hold. Raises `QueryError` where it is something else."""
    if path.is_dir():
        raise QueryError(f"nothing in {path} is in this library: index it first, with `bowerbird index {path}`")
    data = read_picture(path)
    known = library.format_for(path)
    if known is not None and known.kind is not AssetKind.IMAGE:
        raise QueryError(f"{path} is not in this library: index it first, with `bowerbird index {path}`")
    return data
