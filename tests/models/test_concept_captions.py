from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bowerbird.answers import Sight
from bowerbird.models import networks
from bowerbird.models.captioners import load_captioner
from bowerbird.models.captions.caption_sentence import MONTHS, Seen, quotes_of, sentence
from bowerbird.models.captions.concept_captions import ConceptCaptioner
from bowerbird.models.captions.concept_choice import seen_in
from bowerbird.models.captions.concept_names import CLASSES, concepts, names, with_article
from bowerbird.models.captions.concept_odds import odds_of, recovered, zero_shot
from bowerbird.models.concepts import WEIGHTS, Concepts, imagined_scenes
from bowerbird.models.one_line import one_line
from bowerbird.moments import Moment
from bowerbird.ports import Encoder
from bowerbird.types import AssetInfo, AssetKind, Box, Place, SegmentKind, Taken, TakenFrom, Vectors
from tests.contracts.captioner import CaptionerContract, check
from tests.fakes import HashEncoder
from tests.models.test_open_clip import checkpoint, spec, tiny  # noqa: F401 - fixtures

INFO = AssetInfo(AssetKind.IMAGE, "image/jpeg")
KNOWN = replace(
    INFO,
    place=Place("Lisbon", "Lisbon", "Portugal"),
    taken=Taken(datetime(2019, 7, 4, 12), TakenFrom.EXIF),
    camera="Canon EOS 5D",
)
CONNECTIVES = {
    *("a", "an", "the", "and", "perhaps", "with", "words", "titled", "tagged"),
    *("taken", "made", "in", "on", "picture", "frame", "page"),
}
"""All that a sentence may hold beside evidence."""
A_BOX = Box(0.1, 0.2, 0.3, 0.1)


def word(text: str, confidence: float | None = 0.9, box: Box | None = A_BOX) -> Moment:
    return Moment(SegmentKind.OCR, box=box, text=text, confidence=confidence)


def tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


@pytest.fixture(scope="module")
def seen_by(concepts: Concepts) -> dict[str, Vectors]:
    """Vectors, as a library stores them, of the photos in scikit-image that show something."""
    data = pytest.importorskip("skimage.data", reason="scikit-image's photos are not installed")
    shown = {}
    for name in ("chelsea.png", "coffee.png", "camera.png", "checkers.png", "astronaut.png"):
        path = next(Path(data.__file__).parent.rglob(name.replace("checkers", "chessboard_GRAY")))
        with Image.open(path) as image:
            assert concepts.picture is not None
            side = concepts.picture.size
            pixels = np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC))
        shown[name] = concepts.encode_images([pixels])[0].astype(np.float16)
    return shown


@pytest.fixture(scope="module")
def captioner(concepts: Encoder, cache: Path) -> ConceptCaptioner:
    return ConceptCaptioner(concepts, cache)


@pytest.fixture(scope="module")
def by_clip(tiny: Encoder, cache: Path) -> ConceptCaptioner:  # noqa: F811
    return ConceptCaptioner(tiny, cache)


class TestConceptCaptioner(CaptionerContract):
    @pytest.fixture
    def captioner(self, captioner: ConceptCaptioner) -> ConceptCaptioner:
        return captioner

    @pytest.fixture
    def sights(self, seen_by: dict[str, Vectors]) -> Sequence[Sight]:
        cat, tripod = (Sight(INFO, SegmentKind.IMAGE, vector=seen_by[name]) for name in ("chelsea.png", "camera.png"))
        facts = Sight(KNOWN, SegmentKind.FRAME, words=(word("SALE"),))
        return [cat, facts, replace(cat, info=KNOWN), tripod]


class TestWithAnotherEncoder(CaptionerContract):
    @pytest.fixture
    def captioner(self, by_clip: ConceptCaptioner) -> ConceptCaptioner:
        return by_clip

    @pytest.fixture
    def sights(self, tiny: Encoder) -> Sequence[Sight]:  # noqa: F811
        vector = tiny.encode_texts(["a photo of a zebra"])[0].astype(np.float16)
        return [Sight(KNOWN, SegmentKind.IMAGE, vector=vector), Sight(KNOWN, SegmentKind.IMAGE, words=(word("SALE"),))]


