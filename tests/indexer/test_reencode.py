"""Another encoder for a library: built beside the old one, switched to, switched back from, with nothing lost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bowerbird.errors import DecodeFailed, EncoderUnavailable, LibraryBusy, UnknownEncoder, UsageError
from bowerbird.media.sandbox import Closed, DecodeRequest, Event
from bowerbird.ports import Encoder
from bowerbird.store.catalog.spaces import Spaces
from bowerbird.store.lease import held
from bowerbird.types import SegmentKind, SpaceName, SpaceState, Vectors
from bowerbird.wiring import Library, open_library
from indexer import Indexer, originals, spaces
from indexer.doctor import examine
from indexer.reencode import ReencodeReport, reencode
from indexer.spaces import activate, reencoding_of, retire, rollback
from indexer.status import status_of
from tests.fakes import HashEncoder, ScriptedTranscriber
from tests.indexer.test_derive import recording
from tests.indexer.workshop import CountingDecoders, Workshop, everything_on
from tests.media.films import BLUE, GREEN, RED, plain, write_film
from tests.media.papers import pdf


class TextEncoder(HashEncoder):
    """Reads no pictures."""

    def __init__(self) -> None:
        super().__init__(24, name="minilm")
        self.description = replace(self.description, reads_pictures=False)
        self.picture = None


class Loader:
    """Encoders by their specs, which remember what they were given."""

    def __init__(self) -> None:
        self.known: dict[str, Encoder] = {
            "hash": HashEncoder(),
            "other": HashEncoder(48, name="other", text_is_semantic=False, size=24),
            "third": HashEncoder(16, name="third", size=8),
            "minilm": TextEncoder(),
        }
        self.asked: list[str] = []

    def __call__(self, spec: str) -> Encoder:
        self.asked.append(spec)
        if spec == "gone":
            raise EncoderUnavailable("the weights of gone are not here; fetch them")
        if spec not in self.known:
            raise UnknownEncoder(f"there is no encoder {spec!r}")
        return self.known[spec]


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    """A library under ``hash`` that knows of other encoders; the text space of one of them is another encoder's."""
    workshop.library._load = Loader()
    workshop.library.settings.index.commit_every_s = 0.0
    workshop.index = index.__get__(workshop)  # type: ignore[method-assign]
    return workshop


def index(shop: Workshop, *paths: Path, library: Library | None = None, **options: bool):
    """As `Workshop.index`, with the encoder that the library is under."""
    library = library or shop.library
    shop.decoders = CountingDecoders(shop._pool)
    library.decoders = shop.decoders  # type: ignore[assignment]
    return Indexer(library).index(paths or (shop.media,), **options)


@pytest.fixture
def full(shop: Workshop) -> Workshop:
    """Every medium: photos with tiles, a film, a paper of two pages, a recording with speech, and a note."""
    for number in range(3):
        shop.picture(f"{number}.png", number)
    # So small that it is shown to the encoder as it is, whatever else is made of it.
    write_film(shop.media / "film.mp4", [plain(colour, 48, 48) for colour in (RED, GREEN, BLUE) for _ in range(12)])
    (shop.media / "paper.pdf").write_bytes(pdf(["The first page.", "The second page."]))
    shop.text("note.txt", "The tide was out. " * 80)
    recording(shop.media / "talk.wav")
    everything_on(
        shop.library, regions=4, words={1: ["EXIT"]}, transcriber=ScriptedTranscriber(["Heard."]), thumbnail_px=16
    )
    shop.index()
    return shop


def reencoded(shop: Workshop, spec: str | None = "other") -> ReencodeReport:
    shop.decoders = CountingDecoders(shop._pool)
    shop.library.decoders = shop.decoders  # type: ignore[assignment]
    return reencode(shop.library, spec)


def made_anew(shop: Workshop, spec: str, name: str = "anew") -> list[str]:
    """The dump of a library that has always been under this encoder."""
    folder = shop.folder / name
    folder.mkdir()
    shutil.copyfile(shop.library.folder / "library.toml", folder / "library.toml")
    with open_library(folder, create=True, encoder=spec, load=Loader()) as library:
        library.__dict__.update(reader=shop.library.reader, transcriber=shop.library.transcriber)
        library.settings.index = shop.library.settings.index
        shop.index(library=library)
        return list(library.catalog.dump())


def embeddings(dump: Sequence[str]) -> list[str]:
    return [line for line in dump if json.loads(line)["table"] == "embedding"]


