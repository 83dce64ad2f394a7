"""One file holds a whole library of one moment, and is taken for a backup only where every byte of it is right."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bowerbird.errors import BowerbirdError, LibraryError, LibraryTooNew, StorageFull, UsageError
from bowerbird.moments import Moment
from bowerbird.store import schema
from bowerbird.store.archive import UNSEALED, seal
from bowerbird.store.backup import backup, without_database
from bowerbird.store.catalog import Catalog
from bowerbird.store.catalog.full_text import Term
from bowerbird.store.engine import make_engine, sqlite_url, writing
from bowerbird.store.folder import is_library
from bowerbird.store.restore import restore
from bowerbird.store.tables import SCHEMA, lease, metadata, session
from bowerbird.store.thumbnails import Thumbnails
from bowerbird.types import SegmentKind
from tests.store.hand import derive, hash_of, make_space, place, put_asset

ROOT = Path(__file__).parents[2]
ODD = os.fsdecode(b"odd \xff\\xff.jpg")


def fill(catalog: Catalog, assets: int = 5) -> None:
    """A bit of everything, odd names included."""
    with catalog.write() as tx:
        space = make_space(tx)
        root = tx.roots.add("/photos", 7)
        for number in range(assets):
            asset_id = put_asset(tx, f"{number}")
            moments = [Moment(SegmentKind.IMAGE), Moment(SegmentKind.OCR, text=f"Würste number{number} 100%")]
            derive(tx, asset_id, [space], moments)
            place(tx, root.id, ODD if number == 0 else f"trip/{number}.jpg", asset_id)
        tx.leases.take("index", "host:1:1", 60)
        tx.meta.set("regions", "4")
        tx.meta.set("snapshot:1-image", "abc")
        job = tx.jobs.start("index", "host:1:1")
        tx.jobs.finish(job, "done", {"seen": 5, "failed": 0})
        key = tx.keys.add("phone", "0" * 64, {"search"}, None)
        now = datetime.now(UTC)
        signed_in = {"token_hash": "1" * 64, "api_key_id": key.id, "created_at": now, "expires_at": now}
        tx.connection.execute(sa.insert(session).values(signed_in))


def library_folder(folder: Path, toml: str = "# mine\n[index]\nocr = false\n") -> Path:
    folder.mkdir()
    (folder / "library.toml").write_text(toml)
    thumbnails = Thumbnails(folder / "thumbs")
    for number in range(3):
        thumbnails.put(hash_of(f"{number}"), 0, b"RIFF" + bytes([number]) * 2000)
    thumbnails.put(hash_of("forgotten"), 0, b"RIFF")
    (folder / "thumbs" / "aa").mkdir(exist_ok=True)
    (folder / "thumbs" / "aa" / "notes.txt").write_text("not ours")
    return folder


def rows(catalog: Catalog) -> dict[str, list[tuple[object, ...]]]:
    """Everything, numbers and times included; what is fleeting left out."""
    with catalog.read() as tx:
        return {
            table.name: [
                tuple(row)
                for row in tx.connection.execute(sa.select(table).order_by(*table.primary_key.columns))
                if not str(row[0]).startswith("snapshot:")
            ]
            for table in metadata.sorted_tables
            if table.name not in {"lease", "session"}
        }


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup that nobody may write to."""
    folder = tmp_path_factory.mktemp("backup")
    library = library_folder(folder / "library")
    with closing(Catalog(sqlite_url(library / "catalog.db"), create=True)) as catalog:
        fill(catalog)
        backup(catalog, library, folder / "b", made_by="1")
    return folder / "b"


# --- what was there is there again --------------------------------------------------------------


def test_what_comes_back_is_what_went_in(catalog, tmp_path):
    """From SQLite and from PostgreSQL alike."""
    fill(catalog)
    library = library_folder(tmp_path / "library")
    said = backup(catalog, library, tmp_path / "b", made_by="1.2.3")
    assert said.made_by == "1.2.3"
    assert said.counts == {"assets": 5, "segments": 10, "files": 5, "thumbnails": 3}
    assert restore(tmp_path / "b", tmp_path / "again") == said
    assert (tmp_path / "again" / "library.toml").read_text() == (library / "library.toml").read_text()
    with closing(Catalog(sqlite_url(tmp_path / "again" / "catalog.db"))) as again:
        assert rows(again) == rows(catalog)
        assert list(again.dump()) == list(catalog.dump())
        with again.read() as tx:
            assert tx.integrity() == []
            assert tx.meta.get("snapshot:1-image") is None
            assert tx.connection.execute(sa.select(lease)).all() == []
            assert tx.connection.execute(sa.select(session)).all() == []
    pictures = sorted(f"thumbs/{hash_of(str(n))[:2]}/{hash_of(str(n))}-0.webp" for n in range(3))
    assert files(tmp_path / "again") == ["catalog.db", "library.toml", *pictures]
    for number in range(3):
        name = Thumbnails(Path("thumbs")).path(hash_of(str(number)))
        assert (tmp_path / "again" / name).read_bytes() == (library / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if "partial" in path.name) == []