def test_the_registry_makes_it(concepts: Encoder) -> None:
    captioner = load_captioner("concepts", lambda: concepts, 1.0)
    assert captioner.spec == "concepts"
    assert (captioner.picture_px, captioner.examples, captioner.sends_to) == (0, 0, None)
    assert captioner.stage.options["encoder"] == concepts.description.fingerprint


def test_all_that_is_known_makes_one_sentence(captioner: ConceptCaptioner, seen_by: dict[str, Vectors]) -> None:
    words = (word("PLEASE DO NOT FEED", 0.97), word("a", 0.99), word("the cat", 0.8, None))
    info = replace(KNOWN, title="Chelsea", keywords=("pets", "home"))
    said = captioner.caption([Sight(info, SegmentKind.IMAGE, vector=seen_by["chelsea.png"], words=words)])[0]
    assert said[0].text == (
        f"A cat ({round(100 * (said[0].confidence or 0))} %), with the words “PLEASE DO NOT FEED” and “the cat”, "
        "titled “Chelsea”, tagged “pets” and “home”, taken in Lisbon, Portugal on 4 July 2019 with a Canon EOS 5D."
    )
    assert said[0].confidence is not None
    assert 0.9 < said[0].confidence <= 1
    assert [(each.text, each.box, each.confidence) for each in said[1:]] == [
        ("PLEASE DO NOT FEED", Box(0.1, 0.2, 0.3, 0.1), 0.97)
    ]


def test_photos_are_told_by_what_they_show(captioner: ConceptCaptioner, seen_by: dict[str, Vectors]) -> None:
    sights = [Sight(INFO, SegmentKind.IMAGE, vector=seen_by[name]) for name in ("coffee.png", "camera.png")]
    texts = [said[0].text or "" for said in captioner.caption(sights)]
    assert [re.sub(r"\d+", "N", text) for text in texts] == ["Coffee (N %).", "A tripod (N %)."]


def test_where_nothing_is_probable_nothing_is_said(captioner: ConceptCaptioner, seen_by: dict[str, Vectors]) -> None:
    sights = [Sight(INFO, SegmentKind.IMAGE, vector=seen_by[name]) for name in ("checkers.png", "astronaut.png")]
    assert [list(said) for said in captioner.caption(sights)] == [[], []]


@pytest.mark.parametrize(
    ("info", "kind", "text"),
    [
        (replace(INFO, camera="Olympus XA"), SegmentKind.IMAGE, "A picture taken with an Olympus XA."),
        (replace(INFO, place=Place("Bergen", "", "")), SegmentKind.FRAME, "A frame taken in Bergen."),
        (replace(INFO, kind=AssetKind.DOCUMENT, title="Budget"), SegmentKind.PAGE, "A page titled “Budget”."),
        (
            replace(INFO, keywords=("a", "b", "b", " ", "c", "d")),
            SegmentKind.IMAGE,
            "A picture tagged “a”, “b” and “c”.",
        ),
        (replace(INFO, taken=Taken(datetime(2020, 1, 31), TakenFrom.NAME)), SegmentKind.IMAGE, "31 January 2020"),
        (replace(INFO, taken=Taken(datetime(2020, 1, 31), TakenFrom.MTIME)), SegmentKind.IMAGE, None),
        (replace(INFO, title=" \x00 ", camera="\n", place=Place("", "", "")), SegmentKind.IMAGE, None),
    ],
)
def test_facts_alone(captioner: ConceptCaptioner, info: AssetInfo, kind: SegmentKind, text: str | None) -> None:
    said = captioner.caption([Sight(info, kind)])[0]
    assert [each.confidence for each in said] == [None] * (text is not None)
    if text is not None:
        assert text in (said[0].text or "")


evidence = st.text(max_size=40)


