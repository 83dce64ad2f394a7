"""Spaces come and go: what they lack is found and filled, one set at a time is searched, and nothing dangles."""

from __future__ import annotations

import numpy as np
import sqlalchemy as sa

from bowerbird.moments import Moment
from bowerbird.store.catalog import Catalog
from bowerbird.store.catalog.vacancies import THUMBNAIL, WAITING
from bowerbird.store.tables import change, derivation, embedding
from bowerbird.types import SegmentKind, Space, SpaceName, SpaceState, ViewKey
from tests.store.hand import STAT, derive, encoder, live_ids, make_space, place, put_asset, vector

PAGE = (Moment(SegmentKind.PAGE, page=1), Moment(SegmentKind.TEXT, page=1, text="A page."))


def filled(catalog: Catalog) -> tuple[Space, dict[str, int]]:
    """A photo, a paper with a page of text, and an orphan, encoded in one space."""
    with catalog.write() as tx:
        space = make_space(tx)
        root = tx.roots.add("/media", 1)
        ids = {name: put_asset(tx, name) for name in ("photo", "paper", "orphan")}
        for name, id_ in ids.items():
            derive(tx, id_, [space], PAGE if name == "paper" else (Moment(SegmentKind.IMAGE),), stage="decode:x")
            tx.assets.mark_done([(id_, "encode:joint", space.fingerprint)])
            if name != "orphan":
                place(tx, root.id, name, id_, STAT)
        tx.assets.orphan()
    return space, ids


def build(catalog: Catalog) -> list[Space]:
    with catalog.write() as tx:
        return list(
            tx.spaces.build({SpaceName.JOINT: encoder("new"), SpaceName.TEXT: encoder("minilm")}),
        )


def fill(catalog: Catalog, spaces: list[Space]) -> None:
    """Give every moment that can be found its vectors."""
    joint, text = spaces
    with catalog.write() as tx:
        for space in (joint, text):
            tx.vacancies(space).fill({id_: vector(id_) for id_, _ in tx.vacancies(space).texts(0, 100)})
        vacancies = tx.vacancies(joint)
        for showing in vacancies.showings(vacancies.assets(0, 100)):
            vacancies.fill({each.segment_id: vector(each.segment_id) for each in showing.pictured if each.vacant})


def keys(catalog: Catalog) -> dict[tuple[int, str], str]:
    with catalog.read() as tx:
        query = sa.select(derivation).where(derivation.c.stage.startswith("encode:"))
        return {(row.asset_id, row.stage): row.key for row in tx.connection.execute(query)}


def test_what_a_space_lacks(catalog: Catalog) -> None:
    old, ids = filled(catalog)
    joint, text = build(catalog)
    assert (joint.state, text.name) == (SpaceState.BUILDING, SpaceName.TEXT)
    with catalog.read() as tx:
        assert tx.spaces.active() == [old]
        assert tx.spaces.together(SpaceState.BUILDING) == [joint, text]
        assert [tx.vacancies(space).count() for space in (old, joint, text)] == [0, 3, 1]
        assert [tx.vacancies(space).size() for space in (old, joint, text)] == [3, 3, 1]
        assert tx.vacancies(joint).assets(0, 10) == [ids["photo"], ids["paper"]]
        assert tx.vacancies(joint).assets(ids["photo"], 10) == [ids["paper"]]
        assert tx.vacancies(joint).assets(0, 1) == [ids["photo"]]
        assert [said for _, said in tx.vacancies(joint).texts(0, 10)] == ["A page."]
        (showing,) = tx.vacancies(joint).showings([ids["paper"]])
        assert [(each.stage, each.ordinal, each.moment, each.vacant) for each in showing.pictured] == [
            ("decode:x", 0, PAGE[0], True)
        ]
        assert tx.vacancies(text).assets(0, 10) == [], "a text space holds no pictures"


def test_filling_replaces_and_passes_over_what_is_gone(catalog: Catalog) -> None:
    _, ids = filled(catalog)
    joint, _ = build(catalog)
    with catalog.write() as tx:
        (showing,) = tx.vacancies(joint).showings([ids["photo"]])
        segment_id = showing.pictured[0].segment_id
        assert tx.vacancies(joint).fill({segment_id: vector(1), 999_999: vector(2)}) == 1
    first = live_ids(catalog, joint)
    with catalog.write() as tx:
        assert tx.vacancies(joint).fill({segment_id: vector(3)}) == 1
        ((_, kept),) = tx.segments.embeddings_of(ids["photo"], joint.id)
        np.testing.assert_array_equal(kept.vector, vector(3).astype("<f2"))
    second = live_ids(catalog, joint)
    assert len(first) == len(second) == 1
    assert first != second
    batches = list(catalog.change_log(ViewKey(joint.id, SegmentKind.IMAGE), joint.dimension).since(0))
    assert [list(batch.ids) for batch in batches] == [second]
    assert [list(batch.removed) for batch in batches] == [first]


def test_orphans_get_nothing_and_lose_nothing(catalog: Catalog) -> None:
    old, ids = filled(catalog)
    joint, text = build(catalog)
    fill(catalog, [joint, text])
    with catalog.write() as tx:
        tx.spaces.switch([joint, text])
        assert tx.spaces.together(SpaceState.RETIRED) == [tx.spaces.together(SpaceState.RETIRED)[0]]
    assert (ids["orphan"], "encode:joint") not in keys(catalog), "it is encoded when it turns up again"
    with catalog.write() as tx:
        tx.spaces.switch([old])
    assert keys(catalog)[ids["orphan"], "encode:joint"] == old.fingerprint