def states(library: Library) -> dict[tuple[str, str], str]:
    with library.catalog.read() as tx:
        return {(space.spec, space.name.value): space.state.value for space in tx.spaces.all()}


# --- the whole way -------------------------------------------------------------------------------


def test_what_is_built_is_what_a_library_made_anew_has(full: Workshop) -> None:
    before = list(full.library.catalog.dump())
    report = reencoded(full)
    assert (report.ready, report.waiting, report.from_thumbnails) == (True, (), 0)
    assert [space.name for space in report.spaces] == [SpaceName.JOINT, SpaceName.TEXT]
    assert report.encoded == report.from_text + report.from_originals
    assert full.decoded == ["0.png", "1.png", "2.png", "film.mp4", "paper.pdf"], "what shows nothing is not decoded"
    assert [line for line in full.library.catalog.dump() if line in before] == before, "searches go on as they were"

    switched = activate(full.library)
    assert (switched.encoder, switched.unfinished) == ("other", 0)
    full.index()
    assert full.decoded == []
    done = retire(full.library)
    assert [space.spec for space in done.spaces] == ["hash"]
    assert list(full.library.catalog.dump()) == made_anew(full, "other")
    assert examine(full.library).well


def test_there_and_back_again(full: Workshop) -> None:
    before = list(full.library.catalog.dump())
    reencoded(full)
    activate(full.library)
    assert states(full.library) == {
        ("other", "joint"): "active",
        ("minilm", "text"): "active",
        ("hash", "joint"): "retired",
    }
    done = rollback(full.library)
    assert (done.encoder, done.unfinished) == ("hash", 0)
    full.index()
    assert full.decoded == []
    after = list(full.library.catalog.dump())
    assert [line for line in before if line not in after] == []
    rollback(full.library)
    assert full.library.joint.spec == "other"
    assert len(full.library.spaces) == 2
    rollback(full.library)
    assert retire(full.library).freed > 0
    assert states(full.library) == {("hash", "joint"): "active"}
    left = [line for line in full.library.catalog.dump() if '"encode:text"' not in line]
    assert left == before


def test_a_space_that_is_kept_is_built_on_and_not_anew(full: Workshop) -> None:
    reencoded(full)
    activate(full.library)
    full.picture("new.png", 9)
    full.index()
    report = reencoded(full, "hash")
    assert (report.encoded, full.decoded) == (5, ["new.png"])  # the picture and its tiles
    activate(full.library)
    assert full.library.joint.spec == "hash"
    full.index()
    assert full.decoded == []


def test_a_third_encoder_shares_the_text_space(full: Workshop) -> None:
    """Under it the second's text space goes, and comes back with it."""
    reencoded(full)
    activate(full.library)
    loader = full.library._load
    loader.known["fourth"] = HashEncoder(20, name="fourth", text_is_semantic=False)
    retire(full.library)
    report = reencoded(full, "fourth")
    assert report.ready
    assert states(full.library)[("minilm", "text")] == "active"
    activate(full.library)
    rollback(full.library)
    assert states(full.library) == {
        ("other", "joint"): "active",
        ("minilm", "text"): "active",
        ("fourth", "joint"): "retired",
    }
    retire(full.library)
    assert list(full.library.catalog.dump()) == made_anew(full, "other")


# --- beside an indexer ---------------------------------------------------------------------------


def test_what_is_indexed_meanwhile_is_added_by_the_next_run(full: Workshop) -> None:
    reencoded(full)
    full.picture("late.png", 7)
    full.text("late.txt", "Too late.")
    full.index()
    with pytest.raises(UsageError, match=r"7 moments are not encoded by other yet; run `bowerbird reencode`"):
        activate(full.library)  # the picture, its tiles, and the text in two spaces
    report = reencoded(full, None)
    assert (report.encoded, full.decoded) == (7, ["late.png"])
    activate(full.library)
    full.index()
    assert full.decoded == []


def test_an_index_run_in_the_middle_is_caught_up_with(full: Workshop) -> None:
    """Pictures are replaced under our hands, and come again with the next look."""
    library, loader = full.library, full.library._load

    class Interrupted(HashEncoder):
        done = False

        def encode_texts(self, texts: Sequence[str]) -> Vectors:
            if not self.done:
                self.done = True
                full.picture("0.png", 11)
                full.text("more.txt", "And more.")
                full.index()
            return super().encode_texts(texts)

    loader.known["other"] = Interrupted(48, name="other", text_is_semantic=False, size=24)
    assert reencoded(full).ready
    activate(library)
    full.index()
    assert full.decoded == []
    retire(library)
    mine = [line for line in library.catalog.dump() if '"orphan": true' not in line]
    loader.known["other"].done = True
    gone = [json.loads(line)["hash"] for line in library.catalog.dump() if '"orphan": true' in line]
    assert [line for line in mine if not any(hash_ in line for hash_ in gone)] == made_anew(full, "other")