def test_the_same_words_are_found(made, tmp_path, postgres_url):
    restore(made, tmp_path / "file")
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "library.toml").write_text("database = 'named here'\n")
    restore(made, tmp_path / "pg", database=str(postgres_url.render_as_string(hide_password=False)))
    assert files(tmp_path / "pg") == ["library.toml", *[f for f in files(tmp_path / "file") if "thumbs" in f]]
    assert "named here" in (tmp_path / "pg" / "library.toml").read_text(), "whose it is stays"
    with (
        closing(Catalog(sqlite_url(tmp_path / "file" / "catalog.db"))) as file,
        closing(Catalog(postgres_url)) as pg,
    ):
        assert rows(pg) == rows(file)
        for catalog in (file, pg):
            with catalog.write() as tx:
                assert len(tx.words.search([Term(("wurste",))], 10)) == 5, "in texts"
                assert len(tx.words.search([Term(("trip",))], 10)) == 4, "in names"
                # New rows get numbers of their own.
                asset_id = put_asset(tx, "new")
                derive(tx, asset_id, tx.spaces.active())
        assert list(pg.dump()) == list(file.dump())
    with pytest.raises(UsageError, match="holds a library; name an empty one"):
        restore(made, tmp_path / "third", database=str(postgres_url.render_as_string(hide_password=False)))


def catalog_size(catalog: Catalog) -> int:
    with catalog.read() as tx:
        return sum(tx.assets.counts().values())


def test_a_backup_while_others_write_is_of_one_moment(url, tmp_path):
    """Each transaction of the writers adds an asset with its vector: nowhere is one without the other."""
    library = library_folder(tmp_path / "library")
    with closing(Catalog(url, create=True)) as catalog:
        fill(catalog)
        named = url.render_as_string(hide_password=False)
        writers = [
            subprocess.Popen([sys.executable, "-m", "tests.store.writer", named, name, "60"], cwd=ROOT)
            for name in ("one", "two")
        ]
        counts = []
        try:
            while catalog_size(catalog) == 5:
                time.sleep(0.01)
            while any(writer.poll() is None for writer in writers) or not counts:
                said = backup(catalog, library, tmp_path / "b", made_by="1", overwrite=True)
                counts.append(said.counts["assets"])
                (tmp_path / "b").rename(tmp_path / f"b{len(counts)}")
        finally:
            for writer in writers:
                assert writer.wait() == 0
    for number in {1, len(counts)}:
        folder = tmp_path / f"again{number}"
        restore(tmp_path / f"b{number}", folder)
        with closing(Catalog(sqlite_url(folder / "catalog.db"))) as again:
            with again.read() as tx:
                assert tx.integrity() == []
            lines = [json.loads(line) for line in again.dump()]
            whole = {line["hash"] for line in lines if line["table"] == "embedding" and line.get("in_views")}
            assert whole == {line["hash"] for line in lines if line["table"] == "asset"}
            assert not any(line.get("lost") for line in lines)


def test_a_library_of_an_older_schema_comes_back_in_the_newest(made, tmp_path):
    older = tmp_path / "older.db"
    engine = make_engine(sqlite_url(older))
    with writing(engine) as connection:
        schema.upgrade(connection, "0004")
        connection.exec_driver_sql(
            "INSERT INTO space(name, spec, fingerprint, dimension, state) VALUES('joint', 'fake', 'f', 4, 'active')"
        )
    engine.dispose()

    def change(members: dict[str, bytes]) -> None:
        members["catalog.db"] = older.read_bytes()

    restore(repacked(made, tmp_path / "b", change), tmp_path / "again")
    with closing(Catalog(sqlite_url(tmp_path / "again" / "catalog.db"))) as catalog, catalog.read() as tx:
        assert schema.current(tx.connection) == SCHEMA


# --- nothing by halves --------------------------------------------------------------------------


class Stop(BaseException):
    """As Ctrl-C comes: anywhere."""


