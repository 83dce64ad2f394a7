"""The format on disk: whatever is amiss is found before FAISS reads, and a failed write costs nothing."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bowerbird.errors import LibraryError, StorageFull, ViewDamaged
from bowerbird.store.views import snapshot
from bowerbird.store.views.block import Block
from bowerbird.store.views.snapshot import MANIFEST, VERIFIED, Expected, Manifest
from tests.contracts.change_log import unit_vectors

EXPECTED = Expected(fingerprints=("d" * 64, "f" * 64), kind="image", dimension=8)


def block_of(n: int, seed: int = 0) -> Block:
    return Block.of(8, np.arange(1, n + 1), [unit_vectors(n, 8, seed)])


def write(folder: Path, n: int = 50, seq: int = 7, seed: int = 0) -> Manifest:
    return snapshot.write(folder, block_of(n, seed), seq, fingerprint=EXPECTED.fingerprints[1], kind=EXPECTED.kind)


def open_(folder: Path, *, verify: bool = False) -> Block:
    read = snapshot.read(folder, EXPECTED, verify=verify)
    assert read is not None
    return read[1]


def flip_a_byte(path: Path, at: int = -5) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x40
    with path.open("r+b") as file:  # in place: the inode stays
        file.write(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "views" / "3-image"


def test_what_was_written_is_read(folder: Path) -> None:
    written = write(folder)
    read = snapshot.read(folder, EXPECTED)
    assert read is not None
    manifest, block = read
    assert manifest == written
    assert (manifest.seq, manifest.count, manifest.dimension) == (7, 50, 8)
    np.testing.assert_array_equal(block.ids, np.arange(1, 51))
    np.testing.assert_array_equal(block.vectors, unit_vectors(50, 8))


def test_an_empty_block_can_be_kept(folder: Path) -> None:
    write(folder, n=0)
    assert len(open_(folder)) == 0


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system does not list what is mapped")
def test_the_vectors_are_mapped_not_read(folder: Path) -> None:
    manifest = write(folder, n=2000)
    block = open_(folder)
    address = block.vectors.ctypes.data
    mapped = [line.split() for line in Path("/proc/self/maps").read_text().splitlines() if manifest.file in line]
    spans = [tuple(int(end, 16) for end in fields[0].split("-")) for fields in mapped]
    assert any(start <= address and address + block.vectors.nbytes <= end for start, end in spans)


def test_no_snapshot_is_no_damage(folder: Path) -> None:
    assert snapshot.read(folder, EXPECTED) is None
    write(folder)
    (folder / MANIFEST).unlink()  # killed before the manifest was written
    assert snapshot.read(folder, EXPECTED) is None


def _truncate(folder: Path, manifest: Manifest) -> None:
    os.truncate(folder / manifest.file, manifest.size - 100)


def _lose(folder: Path, manifest: Manifest) -> None:
    (folder / manifest.file).unlink()


def _flip(folder: Path, manifest: Manifest) -> None:
    flip_a_byte(folder / manifest.file)


def _tear_the_manifest(folder: Path, manifest: Manifest) -> None:
    os.truncate(folder / MANIFEST, 60)


def _edit(**changes: object) -> Callable[[Path, Manifest], None]:
    def edit(folder: Path, manifest: Manifest) -> None:
        content = json.loads((folder / MANIFEST).read_bytes())
        content.update(changes)
        (folder / MANIFEST).write_text(json.dumps({k: v for k, v in content.items() if v is not None}))

    return edit


def _put_another_index(folder: Path, manifest: Manifest) -> None:
    """A manifest that is true, of a file that FAISS reads, which is no block."""
    import faiss

    index = faiss.IndexFlatIP(8)
    index.add(unit_vectors(50, 8).astype(np.float32))
    faiss.write_index(index, str(folder / manifest.file))
    _tell_the_truth(folder, manifest)


def _put_rubbish(folder: Path, manifest: Manifest) -> None:
    (folder / manifest.file).write_bytes(b"rubbish" * 100)
    _tell_the_truth(folder, manifest)


def _tell_the_truth(folder: Path, manifest: Manifest) -> None:
    import hashlib

    content = (folder / manifest.file).read_bytes()
    _edit(size=len(content), sha256=hashlib.sha256(content).hexdigest())(folder, manifest)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (_truncate, "bytes, the manifest says"),
        (_lose, "is missing"),
        (_flip, "does not have the sha256"),
        (_tear_the_manifest, "the manifest is torn"),
        (_edit(format=3), "is of format 3"),
        (_edit(format="x"), "states no format"),
        (_edit(fingerprint="e" * 64), "fingerprint is e"),
        (_edit(dimension=9), "dimension is 9"),
        (_edit(kind="page"), "kind is page"),
        (_edit(seq=None), "fields are not those"),
        (_edit(seq="7"), "seq is no int"),
        (_edit(count=49), "holds other vectors"),
        (_edit(file="../x.faiss"), "outside its folder"),
        (_put_another_index, "another kind of index"),
        (_put_rubbish, "FAISS cannot read"),
    ],
)
def test_damage_is_found_and_named(folder: Path, harm: Callable[[Path, Manifest], None], reason: str) -> None:
    harm(folder, write(folder))
    with pytest.raises(ViewDamaged, match=reason) as damage:
        open_(folder)
    assert "\n" not in str(damage.value)


# --- the sha256 is taken once for each (inode, size, mtime) ---


def test_a_file_once_found_whole_is_not_hashed_again_until_it_is_another(folder: Path) -> None:
    data = folder / write(folder).file
    open_(folder)
    before = data.stat()
    flip_a_byte(data)
    os.utime(data, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert data.stat().st_ino == before.st_ino
    open_(folder)  # skipped: nothing that `stat` shows has changed
    os.utime(data, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(ViewDamaged, match="sha256"):
        open_(folder)


def test_a_copy_put_in_its_place_is_hashed_again(folder: Path) -> None:
    data = folder / write(folder).file
    open_(folder)
    before = data.stat()
    copy = data.with_suffix(".copy")
    copy.write_bytes(data.read_bytes())
    flip_a_byte(copy)
    os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns))
    copy.replace(data)
    with pytest.raises(ViewDamaged, match="sha256"):
        open_(folder)


def test_verify_always_hashes_and_what_it_finds_is_remembered(folder: Path) -> None:
    data = folder / write(folder).file
    open_(folder)
    before = data.stat()
    flip_a_byte(data)
    os.utime(data, ns=(before.st_atime_ns, before.st_mtime_ns))
    for verify in (True, False):
        with pytest.raises(ViewDamaged, match="sha256"):
            open_(folder, verify=verify)


def test_the_memory_of_having_verified_may_be_torn_or_unwritable(folder: Path) -> None:
    write(folder)
    (folder / VERIFIED).write_text('{"inode": 1')
    open_(folder)
    (folder / VERIFIED).unlink()
    (folder / VERIFIED).mkdir()  # nothing can be written there
    assert len(open_(folder)) == 50
    assert not list(folder.glob("*.tmp"))


# --- writing ---


def test_a_new_snapshot_takes_the_old_ones_place_and_leaves_no_strays(folder: Path) -> None:
    write(folder)
    old = open_(folder)
    (folder / "5-0123.faiss").write_bytes(b"a stray of a crash")
    (folder / "arriving.tmp").write_bytes(b"another")
    new = write(folder, n=60, seq=9, seed=1)
    assert {path.name for path in folder.iterdir()} == {MANIFEST, VERIFIED, new.file}
    assert len(open_(folder)) == 60
    np.testing.assert_array_equal(old.vectors, unit_vectors(50, 8))  # still mapped, though its file has gone


def test_a_second_snapshot_of_the_same_seq_does_not_overwrite_the_first(folder: Path) -> None:
    first, second = write(folder, seed=0), write(folder, seed=1)
    assert first.seq == second.seq
    assert first.file != second.file


def test_a_reader_overtaken_by_a_writer_reads_the_newer_snapshot(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder)
    real = snapshot.read_manifest

    def overtaken(place: Path) -> Manifest | None:
        manifest = real(place)
        monkeypatch.setattr(snapshot, "read_manifest", real)
        write(folder, n=60, seq=9)
        return manifest

    monkeypatch.setattr(snapshot, "read_manifest", overtaken)
    assert len(open_(folder)) == 60


@pytest.fixture
def full_disk(folder: Path) -> Iterator[None]:
    """Whatever is written to the temporary file goes to a device that is always full."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    write(folder)
    (folder / "arriving.tmp").symlink_to("/dev/full")
    yield
    assert not (folder / "arriving.tmp").is_symlink()


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("n", [0, 100_000])
def test_a_full_disk_leaves_the_old_snapshot_standing(folder: Path, n: int) -> None:
    # A small file fails when it is flushed, a large one in the middle of FAISS's writing.
    with pytest.raises(StorageFull, match="free some"):
        write(folder, n=n, seq=9)
    assert np.array_equal(open_(folder).vectors, unit_vectors(50, 8))
    assert not list(folder.glob("*.tmp"))
    assert len(list(folder.glob("*.faiss"))) == 1