def test_what_was_indexed_after_the_switch_is_encoded_when_one_has_gone_back(full: Workshop) -> None:
    reencoded(full)
    activate(full.library)
    full.picture("new.png", 9)
    full.index()
    done = rollback(full.library)
    assert (done.encoder, done.unfinished) == ("hash", 1)
    full.index()
    assert full.decoded == ["new.png"]
    full.index()
    assert full.decoded == []
    retire(full.library)
    lines = [line for line in full.library.catalog.dump() if '"encode:text"' not in line]
    assert lines == made_anew(full, "hash")


def test_a_library_that_is_open_notices_the_switch(full: Workshop) -> None:
    reencoded(full)
    with open_library(full.library.folder, load=Loader()) as other:
        old = other.joint
        activate(full.library)
        assert other.joint == old
        with other.catalog.read() as tx:
            other.refresh_spaces(tx)
        assert other.joint.spec == "other"
        assert other.space(old.id).state is SpaceState.RETIRED
        assert other.encoder(other.joint).description.spec == "other"
        assert [each.spec for each in other.spaces_in(SpaceState.RETIRED)] == ["hash"]
        assert other.spaces_in("hash") == other.spaces_in(SpaceState.RETIRED)
        with pytest.raises(UsageError, match="no spaces of 'third'; it has some of other, hash"):
            other.spaces_in("third")
        assert len(other.views.view(other.joint, SegmentKind.IMAGE)) == 3
        assert len(other.views.view(other.space(old.id), SegmentKind.IMAGE)) == 3


def test_an_indexer_that_is_open_notices_the_switch(full: Workshop) -> None:
    with open_library(full.library.folder, load=Loader()) as other:
        other.__dict__.update(reader=full.library.reader, transcriber=full.library.transcriber)
        other.settings.index = full.library.settings.index
        reencoded(full)
        activate(full.library)
        full.index(library=other)
        assert full.decoded == []


# --- files out of reach --------------------------------------------------------------------------


def unplug(shop: Workshop) -> Path:
    return shop.media.rename(shop.folder / "unplugged")


def plug_in(shop: Workshop) -> None:
    (shop.folder / "unplugged").rename(shop.media)


def test_files_out_of_reach_are_made_from_thumbnails_or_wait(full: Workshop) -> None:
    unplug(full)
    report = reencoded(full)
    assert report.from_originals == 0
    assert report.from_thumbnails == 3 + 3 + 2  # photos, frames, pages
    assert not report.ready
    assert [Path(each.path).name for each in report.waiting] == ["0.png", "1.png", "2.png"], "tiles have no thumbnails"
    assert {each.reason for each in report.waiting} == {"is offline: plug its drive in and run this again"}
    assert reencoded(full).encoded == 0
    with full.library.catalog.read() as tx:
        building = reencoding_of(tx)["building"]
    assert (building["missing"], building["waiting"], building["from_thumbnails"]) == (12, 3, 2)
    with pytest.raises(UsageError, match=r"pictures of 3 files are out of reach.*--activate --even-so"):
        activate(full.library)

    plug_in(full)
    report = reencoded(full)
    assert (report.ready, report.from_originals) == (True, 3 * 5 + 3 + 2), "what came from thumbnails is made better"
    activate(full.library)
    retire(full.library)
    full.index()
    assert full.decoded == []
    assert list(full.library.catalog.dump()) == made_anew(full, "other")


def test_one_may_switch_even_so_and_the_next_index_run_makes_it_good(full: Workshop) -> None:
    unplug(full)
    reencoded(full)
    done = activate(full.library, even_so=True)
    assert done.unfinished == 5
    plug_in(full)
    full.index()
    assert full.decoded == ["0.png", "1.png", "2.png", "film.mp4", "paper.pdf"]
    full.index()
    assert full.decoded == []
    retire(full.library)
    dump = [line for line in full.library.catalog.dump() if '"reencode:' not in line]
    assert dump == made_anew(full, "other")


def test_even_so_is_not_for_what_could_be_made(full: Workshop) -> None:
    unplug(full)
    reencoded(full)
    plug_in(full)
    full.text("late.txt", "Too late.")
    full.index()
    with pytest.raises(UsageError, match="2 moments are not encoded by other yet"):
        activate(full.library, even_so=True)