def stopping_at(share: float) -> Callable[[float], None]:
    def tell(done: float) -> None:
        if done >= share:
            raise Stop

    return tell


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.81])
def test_a_stopped_backup_leaves_nothing(made, tmp_path, share):
    restore(made, tmp_path / "library")
    with closing(Catalog(sqlite_url(tmp_path / "library" / "catalog.db"))) as catalog:
        (tmp_path / "out").mkdir()
        with pytest.raises(Stop):
            backup(catalog, tmp_path / "library", tmp_path / "out" / "b", made_by="1", on_progress=stopping_at(share))
        assert list((tmp_path / "out").iterdir()) == []
        backup(catalog, tmp_path / "library", tmp_path / "out" / "b", made_by="1")
        with pytest.raises(UsageError, match="is there already; name another file, or write over it with --force"):
            backup(catalog, tmp_path / "library", tmp_path / "out" / "b", made_by="1")
        before = (tmp_path / "out" / "b").read_bytes()
        with pytest.raises(Stop):
            backup(
                catalog,
                *(tmp_path / "library", tmp_path / "out" / "b"),
                made_by="1",
                overwrite=True,
                on_progress=stopping_at(share),
            )
        assert (tmp_path / "out" / "b").read_bytes() == before


def test_what_lies_about_meanwhile_is_as_private_as_the_backup(catalog, tmp_path):
    """From SQLite and from PostgreSQL alike, in folders that anybody may look into, whatever the umask."""
    fill(catalog)
    library = library_folder(tmp_path / "library")
    out, again = tmp_path / "out", tmp_path / "again"
    seen: dict[str, int] = {}

    def look(_: float) -> None:
        for path in (*out.iterdir(), *again.iterdir()):
            seen[path.name] = seen.get(path.name, 0) | stat.S_IMODE(path.stat().st_mode)

    before = os.umask(0)
    try:
        out.mkdir()
        again.mkdir()
        backup(catalog, library, out / "b", made_by="1", on_progress=look)
        assert {"b.partial", "b.partial.db"} <= set(seen)
        assert set(seen.values()) == {0o600}
        seen.clear()
        restore(out / "b", again, on_progress=lambda share: look(share) if share < 1 else None)
    finally:
        os.umask(before)
    assert seen == {"b": 0o600, ".restoring": 0o700}


def in_a_fork(do: Callable[[], object]) -> int:
    """How a process that does this ends."""
    if (child := os.fork()) == 0:
        try:
            do()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killing_at(share: float) -> Callable[[float], None]:
    def tell(done: float) -> None:
        if done >= share:
            os.kill(os.getpid(), signal.SIGKILL)

    return tell


def test_a_killed_backup_is_none_and_the_next_one_cleans_up(made, tmp_path):
    library, out = tmp_path / "library", tmp_path / "out"
    restore(made, library)
    out.mkdir()

    def die(share: float) -> None:
        with closing(Catalog(sqlite_url(library / "catalog.db"))) as catalog:
            backup(catalog, library, out / "b", made_by="1", on_progress=killing_at(share))

    for share in (0.1, 0.5, 0.9):
        assert in_a_fork(lambda share=share: die(share)) == -signal.SIGKILL
        assert not (out / "b").exists()
        assert list(out.iterdir()), "it was not under way"
    with closing(Catalog(sqlite_url(library / "catalog.db"))) as catalog:
        backup(catalog, library, out / "b", made_by="1")
    assert [path.name for path in out.iterdir()] == ["b"]
    restore(out / "b", tmp_path / "again")


def test_two_backups_do_not_write_into_one_file(made, tmp_path):
    restore(made, tmp_path / "library")
    with closing(Catalog(sqlite_url(tmp_path / "library" / "catalog.db"))) as catalog:
        said = []

        def second(_: float) -> None:
            if not said:
                with pytest.raises(UsageError, match="another process is writing") as refused:
                    backup(catalog, tmp_path / "library", tmp_path / "b", made_by="2")
                said.append(str(refused.value))

        backup(catalog, tmp_path / "library", tmp_path / "b", made_by="1", on_progress=second)
    assert said
    assert restore(tmp_path / "b", tmp_path / "again").made_by == "1"


