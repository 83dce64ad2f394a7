"""The change log: its contract, what the catalogue's verbs write into it, and that no reader ever misses a line."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bowerbird.moments import Moment
from bowerbird.store.catalog import Catalog, Transaction
from bowerbird.store.catalog.changes import SqlChangeLog
from bowerbird.store.catalog.segments import Derived
from bowerbird.store.tables import asset, change, embedding, segment
from bowerbird.store.views.exact import ExactView
from bowerbird.types import ChangeBatch, Root, SegmentKind, Space, SpaceName, ViewKey
from tests.contracts.change_log import ChangeLogContract, Model, played
from tests.store.hand import DIMENSION, derive, found_at, live_ids, make_space, place, put_asset, vector, wipe
from tests.store.writer import write_a_lot

TOP = Path(__file__).parents[2]
KEPT, ELSEWHERE = SegmentKind.IMAGE, SegmentKind.OCR


class WrittenSqlLog:
    """The log of one view in SQL, and the hand that the contract wants: one asset for each vector."""

    dimension = DIMENSION
    batch_size = 10

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        with catalog.write() as tx:
            self._space = make_space(tx)
        key = ViewKey(self._space.id, KEPT)
        self._log = SqlChangeLog(catalog.engine, key, DIMENSION, batch_size=self.batch_size)
        self.head, self.since, self.live = self._log.head, self._log.since, self._log.live
        self.vectors = self._log.vectors

    def add(self, vectors: NDArray[np.float16]) -> list[int]:
        ids = []
        for each in vectors:
            with self._catalog.write() as tx:
                asset_id = put_asset(tx, f"asset {self._assets()}")
                derive(tx, asset_id, [self._space], vectors=each[None])
                ids += [kept.id for _, kept in tx.segments.embeddings_of(asset_id, self._space.id)]
        return ids

    def remove(self, ids: Iterable[int]) -> None:
        with self._catalog.write() as tx:
            for found in found_at(tx, list(ids)).values():
                derive(tx, found.asset.id, [self._space], [])

    def write_elsewhere(self) -> None:
        with self._catalog.write() as tx:
            asset_id = put_asset(tx, f"asset {self._assets()}")
            derive(tx, asset_id, [self._space], [Moment(ELSEWHERE)])

    def _assets(self) -> int:
        with self._catalog.read() as tx:
            return tx.connection.execute(sa.select(sa.func.count()).select_from(asset)).scalar_one()


class TestSqlChangeLog(ChangeLogContract):
    @pytest.fixture
    def written(self, catalog: Catalog) -> WrittenSqlLog:
        return WrittenSqlLog(catalog)


# --- what the verbs write ---


def test_replacing_removes_the_old_and_adds_the_new(catalog: Catalog) -> None:
    with catalog.write() as tx:
        space = make_space(tx)
        asset_id = put_asset(tx)
        derive(tx, asset_id, [space], [Moment(KEPT), Moment(KEPT)])
    old = live_ids(catalog, space)
    seq = log_of(catalog, space).head()
    with catalog.write() as tx:
        derive(tx, asset_id, [space], [Moment(KEPT)])
    new = live_ids(catalog, space)
    (batch,) = log_of(catalog, space).since(seq)
    assert (batch.ids.tolist(), batch.removed.tolist()) == (new, old)
    assert not set(old) & set(new)
    assert lines(catalog)[-3:] == [("remove", old[0]), ("remove", old[1]), ("add", new[0])]


def test_orphans_and_the_revived_are_logged_once(catalog: Catalog) -> None:
    with catalog.write() as tx:
        root, space = tx.roots.add("/a", 1), make_space(tx)
        asset_id = put_asset(tx)
        derive(tx, asset_id, [space])
        place(tx, root.id, "x", asset_id)
        (id_,) = [kept.id for _, kept in tx.segments.embeddings_of(asset_id, space.id)]
        tx.assets.revive([asset_id])
        tx.locations.remove(tx.locations.of_asset(asset_id))
        tx.assets.orphan()
        tx.assets.orphan()
        tx.assets.revive([asset_id])
        tx.assets.orphan()
        tx.assets.forget_orphans()
    assert lines(catalog) == [("add", id_), ("remove", id_), ("add", id_), ("remove", id_)]


def test_what_an_orphan_gets_shows_when_it_is_revived(catalog: Catalog) -> None:
    with catalog.write() as tx:
        root, space = tx.roots.add("/a", 1), make_space(tx)
        asset_id = put_asset(tx)
        derive(tx, asset_id, [space])
        tx.assets.orphan()
    seq = log_of(catalog, space).head()
    with catalog.write() as tx:
        derive(tx, asset_id, [space], key="2")
    assert list(log_of(catalog, space).since(seq)) == []
    assert live_ids(catalog, space) == []
    with catalog.write() as tx:
        place(tx, root.id, "x", asset_id)
        (id_,) = [kept.id for _, kept in tx.segments.embeddings_of(asset_id, space.id)]
    (batch,) = log_of(catalog, space).since(seq)
    assert batch.ids.tolist() == live_ids(catalog, space) == [id_]


def test_numbers_are_never_given_twice(catalog: Catalog) -> None:
    seen_ids: set[int] = set()
    seen_seqs: set[int] = set()
    with catalog.write() as tx:
        space = make_space(tx)
    for _ in range(3):
        with catalog.write() as tx:
            derive(tx, put_asset(tx), [space], [Moment(KEPT)] * 2)
        ids = set(live_ids(catalog, space))
        with catalog.read() as tx:
            seqs = set(tx.connection.execute(sa.select(change.c.seq)).scalars())
        assert len(ids) == len(seqs) == 2
        assert min(ids) > max(seen_ids, default=0)
        assert min(seqs) > max(seen_seqs, default=0)
        seen_ids |= ids
        seen_seqs |= seqs
        with catalog.write() as tx:
            tx.assets.forget_orphans()
            tx.connection.execute(change.delete())


def test_a_batch_of_a_long_log_carries_each_vector_that_is_still_there(catalog: Catalog) -> None:
    """More vectors than go into one statement, on both ways of reading them."""
    count = 1500
    vectors = np.random.default_rng(0).standard_normal((count, DIMENSION)).astype(np.float16)
    with catalog.write() as tx:
        space = make_space(tx)
        derive(tx, put_asset(tx), [space], [Moment(KEPT)] * count, vectors=vectors)
    (played_back,), (live,) = log_of(catalog, space).since(0), log_of(catalog, space).live()
    for batch in (played_back, live):
        assert (batch.vectors == vectors).all()
        assert (np.diff(batch.ids) > 0).all()


# --- whatever is done, in whatever order ---

HASHES, PATHS, KINDS = ["a", "b"], ["x", "y", "z"], [SegmentKind.IMAGE, SegmentKind.TEXT]
_moments = st.lists(st.tuples(st.sampled_from(KINDS), st.booleans()), min_size=1, max_size=3)
_verbs = st.one_of(
    st.tuples(st.just("derive"), st.sampled_from(HASHES), _moments, st.sampled_from(["decode", "ocr"])),
    st.tuples(st.just("derive"), st.sampled_from(HASHES), st.lists(_moments, max_size=0), st.just("decode")),
    st.tuples(st.just("place"), st.sampled_from(HASHES), st.sampled_from(PATHS)),
    st.tuples(st.just("take away"), st.sampled_from(PATHS)),
    st.tuples(st.sampled_from(["orphan", "orphan", "empty the root", "forget orphans"])),
)
_stories = st.lists(st.tuples(_verbs, st.integers(0, 9)), min_size=10, max_size=25)


class Player:
    """Does to a catalogue what verbs say, one transaction for each."""

    def __init__(self, catalog: Catalog) -> None:
        wipe(catalog)
        self.catalog = catalog
        with catalog.write() as tx:
            self.spaces = [make_space(tx), make_space(tx, SpaceName.TEXT)]
        self.keys = [ViewKey(space.id, kind) for space in self.spaces for kind in KINDS][:3]

    def play(self, verb: tuple, *, fails: bool) -> None:
        try:
            with self.catalog.write() as tx:
                self._play(tx, tx.roots.add("/a", 1), *verb)
                if fails:
                    raise ConnectionAbortedError
        except ConnectionAbortedError:
            pass

    def _play(self, tx: Transaction, root: Root, verb: str, *about) -> None:
        match verb, *about:
            case "derive", name, moments, stage:
                asset_id = put_asset(tx, name)
                vectors = {
                    space.id: {
                        ordinal: vector(asset_id * 10 + ordinal)
                        for ordinal, (_, everywhere) in enumerate(moments)
                        if everywhere or space is self.spaces[0]
                    }
                    for space in self.spaces
                }
                tx.segments.replace([Derived(asset_id, stage, "1", [Moment(kind) for kind, _ in moments], vectors)])
            case "place", name, path:
                place(tx, root.id, path, put_asset(tx, name))
            case "take away", path:
                tx.locations.remove(found.id for found in tx.locations.at(root.id, [path]).values())
            case ("empty the root",):
                tx.roots.remove(root.id)
            case ("orphan",):
                tx.assets.orphan()
            case ("forget orphans",):
                tx.assets.forget_orphans()

    def log(self, key: ViewKey) -> SqlChangeLog:
        return SqlChangeLog(self.catalog.engine, key, DIMENSION, batch_size=3)

    def live(self) -> dict[ViewKey, tuple[int, list[ChangeBatch]]]:
        found = {key: list(self.log(key).live()) for key in self.keys}
        return {key: (batches[0].seq, batches) for key, batches in found.items()}

    def in_sql(self, key: ViewKey) -> Model:
        query = (
            sa.select(embedding.c.id, embedding.c.vector)
            .join(segment, segment.c.id == embedding.c.segment_id)
            .join(asset, asset.c.id == segment.c.asset_id)
            .where(embedding.c.space_id == key.space_id, segment.c.kind == key.kind, asset.c.orphaned_at.is_(None))
        )
        with self.catalog.read() as tx:
            return {row.id: row.vector for row in tx.connection.execute(query)}


_tellings = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@given(_stories)
@_tellings
def test_the_log_the_live_vectors_and_the_tables_always_agree(sqlite: sa.URL, story: list) -> None:
    tell(sqlite, story)


@given(_stories)
@settings(_tellings, max_examples=8)  # the same statements; what may differ is soon seen
def test_they_agree_on_postgresql_too(postgres_url: sa.URL, story: list) -> None:
    tell(postgres_url, story)


def tell(url: sa.URL, story: list) -> None:
    """Play a story; hold the log against the tables after each verb, and views that began anywhere at the end."""
    catalog = Catalog(url, create=True)
    player = Player(catalog)
    follower = {key: (0, Model()) for key in player.keys}
    moments = []
    for verb, chance in story:
        player.play(verb, fails=chance == 9)
        moments.append(player.live())
        for key, (seq, batches) in moments[-1].items():
            seen, model = follower[key]
            model = played(model, player.log(key).since(seen))
            assert model == played({}, batches) == player.in_sql(key)
            follower[key] = (seq, model)
    for key in player.keys:
        log, (_, truth) = player.log(key), follower[key]
        assert played({}, log.since(0)) == truth
        oracle = fed(log.live())
        for seq, batches in (moment[key] for moment in moments[::5]):
            assert_same(fed([*batches, *log.since(seq)]), oracle)
    assert not [line for line in catalog.dump() if "lost" in line]
    with catalog.read() as tx:
        assert tx.integrity() == []
    catalog.close()


def fed(batches: Iterable[ChangeBatch]) -> ExactView:
    view = ExactView(DIMENSION)
    for batch in batches:
        view.apply(batch)
    return view


def assert_same(view: ExactView, oracle: ExactView) -> None:
    assert len(view) == len(oracle)
    query = vector(1)[None]
    for mine, right in zip(view.search(query, 20), oracle.search(query, 20), strict=True):
        assert (mine == right).all()


# --- several at once ---


def test_a_reader_that_polls_misses_no_line_of_any_writer(catalog: Catalog, url: sa.URL) -> None:
    """Two threads and two processes write; numbers must come into sight in their order, or a line is skipped."""
    with catalog.write() as tx:
        space = make_space(tx)
    address = url.render_as_string(hide_password=False)
    each = 40
    processes = [
        subprocess.Popen([sys.executable, "-m", "tests.store.writer", address, f"process {n}", str(each)], cwd=TOP)
        for n in range(2)
    ]
    threads = [threading.Thread(target=write_a_lot, args=(address, f"thread {n}", each)) for n in range(2)]
    for thread in threads:
        thread.start()
    log = SqlChangeLog(catalog.engine, ViewKey(space.id, KEPT), DIMENSION, batch_size=7)
    seen, seq = Model(), 0

    def poll() -> Iterator[ChangeBatch]:
        nonlocal seq
        head = log.head()
        for batch in log.since(seq):
            assert batch.seq > seq
            seq = batch.seq
            yield batch
        assert seq >= head, "what the head has announced is there to be read"

    while any(process.poll() is None for process in processes) or any(thread.is_alive() for thread in threads):
        seen = played(seen, poll())
    seen = played(seen, poll())
    assert [process.returncode for process in processes] == [0, 0]
    assert len(seen) == 4 * each
    assert seen == played({}, log.live()) == played({}, log.since(0))


def log_of(catalog: Catalog, space: Space) -> SqlChangeLog:
    return catalog.change_log(ViewKey(space.id, KEPT), space.dimension)


def lines(catalog: Catalog) -> list[tuple[str, int]]:
    with catalog.read() as tx:
        query = sa.select(change.c.op, change.c.embedding_id).order_by(change.c.seq)
        return [tuple(row) for row in tx.connection.execute(query)]