@settings(max_examples=150, deadline=None)
@given(
    seen=st.lists(st.tuples(st.sampled_from([phrase for phrase, _ in concepts()]), st.floats(0.4, 1)), max_size=3),
    read=st.lists(evidence, max_size=6),
    place=st.none() | st.builds(Place, evidence, evidence, evidence),
    taken=st.none() | st.builds(Taken, st.datetimes(datetime(1900, 1, 1)), st.sampled_from(TakenFrom)),
    camera=st.none() | evidence,
    title=st.none() | evidence,
    keywords=st.lists(evidence, max_size=5).map(tuple),
    kind=st.sampled_from([SegmentKind.IMAGE, SegmentKind.FRAME, SegmentKind.PAGE]),
)
def test_every_word_of_a_sentence_is_evidence(seen, read, place, taken, camera, title, keywords, kind) -> None:
    info = replace(INFO, place=place, taken=taken, camera=camera, title=title, keywords=keywords)
    sight = Sight(info, kind, words=[word(text) for text in read])
    quotes = quotes_of(sight.words)
    text = sentence([Seen(*each) for each in seen], quotes, sight)
    known = [phrase for phrase, _ in seen] + [str(round(100 * share)) for _, share in seen]
    known += [*read, *keywords, camera or "", title or ""] + ([place.name, place.country] if place else [])
    if taken is not None and taken.source is not TakenFrom.MTIME:
        known += [str(taken.at.day), MONTHS[taken.at.month - 1], str(taken.at.year)]
    if text is None:
        assert not seen
        assert not quotes
        return
    check([Moment(SegmentKind.CAPTION, text=text)])
    allowed = CONNECTIVES | {part for each in known for part in tokens(one_line(each, 1000))}
    assert [part for part in tokens(text) if part not in allowed] == []


def test_the_longest_and_surest_words_are_quoted_once_in_reading_order() -> None:
    read = ["exit", "platform two", "!!", "Gare du Nord", "", "Gare du Nord", "mind the gap please"]
    assert [each.text for each in quotes_of([word(text) for text in read])] == [
        "platform two",
        "Gare du Nord",
        "mind the gap please",
    ]
    unsure = [word("hardly legible at all", 0.1), word("one"), word("two"), word("six")]
    assert [each.text for each in quotes_of(unsure)] == ["one", "two", "six"]


def test_quotation_marks_on_a_picture_do_not_end_a_quotation() -> None:
    assert quotes_of([word('say “cheese” and "run"')])[0].text == "say 'cheese' and 'run'"


def test_boxes_are_cut_to_the_picture(captioner: ConceptCaptioner) -> None:
    boxes = [Box(-0.5, 0.5, 1.0, 1.0), Box(2, 2, 1, 1), None]
    words = tuple(word(f"line {number}", 0.9, box) for number, box in enumerate(boxes))
    said = captioner.caption([Sight(INFO, SegmentKind.IMAGE, words=words)])[0]
    assert [(each.text, each.box) for each in said[1:]] == [("line 0", Box(0.0, 0.5, 0.5, 0.5))]


@pytest.mark.parametrize("vector", [np.zeros(512, np.float32), np.full(512, np.nan, np.float32)])
def test_a_vector_that_says_nothing_is_no_evidence(captioner: ConceptCaptioner, vector: Vectors) -> None:
    assert list(captioner.caption([Sight(INFO, SegmentKind.IMAGE, vector=vector)])[0]) == []


def test_the_classes_are_recovered_from_a_vector(concepts: Concepts, cache: Path) -> None:
    logits = imagined_scenes(networks.efficientnet_lite2_head(WEIGHTS.locate(cache)))[:200]
    odds = np.exp(logits)
    odds /= odds.sum(axis=1, keepdims=True)
    stored = concepts.place(logits).astype(np.float16).astype(np.float32)
    found = recovered(stored, concepts.class_vectors(), concepts.directions())
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-4)
    best = odds.argmax(axis=1)
    assert (found.argmax(axis=1) == best).mean() > 0.9
    rows = np.arange(len(best))
    assert np.abs(found[rows, best] - odds[rows, best]).mean() < 0.03


def test_a_text_is_nearest_to_its_own_name(cache: Path) -> None:
    encoder = HashEncoder(256)
    zebra, crane = (f"a photo of {with_article(name)}" for name in ("zebra", "building crane"))
    odds = odds_of(encoder, cache)(encoder.encode_texts([zebra, crane, "a stranger"]))
    assert [names()[each] for each in odds[:2].argmax(axis=1)] == ["zebra", "building crane"]
    assert (odds[:2].max(axis=1) > 0.99).all()


def test_what_fits_no_better_than_pictures_of_nothing_is_not_seen() -> None:
    texts = np.eye(CLASSES, dtype=np.float32)
    bar = np.full(CLASSES, 0.3, np.float32)
    assert zero_shot(0.2 * texts[:1], texts, bar).max() == 0
    assert zero_shot(0.9 * texts[:1], texts, bar).argmax() == 0