def test_only_the_file_itself_will_do(shop: Workshop) -> None:
    """Touched, copied, changed, gone, or a pipe by now."""
    touched, changed, gone, pipe = (shop.picture(f"{name}.png", at) for at, name in enumerate("tcgp"))
    shutil.copyfile(shop.picture("moved.png", 5), shop.media / "copy.png")
    shop.index()
    shop.tick(touched)
    shop.picture("c.png", 40)
    gone.unlink()
    pipe.unlink()
    os.mkfifo(pipe)
    (shop.media / "copy.png").unlink()
    report = reencoded(shop)
    assert sorted(shop.decoded) == ["moved.png", "t.png"]
    assert report.from_originals == 2
    assert {Path(each.path).name: each.reason for each in report.waiting} == {
        changed.name: "has changed: run `bowerbird index`",
        gone.name: "is gone: run `bowerbird index`",
        pipe.name: "is gone: run `bowerbird index`",
    }
    pipe.unlink()
    shop.index()
    assert reencoded(shop, None).ready
    activate(shop.library)
    assert shop.index().indexed == 0


class FailingDecoders(CountingDecoders):
    """Photos that were whole when they were indexed can no longer be read."""

    def decode(self, requests: Iterable[DecodeRequest]) -> Iterator[Event]:
        for event in super().decode(requests):
            damaged = isinstance(event, Closed) and event.request.path.name == "0.png"
            yield Closed(event.request, DecodeFailed("is damaged")) if damaged else event


def test_a_file_that_can_no_longer_be_read_is_made_from_its_thumbnail(full: Workshop) -> None:
    full.library.decoders = FailingDecoders(full._pool)  # type: ignore[assignment]
    report = reencode(full.library, "other")
    assert (report.from_originals, report.from_thumbnails) == (2 * 5 + 3 + 2, 1)
    assert [(Path(each.path).name, each.reason) for each in report.waiting] == [("0.png", "is damaged")]
    assert reencode(full.library).encoded == 0
    assert reencoded(full, None).from_originals == 5
    activate(full.library)
    full.index()
    assert full.decoded == []


def test_a_file_that_is_read_otherwise_by_now_is_not_taken_for_what_it_was(shop: Workshop, monkeypatch) -> None:
    shop.picture("a.png", 1)
    everything_on(shop.library, regions=4)
    shop.index()
    monkeypatch.setattr(originals, "_GRIDS", (9,))  # as if tiles had been cut differently then
    report = reencoded(shop)
    assert not report.ready
    assert [each.reason for each in report.waiting] == ["is read otherwise by now: run `bowerbird index`"]
    with pytest.raises(UsageError, match="out of reach"):
        activate(shop.library)


# --- killed --------------------------------------------------------------------------------------


class Killed(BaseException):
    """Passes by every handler, as a signal would."""


def unseen(library: Library) -> set[str]:
    """The files that have pictures without vectors in the space that is being built."""
    with library.catalog.read() as tx:
        vacancies = tx.vacancies(tx.spaces.together(SpaceState.BUILDING)[0])
        copies = tx.locations.copies_of(vacancies.assets(0, 1000))
    return {copy.path for each in copies.values() for copy in each}


def test_each_file_is_decoded_once_however_often_a_run_is_killed(full: Workshop) -> None:
    """But for those that were under way just then."""
    for number in range(10, 40):
        full.picture(f"{number}.png", number)
    full.index()
    full.library.settings.index.batch_size = 4
    kills, done = 0, set()
    while True:
        full.decoders = CountingDecoders(full._pool)
        full.library.decoders = full.decoders  # type: ignore[assignment]
        written: list[object] = []

        def kill(progress: object, written: list[object] = written) -> None:
            written.append(progress)
            if len(written) == 8:
                raise Killed

        try:
            reencode(full.library, "other", on_progress=kill)
        except Killed:
            kills += 1
        assert done.isdisjoint(full.decoded)
        if not (left := unseen(full.library)):
            break
        done = {path.name for path in full.media.iterdir()} - left
    assert kills > 3
    reencode(full.library)
    activate(full.library)
    retire(full.library)
    assert list(full.library.catalog.dump()) == made_anew(full, "other")


@pytest.fixture
def big(shop: Workshop) -> Workshop:
    for number in range(12):
        shop.text(f"{number}.txt", f"Note {number}.")
    shop.index()
    return shop


