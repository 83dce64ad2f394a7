from __future__ import annotations

import dataclasses

import pytest

from bowerbird.media.registry import ANIMATIONS, AUDIO, PDF, PICTURES, PLAIN_TEXT, VIDEO
from bowerbird.moments import NOTHING, PictureSpec, Wanted
from bowerbird.settings import DecodeSettings
from bowerbird.types import Space, SpaceName, SpaceState, Stage
from indexer.recipe import DETAIL_PX, FACTS, OFF, REGIONS, SPEECH, THUMBNAIL, WORDS, Recipes

SPACE = Space(1, SpaceName.JOINT, "hash", "fingerprint", 8, SpaceState.ACTIVE)
SPEC = PictureSpec(32)
ALL = Recipes(
    [SPACE], SPEC, DecodeSettings(), regions=9, reader=Stage("ocr", 1), transcriber=Stage("hear", 1), thumbnail_px=64
)
NONE = Recipes([SPACE], SPEC, DecodeSettings())


@pytest.mark.parametrize(
    ("made_by", "steps"),
    [
        (PICTURES, {REGIONS, WORDS, THUMBNAIL}),
        (VIDEO, {WORDS, THUMBNAIL, SPEECH}),
        (AUDIO, {WORDS, THUMBNAIL, SPEECH}),
        (PDF, {WORDS, THUMBNAIL}),
        (PLAIN_TEXT, set()),
    ],
)
def test_each_format_has_the_steps_that_it_can_have(made_by, steps):
    recipe = ALL.of(made_by)
    assert set(recipe.keys) == {f"decode:{made_by.name}", FACTS, "encode:joint", *steps}
    assert not recipe.missing(recipe.keys)
    assert recipe.missing({}) == set(recipe.keys)


def test_a_library_of_the_first_version_lacks_only_what_is_new():
    """Keys as version 0.1 wrote them: what it made of pictures and notes stands."""
    for made_by in (PICTURES, PLAIN_TEXT):
        recipe = ALL.of(made_by)
        done = {recipe.decode: recipe.keys[recipe.decode], "encode:joint": "fingerprint"}
        assert recipe.missing(done) == set(recipe.keys) - set(done)
    assert ALL.of(PICTURES).keys["decode:pictures"].startswith("49259ee3")
    assert ALL.of(PLAIN_TEXT).keys["decode:plain_text"].startswith("6a2e045a")


def test_what_is_switched_off_need_not_be_undone_where_it_was_never_done():
    recipe = NONE.of(PICTURES)
    assert {step for step, key in recipe.keys.items() if key == OFF} == {REGIONS, WORDS, THUMBNAIL}
    done = {step: key for step, key in recipe.keys.items() if key != OFF}
    assert not recipe.missing(done)
    assert recipe.missing({**done, REGIONS: "some grid"}) == {REGIONS}


def test_only_what_is_missing_is_wanted():
    recipe = ALL.of(PICTURES)
    assert ALL.wanted(recipe, recipe.keys) == Wanted(SPEC, 9, DETAIL_PX, 64)
    assert ALL.wanted(recipe, {WORDS}) == Wanted(detail_px=DETAIL_PX)
    assert ALL.wanted(recipe, {REGIONS}) == Wanted(SPEC, 9)
    assert ALL.wanted(recipe, {FACTS}) == NOTHING
    assert NONE.wanted(NONE.of(PICTURES), {REGIONS, WORDS, THUMBNAIL}) == NOTHING
    film = ALL.of(VIDEO)
    assert ALL.wanted(film, {SPEECH}) == Wanted(sound=True)
    assert ALL.wanted(film, film.keys) == Wanted(SPEC, 0, DETAIL_PX, 64, sound=True)


def test_a_new_encoder_means_everything_anew():
    recipe = ALL.of(VIDEO)
    assert recipe.missing({**recipe.keys, "encode:joint": "another"}) == set(recipe.keys)


def test_subtitles_take_the_place_of_hearing_and_are_heard_again_where_they_change():
    plain, titled = ALL.of(VIDEO), ALL.of(VIDEO, ["one"])
    assert titled.missing(plain.keys) == {SPEECH}
    assert ALL.wanted(titled, {SPEECH}) == NOTHING
    assert ALL.of(VIDEO, ["one", "two"]).missing(titled.keys) == {SPEECH}
    assert ALL.of(VIDEO, ["two", "one"]).keys == ALL.of(VIDEO, ["one", "two"]).keys
    assert not plain.missing(titled.keys), "a copy without them takes no turns with the one that has them"
    assert NONE.of(VIDEO, ["one"]).keys[SPEECH] == titled.keys[SPEECH], "no network is asked"


def test_limits_do_not_make_what_was_read_stale_and_let_what_failed_be_tried_again():
    more = dataclasses.replace(ALL, limits=DecodeSettings(max_megapixels=999))
    assert more.of(PICTURES).keys == ALL.of(PICTURES).keys
    assert more.of(PICTURES).attempt != ALL.of(PICTURES).attempt
    fewer = dataclasses.replace(ALL, limits=DecodeSettings(workers=1))
    assert fewer.of(PICTURES).attempt == ALL.of(PICTURES).attempt


def test_formats_that_were_read_otherwise_say_so():
    assert ALL.of(ANIMATIONS).replaces == ("decode:pictures",)
    assert ALL.of(PICTURES).replaces == ()