def of_classes(**shares: float) -> np.ndarray:
    row = np.zeros(CLASSES, np.float32)
    for name, share in shares.items():
        row[names().index(name.replace("_", " "))] = share
    return row


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"beagle": 0.9}, [("a beagle", 0.9)]),
        ({"beagle": 0.4, "pug": 0.4}, [("a dog", 0.8)]),
        ({"beagle": 0.4, "zebra": 0.4}, [("a beagle", 0.4), ("a zebra", 0.4)]),
        ({"beagle": 0.3, "zebra": 0.3}, [("an animal", 0.6)]),
        ({"Persian_cat": 0.3, "Siamese_cat": 0.3, "cat": 0.3}, [("a cat", 0.9)]),
        ({"beagle": 0.39}, []),
        ({"umbrella": 0.5, "ski": 0.45}, [("an umbrella", 0.5), ("a ski", 0.45)]),
        ({}, []),
    ],
)
def test_the_kind_is_named_where_its_members_cannot_be_told_apart(
    shares: dict[str, float], said: list[tuple[str, float]]
) -> None:
    found = [(each.phrase, each.confidence) for each in seen_in(of_classes(**shares))]
    assert sorted(found) == sorted(said)
    assert [share for _, share in found] == sorted((share for _, share in found), reverse=True)


def test_names_read_like_language() -> None:
    phrases = [phrase for phrase, _ in concepts()]
    assert len(set(phrases)) == len(phrases)
    assert not [phrase for phrase in phrases if re.search(r"[,:()_/]|\b(a|an) (a|an)\b|^an? pair$", phrase)]
    assert {"an umbrella", "a unicycle", "an hourglass", "a pair of sunglasses", "broccoli", "a crane bird"} <= {
        *phrases
    }
    assert {"a building crane", "a polar bear", "a web page", "a teddy bear", "toilet paper"} <= {*phrases}
    assert {index for _, classes in concepts() for index in classes} == set(range(CLASSES))


def test_kinds_lie_within_kinds() -> None:
    classes = {phrase: set(members) for phrase, members in concepts()}
    for narrow, wide in [
        ("a terrier", "a dog"),
        ("a dog", "an animal"),
        ("a shark", "a fish"),
        ("a car", "a motor vehicle"),
        ("a guitar", "a musical instrument"),
        ("a fruit", "food"),
        ("a squash", "a vegetable"),
        ("a rifle", "a gun"),
        ("a sailing boat", "a boat or ship"),
    ]:
        assert classes[narrow] < classes[wide], (narrow, wide)


@given(st.text(max_size=300), st.integers(2, 80))
def test_one_line_is_short_and_clean(text: str, longest: int) -> None:
    line = one_line(text, longest)
    assert len(line) <= longest
    assert line == " ".join(line.split())
    assert one_line(line, longest) == line


def test_one_line_is_cut_between_words() -> None:
    assert one_line("the quick brown fox", 12) == "the quick…"
    assert one_line("x" * 10_000_000, 5) == "xxxx…"
    assert one_line("short\n\x1b[0m text", 20) == "short [0m text"


def test_a_warm_caption_imports_nothing_heavy(captioner: ConceptCaptioner, cache: Path) -> None:
    captioner.caption([Sight(INFO, SegmentKind.IMAGE, vector=np.ones(512, np.float32))])
    code = """if True:
        import pathlib, sys
        import numpy as np
        from bowerbird.answers import Sight
        from bowerbird.models.captions.concept_captions import ConceptCaptioner
        from bowerbird.models.registry import load_encoder
        from bowerbird.types import AssetInfo, AssetKind, SegmentKind
        cache = pathlib.Path(sys.argv[1])
        captioner = ConceptCaptioner(load_encoder("concepts", cache=cache, precision="f32"), cache)
        vector = np.ones(512, np.float32)
        captioner.caption([Sight(AssetInfo(AssetKind.IMAGE, "image/png"), SegmentKind.IMAGE, vector=vector)])
        print(sorted({"torch", "timm", "openvino", "PIL"} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", code, str(cache)], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_names_are_those_that_the_classifier_was_trained_with() -> None:
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo()
    theirs = [info.index_to_description(index).partition(",")[0] for index in range(CLASSES)]
    assert sum(ours == their for ours, their in zip(names(), theirs, strict=True)) > 800
    assert (names()[340], names()[999], theirs[999]) == ("zebra", "toilet paper", "toilet tissue")