def test_retire_killed_on_the_way_is_gone_on_with(big: Workshop, monkeypatch) -> None:
    monkeypatch.setattr(spaces, "_FREED_AT_ONCE", 3)
    reencoded(big)
    activate(big.library)
    big.library.save_views(force=True)
    assert len(list((big.library.folder / "views").iterdir())) == 3
    calls, empty = [], Spaces.empty

    def dying(self, *arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise Killed
        return empty(self, *arguments)

    monkeypatch.setattr(Spaces, "empty", dying)
    with pytest.raises(Killed):
        retire(big.library)
    with pytest.raises(UsageError, match="no earlier encoder is kept"):
        rollback(big.library)
    assert status_of(big.library)["reencoding"]["kept"] is None
    assert retire(big.library).freed == 12 - 6
    assert examine(big.library).well
    assert len(list((big.library.folder / "views").iterdir())) == 2
    assert list(big.library.catalog.dump()) == made_anew(big, "other")


def test_the_log_goes_on_after_a_retirement(big: Workshop) -> None:
    """The last line may have been the retired space's; snapshots that are as new as it must not seem to be newer."""
    reencoded(big)
    big.library.save_views(force=True)
    assert retire(big.library).spaces[0].spec == "other"
    with open_library(big.library.folder, load=Loader()) as other:
        view = other.views.view(other.joint, SegmentKind.TEXT)
        assert len(view) == 12
        assert view.base is not None
        assert len(view.base) == 12, "read from its snapshot"
    assert examine(big.library).repaired == []


# --- errors --------------------------------------------------------------------------------------


def test_bad_calls(full: Workshop) -> None:
    library = full.library
    for call, said in {
        lambda: reencode(library): "no other encoder has been begun",
        lambda: reencode(library, "hash"): "is under hash already",
        lambda: reencode(library, "nonsense"): "no encoder 'nonsense'",
        lambda: reencode(library, "minilm"): "minilm reads no pictures",
        lambda: activate(library): "nothing has been built",
        lambda: rollback(library): "no earlier encoder is kept",
        lambda: retire(library): "nothing to retire",
    }.items():
        with pytest.raises(UsageError, match=said) as caught:
            call()
        assert "\n" not in str(caught.value)
    with pytest.raises(EncoderUnavailable):
        reencode(library, "gone")
    assert states(library) == {("hash", "joint"): "active"}
    reencoded(full)
    with pytest.raises(UsageError, match="other is being built; go on with it"):
        reencode(library, "third")
    full.library._load.known["other"] = HashEncoder(48, name="other", size=8)
    with pytest.raises(UsageError, match=r"other has other weights now than when it was begun; give it up"):
        reencode(library)
    retire(library)  # which gives it up
    assert states(library) == {("hash", "joint"): "active"}
    assert reencoded(full, "third").ready


def test_weights_are_needed_to_build_and_for_nothing_else(full: Workshop) -> None:
    reencoded(full)
    poor = Loader()
    del poor.known["other"]

    def load(spec: str) -> Encoder:
        if spec == "other":
            raise EncoderUnavailable("the weights of other are not here; fetch them")
        return poor(spec)

    with open_library(full.library.folder, load=load) as elsewhere:
        with pytest.raises(EncoderUnavailable):
            reencode(elsewhere)
        assert status_of(elsewhere)["reencoding"]["building"]["ready"]
        activate(elsewhere)
        rollback(elsewhere)
        retire(elsewhere)


def test_one_at_a_time(full: Workshop) -> None:
    library = full.library
    with held(library.catalog, "reencode", "re-encoding this library"):
        for call in (lambda: reencode(library, "other"), lambda: activate(library), lambda: retire(library)):
            with pytest.raises(LibraryBusy, match="re-encoding this library; wait"):
                call()
    reencoded(full)
    with held(library.catalog, "index", "indexing into this library"):
        with pytest.raises(LibraryBusy, match="indexing into this library; wait"):
            activate(library)
        assert reencode(library).ready, "building goes on beside an index run"


def test_status_tells(full: Workshop) -> None:
    assert status_of(full.library)["reencoding"] == {"building": None, "kept": None}
    reencoded(full)
    found = status_of(full.library)
    assert found["reencoding"]["building"]["encoder"] == "other"
    assert found["reencoding"]["building"]["ready"]
    assert [(space["encoder"], space["state"]) for space in found["spaces"]] == [
        ("hash", "active"),
        ("other", "building"),
        ("minilm", "building"),
    ]
    activate(full.library)
    assert status_of(full.library)["reencoding"] == {"building": None, "kept": "hash"}
