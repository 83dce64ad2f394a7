"""What has been said of pictures, by whom, and what is still to be captioned.

The derivation ``caption:SPEC`` of an asset holds what the captioner SPEC said of it, ``caption:owner`` what its owner
did. Its key is the captioner's own, followed by the kinds of moments that it is through with; of another kind some may
have their caption already, where a run was ended midway.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from bowerbird.moments import Moment
from bowerbird.store.catalog.caption_albums import (
    CAPTIONED,
    OWNER,
    PREFIX,
    Album,
    Picture,
    Task,
    key_of,
    moment_of,
    place,
    read_off,
    stage_of,
    through_of,
    without_captions,
)
from bowerbird.store.catalog.infos import columns, info_of
from bowerbird.store.catalog.rows import among, chunks
from bowerbird.store.catalog.segments import ALIVE, FINDABLE, Derived, Segments, segment_of
from bowerbird.store.tables import asset, derivation, embedding, segment
from bowerbird.types import Segment, SegmentKind


@dataclass(frozen=True, slots=True)
class Said:
    """What one captioner, or the owner, has said of an asset."""

    spec: str
    captions: Sequence[Segment]


class Captions:
    """Captions, by who wrote them. Orphans are left out: they have none made, and none counted."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    # --- what is to be done ----------------------------------------------------------------------

    def lacking(self, task: Task, after: int, most: int) -> Sequence[int]:
        """The first ``most`` assets with ids above ``after`` in which there is something to caption."""
        query = sa.select(asset.c.id).where(asset.c.id > after, ALIVE, self._within(asset.c.id, task))
        shows = sa.or_(sa.false(), *(sa.and_(_has(kind), self._lacks(kind, task)) for kind in sorted(task.kinds)))
        return self._connection.execute(query.where(shows).order_by(asset.c.id).limit(most)).scalars().all()

    def count(self, task: Task) -> int:
        """How many pictures there are to caption; those of an asset that was left midway count as a whole."""
        wanted = [sa.and_(segment.c.kind == kind, self._lacks(kind, task)) for kind in sorted(task.kinds)]
        query = (
            sa.select(sa.func.count())
            .select_from(segment)
            .join(asset, asset.c.id == segment.c.asset_id)
            .where(ALIVE, self._within(asset.c.id, task), sa.or_(sa.false(), *wanted))
        )
        return self._connection.execute(query).scalar_one()

    def albums(self, task: Task, asset_ids: Sequence[int], space_id: int) -> Sequence[Album]:
        """What there is to caption in these assets, with vectors in the space ``space_id``, as far as it is there."""
        found: list[Album] = []
        for chunk in chunks(asset_ids):
            here = sa.select(asset.c.id, asset.c.hash, *columns()).where(asset.c.id.in_(chunk), ALIVE)
            words, pictures = self._words(chunk), self._pictures(chunk, task.kinds, space_id)
            keys, captions = self._made(chunk, task.stage)
            for row in self._connection.execute(here.order_by(asset.c.id)):
                through = through_of(keys.get(row.id, ""), task.key)
                made = [] if through is None else captions.get(row.id, [])
                shown = [
                    Picture(at.id, stage, at.ordinal, moment_of(at), vector, read_off(at, words.get(row.id, ())))
                    for at, stage, vector in pictures.get(row.id, ())
                    if task.again or at.kind not in (through or ())
                ]
                todo = shown if task.again else without_captions(shown, made)
                places = {place(each.moment) for each in todo}
                kept = [each for each in made if place(each) not in places]
                before = [each for each in made if place(each) in places]
                info = info_of(row._mapping, "asset_")
                found.append(Album(row.id, row.hash, info, todo, kept, before, through or frozenset()))
        return found

    # --- writing ---------------------------------------------------------------------------------

    def put(self, derived: Iterable[Derived], *, whole: Collection[int]) -> Sequence[int]:
        """Put captions in the place of those of the same stage; returns the ids of the assets that are still there.

        Of those in ``whole`` the captions that others made are removed, but for the owner's.
        """
        listed = list(derived)
        query = sa.select(asset.c.id).where(among(self._connection, asset.c.id, [each.asset_id for each in listed]))
        there = set(self._connection.execute(query).scalars())
        mine = [each for each in listed if each.asset_id in there]
        segments = Segments(self._connection)
        stages = {each.asset_id: each.stage for each in mine if each.asset_id in whole}
        keep = stage_of(OWNER)
        others = {
            (asset_id, stage)
            for asset_id, stage in self._stages(stages)
            if stage not in (keep, stages[asset_id]) and stages[asset_id] != keep
        }
        segments.remove(others)
        segments.replace(mine)
        return [each.asset_id for each in mine]

    def remove(self, within: Collection[int] | None = None, spec: str | None = None) -> int:
        """Remove the captions of these assets, None: of all; those by ``spec``, None: anybody's. Returns of how many
        assets there were any.
        """
        gone = {
            (asset_id, stage) for asset_id, stage in self._stages(within) if spec is None or stage == stage_of(spec)
        }
        said = set(self._stages(within, _BEARS))
        Segments(self._connection).remove(gone)
        return len({asset_id for asset_id, _ in gone & said})

    # --- who said what ---------------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        """Of how many assets each captioner, by its spec, and the owner have said something."""
        spec = derivation.c.stage
        query = (
            sa.select(spec, sa.func.count())
            .join(asset, asset.c.id == derivation.c.asset_id)
            .where(_IS_CAPTION, _BEARS, ALIVE)
            .group_by(spec)
            .order_by(spec)
        )
        return {stage.removeprefix(PREFIX): count for stage, count in self._connection.execute(query)}

    def of(self, asset_id: int) -> Sequence[Said]:
        """Who has captioned an asset, and what they said; the owner comes first."""
        query = (
            sa.select(derivation.c.stage, segment)
            .join(segment, segment.c.derivation_id == derivation.c.id)
            .where(derivation.c.asset_id == asset_id, _IS_CAPTION)
            .order_by(derivation.c.stage != stage_of(OWNER), derivation.c.stage, segment.c.ordinal)
        )
        found: dict[str, list[Segment]] = {}
        for row in self._connection.execute(query):
            found.setdefault(row.stage.removeprefix(PREFIX), []).append(segment_of(row))
        return [Said(spec, captions) for spec, captions in found.items()]

    def without_vectors(self, space_id: int, after: int, most: int) -> Sequence[tuple[int, str]]:
        """The first ``most`` captions with ids above ``after`` that have no vector in this space: ids and texts."""
        here = sa.exists().where(embedding.c.segment_id == segment.c.id, embedding.c.space_id == space_id)
        caption = sa.and_(segment.c.kind == SegmentKind.CAPTION, segment.c.text.is_not(None), segment.c.id > after)
        query = sa.select(segment.c.id, segment.c.text).where(caption, ~here, FINDABLE).order_by(segment.c.id)
        return [(row.id, row.text) for row in self._connection.execute(query.limit(most))]

    def by_models(self, segment_ids: Collection[int]) -> Set[int]:
        """Those of these segments that are captions by a captioner, and no words of the file or its owner."""
        query = sa.select(segment.c.id).join(derivation, derivation.c.id == segment.c.derivation_id)
        query = query.where(BY_MODEL, among(self._connection, segment.c.id, list(segment_ids)))
        return set(self._connection.execute(query).scalars()) if segment_ids else set()

    def by_owner(self, most: int) -> Sequence[tuple[int, str, str]]:
        """The newest captions that the owner wrote of whole pictures: the asset's id and hash, and the words."""
        query = (
            sa.select(segment.c.asset_id, asset.c.hash, segment.c.text)
            .join(derivation, derivation.c.id == segment.c.derivation_id)
            .join(asset, asset.c.id == segment.c.asset_id)
            .where(derivation.c.stage == stage_of(OWNER), segment.c.box_x.is_(None), segment.c.text.is_not(None), ALIVE)
            .order_by(segment.c.id.desc())
            .limit(most)
        )
        return [(row.asset_id, row.hash, row.text) for row in self._connection.execute(query)]

    # --- parts -----------------------------------------------------------------------------------

    def _lacks(self, kind: SegmentKind, task: Task) -> sa.ColumnElement[bool]:
        """A condition over `asset`: the captioner has not been through its moments of this kind."""
        if task.again:
            return sa.true()
        rest = [each for each in CAPTIONED if each is not kind]
        covering = [key_of(task.key, (kind, *more)) for n in range(len(rest) + 1) for more in combinations(rest, n)]
        mine = (derivation.c.asset_id == asset.c.id, derivation.c.stage == task.stage)
        return ~sa.exists().where(*mine, derivation.c.key.in_(covering))

    def _within(self, column: sa.Column[int], task: Task) -> sa.ColumnElement[bool]:
        return sa.true() if task.within is None else among(self._connection, column, sorted(task.within))

    def _stages(
        self, asset_ids: Collection[int] | None, *conditions: sa.ColumnElement[bool]
    ) -> Iterable[tuple[int, str]]:
        query = sa.select(derivation.c.asset_id, derivation.c.stage).where(_IS_CAPTION, *conditions)
        if asset_ids is not None:
            query = query.where(among(self._connection, derivation.c.asset_id, sorted(asset_ids)))
        return [(row.asset_id, row.stage) for row in self._connection.execute(query)]

    def _pictures(
        self, asset_ids: Sequence[int], kinds: Collection[SegmentKind], space_id: int
    ) -> dict[int, list[tuple[Segment, str, NDArray[np.float16] | None]]]:
        placed = sa.and_(embedding.c.segment_id == segment.c.id, embedding.c.space_id == space_id)
        query = (
            sa.select(segment, derivation.c.stage, embedding.c.vector)
            .join(derivation, derivation.c.id == segment.c.derivation_id)
            .outerjoin(embedding, placed)
            .where(segment.c.asset_id.in_(asset_ids), segment.c.kind.in_(sorted(kinds)))
            .order_by(segment.c.asset_id, derivation.c.stage, segment.c.ordinal)
        )
        found: dict[int, list[tuple[Segment, str, NDArray[np.float16] | None]]] = {}
        for row in self._connection.execute(query):
            vector = None if row.vector is None else np.frombuffer(row.vector, "<f2")
            found.setdefault(row.asset_id, []).append((segment_of(row), row.stage, vector))
        return found

    def _words(self, asset_ids: Sequence[int]) -> dict[int, list[Segment]]:
        query = (
            sa.select(segment)
            .where(segment.c.asset_id.in_(asset_ids), segment.c.kind == SegmentKind.OCR)
            .order_by(segment.c.asset_id, segment.c.derivation_id, segment.c.ordinal)
        )
        found: dict[int, list[Segment]] = {}
        for row in self._connection.execute(query):
            found.setdefault(row.asset_id, []).append(segment_of(row))
        return found

    def _made(self, asset_ids: Sequence[int], stage: str) -> tuple[dict[int, str], dict[int, list[Moment]]]:
        """What this stage has made of these assets: its keys, and its captions."""
        mine = (derivation.c.asset_id.in_(asset_ids), derivation.c.stage == stage)
        keys = sa.select(derivation.c.asset_id, derivation.c.key).where(*mine)
        query = sa.select(segment).join(derivation, derivation.c.id == segment.c.derivation_id).where(*mine)
        captions: dict[int, list[Moment]] = {}
        for row in self._connection.execute(query.order_by(segment.c.asset_id, segment.c.ordinal)):
            captions.setdefault(row.asset_id, []).append(moment_of(segment_of(row)))
        return {row.asset_id: row.key for row in self._connection.execute(keys)}, captions


_IS_CAPTION = sa.func.substr(derivation.c.stage, 1, len(PREFIX)) == PREFIX
BY_MODEL = sa.and_(_IS_CAPTION, derivation.c.stage != stage_of(OWNER))
"""A condition over `derivation`: it holds what a captioner made."""
_BEARS = sa.exists().where(segment.c.derivation_id == derivation.c.id)
"""Of a derivation that holds something: of many a picture there was nothing to say."""


def _has(kind: SegmentKind) -> sa.ColumnElement[bool]:
    return sa.exists().where(segment.c.asset_id == asset.c.id, segment.c.kind == kind)
