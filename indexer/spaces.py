"""Which spaces a library is searched in: begin others, switch to them, switch back, and free what is no longer needed.

None of it loads an encoder but `begun`, so that all else can be done where the weights are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bowerbird.errors import UsageError
from bowerbird.store.catalog import Transaction
from bowerbird.store.catalog.vacancies import THUMBNAIL, WAITING
from bowerbird.store.lease import held
from bowerbird.types import SegmentKind, Space, SpaceName, SpaceState
from bowerbird.wiring import Library

_FREED_AT_ONCE = 5_000
"""Vectors deleted in one transaction, so that other writers need not wait long."""


@dataclass(frozen=True, slots=True)
class Switched:
    """Which encoder a library is under now, and how many of its assets lack vectors there until they are indexed."""

    encoder: str
    spaces: tuple[Space, ...]
    unfinished: int


@dataclass(frozen=True, slots=True)
class Retired:
    """Spaces that are gone, with all their vectors."""

    spaces: tuple[Space, ...]
    freed: int
    """Vectors."""


def begun(library: Library, spec: str | None, say: Callable[[str], None]) -> Sequence[Space]:
    """The spaces to build for the encoder ``spec``, ``joint`` first; None: for the one that was begun.

    Raises `UsageError` where nothing was, where another one was, and where the library is under that encoder already.
    """
    with library.catalog.read() as tx:
        building, active = tx.spaces.together(SpaceState.BUILDING), tx.spaces.active()
    if spec is None and not building:
        raise UsageError("no other encoder has been begun; name one with --encoder SPEC")
    needed = library.needed_spaces(spec or building[0].spec, say)
    joint = needed[SpaceName.JOINT]
    if joint.fingerprint == active[0].fingerprint:
        raise UsageError(f"{library.folder} is under {active[0].spec} already; name another encoder with --encoder")
    if building and joint.fingerprint != building[0].fingerprint:
        same = joint.spec == building[0].spec
        state = "has other weights now than when it was begun;" if same else "is being built; go on with it, or"
        raise UsageError(f"{building[0].spec} {state} give it up with `bowerbird reencode --retire`")
    with library.catalog.write() as tx:
        return tx.spaces.build(needed)


def activate(library: Library, *, even_so: bool = False) -> Switched:
    """Switch to the spaces that were built, in one transaction; those used so far are kept, to go back to.

    ``even_so``: although the pictures of some files are out of reach; the index run that meets these files again
    encodes them. Raises `UsageError` where nothing has been built, or not wholly; `LibraryBusy` while anybody indexes
    or re-encodes.
    """
    with _alone(library), library.catalog.write() as tx:
        spaces = tx.spaces.together(SpaceState.BUILDING)
        if not spaces:
            raise UsageError("nothing has been built to switch to; begin with `bowerbird reencode --encoder SPEC`")
        counts = [tx.vacancies(space) for space in spaces]
        if missing := sum(each.unexplained() for each in counts):
            raise UsageError(f"{missing:,} moments are not encoded by {spaces[0].spec} yet; run `bowerbird reencode`")
        waiting = counts[0].marks().get(WAITING, 0)
        if sum(each.count() for each in counts) and not even_so:
            raise UsageError(
                f"the pictures of {waiting:,} files are out of reach; make them readable and run `bowerbird reencode`, "
                "or go on without them: --activate --even-so"
            )
        return _switch(library, tx, spaces)


def rollback(library: Library) -> Switched:
    """Switch back to the spaces used before the last switch, in one transaction, whatever they lack by now.

    Raises `UsageError` where none are kept; `LibraryBusy` while anybody indexes or re-encodes.
    """
    with _alone(library), library.catalog.write() as tx:
        spaces = tx.spaces.together(SpaceState.RETIRED)
        if not spaces:
            raise UsageError("no earlier encoder is kept to go back to; `bowerbird reencode --status` shows what is")
        return _switch(library, tx, spaces)


def _switch(library: Library, tx: Transaction, spaces: Sequence[Space]) -> Switched:
    tx.spaces.switch(spaces)
    unfinished = max(tx.vacancies(space).unfinished_assets() for space in spaces)
    library.refresh_spaces(tx)
    return Switched(spaces[0].spec, tuple(tx.spaces.active()), unfinished)


def retire(library: Library) -> Retired:
    """Free the spaces that are kept to go back to; where there are none, the ones that are being built.

    May be killed at any point and run again. Raises `UsageError` where only active ones are left, `LibraryBusy`.
    """
    with (
        held(library.catalog, "reencode", "re-encoding this library"),
        held(library.catalog, "views", "writing the views of this library"),  # or an index run might write them again
    ):
        with library.catalog.write() as tx:
            by_state = {state: [each for each in tx.spaces.all() if each.state is state] for state in SpaceState}
            gone = by_state[SpaceState.RETIRED] or by_state[SpaceState.BUILDING]
            if not gone:
                raise UsageError("there is nothing to retire: every space of this library is in use")
            tx.spaces.give_up(gone)
        freed = sum(_free(library, space) for space in gone)
    return Retired(tuple(gone), freed)


def _free(library: Library, space: Space) -> int:
    for kind in SegmentKind:
        library.views.drop(space, kind)
    freed, after = 0, 0
    while True:
        with library.catalog.write() as tx:
            done = tx.spaces.empty(space, after, _FREED_AT_ONCE)
            if done is None:
                tx.spaces.remove(space)
                return freed
        freed, after = freed + done.vectors, done.after


@contextmanager
def _alone(library: Library) -> Iterator[None]:
    with (
        held(library.catalog, "reencode", "re-encoding this library"),
        held(library.catalog, "index", "indexing into this library"),
    ):
        yield


def spaces_of(tx: Transaction) -> list[dict[str, Any]]:
    """Every space as one object: name, encoder, dimension and state; those that are searched come first."""
    return [as_object(space) for space in sorted(tx.spaces.all(), key=lambda each: each.state)]


def as_object(space: Space) -> dict[str, Any]:
    """A space as users see it."""
    return {"name": space.name, "encoder": space.spec, "dimension": space.dimension, "state": space.state}


def reencoding_of(tx: Transaction) -> dict[str, Any]:
    """How far another encoder has come, and which one is kept to go back to: None where there is none.

    ``segments`` belong into the spaces that are being built, ``missing`` of them lack a vector; the pictures of
    ``waiting`` files are out of reach, and of ``from_thumbnails`` files they were, so that thumbnails had to do.
    """
    building, kept = tx.spaces.together(SpaceState.BUILDING), tx.spaces.together(SpaceState.RETIRED)
    found: dict[str, Any] = {"building": None, "kept": kept[0].spec if kept else None}
    if building:
        counts = [tx.vacancies(space) for space in building]
        marks, missing = counts[0].marks(), sum(each.count() for each in counts)
        found["building"] = {
            "encoder": building[0].spec,
            "spaces": [as_object(space) for space in building],
            "segments": sum(each.size() for each in counts),
            "missing": missing,
            "waiting": marks.get(WAITING, 0),
            "from_thumbnails": marks.get(THUMBNAIL, 0),
            "ready": not missing,
        }
    return found