@pytest.mark.parametrize("share", [0.0, 0.4, 0.59])
def test_a_killed_restore_is_no_library_and_can_be_run_again(made, tmp_path, share):
    folder = tmp_path / "again"
    with pytest.raises(Stop):
        restore(made, folder, on_progress=stopping_at(share))
    assert not folder.exists()
    assert in_a_fork(lambda: restore(made, folder, on_progress=killing_at(share))) == -signal.SIGKILL
    assert not is_library(folder)
    assert any(folder.iterdir()), "it was not under way"
    restore(made, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["catalog.db", "library.toml", "thumbs"]


def test_a_full_disk_leaves_nothing(made, tmp_path, monkeypatch):
    restore(made, tmp_path / "library")
    (tmp_path / "out").mkdir()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with closing(Catalog(sqlite_url(tmp_path / "library" / "catalog.db"))) as catalog:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(StorageFull, match=r"no space left to write .*free some"):
                backup(catalog, tmp_path / "library", tmp_path / "out" / "b", made_by="1")
        assert list((tmp_path / "out").iterdir()) == []
        with pytest.raises(UsageError, match="cannot be written: no such file or directory"):
            backup(catalog, tmp_path / "library", tmp_path / "nowhere" / "b", made_by="1")
        with pytest.raises(UsageError, match="is a folder"):
            backup(catalog, tmp_path / "library", tmp_path / "out", made_by="1")


def test_nothing_is_restored_over_anything(made, tmp_path):
    restore(made, tmp_path / "library")
    before = files(tmp_path / "library")
    with pytest.raises(UsageError, match=r"there is a library at .*; name a new folder"):
        restore(made, tmp_path / "library")
    assert files(tmp_path / "library") == before
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="is not empty and holds no library"):
        restore(made, tmp_path / "papers")
    assert files(tmp_path / "papers") == ["letter.txt"]


# --- what is no backup --------------------------------------------------------------------------