def test_a_switch_counts_as_encoded_what_is(catalog: Catalog) -> None:
    old, ids = filled(catalog)
    joint, text = build(catalog)
    fill(catalog, [joint, text])
    with catalog.write() as tx:
        tx.vacancies(joint).mark({ids["photo"]: THUMBNAIL})
        tx.spaces.switch([joint, text])
        assert [(space.id, space.state) for space in tx.spaces.active()] == [
            (joint.id, SpaceState.ACTIVE),
            (text.id, SpaceState.ACTIVE),
        ]
        assert [space.id for space in tx.spaces.together(SpaceState.RETIRED)] == [old.id]
        assert tx.spaces.together(SpaceState.BUILDING) == []
        assert tx.vacancies(joint).unfinished_assets() == 1
    found = keys(catalog)
    assert found[ids["paper"], "encode:joint"] == joint.fingerprint
    assert found[ids["paper"], "encode:text"] == text.fingerprint
    assert found[ids["photo"], "encode:text"] == text.fingerprint, "it bears no text, and so lacks none"
    assert (ids["photo"], "encode:joint") not in found, "the file itself would be better than its thumbnail"


def test_marks(catalog: Catalog) -> None:
    _, ids = filled(catalog)
    joint, text = build(catalog)
    with catalog.write() as tx:
        vacancies = tx.vacancies(joint)
        assert vacancies.unexplained() == 3
        vacancies.mark({ids["photo"]: WAITING, ids["paper"]: THUMBNAIL, 999_999: WAITING})
        assert vacancies.marks() == {WAITING: 1, THUMBNAIL: 1}
        assert vacancies.unexplained() == 2
        assert tx.vacancies(text).marks() == {}
        assert [each.mark for each in vacancies.showings([ids["photo"], ids["paper"]])] == [WAITING, THUMBNAIL]
        vacancies.mark({ids["photo"]: None, ids["paper"]: WAITING})
        assert vacancies.marks() == {WAITING: 1}
        assert vacancies.lacking([ids["photo"], ids["orphan"]]) == {ids["photo"], ids["orphan"]}


def test_a_space_that_is_emptied_leaves_the_log_going_on(catalog: Catalog) -> None:
    old, ids = filled(catalog)
    joint, text = build(catalog)
    fill(catalog, [joint, text])
    with catalog.read() as tx:
        head = tx.connection.execute(sa.select(sa.func.max(change.c.seq))).scalar_one()
    with catalog.write() as tx:
        tx.vacancies(joint).mark({ids["photo"]: WAITING})
        tx.spaces.give_up([joint, text])
        assert tx.spaces.together(SpaceState.BUILDING) == []
    catalog.view_marks.set(ViewKey(joint.id, SegmentKind.IMAGE), "abc")
    for space in (joint, text):
        after, freed = 0, 0
        while True:
            with catalog.write() as tx:
                done = tx.spaces.empty(space, after, 1)
                if done is None:
                    tx.spaces.remove(space)
                    break
            after, freed = done.after, freed + done.vectors
        assert freed == (3 if space is joint else 1)
    with catalog.read() as tx:
        assert tx.spaces.all() == [old]
        assert tx.connection.execute(sa.select(sa.func.max(change.c.seq))).scalar_one() == head
        left = tx.connection.execute(sa.select(change).where(change.c.space_id != old.id)).all()
        assert [line.op for line in left] in ([], ["remove"])
        assert set(tx.connection.execute(sa.select(embedding.c.space_id)).scalars()) == {old.id}
        assert (
            tx.connection.execute(sa.select(derivation).where(derivation.c.stage.startswith("reencode:"))).all() == []
        )
        assert tx.meta.get(f"snapshot:{joint.id}-image") is None
    assert not any('"lost"' in line for line in catalog.dump())
    assert len(live_ids(catalog, old)) == 1


def test_a_space_in_two_sets_stays_while_one_needs_it(catalog: Catalog) -> None:
    old, _ = filled(catalog)
    joint, text = build(catalog)
    fill(catalog, [joint, text])
    with catalog.write() as tx:
        tx.spaces.switch([joint, text])
        third, shared = tx.spaces.build({SpaceName.JOINT: encoder("third"), SpaceName.TEXT: encoder("minilm")})
        assert (shared.id, shared.state) == (text.id, SpaceState.ACTIVE)
        assert [space.id for space in tx.spaces.together(SpaceState.BUILDING)] == [third.id, text.id]
        tx.spaces.switch([old])
        assert {space.id: space.state for space in tx.spaces.all()} == {
            old.id: SpaceState.ACTIVE,
            joint.id: SpaceState.RETIRED,
            text.id: SpaceState.BUILDING,
            third.id: SpaceState.BUILDING,
        }
        tx.spaces.give_up([joint])
        assert tx.spaces.together(SpaceState.RETIRED) == []
        assert [space.id for space in tx.spaces.together(SpaceState.BUILDING)] == [third.id, text.id]
