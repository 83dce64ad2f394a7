"""The way in: rows of an export become assets of this library, and nothing is decoded or encoded for it.

What the library has is left as it is, and each asset comes whole or not at all, so that an import may end anywhere and
be run again. A copy comes to lie in the innermost root known here that is around it, or else in the root that it had.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from bowerbird.errors import EncoderMismatch, LibraryBusy
from bowerbird.moments import Moment
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.locations import Placed
from bowerbird.store.catalog.segments import Derived
from bowerbird.store.exchange import Lying
from bowerbird.store.lease import held
from bowerbird.types import AssetInfo, Box, Root, Space, SpaceName, Vectors
from bowerbird.wiring import Library
from indexer.exchange.files import Source, reason_of
from indexer.exchange.leaving import REGIONS
from indexer.exchange.records import AssetRecord, Header, Record

_MOST_ASSETS, _MOST_SEGMENTS = 256, 2000
"""Of one transaction."""
_ENCODE = "encode:"
_IN_PART = "imported in part"
"""The key of steps some of whose segments are not here: none has it, so that the next index run takes them anew."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What has come: ``known`` assets were here before, and of ``displaced`` ones other content lies at their paths."""

    assets: int = 0
    segments: int = 0
    known: int = 0
    displaced: int = 0


@dataclass(slots=True)
class _Arriving:
    """An asset with its segments, as far as they have been read."""

    number: int
    """Of its first row."""
    hash: str
    said: AssetRecord
    info: AssetInfo
    moments: dict[str, dict[int, tuple[Moment, dict[SpaceName, Vectors]]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """By step and ordinal."""

    @property
    def size(self) -> int:
        return sum(map(len, self.moments.values()))


def import_from(library: Library, source: Source, *, on_progress: Callable[[float], None] = lambda _: None) -> Imported:
    """Bring in what ``source`` holds. ``on_progress`` is told which share of it has been read, in 0..1.

    Raises `EncoderMismatch` where its vectors are of another encoder than this library's, `LibraryBusy` while anybody
    indexes, `StorageFull`, and `UsageError` with the number of the first row that is not as it should be.
    """
    spaces = _spaces(library, source)
    done = Imported()
    with held(library.catalog, "index", "importing into this library"):
        with library.catalog.write() as tx:
            if source.header.regions is not None and tx.meta.get(REGIONS) is None:
                tx.meta.set(REGIONS, str(source.header.regions))  # or pictures would be cut anew, into others
        batch: list[_Arriving] = []
        for each in _assets(source, spaces, on_progress):
            batch.append(each)
            if len(batch) == _MOST_ASSETS or sum(one.size for one in batch) > _MOST_SEGMENTS:
                done = _plus(done, _write(library, source.header, spaces, batch))
                batch = []
        if batch:
            done = _plus(done, _write(library, source.header, spaces, batch))
        with suppress(LibraryBusy):  # somebody else is writing them, and views catch up by themselves
            library.save_views()
    on_progress(1.0)
    return done


def _plus(one: Imported, other: Imported) -> Imported:
    return Imported(*(getattr(one, name) + getattr(other, name) for name in Imported.__slots__))


def _spaces(library: Library, source: Source) -> Mapping[SpaceName, Space]:
    """This library's spaces, which are those of the export; none where this brings no vectors."""
    with library.catalog.read() as tx:
        active = {space.name: space for space in tx.spaces.active()}
    header = source.header
    if not header.vectors:
        return {}
    theirs = {name: space.fingerprint for name, space in header.spaces.items()}
    if theirs != {name: space.fingerprint for name, space in active.items()}:
        spec = header.spaces[SpaceName.JOINT].spec if SpaceName.JOINT in header.spaces else "another encoder"
        raise EncoderMismatch(
            f"the vectors in {source.file} were made by {spec}, those of {library.folder} by "
            f"{active[SpaceName.JOINT].spec}, or another version of it: import into a new library with --library, and "
            "give that one another encoder with `bowerbird reencode`"
        )
    return active


# --- reading -------------------------------------------------------------------------------------


def _assets(source: Source, spaces: Mapping[SpaceName, Space], tell: Callable[[float], None]) -> Iterator[_Arriving]:
    """The assets of the export, each with all its segments."""
    current: _Arriving | None = None
    for number, share, said in source.reader.rows():
        try:
            record = Record.model_validate(said)
        except ValidationError as error:
            raise source.fault(number, reason_of(error)) from None
        if record.asset is not None:
            if current is not None:
                yield _checked(source, current)
            info = record.asset.info(record.kind, record.media_type)
            current = _Arriving(number, record.asset_id, record.asset, info)
        elif current is None or record.asset_id != current.hash:
            raise source.fault(number, "rows of a file follow one another, and the first of them says `asset`")
        if record.segment_kind is not None:
            _take(source, number, record, current, spaces)
        tell(share)
    if current is not None:
        yield _checked(source, current)


def _take(source: Source, number: int, record: Record, current: _Arriving, spaces: Mapping[SpaceName, Space]) -> None:
    assert record.segment_kind is not None
    if record.stage is None or record.ordinal is None:
        raise source.fault(number, "a segment has a `stage` and an `ordinal`")
    if source.header.whole and record.stage not in current.said.derivations:
        raise source.fault(number, f"`derivations` say nothing of the stage {record.stage!r}")
    if record.ordinal in current.moments[record.stage]:
        raise source.fault(number, f"there is a segment {record.ordinal} of {record.stage!r} already")
    moment = Moment(
        record.segment_kind,
        start_s=record.start_s,
        end_s=record.end_s,
        page=record.page,
        box=None if record.box is None else Box(*record.box),
        text=record.text,
        language=record.language,
        confidence=record.confidence,
    )
    vectors = {
        name: _vector(source, number, spaces[name], said) for name, said in record.vectors.items() if name in spaces
    }
    current.moments[record.stage][record.ordinal] = moment, vectors


def _vector(source: Source, number: int, space: Space, said: object) -> Vectors:
    try:
        vector = np.asarray(said, np.float32)
    except (ValueError, TypeError, OverflowError):
        raise source.fault(number, f"the vector in {space.name} is no list of numbers") from None
    if vector.shape != (space.dimension,):
        raise source.fault(number, f"the vector in {space.name} does not have {space.dimension} numbers")
    if not np.isclose(np.linalg.norm(vector), 1, atol=0.02):  # false for NaN too; float16 loses a little
        raise source.fault(number, f"the vector in {space.name} is not of length 1")
    return vector


def _checked(source: Source, asset: _Arriving) -> _Arriving:
    """The asset, if all its segments have come that were to."""
    for stage, moments in asset.moments.items():
        if source.header.whole and len(moments) != max(moments) + 1:
            raise source.fault(asset.number, f"of the file that begins here, segments of {stage!r} are missing")
    return asset


# --- writing -------------------------------------------------------------------------------------


def _write(library: Library, header: Header, spaces: Mapping[SpaceName, Space], batch: Sequence[_Arriving]) -> Imported:
    """Write what is new of a batch, in one transaction."""
    arrived: dict[str, _Arriving] = {}
    for each in batch:
        arrived.setdefault(each.hash, each)
    with library.catalog.write() as tx:
        known = tx.assets.known(sorted(arrived))
        new = [each for each in arrived.values() if each.hash not in known]
        places = _places(tx, new)
        new = [each for each in new if places[each.hash]]
        ids = tx.assets.put({each.hash: (each.said.size, each.info) for each in new})
        tx.segments.replace(
            _derived(ids[each.hash], stage, each, header, spaces) for each in new for stage in each.moments
        )
        tx.assets.mark_done(
            (ids[each.hash], stage, key)
            for each in new
            for stage, key in each.said.derivations.items()
            if stage not in each.moments and (header.vectors or not stage.startswith(_ENCODE))
        )
        placed = [replace(place, asset_id=ids[each.hash]) for each in new for place in places[each.hash]]
        tx.locations.put(placed)
        for root_id in {place.root_id for place in placed}:
            tx.failures.clear(root_id, [place.path for place in placed if place.root_id == root_id])
    return Imported(
        assets=len(new),
        segments=sum(each.size for each in new),
        known=len(batch) - len(arrived) + len(known),
        displaced=len(arrived) - len(known) - len(new),
    )


def _derived(asset_id: int, stage: str, asset: _Arriving, header: Header, spaces: Mapping[SpaceName, Space]) -> Derived:
    made = [moment for _, moment in sorted(asset.moments[stage].items(), key=lambda each: each[0])]
    vectors = {
        space.id: {ordinal: found[name] for ordinal, (_, found) in enumerate(made) if name in found}
        for name, space in spaces.items()
    }
    key = asset.said.derivations[stage] if header.whole else _IN_PART
    return Derived(asset_id, stage, key, [moment for moment, _ in made], vectors)


def _places(tx: Transaction, assets: Sequence[_Arriving]) -> dict[str, list[Placed]]:
    """Where these assets come to lie, their ids yet to be filled in; nowhere that something else lies already."""
    roots = {Path(root.path): root for root in tx.roots.all()}
    found: dict[str, list[tuple[Root, str, Lying]]] = {
        each.hash: [(*_below(tx, roots, copy.lying), copy.lying) for copy in each.said.copies] for each in assets
    }
    wanted: dict[int, list[str]] = defaultdict(list)
    for root, path, _ in (place for places in found.values() for place in places):
        wanted[root.id].append(path)
    taken = {(root_id, path) for root_id, paths in wanted.items() for path in tx.locations.at(root_id, paths)}
    free: dict[str, list[Placed]] = defaultdict(list)
    for hash_, places in found.items():
        for root, path, copy in places:
            if (root.id, path) not in taken:
                taken.add((root.id, path))
                free[hash_].append(Placed(root.id, path, -1, copy.stat, copy.dated))
    return free


def _below(tx: Transaction, roots: dict[Path, Root], copy: Lying) -> tuple[Root, str]:
    """The root in which a copy comes to lie, and its path there."""
    path = Path(copy.root, copy.path)
    around = next((each for each in (path, *path.parents) if each in roots), None)
    if around is None:
        around = Path(copy.root)
        roots[around] = tx.roots.add(copy.root, _device(copy.root))
    below = path.relative_to(around).as_posix()
    return roots[around], "" if below == "." else below


def _device(path: str) -> int:
    """Of a root that is not here none, so that it counts as unplugged and not as deleted."""
    try:
        return Path(path).stat().st_dev
    except OSError:
        return -1