def test_a_manifest_that_cannot_be_written_leaves_the_old_snapshot_standing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder)
    real = snapshot._dump

    def full(content: dict[str, object], file: object, name: str) -> str:
        if name == MANIFEST:
            raise OSError(28, "No space left on device")
        return real(content, file, name)  # type: ignore[arg-type]

    monkeypatch.setattr(snapshot, "_dump", full)
    with pytest.raises(StorageFull):
        write(folder, n=60, seq=9)
    assert len(open_(folder)) == 50
    assert len(list(folder.glob("*.faiss"))) == 1
    assert not list(folder.glob("*.tmp"))


def test_a_folder_that_cannot_be_written_to_is_an_error_with_a_remedy(folder: Path) -> None:
    folder.parent.parent.mkdir(exist_ok=True)
    folder.parent.write_text("a file where the folder should be")
    with pytest.raises(LibraryError, match="writable"):
        write(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_keeps_its_snapshot(folder: Path) -> None:
    write(folder)
    folder.chmod(0o555)
    try:
        with pytest.raises(LibraryError, match="writable"):
            write(folder, n=60, seq=9)
        assert len(open_(folder, verify=True)) == 50
    finally:
        folder.chmod(0o755)


def test_the_expectation_is_checked_field_by_field(folder: Path) -> None:
    write(folder)
    for other in (
        replace(EXPECTED, fingerprints=("x",)),
        replace(EXPECTED, kind="page"),
        replace(EXPECTED, dimension=9),
    ):
        with pytest.raises(ViewDamaged):
            snapshot.read(folder, other)
