"""Captions of a library: made once, kept, found, given up with what they are of; and runs that end midway."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from bowerbird.answers import Sight
from bowerbird.errors import EndpointFailed, EndpointUnreachable, LibraryBusy, UsageError
from bowerbird.models.endpoint.messages import Tokens
from bowerbird.moments import Moment
from bowerbird.queries import Filters
from bowerbird.store.lease import held
from bowerbird.types import SegmentKind, SpaceName, SpaceState, Stage
from bowerbird.wiring import Library
from indexer import caption_run, own_captions, spaces
from indexer.caption import CaptionReport, caption
from indexer.doctor import examine
from indexer.exchange.arriving import import_from
from indexer.exchange.files import opened
from indexer.exchange.leaving import export
from indexer.forget import forget
from indexer.reencode import reencode
from search.caption_examples import CaptionExamples
from search.service import Search
from search.thumbnails import thumbnails_of
from tests.fakes import HashEncoder, ScriptedCaptioner
from tests.indexer.workshop import CountingDecoders, CountingEncoder, Workshop, everything_on
from tests.media.films import BLUE, GREEN, RED, plain, write_film
from tests.media.make import photo
from tests.media.papers import pdf

BRIGHT, DARK = (240, 240, 240), (10, 10, 10)


class Talkative(ScriptedCaptioner):
    """Says something else of every picture: how bright it is, to the last digit."""

    def _of(self, sight: Sight) -> Sequence[Moment]:
        assert sight.pixels is not None
        return [Moment(SegmentKind.CAPTION, text=f"brightness {sight.pixels.mean():.3f}", confidence=0.5)]


class Blind(ScriptedCaptioner):
    """Goes by what is known."""

    def __init__(self) -> None:
        super().__init__(picture_px=0, examples=0)
        self.spec = "blind"

    def _of(self, sight: Sight) -> Sequence[Moment]:
        words = ", ".join(word.text or "" for word in sight.words)
        return [Moment(SegmentKind.CAPTION, text=f"{sight.kind} {words}")]


class Breaking(Talkative):
    """Fails at the pictures with these numbers, counted from 1 and as often as they are asked about."""

    def __init__(self, *numbers: int, error: BaseException | None = None) -> None:
        super().__init__()
        self.numbers = numbers
        self.count = 0
        self.error = error or EndpointFailed("http://127.0.0.1:1/v1 refused it; see its log")

    def caption(self, sights: Sequence[Sight]) -> list[Sequence[Moment]]:
        for _ in sights:
            self.count += 1
            if self.count in self.numbers:
                raise self.error
        return super().caption(sights)


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    """Four pictures, of which two are of one brightness or the other; everything is written at once."""
    workshop.library.settings.index.commit_every_s = 0.0
    for name, colour in (("bright.png", BRIGHT), ("dark.png", DARK)):
        picture = photo(24, 16)
        picture.paste(colour, (0, 0, 24, 16))
        picture.save(workshop.media / name)
        workshop.tick(workshop.media / name)
    for number in (1, 2):
        workshop.picture(f"{number}.png", number)
    workshop.text("note.txt", "Nothing to see here.")
    everything_on(workshop.library, words={1: ["EXIT", "THIS WAY"]}, thumbnail_px=16)
    workshop.index()
    return workshop


def run(shop: Workshop, captioner: ScriptedCaptioner | None = None, *paths: Path, **options) -> CaptionReport:
    shop.decoders = CountingDecoders(shop._pool)
    shop.decoders.decode_bytes = shop._pool.decode_bytes  # type: ignore[attr-defined]
    shop.library.decoders = shop.decoders  # type: ignore[assignment]
    return caption(shop.library, captioner or ScriptedCaptioner(), paths, **options)


def captions(library: Library) -> dict[str, list[str]]:
    """By path: what was said of it, in order."""
    found = {}
    with library.catalog.read() as tx:
        for root in tx.roots.all():
            for each in tx.folders.at(root.id):
                if said := tx.captions.of(each.asset_id):
                    found[each.path] = [str(one.text) for by in said for one in by.captions]
    return found


def test_pictures_are_captioned_with_what_is_read_off_them(shop):
    report = run(shop)
    assert (report.captioned, report.pictures, report.skipped, report.failed) == (4, 4, 0, ())
    assert (report.captioner, report.sends_to, report.tokens) == ("scripted", None, None)
    found = captions(shop.library)
    assert found["bright.png"] == ["a bright picture"]
    assert found["dark.png"] == ["a dark picture"]
    assert found["1.png"][1:] == ["EXIT", "THIS WAY"]
    with shop.library.catalog.read() as tx:
        boxes = [each.box for each in tx.captions.of(asset_at(shop, "1.png"))[0].captions]
        assert boxes[0] is None
        assert None not in boxes[1:]
        assert tx.captions.counts() == {"scripted": 4}


def asset_at(shop: Workshop, name: str) -> int:
    with shop.library.catalog.read() as tx:
        (found,) = own_captions.assets_at(tx, [shop.media / name])
    return found


def test_pictures_come_upright_and_no_larger_than_wanted(shop):
    seen = ScriptedCaptioner(picture_px=12)
    run(shop, seen)
    assert {sight.pixels.shape for sight in seen.seen} == {(8, 12, 3)}
    assert all(sight.vector.shape == (32,) and sight.info.width == 24 for sight in seen.seen)


def test_what_is_captioned_is_left_alone_until_the_captioner_changes(shop):
    run(shop)
    before = list(shop.library.catalog.dump())
    idle = ScriptedCaptioner()
    assert run(shop, idle).pictures == 0
    assert (idle.seen, shop.decoded, list(shop.library.catalog.dump())) == ([], [], before)
    assert run(shop, ScriptedCaptioner(version=2)).pictures == 4
    assert run(shop, ScriptedCaptioner(version=2), again=True).pictures == 4
    assert [line for line in shop.library.catalog.dump() if '"segment"' in line] == [
        line for line in before if '"segment"' in line
    ]


def test_indexing_again_leaves_captions_alone(shop):
    run(shop)
    before = list(shop.library.catalog.dump())
    assert shop.index().reused == 5
    assert list(shop.library.catalog.dump()) == before
    (shop.media / "1.png").rename(shop.media / "renamed.png")
    assert shop.index().moved == 1
    assert captions(shop.library)["renamed.png"][1:] == ["EXIT", "THIS WAY"]
    assert run(shop).pictures == 0


def test_another_captioner_replaces_the_words_of_the_first_but_never_the_owners(shop):
    run(shop)
    own_captions.say(shop.library, asset_at(shop, "dark.png"), "The night we lost the\x00 tent")
    run(shop, Blind())
    found = captions(shop.library)
    assert found["dark.png"] == ["The night we lost the  tent", "image "]
    assert found["1.png"] == ["image EXIT, THIS WAY"]
    with shop.library.catalog.read() as tx:
        assert tx.captions.counts() == {"blind": 4, "owner": 1}


def test_no_file_is_opened_for_a_captioner_that_looks_at_none(shop):
    (shop.media / "1.png").unlink()
    assert run(shop, Blind()).captioned == 4
    assert shop.decoded == []


def test_where_a_file_is_gone_its_thumbnail_serves_and_without_one_it_is_listed(shop):
    (shop.media / "bright.png").unlink()
    (shop.media / "1.png").write_bytes(b"something else")
    with shop.library.catalog.read() as tx:
        hash_ = next(each.hash for root in tx.roots.all() for each in tx.folders.at(root.id) if each.path == "1.png")
    shop.library.thumbnails.path(hash_).unlink()
    report = run(shop)
    assert [(Path(each.path).name, each.stage, each.reason) for each in report.failed] == [
        ("1.png", "decode", "has changed: run `bowerbird index`")
    ]
    assert report.captioned == 3
    assert captions(shop.library)["bright.png"] == ["a bright picture"]
    shop.picture("1.png", 1)
    assert run(shop).pictures == 1


def test_what_cannot_be_seen_uses_up_no_limit(shop):
    *lost, _ = sorted(("1.png", "2.png", "bright.png", "dark.png"), key=lambda name: asset_at(shop, name))
    with shop.library.catalog.read() as tx:
        hashes = {each.path: each.hash for root in tx.roots.all() for each in tx.folders.at(root.id)}
    for name in lost:
        (shop.media / name).unlink()
        shop.library.thumbnails.path(hashes[name]).unlink()
    report = run(shop, limit=1)
    assert (report.captioned, len(report.failed)) == (1, 3)


# --- films and papers ----------------------------------------------------------------------------


@pytest.fixture
def full(shop: Workshop) -> Workshop:
    """A film of three scenes and a paper of two pages, one of them with text on it."""
    write_film(shop.media / "film.mp4", [plain(colour, 48, 48) for colour in (RED, GREEN, BLUE) for _ in range(12)])
    (shop.media / "paper.pdf").write_bytes(pdf(["The first page.", "The second page."]))
    shop.index()
    return shop


def test_frames_and_pages_have_captions_of_their_own_with_their_place(full):
    assert run(full, Talkative()).pictures == 4
    report = run(full, Talkative(), kinds={SegmentKind.FRAME, SegmentKind.PAGE})
    assert (report.captioned, report.failed) == (5, ())
    with full.library.catalog.read() as tx:
        film = tx.captions.of(asset_at(full, "film.mp4"))[0].captions
        frames = tx.moments.listed(asset_at(full, "film.mp4"), [SegmentKind.FRAME], most=9)
        assert [(each.start_s, each.end_s) for each in film] == [(each.start_s, each.end_s) for each in frames]
        assert len({each.text for each in film}) == 3
        paper = tx.captions.of(asset_at(full, "paper.pdf"))[0].captions
        assert [(each.page, each.start_s) for each in paper] == [(1, None), (2, None)]
    assert run(full, Talkative(), kinds={SegmentKind.FRAME}).pictures == 0
    assert run(full, Blind()).pictures == 7


def test_a_limit_cuts_a_film_and_the_next_run_goes_on(full):
    options = {"kinds": {SegmentKind.FRAME}}
    asked = Talkative()
    assert run(full, asked, limit=2, **options).pictures == 2
    assert run(full, asked, limit=2, **options).pictures == 1
    assert run(full, asked, **options).pictures == 0
    assert len(asked.seen) == len({sight.pixels.tobytes() for sight in asked.seen}) == 3
    assert len(captions(full.library)["film.mp4"]) == 3


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("a fault")])
@pytest.mark.parametrize("number", [1, 3, 6, 8, 9])
def test_a_run_that_was_ended_anywhere_is_gone_on_with_to_the_same_end(full, error, number):
    kinds = {SegmentKind.IMAGE, SegmentKind.FRAME, SegmentKind.PAGE}
    run(full, Talkative(), kinds=kinds)
    wanted = list(full.library.catalog.dump())
    own_captions.remove(full.library)
    full.library.settings.index.batch_size = 1
    with pytest.raises(type(error)):
        run(full, Breaking(number, error=error), kinds=kinds)
    rest = Talkative()
    assert run(full, rest, kinds=kinds).failed == ()
    assert len(rest.seen) == 9 - (number - 1)
    assert list(full.library.catalog.dump()) == wanted


def test_captioning_again_keeps_the_old_words_of_what_cannot_be_seen_now(full):
    kinds = {SegmentKind.FRAME}
    run(full, Talkative(), kinds=kinds)
    before = captions(full.library)["film.mp4"]
    full.library.settings.index.batch_size = 1
    report = run(full, Breaking(2), kinds=kinds, again=True)
    assert (report.captioned, len(report.failed)) == (2, 1)
    assert report.failed[0].stage == "caption"
    assert report.failed[0].reason.startswith("at ")
    assert captions(full.library)["film.mp4"] == before


# --- endpoints that fail -------------------------------------------------------------------------


def test_one_picture_that_an_endpoint_refuses_is_listed_and_the_others_go_on(shop):
    shop.library.settings.index.batch_size = 1
    report = run(shop, Breaking(2))
    assert (report.captioned, len(report.failed)) == (3, 1)
    assert "refused it" in report.failed[0].reason
    assert run(shop, Breaking()).pictures == 1


def test_in_a_batch_the_picture_that_is_refused_is_found(shop):
    class Refusing(Talkative):
        def caption(self, sights):
            if any(sight.pixels.mean() > 230 for sight in sights):
                raise EndpointFailed("too bright; choose another")
            return super().caption(sights)

    shop.library.settings.index.commit_every_s = 60.0
    report = run(shop, Refusing())
    assert (report.captioned, [Path(each.path).name for each in report.failed]) == (3, ["bright.png"])


def test_an_endpoint_that_fails_altogether_ends_the_run_with_what_was_made_kept(shop):
    shop.library.settings.index.batch_size = 1
    with pytest.raises(EndpointFailed, match="refused it"):
        run(shop, Breaking(2, 3, 4))
    assert len(captions(shop.library)) == 1
    own_captions.remove(shop.library)
    with pytest.raises(EndpointFailed):  # though there is but one picture
        run(shop, Breaking(1), shop.media / "1.png")


def test_an_endpoint_that_nobody_ever_reached_ends_the_run_at_once(shop):
    shop.library.settings.index.batch_size = 1
    unreachable = EndpointUnreachable("http://127.0.0.1:1/v1 cannot be reached; start it")
    captioner = Breaking(1, 2, 3, error=unreachable)
    with pytest.raises(EndpointUnreachable):
        run(shop, captioner)
    assert captioner.count == 1
    later = Breaking(2, error=unreachable)  # it was there a moment ago, and may be again
    assert (run(shop, later).captioned, later.count) == (3, 4)


# --- the rest of the library ---------------------------------------------------------------------


def test_paths_say_what_is_meant(shop):
    assert run(shop, None, shop.media / "1.png", shop.media / "dark.png").pictures == 2
    assert set(captions(shop.library)) == {"1.png", "dark.png"}
    assert own_captions.remove(shop.library, [shop.media / "1.png"]) == 1
    assert set(captions(shop.library)) == {"dark.png"}
    assert run(shop, None, shop.media.parent).pictures == 3
    with pytest.raises(UsageError, match=r"nothing of .*nowhere is in this library"):
        run(shop, None, Path("/nowhere"))


def test_a_picture_is_found_by_its_caption(shop):
    encoder = HashEncoder()
    shop.library._encoders[shop.library.joint.id] = encoder
    run(shop, Talkative())
    said = captions(shop.library)["1.png"][0]
    hit = Search(shop.library).search(f'"{said}" kind:caption').hits[0]
    assert (Path(hit.path).name, hit.segment_kind, hit.text) == ("1.png", SegmentKind.CAPTION, said)


def test_forgetting_takes_captions_along(shop):
    run(shop)
    forget(shop.library, str(shop.media / "1.png"))
    assert set(captions(shop.library)) == {"2.png", "bright.png", "dark.png"}
    assert not [line for line in shop.library.catalog.dump() if "THIS WAY" in line]
    assert examine(shop.library).well


def test_orphans_are_left_out_and_come_back_with_their_captions(shop):
    run(shop)
    (shop.media / "1.png").unlink()
    shop.index()
    seen = ScriptedCaptioner(version=2)
    assert run(shop, seen).pictures == 3
    with shop.library.catalog.read() as tx:
        assert tx.captions.counts() == {"scripted": 3}
    shop.picture("back.png", 1)
    assert shop.index().reused == 5
    assert captions(shop.library)["back.png"][1:] == ["EXIT", "THIS WAY"]
    assert run(shop, seen).pictures == 1


def test_reencoding_gives_captions_vectors_and_so_does_the_next_run_after_switching_back(shop):
    other = HashEncoder(48, name="other", size=24)
    shop.library._load = lambda spec: {"hash": CountingEncoder(), "other": other}[spec]
    run(shop)
    assert reencode(shop.library, "other").ready
    spaces.activate(shop.library)
    assert not vacant(shop.library)
    run(shop, ScriptedCaptioner(version=2))  # of which the old space knows nothing
    assert not vacant(shop.library)
    spaces.rollback(shop.library)
    assert vacant(shop.library)
    run(shop, ScriptedCaptioner(version=2))
    assert not vacant(shop.library)
    assert examine(shop.library).well


def vacant(library: Library) -> int:
    with library.catalog.read() as tx:
        library.refresh_spaces(tx)
        return sum(tx.vacancies(space).count() for space in library.spaces)


def test_a_run_keeps_to_the_space_that_it_began_with(shop, monkeypatch):
    other = HashEncoder(48, name="other", size=24)
    shop.library._load = lambda spec: {"hash": CountingEncoder(), "other": other}[spec]
    assert reencode(shop.library, "other").ready
    monkeypatch.setattr(caption_run, "_PAGE", 1)
    widths: list[int] = []

    class Switching(Talkative):
        def _of(self, sight: Sight) -> Sequence[Moment]:
            if not widths:
                spaces.activate(shop.library)
            assert sight.vector is not None
            widths.append(len(sight.vector))
            return super()._of(sight)

    examples = CaptionExamples(shop.library)
    assert run(shop, Switching(), nearest=examples.nearest).captioned == 4
    assert widths == [32] * 4
    assert shop.library.joint.dimension == 48
    assert not vacant(shop.library)


def test_a_captioner_is_asked_for_its_key_outside_of_transactions(shop, monkeypatch):
    open_ones = 0
    read = shop.library.catalog.read

    @contextmanager
    def counted():
        nonlocal open_ones
        with read() as tx:
            open_ones += 1
            try:
                yield tx
            finally:
                open_ones -= 1

    class Heavy(ScriptedCaptioner):
        @property
        def stage(self) -> Stage:
            assert open_ones == 0  # it may fetch gigabytes
            return Stage("caption", 1, {})

        @stage.setter
        def stage(self, _: Stage) -> None: ...

    monkeypatch.setattr(shop.library.catalog, "read", counted)
    assert run(shop, Heavy()).captioned == 4


@pytest.mark.parametrize(("a_picture", "used"), [(0, None), (7, {"prompt": 28, "completion": 4})])
def test_tokens_are_told_where_an_endpoint_tells_them(shop, a_picture, used):
    class Costly(Talkative):
        used = Tokens(1000, 1000)  # by runs before

        def _of(self, sight: Sight) -> Sequence[Moment]:
            if a_picture:
                self.used = Tokens(self.used.prompt + a_picture, self.used.completion + 1)
            return super()._of(sight)

    assert run(shop, Costly()).tokens == used


def test_two_do_not_caption_at_once(shop):
    with held(shop.library.catalog, "caption", "captioning"), pytest.raises(LibraryBusy):
        run(shop)
    with held(shop.library.catalog, "index", "indexing"):
        assert run(shop).captioned == 4


def test_examples_are_asked_for_as_many_as_captioner_and_settings_allow(shop):
    asked: list[int] = []

    def nearest(vector, most):
        assert (vector.shape, vector.dtype) == ((32,), np.float32)
        asked.append(most)
        return []

    run(shop, ScriptedCaptioner(examples=2), nearest=nearest)
    run(shop, ScriptedCaptioner(examples=9, version=2), nearest=nearest)
    run(shop, ScriptedCaptioner(examples=0, version=3), nearest=nearest)
    assert asked == [2] * 4 + [3] * 4


def test_what_is_dumped_says_who_captioned(shop):
    run(shop)
    stages = {each["stage"] for each in map(json.loads, shop.library.catalog.dump()) if each["table"] == "derivation"}
    assert "caption:scripted" in stages


def test_a_space_that_is_being_built_waits_for_its_own_run(shop):
    with shop.library.catalog.write() as tx:
        tx.spaces.build({SpaceName.JOINT: HashEncoder(48, name="other").description})
    run(shop)
    with shop.library.catalog.read() as tx:
        (building,) = [space for space in tx.spaces.all() if space.state is SpaceState.BUILDING]
        assert tx.vacancies(building).texts(0, 99)
    assert not vacant(shop.library)


def test_an_export_brings_captions_to_another_library(full, tmp_path):
    run(full, Talkative(), kinds={SegmentKind.IMAGE, SegmentKind.FRAME})
    own_captions.say(full.library, asset_at(full, "dark.png"), "The night we lost the tent")
    file = tmp_path / "all.jsonl"
    with file.open("wb") as stream:
        export(full.library, Filters(), stream)
    other = full.fresh("other")
    try:
        with opened(file) as source:
            import_from(other, source)
        assert captions(other) == captions(full.library)
        told = [list(each.catalog.dump()) for each in (full.library, other)]
        assert [line for line in told[0] if "caption" in line] == [line for line in told[1] if "caption" in line]
        assert caption(other, Talkative(), kinds={SegmentKind.FRAME}).pictures == 0
        assert not vacant(other)
    finally:
        other.close()


def test_captions_that_come_without_vectors_get_them_with_the_next_run(shop, tmp_path):
    run(shop)
    file = tmp_path / "all.jsonl"
    with file.open("wb") as stream:
        export(shop.library, Filters(), stream, vectors=False)
    other = shop.fresh("other")
    try:
        with opened(file) as source:
            import_from(other, source)
        with other.catalog.read() as tx:
            assert tx.captions.without_vectors(other.joint.id, 0, 99)
        assert caption(other, ScriptedCaptioner()).pictures == 0
        with other.catalog.read() as tx:
            assert not tx.captions.without_vectors(other.joint.id, 0, 99)
    finally:
        other.close()


def test_a_hit_on_a_frames_caption_shows_that_frame(full):
    full.library._encoders[full.library.joint.id] = HashEncoder()
    run(full, Talkative(), kinds={SegmentKind.FRAME})
    said = captions(full.library)["film.mp4"][1]
    hit = Search(full.library).search(f'"{said}" kind:caption').hits[0]
    with full.library.catalog.read() as tx:
        frames = tx.moments.listed(asset_at(full, "film.mp4"), [SegmentKind.FRAME], most=9)
    assert (hit.start_s, hit.end_s) == (frames[1].start_s, frames[1].end_s)
    assert thumbnails_of(full.library, [hit]) == [full.library.thumbnails.path(hit.asset_id, frames[1].ordinal)]


def test_what_leaves_while_it_is_captioned_is_passed_over(shop):
    class Forgetful(Talkative):
        def caption(self, sights):
            with shop.library.catalog.write() as tx:
                for root in tx.roots.all():
                    tx.locations.remove([id_ for id_, _ in tx.locations.under(root.id, "1.png")])
                tx.assets.forget_orphans()
            return super().caption(sights)

    assert run(shop, Forgetful()).captioned >= 3
    assert "1.png" not in captions(shop.library)
    assert examine(shop.library).faults == []


def test_the_owners_words_are_kept_as_any_database_can(shop):
    asset = asset_at(shop, "dark.png")
    assert own_captions.say(shop.library, asset, "caf\udce9 \x1b[31mnight\n") == "caf?  [31mnight"
    for text, said in (("", "an empty caption"), ("x" * 4001, "is too long")):
        with pytest.raises(UsageError, match=said):
            own_captions.say(shop.library, asset, text)
    with pytest.raises(UsageError, match="has just left the library"):
        own_captions.say(shop.library, 12345, "nobody")
    assert captions(shop.library)["dark.png"] == ["caf?  [31mnight"]
    assert own_captions.take_back(shop.library, asset)
    assert not own_captions.take_back(shop.library, asset)
