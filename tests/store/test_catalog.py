"""The catalogue, noun by noun, on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import sqlalchemy as sa

from bowerbird.moments import Moment
from bowerbird.store.catalog import Catalog
from bowerbird.store.catalog.failures import Failure
from bowerbird.store.catalog.locations import Placed
from bowerbird.store.catalog.segments import Derived
from bowerbird.store.tables import derivation, embedding, location, segment
from bowerbird.types import (
    AssetInfo,
    AssetKind,
    Box,
    FileStat,
    Place,
    Position,
    Segment,
    SegmentKind,
    SpaceName,
    SpaceState,
    Taken,
    TakenFrom,
)
from tests.store.hand import (
    PICTURE,
    STAT,
    derive,
    encoder,
    found_at,
    hash_of,
    live_ids,
    make_space,
    place,
    put_asset,
    vector,
)

LARGEST = 2**63 - 1


# --- transactions ---


def test_a_writer_that_raises_leaves_nothing(catalog: Catalog) -> None:
    def write_half() -> None:
        with catalog.write() as tx:
            derive(tx, put_asset(tx), [make_space(tx)])
            raise RuntimeError("a power cut, say")

    with pytest.raises(RuntimeError):
        write_half()
    with catalog.read() as tx:
        assert tx.spaces.active() == []
        assert tx.assets.by_hash(hash_of("one")) is None
        assert tx.segments.counts() == {}


def test_a_reader_sees_one_moment_and_waits_for_nobody(catalog: Catalog) -> None:
    with catalog.write() as tx:
        tx.roots.add("/a", 1)
    with catalog.read() as early:
        assert len(early.roots.all()) == 1
        with catalog.write() as tx:
            tx.roots.add("/b", 1)
            with catalog.read() as meanwhile:
                assert len(meanwhile.roots.all()) == 1, "what is not committed is seen by nobody else"
        assert len(early.roots.all()) == 1, "what was committed since is not seen by who began before"
        with catalog.read() as late:
            assert len(late.roots.all()) == 2


def test_writers_queue(catalog: Catalog) -> None:
    order: list[str] = []
    inside, done = threading.Event(), threading.Event()

    def second() -> None:
        inside.wait(120)
        with catalog.write() as tx:
            order.append("second")
            tx.roots.add("/second", 1)
        done.set()

    thread = threading.Thread(target=second)
    thread.start()
    with catalog.write() as tx:
        tx.roots.add("/first", 1)
        inside.set()
        assert not done.wait(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_reader_that_becomes_two_never_waits_for_a_connection(catalog: Catalog) -> None:
    """A search reads SQL while its views catch up on connections of their own."""
    everyone = threading.Barrier(20, timeout=120)
    counts: list[int] = []

    def search() -> None:
        with catalog.read() as outer:
            outer.roots.all()
            everyone.wait()
            with catalog.read() as inner:
                counts.append(len(inner.roots.all()))

    threads = [threading.Thread(target=search) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [0] * 20


# --- nouns ---


def test_meta_remembers_the_last_word(catalog: Catalog) -> None:
    with catalog.write() as tx:
        assert tx.meta.get("colour") is None
        tx.meta.set("colour", "blue")
        tx.meta.set("colour", "green")
    with catalog.read() as tx:
        assert tx.meta.get("colour") == "green"


def test_roots_are_kept_in_order_and_once(catalog: Catalog) -> None:
    with catalog.write() as tx:
        first, second = tx.roots.add("/z", 1), tx.roots.add("/a", LARGEST)
        again = tx.roots.add("/z", 5)
    assert (again.id, again.device, again.added_at) == (first.id, 5, first.added_at)
    assert abs(datetime.now(UTC) - first.added_at) < timedelta(minutes=1)
    with catalog.read() as tx:
        assert tx.roots.all() == [again, second]
        assert tx.roots.at("/a") == second
        assert tx.roots.at("/A") is None


def test_a_removed_root_takes_its_locations_and_failures_along_but_no_assets(catalog: Catalog) -> None:
    with catalog.write() as tx:
        gone, kept = tx.roots.add("/gone", 1), tx.roots.add("/kept", 1)
        asset_id = put_asset(tx)
        for root in (gone, kept):
            place(tx, root.id, "x.jpg", asset_id)
            tx.failures.put(Failure(root.id, "y.jpg", STAT, None, "read", "1", "damaged"))
        assert tx.roots.counts() == {gone.id: 1, kept.id: 1}
        tx.roots.remove(gone.id)
    with catalog.read() as tx:
        assert tx.roots.all() == [kept]
        assert [copy.root for copy in tx.locations.copies(asset_id)] == [kept]
        assert [where for where, _ in tx.failures.all()] == ["/kept"]
        assert tx.assets.by_hash(hash_of("one")) is not None


def test_assets_come_back_as_they_went_in(catalog: Catalog) -> None:
    clip = AssetInfo(
        AssetKind.VIDEO,
        "video/mp4",
        1920,
        1080,
        12.345678901,
        taken=Taken(datetime(2021, 3, 4, 5, 6, 7), TakenFrom.CONTAINER),
        camera="Pixel 7",
        lens="wide",
        position=Position(-38.7, 179.9),
        place=Place("Lisboa", "", "Portugal"),
        title="Ünder the sea",
        artist="somebody",
        album="holidays",
        keywords=("sea", "two words"),
    )
    note = AssetInfo(AssetKind.DOCUMENT, "text/plain")
    with catalog.write() as tx:
        ids = tx.assets.put({hash_of("clip"): (LARGEST, clip), hash_of("note"): (0, note)})
    with catalog.read() as tx:
        found = tx.assets.by_hash(hash_of("clip"))
        assert found is not None
        assert (found.id, found.size, found.info) == (ids[hash_of("clip")], LARGEST, clip)
        assert tx.assets.by_hash(hash_of("note")).info == note
        assert tx.assets.by_hash(hash_of("nobody")) is None
        assert tx.assets.counts() == {AssetKind.VIDEO: 1, AssetKind.DOCUMENT: 1}


def test_an_asset_that_is_known_keeps_its_id_and_learns_what_is_new(catalog: Catalog) -> None:
    with catalog.write() as tx:
        first = put_asset(tx)
        other = put_asset(tx, "other")
    with catalog.write() as tx:
        better = AssetInfo(AssetKind.IMAGE, "image/png", 1, 2)
        assert put_asset(tx, info=better) == first
        assert tx.assets.by_hash(hash_of("one")).info == better
        assert tx.assets.by_hash(hash_of("other")).info == PICTURE
        assert tx.assets.by_hash(hash_of("other")).id == other


def test_a_thousand_rows_go_in_and_come_out_at_once(catalog: Catalog) -> None:
    names = [f"asset {number}" for number in range(1201)]
    with catalog.write() as tx:
        root, space = tx.roots.add("/a", 1), make_space(tx)
        ids = tx.assets.put({hash_of(name): (1, PICTURE) for name in names})
        ids_in_order = [ids[hash_of(name)] for name in names]
        tx.segments.replace(
            Derived(id_, "picture", "1", [Moment(SegmentKind.IMAGE)], {space.id: {0: vector(id_)}})
            for id_ in ids_in_order
        )
        tx.assets.mark_done((id_, "encode", "2") for id_ in ids_in_order)
        tx.locations.put(Placed(root.id, name, id_, STAT) for name, id_ in zip(names, ids_in_order, strict=True))
    with catalog.read() as tx:
        assert {name: found.asset_id for name, found in tx.locations.at(root.id, names).items()} == dict(
            zip(names, ids_in_order, strict=True)
        )
        assert tx.assets.derivations(ids_in_order) == {id_: {"picture": "1", "encode": "2"} for id_ in ids_in_order}
        found = found_at(tx, live_ids(catalog, space))
        assert {each.asset.id for each in found.values()} == set(ids_in_order)
        assert tx.locations.copies_of(ids_in_order).keys() == set(ids_in_order)
        for id_ in (ids_in_order[0], ids_in_order[-1]):
            ((_, kept),) = tx.segments.embeddings_of(id_, space.id)
            assert (kept.vector == vector(id_).astype(np.float16)).all(), "vectors lie with their own assets"
    with catalog.write() as tx:
        tx.locations.remove(found.id for found in tx.locations.at(root.id, names).values())
        assert len(tx.assets.forget_orphans()) == len(names)


def test_locations_say_what_lies_where_now(catalog: Catalog) -> None:
    moved = FileStat(LARGEST, -LARGEST, LARGEST)
    with catalog.write() as tx:
        root = tx.roots.add("/a", 1)
        one, two = put_asset(tx), put_asset(tx, "two")
        tx.locations.put([Placed(root.id, "x", one, STAT), Placed(root.id, "y", one, STAT)])
        before = tx.locations.at(root.id, ["x", "y", "z"])
        tx.locations.put([Placed(root.id, "x", two, moved)])
    with catalog.read() as tx:
        after = tx.locations.at(root.id, ["x", "y"])
        assert before.keys() == after.keys() == {"x", "y"}
        assert (after["x"].id, after["x"].asset_id, after["x"].stat) == (before["x"].id, two, moved)
        assert after["y"] == before["y"]
        assert tx.locations.asset_hash_at(root.id, "x") == hash_of("two")
        assert tx.locations.asset_hash_at(root.id, "z") is None
        assert [copy.path for copy in tx.locations.copies(one)] == ["y"]
        assert tx.locations.of_asset(two) == [after["x"].id]
        assert tx.locations.count() == 2


def test_leaving_a_location_spares_what_has_come_there_since(catalog: Catalog) -> None:
    with catalog.write() as tx:
        root = tx.roots.add("/a", 1)
        one, two = put_asset(tx), put_asset(tx, "two")
        place(tx, root.id, "x", one)
        where = tx.locations.at(root.id, ["x"])["x"].id
        tx.locations.leave(where, two)
        assert tx.locations.count() == 1
        tx.locations.leave(where, one)
        assert tx.locations.count() == 0


@pytest.mark.parametrize(
    ("folder", "inside"),
    [
        ("", ["a", "a/b/c", "a/bc", "a/b%", "a/b%/x", "a/b_/x", "a/bX/x", "a/B/x", "a/b"]),
        ("a/b", ["a/b/c", "a/b"]),
        ("a/b%", ["a/b%", "a/b%/x"]),
        ("a/b_", ["a/b_/x"]),
        ("a/b/c", ["a/b/c"]),
        ("a/nothing", []),
    ],
)
def test_under_a_folder_is_what_lies_in_it_and_no_neighbour(catalog: Catalog, folder: str, inside: list[str]) -> None:
    paths = ["a", "a/b/c", "a/bc", "a/b%", "a/b%/x", "a/b_/x", "a/bX/x", "a/B/x", "a/b"]
    with catalog.write() as tx:
        root, other = tx.roots.add("/a", 1), tx.roots.add("/b", 1)
        asset_id = put_asset(tx)
        for where in (root, other):
            for path in paths:
                place(tx, where.id, path, asset_id)
                tx.failures.put(Failure(where.id, path, STAT, None, "read", "1", "damaged"))
    with catalog.read() as tx:
        assert [path for _, path in tx.locations.under(root.id, folder)] == inside
        assert sorted(tx.failures.under(root.id, folder)) == sorted(inside)


def test_failures_are_kept_by_path_the_latest_only(catalog: Catalog) -> None:
    first = Failure(0, "x.jpg", FileStat(LARGEST, -1, LARGEST), None, "read", "1", "no permission")
    with catalog.write() as tx:
        root = tx.roots.add("/a", 1)
        first = Failure(root.id, *[getattr(first, name) for name in ("path", "stat", "hash", "stage", "key", "reason")])
        later = Failure(root.id, "x.jpg", STAT, hash_of("x"), "decode", "2", "damaged")
        tx.failures.put(first)
        assert tx.failures.at(root.id, ["x.jpg", "y.jpg"]) == {"x.jpg": first}
        tx.failures.put(later)
    with catalog.write() as tx:
        assert tx.failures.at(root.id, ["x.jpg"]) == {"x.jpg": later}
        assert list(tx.failures.all()) == [("/a", later)]
        tx.failures.clear(root.id, ["x.jpg", "y.jpg"])
        assert tx.failures.under(root.id) == []


def test_jobs_end_as_they_are_said_to(catalog: Catalog) -> None:
    with catalog.write() as tx:
        assert tx.jobs.last("index") is None
        tx.jobs.start("index", "someone")
        second = tx.jobs.start("index", "me")
        tx.jobs.start("other", "me")
        running = tx.jobs.last("index")
        tx.jobs.finish(second, "done", {"seen": 3, "seconds": 0.5})
        done = tx.jobs.last("index")
    assert (running.state, running.finished_at, running.report) == ("running", None, None)
    assert (done.id, done.state, done.owner, done.report) == (second, "done", "me", {"seen": 3, "seconds": 0.5})
    assert done.finished_at >= done.started_at


def test_the_active_spaces_are_the_joint_one_first(catalog: Catalog) -> None:
    with catalog.write() as tx:
        text = tx.spaces.add(SpaceName.TEXT, encoder("words", 384), SpaceState.ACTIVE)
        joint = tx.spaces.add(SpaceName.JOINT, encoder(), SpaceState.ACTIVE)
        tx.spaces.add(SpaceName.JOINT, encoder("old"), SpaceState.RETIRED)
    with catalog.read() as tx:
        assert tx.spaces.active() == [joint, text]
    assert (text.spec, text.dimension, text.fingerprint) == ("words", 384, encoder("words", 384).fingerprint)


def test_an_encoder_has_one_space_of_a_name(catalog: Catalog) -> None:
    with catalog.write() as tx:
        make_space(tx)
    with pytest.raises(sa.exc.IntegrityError), catalog.write() as tx:
        make_space(tx)


def test_leases_run_out(catalog: Catalog) -> None:
    with catalog.write() as tx:
        assert tx.leases.holder("views") is None
        tx.leases.take("views", "me", 60)
        assert tx.leases.holder("views") == "me"
        assert tx.leases.holder("index") is None
        tx.leases.take("views", "me", -1)
        assert tx.leases.holder("views") is None
        tx.leases.take("views", "you", 60)
        assert tx.leases.holder("views") == "you"
        tx.leases.release("views")
        assert tx.leases.holder("views") is None


# --- segments and vectors ---

MOMENTS = [
    Moment(SegmentKind.FRAME, start_s=0.0, end_s=0.04),
    Moment(SegmentKind.SPEECH, start_s=3.2, end_s=7.875, text="Grüße, 世界 🐦", language="de", confidence=0.875),
    Moment(SegmentKind.PAGE, page=4),
    Moment(SegmentKind.OCR, box=Box(0.1, 0.2, 0.3, 1 / 3), text=""),
]


def test_segments_come_back_as_they_went_in(catalog: Catalog) -> None:
    with catalog.write() as tx:
        joint = make_space(tx)
        asset_id = put_asset(tx)
        derive(tx, asset_id, [joint], MOMENTS)
        embeddings = tx.segments.embeddings_of(asset_id, joint.id)
        found = found_at(tx, [each.id for _, each in embeddings])
    assert [kind for kind, _ in embeddings] == [moment.kind for moment in MOMENTS]
    for ordinal, (moment, (_, kept)) in enumerate(zip(MOMENTS, embeddings, strict=True)):
        here = found[kept.id]
        place = (moment.kind, moment.start_s, moment.end_s, moment.page, moment.box)
        expected = (*place, moment.text, moment.language, moment.confidence)
        assert here.segment == Segment(kept.segment_id, asset_id, ordinal, *expected)
        assert here.asset.hash == hash_of("one")
        assert kept.vector.dtype == np.float16
        assert (kept.vector == vector(asset_id + ordinal).astype(np.float16)).all()


def test_a_moment_has_a_vector_only_in_the_spaces_that_read_it(catalog: Catalog) -> None:
    with catalog.write() as tx:
        joint, text = make_space(tx), make_space(tx, SpaceName.TEXT, 3)
        asset_id = put_asset(tx)
        vectors = {joint.id: {0: vector(1), 2: vector(2)}, text.id: {2: vector(3, 3)}}
        tx.segments.replace([Derived(asset_id, "clip", "1", MOMENTS, vectors)])
        assert [kind for kind, _ in tx.segments.embeddings_of(asset_id, joint.id)] == ["frame", "page"]
        assert [kind for kind, _ in tx.segments.embeddings_of(asset_id, text.id)] == ["page"]
        assert tx.segments.kinds(joint.id) == ["frame", "page"]
        assert tx.segments.kinds(text.id) == ["page"]
        assert tx.segments.counts() == {"frame": 1, "speech": 1, "page": 1, "ocr": 1}


def test_replacing_what_a_stage_made_touches_no_other_stage_and_no_other_asset(catalog: Catalog) -> None:
    with catalog.write() as tx:
        space = make_space(tx)
        one, two = put_asset(tx), put_asset(tx, "two")
        derive(tx, one, [space], MOMENTS[:2], stage="clip")
        derive(tx, one, [space], MOMENTS[2:3], stage="pages")
        derive(tx, two, [space], MOMENTS[:2], stage="clip")
        before = {id_: tx.segments.embeddings_of(id_, space.id) for id_ in (one, two)}
        derive(tx, one, [space], MOMENTS[3:], stage="clip", key="2")
        after = {id_: tx.segments.embeddings_of(id_, space.id) for id_ in (one, two)}
        assert tx.assets.derivations([one, two, 10**9]) == {one: {"clip": "2", "pages": "1"}, two: {"clip": "1"}}
    assert [kind for kind, _ in after[one]] == ["ocr", "page"]  # by the stages' names
    assert after[one][1][1].id == before[one][2][1].id
    assert [each.id for _, each in after[two]] == [each.id for _, each in before[two]]


def test_a_stage_may_have_found_nothing(catalog: Catalog) -> None:
    with catalog.write() as tx:
        space = make_space(tx)
        asset_id = put_asset(tx)
        derive(tx, asset_id, [space], MOMENTS)
        derive(tx, asset_id, [space], [], key="2")
        tx.segments.replace([])
        assert tx.assets.derivations([asset_id]) == {asset_id: {"picture": "2"}}
        assert tx.segments.counts() == {}


def test_of_two_results_of_one_stage_the_later_counts(catalog: Catalog) -> None:
    with catalog.write() as tx:
        space = make_space(tx)
        asset_id = put_asset(tx)
        moment = [Moment(SegmentKind.IMAGE)]
        tx.segments.replace(
            Derived(asset_id, "picture", key, moment, {space.id: {0: vector(seed)}})
            for key, seed in (("1", 1), ("2", 2))
        )
        tx.assets.mark_done([(asset_id, "encode", "1"), (asset_id, "encode", "2")])
        assert tx.assets.derivations([asset_id]) == {asset_id: {"picture": "2", "encode": "2"}}
        assert len(tx.segments.embeddings_of(asset_id, space.id)) == 1


@pytest.mark.parametrize("text", ["a\0b", "\0", "half a pair: \ud83d", "\udcff"])
def test_text_that_no_database_takes_costs_a_character_and_not_the_file(catalog: Catalog, text: str) -> None:
    with catalog.write() as tx:
        space, root = make_space(tx), tx.roots.add("/a", 1)
        asset_id = put_asset(tx)
        derive(tx, asset_id, [space], [Moment(SegmentKind.TEXT, text=text, language=text)])
        tx.failures.put(Failure(root.id, "x", STAT, None, "decode", "1", text))
        (found,) = found_at(tx, live_ids_of(tx, asset_id, space.id)).values()
        clean = "".join("\ufffd" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in text)
        assert (found.segment.text, found.segment.language) == (clean, clean)
        assert tx.failures.at(root.id, ["x"])["x"].reason == clean


def live_ids_of(tx, asset_id: int, space_id: int) -> list[int]:
    return [each.id for _, each in tx.segments.embeddings_of(asset_id, space_id)]


def test_forgotten_assets_take_everything_along(catalog: Catalog) -> None:
    with catalog.write() as tx:
        root, space = tx.roots.add("/a", 1), make_space(tx)
        ids = [put_asset(tx, name) for name in ("one", "two")]
        for id_ in ids:
            derive(tx, id_, [space], MOMENTS)
            place(tx, root.id, f"{id_}", id_)
        tx.locations.remove(tx.locations.of_asset(ids[0]))
        assert len(tx.assets.forget_orphans()) == 1, "what still has a location stays"
        for table in (derivation, segment):
            owners = tx.connection.execute(sa.select(table.c.asset_id).distinct()).scalars().all()
            assert owners == [ids[1]]
        count = sa.select(sa.func.count())
        assert tx.connection.execute(count.select_from(embedding)).scalar() == len(MOMENTS)
        assert tx.connection.execute(count.select_from(location)).scalar() == 1
        assert tx.integrity() == []


def test_orphans_leave_the_views_and_come_back_with_the_vectors_they_had(catalog: Catalog) -> None:
    with catalog.write() as tx:
        root, space = tx.roots.add("/a", 1), make_space(tx)
        asset_id = put_asset(tx)
        derive(tx, asset_id, [space])
        place(tx, root.id, "x", asset_id)
    (id_,) = live_ids(catalog, space)
    with catalog.write() as tx:
        tx.locations.remove(tx.locations.of_asset(asset_id))
        tx.assets.orphan()
        assert found_at(tx, [id_]) == {}
        assert tx.assets.counts() == {}
        assert tx.segments.counts() == {}
    assert live_ids(catalog, space) == []
    with catalog.write() as tx:
        assert tx.assets.by_hash(hash_of("one")).id == asset_id, "it can still be recognised"
        place(tx, root.id, "elsewhere", asset_id)
        assert found_at(tx, [id_]).keys() == {id_}
    assert live_ids(catalog, space) == [id_]


def test_orphans_are_forgotten_once_they_are_old_enough(catalog: Catalog) -> None:
    with catalog.write() as tx:
        put_asset(tx)
        tx.assets.orphan()
    now = datetime.now(UTC)
    with catalog.write() as tx:
        assert len(tx.assets.forget_orphans(now - timedelta(days=1))) == 0
        assert len(tx.assets.forget_orphans(now + timedelta(days=1))) == 1
        put_asset(tx, "two")
        assert len(tx.assets.forget_orphans()) == 1


# --- what the database itself guards ---


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("root", {"path"}),
        ("asset", {"hash"}),
        ("location", {"root_id", "path"}),
        ("failure", {"root_id", "path"}),
        ("derivation", {"asset_id", "stage"}),
        ("segment", {"derivation_id", "ordinal"}),
        ("embedding", {"segment_id", "space_id"}),
        ("space", {"name", "fingerprint"}),
    ],
)
def test_what_is_unique_is_unique_in_the_database(catalog: Catalog, table: str, columns: set[str]) -> None:
    constraints = sa.inspect(catalog.engine).get_unique_constraints(table)
    assert columns in [set(constraint["column_names"]) for constraint in constraints]


def test_a_row_cannot_refer_to_what_is_not_there(catalog: Catalog) -> None:
    with pytest.raises(sa.exc.IntegrityError), catalog.write() as tx:
        tx.locations.put([Placed(10**6, "x", 10**6, STAT)])


def test_a_sound_database_finds_nothing_wrong_with_itself(catalog: Catalog) -> None:
    with catalog.write() as tx:
        derive(tx, put_asset(tx), [make_space(tx)], MOMENTS)
    with catalog.read() as tx:
        assert tx.integrity() == []


def test_a_row_without_its_owner_is_found(sqlite: sa.URL) -> None:
    catalog = Catalog(sqlite, create=True)
    connection = catalog.engine.raw_connection()
    connection.cursor().execute("PRAGMA foreign_keys = OFF")
    connection.cursor().execute("INSERT INTO derivation (asset_id, stage, key) VALUES (77, 's', 'k')")
    connection.cursor().execute("PRAGMA foreign_keys = ON")
    connection.close()
    with catalog.read() as tx:
        (fault,) = tx.integrity()
    assert "derivation" in fault
    catalog.close()


def test_what_is_forgotten_is_in_no_file_of_the_database(sqlite: sa.URL, tmp_path) -> None:
    secret = "a secret that nobody shall find"
    catalog = Catalog(sqlite, create=True)
    with catalog.write() as tx:
        space = make_space(tx)
        derive(tx, put_asset(tx), [space], [Moment(SegmentKind.TEXT, text=secret)])
    catalog.compact()
    assert any(secret.encode() in file.read_bytes() for file in tmp_path.iterdir())
    with catalog.write() as tx:
        assert len(tx.assets.forget_orphans()) == 1
    catalog.compact()
    assert not any(secret.encode() in file.read_bytes() for file in tmp_path.iterdir())
    catalog.close()


def test_two_catalogues_with_the_same_content_have_the_same_dump(catalog: Catalog, tmp_path) -> None:
    from bowerbird.store.engine import sqlite_url

    other = Catalog(sqlite_url(tmp_path / "other.db"), create=True)
    with other.write() as tx:  # its numbers run ahead
        put_asset(tx, "gone")
        tx.assets.forget_orphans()
    for each in (catalog, other):
        with each.write() as tx:
            root, space = tx.roots.add("/a", 1), make_space(tx)
            id_ = put_asset(tx)
            derive(tx, id_, [space], MOMENTS, vectors=np.eye(4, dtype=np.float16))
            place(tx, root.id, "x", id_)
            tx.failures.put(Failure(root.id, "y", STAT, None, "read", "1", "damaged"))
    assert list(catalog.dump()) == list(other.dump())
    with other.write() as tx:
        tx.locations.put([Placed(root.id, "x", id_, FileStat(1, 2, 3))])
    assert list(catalog.dump()) != list(other.dump())
    other.close()
