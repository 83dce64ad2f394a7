"""Spaces of meaning and the encoders that made them: which are searched, built, or kept to go back to."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from bowerbird.store.catalog.meta import Meta
from bowerbird.store.catalog.vacancies import Vacancies
from bowerbird.store.tables import asset, change, derivation, embedding, meta, space
from bowerbird.types import EncoderDescription, Space, SpaceName, SpaceState

_META = "spaces"
"""Which spaces belong together, by their ids: a space may belong to several sets, and its state tells but one."""


@dataclass(frozen=True, slots=True)
class Emptied:
    """How many vectors went, and the last of their ids."""

    vectors: int
    after: int


class Spaces:
    """One set of spaces is active, at most one of each name. Another may be built beside it, another kept."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def active(self) -> Sequence[Space]:
        """The spaces that are searched, ``joint`` first."""
        return [each for each in self.all() if each.state is SpaceState.ACTIVE]

    def all(self) -> Sequence[Space]:
        """Every space there is, by name and age."""
        query = sa.select(space).order_by(space.c.name, space.c.id)
        return [_space(row) for row in self._connection.execute(query)]

    def together(self, state: SpaceState) -> Sequence[Space]:
        """The spaces that are searched, will be (``building``), or were before the last switch (``retired``) together.

        ``joint`` first; empty where there are none. A space of a set that is not active may be active all the same.
        """
        if state is SpaceState.ACTIVE:
            return self.active()
        ids = self._sets().get(state.value, [])
        return [each for each in self.all() if each.id in ids]

    def add(self, name: SpaceName, encoder: EncoderDescription, state: SpaceState) -> Space:
        """Add a space for this encoder."""
        values = {"spec": encoder.spec, "fingerprint": encoder.fingerprint, "dimension": encoder.dimension}
        added = sa.insert(space).values(name=name, state=state, **values).returning(space)
        return _space(self._connection.execute(added).one())

    def build(self, encoders: Mapping[SpaceName, EncoderDescription]) -> Sequence[Space]:
        """Have a set of spaces built, one for each of these encoders; those that are there already are taken over."""
        known = {(each.name, each.fingerprint): each for each in self.all()}
        ids = []
        for name, encoder in encoders.items():
            found = known.get((name, encoder.fingerprint)) or self.add(name, encoder, SpaceState.BUILDING)
            if found.state is not SpaceState.ACTIVE:  # the same weights may lie elsewhere by now
                self._connection.execute(sa.update(space).where(space.c.id == found.id).values(spec=encoder.spec))
            ids.append(found.id)
        self._settle(self._ids(self.active()), building=ids, retired=self._sets()["retired"])
        return self.together(SpaceState.BUILDING)

    def switch(self, to: Sequence[Space]) -> None:
        """Have these spaces searched, and keep those that were so far, to go back to.

        Assets whose segments all have their vectors count as encoded by the new spaces from now on, the others do not:
        the next index run encodes them.
        """
        sets = self._sets()
        ids = self._ids(to)
        building = [] if set(sets["building"]) <= set(ids) else sets["building"]
        self._settle(ids, building=building, retired=self._ids(self.active()))
        for each in to:
            self._count_as_encoded(each)

    def _count_as_encoded(self, by: Space) -> None:
        stage = f"encode:{by.name}"
        unfinished = Vacancies(self._connection, by).unfinished()
        own = derivation.c.stage == stage
        noted = sa.exists().where(derivation.c.asset_id == asset.c.id, own)
        lost = sa.select(asset.c.id).where(unfinished)
        self._connection.execute(sa.delete(derivation).where(own, derivation.c.asset_id.in_(lost)))
        self._connection.execute(sa.update(derivation).where(own).values(key=by.fingerprint))
        whole = sa.select(asset.c.id, sa.literal(stage), sa.literal(by.fingerprint)).where(~noted, ~unfinished)
        self._connection.execute(sa.insert(derivation).from_select(["asset_id", "stage", "key"], whole))

    # --- giving up -------------------------------------------------------------------------------

    def give_up(self, spaces: Sequence[Space]) -> None:
        """These spaces, none of them active, are no longer wanted: no set holds them, and they wait to be emptied."""
        sets, gone = self._sets(), set(self._ids(spaces))
        kept = {name: [] if gone & set(ids) else ids for name, ids in sets.items()}
        self._settle(self._ids(self.active()), **kept)

    def empty(self, given_up: Space, after: int, most: int) -> Emptied | None:
        """Delete ``most`` of a space's vectors, those with ids above ``after``, and as many of its lines in the log.

        None where nothing was left.
        """
        last = sa.select(sa.func.max(change.c.seq)).scalar_subquery()
        own = change.c.space_id == given_up.id
        # The last line of all stays, or the log would seem to have gone back in time; it adds nothing any more.
        self._connection.execute(sa.update(change).where(own, change.c.seq == last).values(op="remove"))
        lines = sa.select(change.c.seq).where(own, change.c.seq < last).order_by(change.c.seq).limit(most)
        said = self._connection.execute(sa.delete(change).where(change.c.seq.in_(lines))).rowcount
        here = sa.and_(embedding.c.space_id == given_up.id, embedding.c.id > after)
        query = sa.select(embedding.c.id).where(here).order_by(embedding.c.id).limit(most)
        ids = self._connection.execute(query).scalars().all()
        if ids:
            self._connection.execute(sa.delete(embedding).where(here, embedding.c.id <= ids[-1]))
        return Emptied(len(ids), max(ids, default=after)) if ids or said else None

    def remove(self, emptied: Space) -> None:
        """Delete a space, what is noted of its snapshots, and its marks on assets."""
        Vacancies(self._connection, emptied).clear()
        self._connection.execute(sa.delete(meta).where(meta.c.key.startswith(f"snapshot:{emptied.id}-")))
        self._connection.execute(sa.delete(space).where(space.c.id == emptied.id))

    # --- sets ------------------------------------------------------------------------------------

    def _sets(self) -> dict[str, list[int]]:
        kept = Meta(self._connection).get(_META)
        return {"building": [], "retired": [], **(json.loads(kept) if kept else {})}

    def _settle(self, active: Collection[int], *, building: Sequence[int], retired: Sequence[int]) -> None:
        """Keep the sets, and bring the state of every space in line with them."""
        Meta(self._connection).set(_META, json.dumps({"building": list(building), "retired": list(retired)}))
        for each in self.all():
            state = SpaceState.BUILDING if each.id in building else SpaceState.RETIRED
            state = SpaceState.ACTIVE if each.id in active else state
            if state is not each.state:
                self._connection.execute(sa.update(space).where(space.c.id == each.id).values(state=state))

    @staticmethod
    def _ids(spaces: Sequence[Space]) -> list[int]:
        return [each.id for each in spaces]


def _space(row: sa.Row[tuple[object, ...]]) -> Space:
    return Space(row.id, SpaceName(row.name), row.spec, row.fingerprint, row.dimension, SpaceState(row.state))
