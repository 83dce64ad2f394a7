"""Libraries as they are opened: made, opened again, refused, and with an encoder that needs two spaces."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bowerbird.errors import (
    EncoderMismatch,
    EncoderUnavailable,
    LibraryError,
    LibraryMissing,
    UnknownEncoder,
    UsageError,
)
from bowerbird.settings import cache_folder
from bowerbird.types import SegmentKind, Source, Space, SpaceName, SpaceState
from bowerbird.wiring import Library, open_library
from indexer import Indexer, open_indexer
from search import Search, open_search
from tests.fakes import HashEncoder

NOTES = Path(__file__).parents[1] / "samples" / "notes"


def make(folder: Path, **options):
    return open_library(folder, create=True, encoder="hash", load=lambda _: HashEncoder(**options))


def test_there_is_no_library_until_one_is_made(tmp_path):
    with pytest.raises(LibraryMissing, match="bowerbird index"):
        open_search(tmp_path / "library")
    assert not (tmp_path / "library").exists()


def test_a_library_is_a_folder_for_its_owner_alone(tmp_path):
    make(tmp_path / "library").close()
    assert {file.name for file in (tmp_path / "library").iterdir()} >= {"library.toml", "catalog.db"}
    assert (tmp_path / "library").stat().st_mode & 0o077 == 0


def test_a_folder_that_holds_something_else_is_not_taken(tmp_path):
    (tmp_path / "picture.jpg").write_bytes(b"mine")
    with pytest.raises(UsageError, match="--library"):
        make(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["picture.jpg"]


def test_a_captioner_has_the_librarys_precision_and_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BOWERBIRD_PRECISION", "f32")
    with make(tmp_path / "library") as library:
        captioner = library.captioner(f"transformers:{tmp_path}")
        assert (captioner._precision, captioner._cache) == ("f32", cache_folder())
        assert library.captioner(f"transformers:{tmp_path}") is captioner


def test_an_unknown_encoder_leaves_no_library_behind(tmp_path):
    with pytest.raises(UnknownEncoder, match="concepts"):
        open_indexer(tmp_path / "library", encoder="concept")
    assert not (tmp_path / "library" / "catalog.db").exists()


def test_another_encoder_is_refused_with_a_remedy(tmp_path):
    make(tmp_path / "library").close()
    with pytest.raises(EncoderMismatch, match="--library DIR"):
        open_library(tmp_path / "library", encoder="other", load=lambda spec: HashEncoder(64, name=spec))
    open_library(tmp_path / "library", encoder="hash", load=lambda spec: HashEncoder(name=spec)).close()


def test_auto_means_the_encoder_that_a_library_has(tmp_path):
    def load(spec: str) -> HashEncoder:
        raise AssertionError(f"{spec} was loaded for nothing")

    make(tmp_path / "library").close()
    open_library(tmp_path / "library", encoder="auto", load=load).close()


def test_auto_falls_back_where_a_hub_answers_but_hands_out_nothing(tmp_path, monkeypatch):
    from bowerbird.models import auto

    monkeypatch.setattr(auto, "settle", lambda: auto.Choice(auto.PREFERRED, "the hub answers"))
    said: list[str] = []

    def load(spec: str) -> HashEncoder:
        if spec == auto.PREFERRED:
            raise EncoderUnavailable("its weights cannot be fetched")
        return HashEncoder(name=spec)

    with open_library(tmp_path / "library", create=True, load=load, say=said.append) as library:
        assert library.joint.spec == auto.FALLBACK
    assert len(said) == 1
    assert "cannot be fetched" in said[0]


def test_an_encoder_without_eyes_cannot_make_a_library(tmp_path):
    with pytest.raises(UsageError, match="reads no pictures"):
        open_indexer(tmp_path / "library", encoder="minilm")
    assert not (tmp_path / "library").exists()


def test_a_library_that_was_half_made_is_finished(tmp_path):
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / ".library.toml.123").write_text("")
    make(tmp_path / "library").close()
    (tmp_path / "library" / "catalog.db").unlink()
    make(tmp_path / "library").close()


def test_another_version_of_the_encoder_is_refused_when_it_is_used(tmp_path):
    make(tmp_path / "library").close()
    with open_library(tmp_path / "library", load=lambda _: HashEncoder(size=20)) as library:
        with pytest.raises(EncoderMismatch, match="another version"):
            library.encoder(library.joint)
        with pytest.raises(EncoderMismatch):
            Search(library).search("x")


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[decode]\ntimeout_s = 'soon'", "decode.timeout_s"),
        ("[decode]\ntimeout = 5", "decode.timeout"),
        ("[decode", "not valid TOML"),
        ("[serch]\nmin_relevance = 0.5", "serch"),
        ("database = 'nonsense'", "database URL"),
    ],
)
def test_settings_that_do_not_fit_are_named(tmp_path, toml, says):
    make(tmp_path / "library").close()
    (tmp_path / "library" / "library.toml").write_text(toml)
    with pytest.raises(LibraryError, match=says) as refused:
        open_search(tmp_path / "library")
    assert "\n" not in str(refused.value)


def test_the_environment_goes_before_the_library(tmp_path, monkeypatch):
    make(tmp_path / "library").close()
    (tmp_path / "library" / "library.toml").write_text("[decode]\ntimeout_s = 7\nworkers = 3")
    monkeypatch.setenv("BOWERBIRD_DECODE__TIMEOUT_S", "9")
    with open_library(tmp_path / "library") as library:
        assert library.settings.decode.timeout_s == 9
        assert library.settings.decode.workers == 3


def test_what_an_empty_toml_suggests_are_the_defaults(tmp_path):
    make(tmp_path / "library").close()
    toml = tmp_path / "library" / "library.toml"
    with open_library(tmp_path / "library") as library:
        defaults = library.settings.model_dump()
    lines = [line for line in toml.read_text().splitlines() if "postgresql" not in line]
    toml.write_text("\n".join(line.removeprefix("# ") if " = " in line else line for line in lines))
    with open_library(tmp_path / "library") as library:
        assert library.settings.model_dump() == {**defaults, "media": {"video": True}}


def test_two_spaces_where_texts_do_not_compare_well(tmp_path):
    loaders = {"hash": HashEncoder(text_is_semantic=False), "minilm": HashEncoder(48, name="minilm")}
    with open_library(tmp_path / "library", create=True, encoder="hash", load=loaders.__getitem__) as library:
        assert [space.name for space in library.spaces] == [SpaceName.JOINT, SpaceName.TEXT]
        Indexer(library).index([NOTES])
        text = (NOTES / "coast-walk.txt").read_text().strip()
        hit = Search(library).search(text, limit=1).hits[0]
        assert hit.path == str(NOTES / "coast-walk.txt")
        assert {Source.JOINT, Source.TEXT} <= {each.source for each in hit.evidence}
        assert {kind for _, kind in ((key.space_id, key.kind) for key in library.view_keys())} == {SegmentKind.TEXT}


def test_a_library_on_an_open_clip_checkpoint(tmp_path):
    import open_clip
    import torch

    config = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    }
    (tmp_path / "minute.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "minute.json")
    torch.manual_seed(1)
    torch.save(open_clip.create_model("minute").state_dict(), tmp_path / "minute.pt")
    media = tmp_path / "media"
    media.mkdir()
    random = np.random.default_rng(0)
    for number in range(4):
        small = Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8))
        small.resize((90, 60)).save(media / f"{number}.png")
    with open_indexer(tmp_path / "library", encoder=f"open_clip:minute/{tmp_path / 'minute.pt'}") as indexer:
        assert indexer.index([media, NOTES]).failed == ()
    with open_search(tmp_path / "library") as search:
        assert search.search(image=media / "2.png").hits[0].path == str(media / "2.png")
        fern = search.search("how to repot a fern", kinds=["text"]).hits[0]
        assert fern.path == str(NOTES / "fern.md")
        assert Source.TEXT in {each.source for each in fern.evidence}


def test_a_search_of_a_concepts_library_imports_neither_torch_nor_sentence_transformers(tmp_path):
    with open_indexer(tmp_path / "library", encoder="concepts") as indexer:
        indexer.index([NOTES])
    code = (
        "import sys; from search import open_search\n"
        f"with open_search({str(tmp_path / 'library')!r}) as search: print(len(search.search('bread').hits))\n"
        "print(sorted({'torch', 'sentence_transformers', 'transformers', 'timm', 'open_clip'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "5\n[]\n"


def test_several_processes_read_while_one_writes(tmp_path):
    with open_indexer(tmp_path / "library", encoder="concepts") as indexer:
        indexer.index([NOTES / "fern.md"])
        code = (
            "from search import open_search\n"
            f"with open_search({str(tmp_path / 'library')!r}) as search:\n"
            "    print(len(search.search('bread').hits), flush=True); input()\n"
            "    print(len(search.search('bread').hits), flush=True)"
        )
        call = [sys.executable, "-c", code]
        readers = [subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        first = [reader.stdout.readline() for reader in readers]
        indexer.index([NOTES])
        second = [reader.communicate("\n", timeout=240)[0] for reader in readers]
    assert first == ["1\n", "1\n"]
    assert second == ["5\n", "5\n"]


# --- several threads, and spaces that another process switches ---


def slowly(spec: str) -> HashEncoder:
    """So long that every thread has asked before the first is answered."""
    time.sleep(0.2)
    return HashEncoder(name=spec)


@pytest.mark.parametrize(
    "asked",
    [lambda library: library.encoder(library.joint), lambda library: library.rerankers("encoder:hash+encoder:hash")],
    ids=["encoder", "rerankers"],
)
def test_several_threads_that_ask_at_once_are_given_the_same(tmp_path, asked: Callable[[Library], object]):
    make(tmp_path / "library").close()
    given: list[object] = []
    with open_library(tmp_path / "library", load=slowly) as library:
        threads = [threading.Thread(target=lambda: given.append(asked(library))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(given) == 4
    assert len(set(map(id, given))) == 1


@pytest.fixture
def library(tmp_path):
    """Of five notes, with encoders that are told apart by their names."""
    dimensions = {"hash": 32, "other": 48}
    options = {"create": True, "encoder": "hash", "load": lambda spec: HashEncoder(dimensions[spec], name=spec)}
    with open_library(tmp_path / "library", **options) as library:
        Indexer(library).index([NOTES])
        yield library


def build(library: Library) -> list[Space]:
    with library.catalog.write() as tx:
        return list(tx.spaces.build({SpaceName.JOINT: HashEncoder(48, name="other").description}))


def switch(library: Library, to: list[Space]) -> None:
    """As another process would: the library itself is not told."""
    with library.catalog.write() as tx:
        tx.spaces.switch(to)


def refresh(library: Library) -> None:
    with library.catalog.read() as tx:
        library.refresh_spaces(tx)


def remove(library: Library, gone: Space) -> None:
    with library.catalog.write() as tx:
        tx.spaces.give_up([gone])
        while tx.spaces.empty(gone, 0, 1000):
            pass
        tx.spaces.remove(gone)


def test_views_of_spaces_that_are_no_longer_searched_leave_memory(library):
    old, new = library.joint, build(library)
    refresh(library)
    view = weakref.ref(library.views.view(old, SegmentKind.TEXT))
    built = library.views.view(new[0], SegmentKind.TEXT)
    refresh(library)
    gc.collect()
    assert view() is not None
    switch(library, new)
    refresh(library)
    gc.collect()
    assert view() is None
    assert library.joint.spec == "other"
    assert library.views.view(library.joint, SegmentKind.TEXT) is built
    assert len(library.views.view(library.space(old.id), SegmentKind.TEXT)) == 5, "to go back to"


def test_views_that_are_only_kept_to_go_back_to_do_not_stay_open_once_they_are_saved(library):
    old, new = library.joint, build(library)
    switch(library, new)
    refresh(library)
    library.save_views(force=True)
    assert {key.space_id for key in library.views._open} <= {new[0].id}
    assert len(library.views.view(library.space(old.id), SegmentKind.TEXT)) == 5


def test_a_search_that_began_before_a_switch_costs_the_others_no_encoder(library):
    old, new = library.joint, build(library)
    for first, second in ((old, new), (new[0], [old])):  # there, and back again
        before = library.encoder(first)
        with library.catalog.read() as older:
            older.head()  # from here on it sees the library as it is now
            switch(library, second)
            refresh(library)
            after = library.encoder(library.joint)
            library.refresh_spaces(older)
            assert library.joint.spec == first.spec
            assert library.encoder(library.joint) is before
        refresh(library)
        assert library.joint.spec == second[0].spec
        assert library.encoder(library.joint) is after


def test_networks_leave_memory_with_the_last_of_their_space(library):
    old, new = library.joint, build(library)
    network = weakref.ref(library.encoder(old))
    switch(library, new)
    refresh(library)
    assert [space.state for space in library.spaces] == [SpaceState.ACTIVE]
    remove(library, library.space(old.id))
    refresh(library)
    gc.collect()
    assert network() is None