def refuses(file: Path, folder: Path, error: type[BowerbirdError] = UsageError, match: str = "") -> None:
    with pytest.raises(error, match=match) as refused:
        restore(file, folder)
    assert "\n" not in str(refused.value)
    assert not folder.exists()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_no_byte_may_differ(made, tmp_path, data):
    content = bytearray(made.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    (tmp_path / "b").write_bytes(content)
    refuses(tmp_path / "b", tmp_path / "again", match="is damaged|is no backup")


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_none_may_be_missing_or_follow(made, tmp_path, data):
    content = made.read_bytes()
    cut = content[: data.draw(st.integers(0, len(content) - 1))]
    (tmp_path / "b").write_bytes(data.draw(st.sampled_from([cut, content + b"\n", b"\0" + content])))
    refuses(tmp_path / "b", tmp_path / "again", match="is damaged|is no backup")


def repacked(made: Path, file: Path, change: Callable[[dict[str, bytes]], object], *, truthful: bool = True) -> Path:
    """The backup with other members, sealed; with ``truthful`` the manifest is brought in line with them."""
    with zipfile.ZipFile(made) as zipped:
        members = {name: zipped.read(name) for name in zipped.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    members["manifest.json"] = b""
    change(members)
    if truthful:
        manifest["members"] = {
            name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in members.items()
            if name != "manifest.json"
        }
    if isinstance(said := members["manifest.json"], dict):
        manifest |= said
    members["manifest.json"] = json.dumps(manifest).encode()
    with file.open("w+b") as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as zipped:
            for name, content in members.items():
                zipped.writestr(name, content)
            zipped.comment = UNSEALED
        seal(stream)
    return file


def packed(*names: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w|") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info, io.BytesIO(b""))
    return out.getvalue()


def putting(name: str, content: object) -> Callable[[dict[str, object]], None]:
    return lambda members: members.__setitem__(name, content)


THUMB = f"{'ab' * 32}-0.webp"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (putting("../evil", b"x"), "other files than its manifest"),  # after the manifest
        (lambda members: members.update({"manifest.json": members.pop("manifest.json")}), ""),
        (
            lambda members: [members.pop("manifest.json"), members.update({"../evil": b"", "manifest.json": b""})],
            "has no place in a library",
        ),
        (
            lambda members: [members.pop("manifest.json"), members.update({"/etc/x": b"", "manifest.json": b""})],
            "has no place in a library",
        ),
        (lambda members: members.pop("catalog.db"), "holds no catalogue"),
        (putting("catalog.db", b"SQLite format 3\0" + b"x" * 5000), "its catalogue"),
        (putting("catalog.db", b""), "its catalogue"),
        (putting("library.toml", b"#" * (2 << 20)), "too large"),
        (putting("manifest.json", {"schema": "x"}), "manifest"),
        *(
            (
                lambda members, tar=tar: [
                    members.pop("manifest.json"),
                    members.update({"thumbs/ab.tar": tar, "manifest.json": b""}),
                ],
                match,
            )
            for tar, match in (
                (packed("../../evil"), "is no thumbnail"),
                (packed(f"../{THUMB}"), "is no thumbnail"),
                (packed("cd" * 32 + "-0.webp"), "is no thumbnail"),
                (packed(THUMB, kind=tarfile.SYMTYPE), "is no thumbnail"),
                (packed(THUMB, kind=tarfile.LNKTYPE), "is no thumbnail"),
                (packed(THUMB, kind=tarfile.CHRTYPE), "is no thumbnail"),
                (b"x" * 2000, "thumbnails"),
            )
        ),
    ],
)
def test_what_nobody_packed_is_refused(made, tmp_path, change, match):
    def then(members: dict[str, bytes]) -> None:
        change(members)

    file = repacked(made, tmp_path / "b", then)
    if not match:
        restore(file, tmp_path / "again")  # the way of changing it changes nothing by itself
        return
    refuses(file, tmp_path / "again", match=f"{match}|is no backup")
    assert not (tmp_path / "evil").exists()


def test_a_manifest_must_tell_the_truth(made, tmp_path):
    longer = repacked(made, tmp_path / "b", putting("library.toml", b"x = 1\n"), truthful=False)
    refuses(longer, tmp_path / "again", match="another size|not what its manifest")
    with zipfile.ZipFile(made) as zipped:
        same_length = zipped.read("library.toml").replace(b"mine", b"ours")
    changed = repacked(made, tmp_path / "c", putting("library.toml", same_length), truthful=False)
    refuses(changed, tmp_path / "again", match="is not what its manifest says")


def test_newer_ones_are_refused_politely(made, tmp_path):
    newer = repacked(made, tmp_path / "b", putting("manifest.json", {"bowerbird_backup": 2, "members": "otherwise"}))
    refuses(newer, tmp_path / "again", LibraryTooNew, "newer Bowerbird .format 2.*; upgrade")
    newer = repacked(made, tmp_path / "b", putting("manifest.json", {"schema": "9999"}))
    refuses(newer, tmp_path / "again", LibraryTooNew, "newer Bowerbird .schema 9999.*; upgrade")


def test_a_bomb_does_not_go_off(made, tmp_path, monkeypatch):
    """What a member unpacks to is written down, and held against the room there is before the first byte is."""
    big = repacked(made, tmp_path / "b", putting("catalog.db", bytes(50 << 20)))
    assert big.stat().st_size < 1 << 20
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 49 << 20))  # type: ignore[attr-defined]
        with pytest.raises(StorageFull, match=r"needs 52 MB in .*, where 51 MB are free"):
            restore(big, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    with zipfile.ZipFile(made) as zipped:
        members = json.loads(zipped.read("manifest.json"))["members"]
    members["catalog.db"]["size"] = 100
    lying = repacked(made, tmp_path / "c", putting("manifest.json", {"members": members}))
    refuses(lying, tmp_path / "third", match="another size")


def test_others_files_are_refused(tmp_path):
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").touch()
    with zipfile.ZipFile(tmp_path / "zip", "w") as zipped:
        zipped.writestr("library.toml", "x" * 100)
    for name in ("text", "empty", "zip"):
        refuses(tmp_path / name, tmp_path / "again", match="is no backup of Bowerbird")
    refuses(tmp_path / "none", tmp_path / "again", match="cannot be read: no such file")


# --- settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "toml",
    [
        'database = "postgresql://me:secret@host/name"\n[index]\nocr = true # database = 3\n',
        '# mine\n  "database"="postgresql://me:secret@host"  # there\n',
        "precision = \"f32\"\ndatabase = 'postgresql://me:secret@host'",
        'note = "database = secret"\n'.replace("secret", "x"),
    ],
)
def test_the_url_of_a_database_stays_at_home(toml):
    without = without_database(toml)
    assert "secret" not in without
    assert tomllib.loads(without) == {key: value for key, value in tomllib.loads(toml).items() if key != "database"}


def test_a_url_that_cannot_be_taken_out_is_said():
    with pytest.raises(LibraryError, match="on a line of its own"):
        without_database('database = """\npostgresql://me:secret@host"""\n')


@pytest.fixture(autouse=True)
def _no_descriptors_are_left(tmp_path: Path) -> Iterator[None]:
    yield
    there = [os.path.realpath(fd) for fd in Path("/proc/self/fd").iterdir()]
    assert not [path for path in there if path.startswith(str(tmp_path)) and "catalog.db" not in path]
